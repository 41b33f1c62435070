//! A running cluster.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::access::{self, Password};
use super::account::Account;
use super::data::DataDirectory;
use super::watchdog::{POLL, Watchdog, wait_until};
use super::{Binaries, ClusterBuilder, EmbeddedError, Tls, Version, program};

/// Where ports are taken from. Below what systems give to outgoing connections: such a connection
/// could take the port of a server that is down for a restart, and a client that tries to reach it
/// could even connect to itself.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How many ports are tried.
const PORT_TRIES: usize = 50;

/// How long a server may take to stop when it is told to.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How much of the log an error carries, in lines.
const LOG_LINES: usize = 20;

/// A private PostgreSQL server that ends with this process.
///
/// Dropping it stops the server, an ephemeral one with [`Shutdown::Immediate`] and a persistent one
/// with [`Shutdown::Fast`]. That takes up to 30 s of this process' time; what takes longer goes on
/// without it.
#[derive(Debug)]
pub struct Cluster {
    // First: the server stops before the data directory is released.
    pub(super) watchdog: Watchdog,
    pub(super) account: Account,
    pub(super) password: Option<Password>,
    pub(super) binaries: Binaries,
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    pub(super) port: u16,
    pub(super) running: bool,
    pub(super) start_limit: Duration,
    pub(super) _lock: Option<DataDirectory>,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// Connections are cut, open transactions are rolled back, and a checkpoint is written.
    Fast,
    /// All processes of the server end at once; the next start recovers from the log.
    Immediate,
    /// The main process is killed with SIGKILL, as the system does when memory runs out. The other
    /// processes notice it by themselves; the next start recovers from the log.
    ///
    /// If there is no next start, a few kB of shared memory stay behind until the machine restarts.
    Kill,
}

impl Cluster {
    /// Starts a cluster that is fast and leaves nothing behind, for tests and for trying out.
    ///
    /// # Errors
    ///
    /// Those of [`ClusterBuilder::start`].
    pub fn ephemeral() -> Result<Self, EmbeddedError> {
        Self::builder().start()
    }

    /// Returns a builder for other clusters; without further calls it makes an ephemeral one.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// Returns a URL for the superuser `postgres` over TCP, with his
    /// [password](ClusterBuilder::password) if he has one.
    ///
    /// The database need not exist; `postgres` always does.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let password = self.password.as_ref();
        let password = password.map(|password| format!(":{}", encoded(&password.0)));
        format!(
            "postgres://postgres{}@127.0.0.1:{}/{}",
            password.unwrap_or_default(),
            self.port,
            encoded(database)
        )
    }

    /// Returns the port on 127.0.0.1; it stays the same over [`restart`](Self::restart).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the data directory as an absolute path.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        &self.data
    }

    /// Returns the directory of the Unix socket.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        self.watchdog.run_directory()
    }

    /// Returns the file that the server logs to; that of a persistent cluster is emptied when a
    /// process opens it.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Returns the binaries that run.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Returns the version of the server.
    #[must_use]
    pub fn version(&self) -> Version {
        self.binaries.version()
    }

    /// Returns the main process of the server, the postmaster; `None` while none runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        if self.running && !self.watchdog.server_ended() {
            self.watchdog.server()
        } else {
            None
        }
    }

    /// Stops the server but keeps data and port for [`resume`](Self::resume). Returns when its main
    /// process has ended.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::State`] if it is halted already, [`EmbeddedError::StopTimeout`] if it has
    /// not stopped after 60 s.
    pub fn halt(&mut self, how: Shutdown) -> Result<(), EmbeddedError> {
        if !self.running {
            return Err(EmbeddedError::State { state: "halted" });
        }
        self.watchdog.signal(match how {
            Shutdown::Fast => "INT",
            Shutdown::Immediate => "QUIT",
            Shutdown::Kill => "KILL",
        })?;
        if !wait_until(STOP_LIMIT, || self.watchdog.server_ended()) {
            return Err(EmbeddedError::StopTimeout {
                limit: STOP_LIMIT,
                pid: self.watchdog.server().unwrap_or_default(),
            });
        }
        self.running = false;
        Ok(())
    }

    /// Starts the server again, after [`halt`](Self::halt) or after it ended by itself, and returns
    /// when it accepts connections.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::State`] if it runs; otherwise as [`ClusterBuilder::start`].
    pub fn resume(&mut self) -> Result<(), EmbeddedError> {
        if self.pid().is_some() {
            return Err(EmbeddedError::State { state: "running" });
        }
        self.launch(Port::Keep)
    }

    /// Stops the server and starts it again with the same data on the same port.
    ///
    /// # Errors
    ///
    /// Those of [`halt`](Self::halt) and [`resume`](Self::resume).
    pub fn restart(&mut self, how: Shutdown) -> Result<(), EmbeddedError> {
        self.halt(how)?;
        self.resume()
    }

    /// Gives a server that [speaks TLS](ClusterBuilder::tls) another certificate, and tells it to read
    /// its configuration again. Connections that are made a moment later see it; those that are there
    /// stay.
    ///
    /// A CA for clients has to be in both or in neither: the server looks for the file from its start.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::State`] if it is halted, [`EmbeddedError::Io`] if the files cannot be written,
    /// [`EmbeddedError::Program`] if the server cannot be told.
    pub fn renew_tls(&self, tls: &Tls) -> Result<(), EmbeddedError> {
        let pid = self.pid().ok_or(EmbeddedError::State { state: "halted" })?;
        access::write_tls(tls, self.watchdog.run_directory(), &self.account)?;
        let mut kill = self.account.command(Path::new("kill"));
        program::run(kill.args(["-s", "HUP", &pid.to_string()]))
    }

    /// Stops the server with [`Shutdown::Fast`]; what is ephemeral is removed.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::StopTimeout`] if it has not stopped after 60 s.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        if self.pid().is_some() {
            self.halt(Shutdown::Fast)?;
        }
        self.watchdog.finish(STOP_LIMIT)
    }

    /// Starts the server and waits until it is ready; tries again where another start can help.
    pub(super) fn launch(&mut self, port: Port) -> Result<(), EmbeddedError> {
        let deadline = Instant::now() + self.start_limit;
        loop {
            if port == Port::Choose {
                self.port = free_port();
            }
            let log_start = fs::metadata(&self.log).map_or(0, |log| log.len());
            self.watchdog.start(self.port)?;
            let mut ended = false;
            let done = wait_until(deadline.saturating_duration_since(Instant::now()), || {
                ended = self.watchdog.server_ended();
                ended || self.is_ready()
            });
            if done && !ended {
                self.running = true;
                return Ok(());
            }
            let log = self.log_after(log_start);
            if !done {
                return Err(EmbeddedError::StartTimeout {
                    limit: self.start_limit,
                    log,
                });
            }
            // The port was taken in between, or processes of a killed server are still there.
            let passing = ["Address already in use", "pre-existing shared memory block"];
            if !passing.iter().any(|reason| log.contains(reason)) || Instant::now() >= deadline {
                return Err(EmbeddedError::Exited { log });
            }
            thread::sleep(POLL);
        }
    }

    /// Returns true if the server that was started last accepts connections.
    fn is_ready(&self) -> bool {
        let Some(pid) = self.watchdog.server() else {
            return false;
        };
        let state = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = state.lines();
        // The file may be left from an earlier server.
        lines.next() == Some(pid.to_string().as_str())
            // A hot standby is one that accepts connections, too.
            && (lines.nth(6)).is_some_and(|state| ["ready", "standby"].contains(&state.trim()))
    }

    fn log_after(&self, start: u64) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(log.len());
        let text = String::from_utf8_lossy(&log[start..]);
        program::last_lines(&text, LOG_LINES).join("\n")
    }
}

/// Which port a start uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// A free one.
    Choose,
    /// The one that clients know.
    Keep,
}

/// Returns a text as it stands in a part of a URL.
fn encoded(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}

/// Returns a port that is free at the moment.
fn free_port() -> u16 {
    let mut port = PORTS.start;
    for _ in 0..PORT_TRIES {
        port = fastrand::u16(PORTS);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            break;
        }
    }
    port
}
