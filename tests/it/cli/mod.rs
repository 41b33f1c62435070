//! The command line, run as a process of its own against a database of the test.

mod change;
mod doctor;
mod fleet;
mod jobs;
mod migrate;
mod mistakes;
mod schedules;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use pgq::{CancellationToken, Registry, Run};
use pgq_tests::database::TestDatabase;
use serde_json::Value;

/// How long a worker may take. Only a test that fails takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

#[pgq::task(name = "cli/double", aliases = ["cli/twofold"], queue = "numbers")]
async fn double(number: u32) -> anyhow::Result<u32> {
    Ok(number * 2)
}

#[pgq::task(name = "cli/fail", max_attempts = 1, tags = ["broken"])]
async fn fail(reason: String) -> anyhow::Result<()> {
    anyhow::bail!("{reason}")
}

/// The command line on one database.
struct Cli<'a> {
    database: &'a TestDatabase,
}

/// What a command said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command that nothing of the test's own environment reaches.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgq_command"));
    command
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env_remove("DIRECT_DATABASE_URL")
        .stdin(Stdio::null());
    command
}

impl<'a> Cli<'a> {
    const fn on(database: &'a TestDatabase) -> Self {
        Self { database }
    }

    /// Runs a command to its end, whatever that is.
    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let mut command = command(arguments);
        command.env("DATABASE_URL", self.database.url());
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        Ok(output.into())
    }

    /// Runs a command to its end of whose outputs nobody reads those that are named.
    async fn run_unread(
        &self,
        arguments: &[&str],
        (out, err): (bool, bool),
    ) -> anyhow::Result<Said> {
        let mut command = command(arguments);
        command
            .env("DATABASE_URL", self.database.url())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = tokio::task::spawn_blocking(move || -> std::io::Result<Output> {
            let mut child = command.spawn()?;
            drop(child.stdout.take_if(|_| out));
            drop(child.stderr.take_if(|_| err));
            child.wait_with_output()
        });
        Ok(output.await??.into())
    }

    /// What a command prints that does what it is to do.
    async fn done(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.run(arguments).await?;
        anyhow::ensure!(said.code == Some(0), "{arguments:?}: {said:?}");
        Ok(said.out)
    }

    /// The objects that it prints.
    async fn json(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        let out = self.done(&[arguments, &["--json"]].concat()).await?;
        let lines = out.lines().map(serde_json::from_str);
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// The only object that it prints.
    async fn one(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut objects = self.json(arguments).await?;
        anyhow::ensure!(objects.len() == 1, "{arguments:?}: {objects:?}");
        Ok(objects.remove(0))
    }

    /// What is said of a command that is refused, and prints nothing.
    async fn refused(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.run(arguments).await?;
        anyhow::ensure!(
            said.code == Some(1) && said.out.is_empty(),
            "{arguments:?}: {said:?}"
        );
        Ok(said.err)
    }
}

/// A worker of the tasks above.
fn worker(database: &TestDatabase) -> Run {
    Run::new(Registry::new())
        .task::<double>()
        .task::<fail>()
        .pool(database.pool().clone())
        .without_signals()
}

/// Runs every job that is due.
async fn drain(database: &TestDatabase) -> anyhow::Result<()> {
    let report = worker(database).until_idle().deadline(DEADLINE).await?;
    anyhow::ensure!(report.idle, "not idle within {DEADLINE:?}: {report:?}");
    Ok(())
}

/// A worker that lives until it is told to stop.
struct Living {
    stop: CancellationToken,
    running: tokio::task::JoinHandle<pgq::Result<()>>,
}

impl Living {
    /// Starts it, and returns once it has said what it knows.
    async fn on(database: &TestDatabase) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let run = worker(database).version("7.1").stop_on(stop.clone());
        let running = tokio::spawn(run.into_future());
        pgq_tests::eventually("the worker lives", async || {
            let workers = pgq::workers(database.pool()).await?;
            Ok(workers.iter().any(|worker| worker.build.ticks))
        })
        .await?;
        Ok(Self { stop, running })
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}

/// Whether the text has a line with all of these words, in this order.
#[track_caller]
fn assert_line(text: &str, words: &[&str]) {
    let has = |line: &str| {
        let mut rest = line;
        words.iter().all(|word| match rest.split_once(word) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    };
    assert!(text.lines().any(has), "no line with {words:?} in:\n{text}");
}
