//! Processes and directories that tests can do away with.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a condition may take to come true on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Another process with a cluster of its own.
pub(super) struct Parent {
    child: Child,
    pub(super) port: u16,
    /// The main process of its server.
    pub(super) server: u32,
    pub(super) run_directory: PathBuf,
    pub(super) data_directory: PathBuf,
}

impl Parent {
    /// Starts a process with the arguments for `cluster_parent`, and waits for its server.
    pub(super) fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        Self::from_command(command().args(arguments))
    }

    pub(super) fn from_command(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[port, server, run, data] = fields.as_slice() else {
            let mut errors = String::new();
            if let Some(mut output) = child.stderr.take() {
                output.read_to_string(&mut errors)?;
            }
            bail!("the parent did not start: {errors}");
        };
        Ok(Self {
            port: port.parse()?,
            server: server.parse()?,
            run_directory: run.into(),
            data_directory: data.into(),
            child,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process, as `kill -9` does.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Lets the process come to its end.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the parent failed: {status}");
        }
        Ok(())
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = self.kill();
        // Its server may still write where the test is about to clean up.
        let _ = eventually("the server has stopped", || !self.run_directory.exists());
    }
}

/// Returns a command that runs `cluster_parent`.
pub(super) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cluster_parent"))
}

/// A directory that any account can enter, removed at the end of the test.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new() -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("pgq-test-{}-{count}", process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until `condition` holds.
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        if Instant::now() > deadline {
            bail!("still not true after {LIMIT:?}: {what}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Returns true if a process exists.
pub(super) fn is_alive(pid: u32) -> bool {
    send("0", &pid.to_string()).is_ok()
}

/// Sends a signal to a process, or to a process group if the number has a minus sign.
pub(super) fn send(signal: &str, target: &str) -> anyhow::Result<()> {
    let status = Command::new("/bin/sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "sh", signal, target])
        .stderr(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("cannot send {signal} to {target}");
    }
    Ok(())
}
