//! The programs that measure, one for each queue.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tokio::time::timeout;

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(900);

/// The peers in Rust, by the names of their packages after `peer-`.
const PEERS: [&str; 5] = ["graphile-worker", "river", "awa", "apalis", "pgmq"];

/// A program that measures a queue.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    file: PathBuf,
    /// What it is called with, before anything else; one call for each.
    calls: Vec<Vec<OsString>>,
    most_jobs: u64,
}

/// A figure of one run.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) peer: String,
    pub(crate) version: String,
    pub(crate) scenario: String,
    /// Which of several ways to do it; the best counts.
    pub(crate) variant: String,
    pub(crate) figure: f64,
    pub(crate) jobs: u64,
    pub(crate) history: bool,
    pub(crate) worker: bool,
}

impl Program {
    pub(crate) fn new(name: &str, file: PathBuf, call: &[&Path]) -> Self {
        Self {
            name: name.to_owned(),
            file,
            calls: vec![call.iter().map(OsString::from).collect()],
            most_jobs: u64::MAX,
        }
    }

    /// Gives it no more jobs than these; it takes too long for more.
    pub(crate) fn at_most(mut self, jobs: u64) -> Self {
        self.most_jobs = jobs;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn jobs(&self, asked: u64) -> u64 {
        asked.min(self.most_jobs)
    }

    /// The calls that measure it once, each on a database of its own.
    pub(crate) fn commands(&self) -> impl Iterator<Item = Vec<OsString>> {
        self.calls.iter().cloned()
    }

    /// Runs one call on an empty database.
    pub(crate) async fn run(
        &self,
        call: &[OsString],
        url: &str,
        jobs: u64,
    ) -> anyhow::Result<Vec<Sample>> {
        let mut command = tokio::process::Command::new(&self.file);
        command
            .args(call)
            .args(["--database-url", url, "--jobs", &jobs.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(LIMIT, command.output())
            .await
            .with_context(|| format!("it took longer than {LIMIT:?}"))?
            .with_context(|| format!("cannot run {}", self.file.display()))?;
        ensure!(
            output.status.success(),
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = String::from_utf8(output.stdout)?;
        let samples: Vec<_> = lines
            .lines()
            .map(|line| self.sample(line, jobs))
            .collect::<Result<_, _>>()?;
        ensure!(!samples.is_empty(), "it printed no figure");
        Ok(samples)
    }

    fn sample(&self, line: &str, jobs: u64) -> anyhow::Result<Sample> {
        /// What a line of a peer and one of pgq have in common, and what only the former has.
        #[derive(Deserialize)]
        struct Line {
            scenario: String,
            figure: f64,
            #[serde(default)]
            variant: String,
            #[serde(default)]
            version: String,
            history: Option<bool>,
            worker: Option<bool>,
        }

        let line: Line =
            serde_json::from_str(line).with_context(|| format!("this is no figure: {line}"))?;
        Ok(Sample {
            peer: self.name.clone(),
            version: line.version,
            scenario: line.scenario,
            variant: line.variant,
            figure: line.figure,
            jobs,
            history: line.history.unwrap_or(true),
            worker: line.worker.unwrap_or(true),
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            peer,
            scenario,
            variant,
            figure,
            ..
        } = self;
        write!(f, "{peer}: {scenario} {figure:.0} jobs/s {variant}")
    }
}

/// Builds pgq's own benchmark.
pub(crate) fn build_pgq() -> anyhow::Result<Program> {
    let built = build("../../Cargo.toml", &["--package", "pgq-bench"])?;
    let call = |scenario: &str| {
        ["--json", "--rounds", "1", scenario]
            .map(OsString::from)
            .into()
    };
    Ok(Program {
        calls: vec![call("drain"), call("enqueue")],
        ..Program::new("pgq", find(&built, "pgq-bench")?, &[])
    })
}

/// Builds the peers in Rust.
pub(crate) fn build_peers() -> anyhow::Result<Vec<Program>> {
    // This program runs, and on some systems cannot be replaced meanwhile.
    let built = build("Cargo.toml", &["--workspace", "--exclude", "compare"])?;
    PEERS
        .iter()
        .map(|name| {
            Ok(Program::new(
                name,
                find(&built, &format!("peer-{name}"))?,
                &[],
            ))
        })
        .collect()
}

/// The folder of this workspace.
pub(crate) fn folder() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Builds in release mode; returns the programs that were built.
fn build(manifest: &str, what: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }

    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What `cargo run` says of this package would be taken for a change by some build scripts.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let output = command
        .args([
            "build",
            "--release",
            "--message-format=json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(folder().join(manifest))
        .args(what)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo could not build {what:?}");
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| match serde_json::from_str::<Message>(line) {
            Ok(message) => message.executable.map(Ok),
            Err(error) => Some(Err(error.into())),
        })
        .collect()
}

fn find(built: &[PathBuf], name: &str) -> anyhow::Result<PathBuf> {
    let is_named = |file: &&PathBuf| file.file_stem().is_some_and(|stem| stem == name);
    let found = built.iter().find(is_named).cloned();
    found.with_context(|| format!("cargo did not build {name}"))
}
