//! The account that the server runs as: PostgreSQL refuses to run as root.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{EmbeddedError, platform};

/// The accounts that a server started by root may run as, the best first.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// The account that the server, `initdb` and every copy of data run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// The account of this process.
    Own,
    /// Another one, because this process is root.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// Returns this process' account, or an unprivileged one if that is root.
    pub(super) fn of_server() -> Result<Self, EmbeddedError> {
        if platform::effective_uid()? != 0 {
            return Ok(Self::Own);
        }
        let passwd = read_passwd();
        ACCOUNTS
            .iter()
            .find_map(|name| passwd.iter().find(|account| account.is_named(name)))
            .cloned()
            .ok_or(EmbeddedError::NoAccount)
    }

    /// Returns the account for an existing data directory: the one that owns it, as PostgreSQL
    /// demands.
    pub(super) fn of_owner(self, data: &Path) -> Result<Self, EmbeddedError> {
        if self == Self::Own {
            return Ok(self);
        }
        let (uid, gid) = platform::owner(data)?;
        if uid == 0 || self.is_uid(uid) {
            return Ok(self);
        }
        let name = read_passwd()
            .into_iter()
            .find_map(|account| match account {
                Self::Other { name, uid: id, .. } if id == uid => Some(name),
                _ => None,
            })
            .unwrap_or_else(|| uid.to_string());
        Ok(Self::Other { name, uid, gid })
    }

    /// Returns a number that differs between accounts.
    pub(super) fn key(&self) -> Option<u32> {
        match self {
            Self::Own => None,
            Self::Other { uid, .. } => Some(*uid),
        }
    }

    /// Returns a command that runs as this account, from a directory that it can enter, with
    /// nothing of the caller's settings of PostgreSQL.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        for name in [
            "PGDATA",
            "PGPORT",
            "PGTZ",
            "PGDATESTYLE",
            "PGCLIENTENCODING",
            "PGOPTIONS",
        ] {
            command.env_remove(name);
        }
        // One language for the log, one zone for all who share the template.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        command.env("PATH", search_path());
        if let Self::Other { uid, gid, .. } = self {
            platform::run_as(&mut command, *uid, *gid);
        }
        command
    }

    /// Makes this account the owner of one file or directory.
    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => platform::give(path, *uid, *gid),
        }
    }

    /// Checks that this account can enter `path`, a directory, and all that are above it.
    pub(super) fn check_reach(&self, path: &Path) -> Result<(), EmbeddedError> {
        let Self::Other { name, .. } = self else {
            return Ok(());
        };
        match self.barrier(path)? {
            None => Ok(()),
            Some(barrier) => Err(EmbeddedError::Unreachable {
                path: path.to_owned(),
                barrier,
                account: name.clone(),
            }),
        }
    }

    /// Returns the first directory on the way to `path` that this account cannot enter.
    fn barrier(&self, path: &Path) -> Result<Option<PathBuf>, EmbeddedError> {
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.reverse();
        // Asked of the system, not computed from modes: there may be access lists.
        let output = self
            .command(Path::new("/bin/sh"))
            .args([
                "-c",
                r#"n=0; for p; do [ -x "$p" ] || { echo $n; exit; }; n=$((n+1)); done"#,
                "sh",
            ])
            .args(&way)
            .output()
            .map_err(EmbeddedError::io("run", Path::new("/bin/sh")))?;
        let index = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
        Ok(index.and_then(|index: usize| way.get(index).map(|path| path.to_path_buf())))
    }

    fn is_named(&self, wanted: &str) -> bool {
        matches!(self, Self::Other { name, .. } if name == wanted)
    }

    fn is_uid(&self, wanted: u32) -> bool {
        matches!(self, Self::Other { uid, .. } if *uid == wanted)
    }
}

/// Returns the caller's `PATH` and where `cp` and `rm` are: the end must not fail because of it.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path)
        .filter(|directory| !directory.as_os_str().is_empty())
        .chain(["/usr/bin", "/bin"].map(PathBuf::from));
    env::join_paths(directories).unwrap_or(path.clone())
}

/// Reads the accounts of this machine, without root.
fn read_passwd() -> Vec<Account> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            (uid != 0).then_some(Account::Other { name, uid, gid })
        })
        .collect()
}
