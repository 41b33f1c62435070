//! The tests of a copy of the repository.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// How long a few tests may take. A mistake may let tests wait for ever.
const LIMIT_OF_SOME: Duration = Duration::from_secs(240);

/// How long all tests may take, most of which fail at once or after a minute.
const LIMIT_OF_ALL: Duration = Duration::from_secs(1800);

/// How often a program that runs is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The start of the names of unit tests.
const UNIT: &str = "pgq::";

/// The compiled tests.
#[derive(Debug)]
pub struct Suite {
    /// Each with the directory of its package.
    integration: (PathBuf, PathBuf),
    unit: (PathBuf, PathBuf),
    log: PathBuf,
}

/// What some tests said.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The tests that passed.
    pub passed: BTreeSet<String>,
    /// The tests that failed.
    pub failed: BTreeSet<String>,
    /// A program of tests did not end in time.
    pub hung: bool,
}

impl Suite {
    /// Compiles the tests of the copy in `tree`.
    ///
    /// # Errors
    ///
    /// Fails if they do not compile, with what the compiler said.
    pub fn build(tree: &Path, target: &Path) -> anyhow::Result<Self> {
        let built = Command::new("cargo")
            .args([
                "test",
                "-p",
                "pgq",
                "-p",
                "pgq-tests",
                "--lib",
                "--test",
                "it",
                "--no-run",
            ])
            .arg("--message-format=json-diagnostic-short")
            .current_dir(tree)
            .env("CARGO_TARGET_DIR", target)
            // Each mistake is compiled and linked anew.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        let text = String::from_utf8_lossy(&built.stdout);
        let messages: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if !built.status.success() {
            let said = messages
                .iter()
                .map(|message| &message["message"]["rendered"]);
            bail!("it does not compile: {:?}", said.collect::<Vec<_>>());
        }
        let program = |name: &str| {
            messages
                .iter()
                .filter(|message| message["target"]["name"] == name)
                .find_map(|message| message["executable"].as_str())
                .map(PathBuf::from)
                .with_context(|| format!("cargo named no program of the tests `{name}`"))
        };
        Ok(Self {
            integration: (program("it")?, tree.join("tests")),
            unit: (program("pgq")?, tree.join("pgq")),
            log: target.join("tests.log"),
        })
    }

    /// Runs the tests of these names, or all if there is no name.
    ///
    /// # Errors
    ///
    /// Fails if a program of tests cannot be run.
    pub fn run(&self, names: &BTreeSet<&str>) -> anyhow::Result<Verdict> {
        let (unit, integration): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| name.starts_with(UNIT));
        let mut verdict = Verdict::default();
        if names.is_empty() || !unit.is_empty() {
            let names = unit.iter().map(|name| &name[UNIT.len()..]);
            self.run_program(&self.unit, names.collect(), UNIT, &mut verdict)?;
        }
        if names.is_empty() || !integration.is_empty() {
            self.run_program(&self.integration, integration, "", &mut verdict)?;
        }
        Ok(verdict)
    }

    fn run_program(
        &self,
        (program, directory): &(PathBuf, PathBuf),
        names: Vec<&str>,
        prefix: &str,
        verdict: &mut Verdict,
    ) -> anyhow::Result<()> {
        let log = File::create(&self.log)?;
        let limit = if names.is_empty() {
            LIMIT_OF_ALL
        } else {
            LIMIT_OF_SOME
        };
        let mut child = Command::new(program)
            .arg("--exact")
            .args(names)
            .current_dir(directory)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let start = Instant::now();
        while child.try_wait()?.is_none() {
            if start.elapsed() > limit {
                verdict.hung = true;
                child.kill()?;
                child.wait()?;
            } else {
                thread::sleep(LOOK_EVERY);
            }
        }
        for line in fs::read_to_string(&self.log)?.lines() {
            let Some(line) = line.strip_prefix("test ") else {
                continue;
            };
            if let Some(name) = line.strip_suffix(" ... ok") {
                verdict.passed.insert(format!("{prefix}{name}"));
            } else if let Some(name) = line.strip_suffix(" ... FAILED") {
                verdict.failed.insert(format!("{prefix}{name}"));
            }
        }
        Ok(())
    }
}
