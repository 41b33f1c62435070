//! Workers in processes of their own: this program starts itself again.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pgq::{CancellationToken, Context, Registry, Run};
use tokio::sync::mpsc::unbounded_channel;

use crate::options::Options;
use crate::schema;
use crate::server::Database;
use crate::task::{Begins, clocked, hold, noop, work};

/// How long a process may take until it is registered.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often a database is asked whether something has come about.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What opens the gate of a worker.
const OPEN: u8 = b'o';

/// The process of a worker; killed when it is dropped, and it ends when this process does.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    begun: Arc<Mutex<Vec<Begun>>>,
}

/// An attempt that a worker began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// When this process heard of it.
    pub(crate) at: Instant,
    pub(crate) job: i64,
    pub(crate) deliveries: i32,
}

impl Worker {
    /// Starts a worker, with pgq's default settings but for the concurrency, and waits until it is
    /// registered.
    pub(crate) async fn start(
        database: &Database,
        concurrency: Option<usize>,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["worker", "--database-url", &database.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(concurrency) = concurrency {
            command.args(["--worker-concurrency", &concurrency.to_string()]);
        }
        let mut child = command.spawn().context("cannot start a worker")?;
        let begun = Arc::default();
        if let Some(output) = child.stdout.take() {
            let begun = Arc::clone(&begun);
            thread::spawn(move || collect(output, &begun));
        }
        let worker = Self { child, begun };
        let deadline = Instant::now() + START_LIMIT;
        while worker.id(database).await?.is_none() {
            ensure!(Instant::now() < deadline, "a worker does not start");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(worker)
    }

    /// The id under which the worker is registered.
    pub(crate) async fn id(&self, database: &Database) -> anyhow::Result<Option<i64>> {
        Ok(schema::worker_of(database.pool(), self.process()?).await?)
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> anyhow::Result<i32> {
        Ok(i32::try_from(self.child.id())?)
    }

    /// Lets the jobs end that wait for the gate.
    pub(crate) fn open_gate(&mut self) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("a worker has no input")?;
        input.write_all(&[OPEN])?;
        Ok(input.flush()?)
    }

    /// The attempts of `work` that it began up to now.
    pub(crate) fn begun(&self) -> Vec<Begun> {
        lock(&self.begun).clone()
    }

    /// Kills the process, as `kill -9` does.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Takes in what a worker says, until it is dead and all of it is read.
fn collect(output: ChildStdout, begun: &Mutex<Vec<Begun>>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let at = Instant::now();
        let numbers = line.split_once(' ');
        let parsed = numbers
            .and_then(|(job, deliveries)| Some((job.parse().ok()?, deliveries.parse().ok()?)));
        if let Some((job, deliveries)) = parsed {
            lock(begun).push(Begun {
                at,
                job,
                deliveries,
            });
        }
    }
}

fn lock(begun: &Mutex<Vec<Begun>>) -> MutexGuard<'_, Vec<Begun>> {
    begun.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a worker says which attempts it begins: its output, line by line, which outlives it.
#[derive(Debug)]
pub(crate) struct Ledger(());

impl Ledger {
    pub(crate) fn write(&self, context: &Context) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{} {}",
            context.job_id().as_i64(),
            context.deliveries()
        )?;
        out.flush()
    }
}

/// The side of the worker. Ends with its parent.
pub(crate) async fn serve(options: Options) -> anyhow::Result<()> {
    let gate = CancellationToken::new();
    let opened = gate.clone();
    thread::spawn(move || follow_parent(&opened));
    let url = options
        .database_url
        .context("`--database-url` is missing")?;
    let mut run = Run::new(Registry::new())
        .task::<noop>()
        .task::<clocked>()
        .task::<hold>()
        .task::<work>()
        // Nobody listens.
        .state(Begins(unbounded_channel().0))
        .state(gate)
        .state(Ledger(()))
        .url(url);
    if let Some(concurrency) = options.worker_concurrency {
        run = run.concurrency(concurrency);
    }
    Ok(run.await?)
}

/// Opens the gate when the parent says so, and ends this process when the parent has ended.
fn follow_parent(gate: &CancellationToken) {
    for byte in io::stdin().lock().bytes() {
        match byte {
            Ok(OPEN) => gate.cancel(),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    std::process::exit(1);
}
