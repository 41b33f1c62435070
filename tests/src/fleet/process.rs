//! The side of a test: processes that are started, stalled and killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sqlx::PgPool;

use super::worker;
use crate::{PATIENCE, eventually};

/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Describes a worker that is about to start.
#[derive(Debug)]
pub struct Starter {
    command: Command,
    number: u32,
}

/// The process of a worker; killed when it is dropped, or when the test's process ends.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    number: u32,
    log: Arc<Mutex<Vec<String>>>,
}

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks the process to end.
    Terminate,
    /// Stalls the process.
    Stop,
    /// Lets a stalled process go on.
    Continue,
}

impl Starter {
    pub(super) fn new(program: &Path, number: u32, url: &str, directory: &Path) -> Self {
        let mut command = Command::new(program);
        command
            // A backtrace takes longer than a cancelled attempt has.
            .env("RUST_BACKTRACE", "0")
            .env(worker::URL, url)
            .env(worker::DIRECTORY, directory)
            .env(worker::NUMBER, number.to_string())
            .env_remove(worker::RARE)
            // Ends with this process, and the worker with it.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Self { command, number }
            .lease(Duration::from_secs(4))
            .concurrency(10)
            .drain_deadline(Duration::from_secs(30))
    }

    /// Sets the lease. Default: 4 s.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.command
            .env(worker::LEASE_MS, lease.as_millis().to_string());
        self
    }

    /// Sets how many jobs run at once. Default: 10.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.command
            .env(worker::CONCURRENCY, concurrency.to_string());
        self
    }

    /// Sets how long running jobs may take after SIGTERM. Default: 30 s.
    #[must_use]
    pub fn drain_deadline(mut self, deadline: Duration) -> Self {
        self.command
            .env(worker::DRAIN_DEADLINE_MS, deadline.as_millis().to_string());
        self
    }

    /// Lets the worker know the task that the others do not.
    #[must_use]
    pub fn with_rare(mut self) -> Self {
        self.command.env(worker::RARE, "1");
        self
    }

    /// Starts the process.
    ///
    /// # Errors
    ///
    /// Fails if the system does.
    pub fn start(mut self) -> anyhow::Result<Worker> {
        let mut child = self.command.spawn().context("cannot start a worker")?;
        let log = Arc::default();
        if let Some(output) = child.stderr.take() {
            let (number, log) = (self.number, Arc::clone(&log));
            thread::spawn(move || collect(number, output, &log));
        }
        Ok(Worker {
            child,
            number: self.number,
            log,
        })
    }
}

/// Keeps what a worker says, and shows it should the test fail.
fn collect(number: u32, output: ChildStderr, log: &Mutex<Vec<String>>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        eprintln!("[worker {number}] {line}");
        lock(log).push(line);
    }
}

fn lock(log: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// The number of the worker.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The number of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the worker is registered in the database, and returns its id there.
    ///
    /// # Errors
    ///
    /// Fails if that does not happen.
    pub async fn registered(&self, pool: &PgPool) -> anyhow::Result<i64> {
        let what = format!("worker {} is registered", self.number);
        eventually(&what, async || Ok(self.id(pool).await?.is_some())).await?;
        self.id(pool).await?.context("the worker is gone again")
    }

    /// The id under which the worker is registered now.
    ///
    /// # Errors
    ///
    /// Fails if the database does.
    pub async fn id(&self, pool: &PgPool) -> anyhow::Result<Option<i64>> {
        // The latest: a worker that has stalled may have been replaced by itself.
        let latest = "select id from pgq_jobs.worker where pid = $1 order by started_at desc";
        Ok(sqlx::query_scalar(latest)
            .bind(i32::try_from(self.child.id())?)
            .fetch_optional(pool)
            .await?)
    }

    /// Waits until the worker has said something that contains `text`.
    ///
    /// # Errors
    ///
    /// Fails if that does not happen.
    pub async fn says(&self, text: &str) -> anyhow::Result<()> {
        let what = format!("worker {} says `{text}`", self.number);
        eventually(&what, async || Ok(self.has_said(text))).await
    }

    /// Whether the worker has said something that contains `text`.
    #[must_use]
    pub fn has_said(&self, text: &str) -> bool {
        self.times_said(text) > 0
    }

    /// How often the worker has said something that contains `text`.
    #[must_use]
    pub fn times_said(&self, text: &str) -> usize {
        let log = lock(&self.log);
        log.iter().filter(|line| line.contains(text)).count()
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// Fails if the process is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        let status = Command::new("/bin/sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "sh", name])
            .arg(self.child.id().to_string())
            .status()?;
        if !status.success() {
            bail!("cannot send SIG{name} to worker {}", self.number);
        }
        Ok(())
    }

    /// Kills the process, as `kill -9` does.
    ///
    /// # Errors
    ///
    /// Fails if the system does.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// How the process has ended; `None` while it runs.
    ///
    /// # Errors
    ///
    /// Fails if the system does.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// Fails if it does not.
    pub async fn end(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("worker {} has not ended within {PATIENCE:?}", self.number);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
