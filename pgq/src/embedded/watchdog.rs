//! The process between this one and the server: it outlives us by as much as the end needs.
//!
//! A pipe to its standard input ties it to this process: the system closes the pipe however this
//! process ends, also by `kill -9`. (Linux can signal a child at its parent's death, but takes the
//! end of the spawning *thread* for that.)

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::{EmbeddedError, platform, scratch};

const SCRIPT: &str = include_str!("watchdog.sh");

/// The parent of all run directories. Not `TMPDIR`: the path of a socket has at most 107 bytes.
const RUN_PARENT: &str = "/tmp";

/// The pause between two looks at a condition.
pub(super) const POLL: Duration = Duration::from_millis(3);

/// How long a watchdog that is dropped may take to stop the server. It goes on after that, alone.
const DROP_LIMIT: Duration = Duration::from_secs(30);

/// A directory for the socket, the state and, if it is ephemeral, the data of one cluster.
///
/// It has no destructor: the watchdog removes it.
#[derive(Debug)]
pub(super) struct RunDirectory(PathBuf);

impl RunDirectory {
    /// Chooses a name; nothing is made yet.
    pub(super) fn choose() -> Self {
        Self(scratch::unique(Path::new(RUN_PARENT), "pgq"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

/// A running watchdog. Dropping it stops the server and removes the run directory.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
    /// `None` once the end was announced.
    input: Option<ChildStdin>,
    run: RunDirectory,
}

impl Watchdog {
    /// Makes the run directory and starts its watchdog, which waits for [`start`](Self::start).
    ///
    /// `farewell` is the signal for the server when this process disappears; `server` is the
    /// command to start it, without the port.
    pub(super) fn spawn(
        account: &Account,
        run: RunDirectory,
        log: &Path,
        farewell: &str,
        server: &[OsString],
    ) -> Result<Self, EmbeddedError> {
        let path = run.path();
        platform::create_private_directory(path).map_err(EmbeddedError::io("create", path))?;
        let mut shell = account.command(Path::new("/bin/sh"));
        shell
            .args(["-c", &script(), "pgq-watchdog"])
            .arg(path)
            .arg(log)
            .arg(farewell)
            .args(server)
            .stdin(Stdio::piped())
            // Not ours: a reader of our output would wait for the watchdog too.
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        platform::detach(&mut shell);
        let spawned = account.own(path).and_then(|()| {
            shell
                .spawn()
                .map_err(EmbeddedError::io("run", Path::new("/bin/sh")))
        });
        match spawned {
            Ok(mut child) => Ok(Self {
                input: child.stdin.take(),
                child,
                run,
            }),
            Err(error) => {
                let _ = fs::remove_dir_all(path);
                Err(error)
            }
        }
    }

    pub(super) fn run_directory(&self) -> &Path {
        self.run.path()
    }

    /// Starts the server on `port`. No server runs.
    pub(super) fn start(&mut self, port: u16) -> Result<(), EmbeddedError> {
        for name in ["pid", "exited"] {
            let path = self.run.path().join(name);
            if path.exists() {
                fs::remove_file(&path).map_err(EmbeddedError::io("remove", &path))?;
            }
        }
        self.say(&format!("start {port}\n"))
    }

    /// Sends a signal, as in "INT", to the server.
    pub(super) fn signal(&mut self, name: &str) -> Result<(), EmbeddedError> {
        self.say(&format!("{name}\n"))
    }

    /// Returns the process of the server that was started last.
    pub(super) fn server(&self) -> Option<u32> {
        let text = fs::read_to_string(self.run.path().join("pid")).ok()?;
        text.trim().parse().ok()
    }

    /// Returns true if the server that was started last has ended.
    pub(super) fn server_ended(&self) -> bool {
        self.run.path().join("exited").exists() || !self.run.path().exists()
    }

    /// Stops the server, removes the run directory and waits for that for at most `limit`.
    pub(super) fn finish(&mut self, limit: Duration) -> Result<(), EmbeddedError> {
        // Closing the pipe is the announcement.
        self.input = None;
        if wait_until(limit, || !matches!(self.child.try_wait(), Ok(None))) {
            return Ok(());
        }
        Err(EmbeddedError::StopTimeout {
            limit,
            pid: self.server().unwrap_or_else(|| self.child.id()),
        })
    }

    fn say(&mut self, line: &str) -> Result<(), EmbeddedError> {
        let written = match &mut self.input {
            Some(input) => input.write_all(line.as_bytes()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        written.map_err(|source| EmbeddedError::Io {
            action: "reach the watchdog of the server".to_owned(),
            source,
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Err(error) = self.finish(DROP_LIMIT) {
            tracing::warn!(target: "pgq::embedded", "{error}");
        }
    }
}

/// Returns the script as it appears in a list of processes: without comments.
fn script() -> String {
    SCRIPT
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Waits until `condition` holds, for at most `limit`; returns whether it does.
pub(super) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
}
