//! What workers do, written down so that it survives their death.
//!
//! One file per process, opened for appending, with one `write` of a few bytes per record: what was
//! written is in the system's hands, whatever happens to the process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use pgq::{Context, JobId};

/// The size of a record: job, deliveries, event.
const RECORD_SIZE: usize = 8 + 4 + 4;

/// How the files are named; the number of the worker follows.
const PREFIX: &str = "ledger-";

/// The ledger of one process.
#[derive(Debug)]
pub struct Ledger {
    worker: u32,
    file: File,
}

/// What happened to an execution of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The task began.
    Started,
    /// The task was told to end.
    Cancelled,
}

/// One line of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The number of the worker.
    pub worker: u32,
    /// The job.
    pub job: JobId,
    /// Which delivery of the job it was.
    pub deliveries: i32,
    /// What happened.
    pub event: Event,
}

impl Ledger {
    /// Opens the ledger of a worker.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be opened.
    pub fn open(directory: &Path, worker: u32) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join(format!("{PREFIX}{worker}")))?;
        Ok(Self { worker, file })
    }

    /// The number of the worker.
    #[must_use]
    pub fn worker(&self) -> u32 {
        self.worker
    }

    /// Writes down what happens to the execution that `context` is of.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn write(&self, context: &Context, event: Event) -> io::Result<()> {
        let mut record = [0; RECORD_SIZE];
        record[..8].copy_from_slice(&context.job_id().as_i64().to_le_bytes());
        record[8..12].copy_from_slice(&context.deliveries().to_le_bytes());
        record[12] = match event {
            Event::Started => 1,
            Event::Cancelled => 2,
        };
        (&self.file).write_all(&record)
    }
}

/// Reads the ledgers in a directory.
pub(super) fn read_all(directory: &Path) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(worker) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let worker = worker.parse()?;
        let bytes = fs::read(entry.path())?;
        anyhow::ensure!(
            bytes.len() % RECORD_SIZE == 0,
            "the ledger of worker {worker} ends within a record"
        );
        for record in bytes.chunks_exact(RECORD_SIZE) {
            records.push(parse(worker, record).context("not a record of a ledger")?);
        }
    }
    Ok(records)
}

fn parse(worker: u32, record: &[u8]) -> Option<Record> {
    let (job, rest) = record.split_first_chunk()?;
    let (deliveries, rest) = rest.split_first_chunk()?;
    Some(Record {
        worker,
        job: JobId::from_i64(i64::from_le_bytes(*job)),
        deliveries: i32::from_le_bytes(*deliveries),
        event: match rest.first()? {
            1 => Event::Started,
            2 => Event::Cancelled,
            _ => return None,
        },
    })
}
