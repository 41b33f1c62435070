//! Several workers, each a process of its own, on one database.

pub mod ledger;
pub mod process;
pub mod tasks;
pub mod worker;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process as std_process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

use self::ledger::Record;
use self::process::Starter;

/// The workers of one test, what they have written down, and the gates that their jobs wait at.
#[derive(Debug)]
pub struct Fleet {
    program: PathBuf,
    url: String,
    directory: PathBuf,
    started: AtomicU32,
}

impl Fleet {
    /// A fleet of processes of `program` on the database of this URL; none runs yet.
    ///
    /// # Errors
    ///
    /// Fails if the directory of the fleet cannot be made.
    pub fn new(program: impl Into<PathBuf>, url: impl Into<String>) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pgq-fleet-{}-{count}", std_process::id());
        let directory = env::temp_dir().join(name);
        fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        Ok(Self {
            program: program.into(),
            url: url.into(),
            directory,
            started: AtomicU32::new(0),
        })
    }

    /// Describes the next worker. Workers are numbered from 1.
    pub fn worker(&self) -> Starter {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        Starter::new(&self.program, number, &self.url, &self.directory)
    }

    /// The place of a gate, which is the input of the jobs that wait at it.
    #[must_use]
    pub fn gate(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Opens a gate: every job that waits at it goes on.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn open(&self, gate: &str) -> anyhow::Result<()> {
        fs::write(gate, b"").with_context(|| gate.to_owned())
    }

    /// Everything that the workers have written down, each worker in its order.
    ///
    /// # Errors
    ///
    /// Fails if a ledger cannot be read.
    pub fn records(&self) -> anyhow::Result<Vec<Record>> {
        ledger::read_all(self.directory())
    }

    fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
