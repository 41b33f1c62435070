//! What can go wrong with an embedded cluster.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Version;

/// An embedded cluster could not be started, controlled or stopped.
///
/// The messages say what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// The platform is not a Unix.
    #[error("embedded PostgreSQL runs on Unix only; use the URL of a running server instead")]
    Unsupported,

    /// There are no binaries of PostgreSQL and no client that could get them.
    #[error("found no PostgreSQL 14 or newer and could not get one ({tried}); run `{install}`")]
    NoBinaries {
        /// What was tried, and why it failed, on one line.
        tried: String,
        /// The command that installs PostgreSQL on this platform.
        install: &'static str,
    },

    /// A directory that was named explicitly has no usable binaries.
    #[error(
        "`{}` has no working `initdb` and `postgres` ({reason}); name the `bin` directory of a \
         PostgreSQL server",
        directory.display()
    )]
    NotBinaries {
        /// The directory that was named.
        directory: PathBuf,
        /// What is missing in it.
        reason: String,
    },

    /// The binaries that were named explicitly are too old.
    #[error(
        "PostgreSQL {version} in `{}` is too old; use version 14 or newer",
        directory.display()
    )]
    TooOld {
        /// The directory of the binaries.
        directory: PathBuf,
        /// The version of the binaries.
        version: Version,
    },

    /// A source of binaries could not deliver them.
    #[error("failed to get PostgreSQL from {origin}: {reason}")]
    Provision {
        /// The source, as in "npm".
        origin: &'static str,
        /// What the client said, on one line.
        reason: String,
    },

    /// Another major version of PostgreSQL made the data directory.
    #[error(
        "data directory `{}` was made by PostgreSQL {found}, but the binaries are of version \
         {binaries}; point `PGQ_PG_BINDIR` at binaries of version {found} or use another data \
         directory",
        directory.display()
    )]
    OtherMajor {
        /// The data directory.
        directory: PathBuf,
        /// The major version that made the data directory, as it is written there.
        found: String,
        /// The version of the binaries.
        binaries: Version,
    },

    /// The data directory has files in it, but they are not a cluster's.
    #[error(
        "`{}` is not empty and not a data directory of PostgreSQL; choose a directory that is \
         empty or does not exist",
        directory.display()
    )]
    NotADataDirectory {
        /// The directory that was named.
        directory: PathBuf,
    },

    /// A process that is alive uses the data directory.
    #[error(
        "data directory `{}` is in use by process {pid}; stop that process or use another data \
         directory",
        directory.display()
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// The process that started the server; the server itself if that is unknown.
        pid: u32,
    },

    /// The process is root, and the account that the server runs as cannot reach a path.
    #[error(
        "PostgreSQL does not run as root, and the account `{account}` cannot enter `{}`, which is \
         on the way to `{}`; choose a place outside of it or run `chmod o+x {}`",
        barrier.display(),
        path.display(),
        barrier.display()
    )]
    Unreachable {
        /// The path that is needed.
        path: PathBuf,
        /// The directory on its way that the account cannot enter.
        barrier: PathBuf,
        /// The account that the server runs as.
        account: String,
    },

    /// The process is root, and there is no account that the server could run as.
    #[error(
        "PostgreSQL does not run as root, and there is no account `postgres` or `nobody`; run \
         `useradd --system postgres`"
    )]
    NoAccount,

    /// There is no place for the cache.
    #[error("neither `XDG_CACHE_HOME` nor `HOME` is set; set `PGQ_CACHE_DIR` to a directory")]
    NoCacheDirectory,

    /// A setting cannot be passed on.
    #[error("setting `{name}` {reason}")]
    Setting {
        /// The name of the setting.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A program that the start needs failed.
    #[error("`{program}` failed: {output}")]
    Program {
        /// The program.
        program: String,
        /// The last lines of its output.
        output: String,
    },

    /// The server ended before it was ready.
    #[error("PostgreSQL ended while it started; the end of its log:\n{log}")]
    Exited {
        /// The last lines of the log.
        log: String,
    },

    /// The server was not ready in time.
    #[error("PostgreSQL was not ready after {limit:?}; the end of its log:\n{log}")]
    StartTimeout {
        /// The time that it had.
        limit: Duration,
        /// The last lines of the log.
        log: String,
    },

    /// The server did not end in time.
    ///
    /// It was told to, and its data is safe.
    #[error("PostgreSQL had not stopped after {limit:?}; process {pid} still runs")]
    StopTimeout {
        /// The time that it had.
        limit: Duration,
        /// The process of the server.
        pid: u32,
    },

    /// The server was told to do what its state does not allow.
    #[error("the server is {state} already")]
    State {
        /// `running` or `halted`.
        state: &'static str,
    },

    /// The operating system refused something.
    #[error("failed to {action}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl EmbeddedError {
    /// Wraps the failure of `verb` on `path`.
    pub(super) fn io<'a>(verb: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io {
            action: format!("{verb} `{}`", path.display()),
            source,
        }
    }
}
