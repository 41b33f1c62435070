//! The data directory of a persistent cluster: one user at a time, and complete or absent.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::scratch::Scratch;
use super::template::{self, Template};
use super::watchdog::{POLL, wait_until};
use super::{Binaries, EmbeddedError, cache, program};

/// How long a server whose parent has died may take to stop. It was told to, and writes a
/// checkpoint.
const PREDECESSOR_LIMIT: Duration = Duration::from_secs(30);

/// How long the lock is tried. A process that was killed a moment ago may not have let go of it, and
/// one that has just taken it may not have written its name.
const LOCK_LIMIT: Duration = Duration::from_millis(500);

/// A data directory that this process alone uses.
#[derive(Debug)]
pub(super) struct DataDirectory {
    path: PathBuf,
    parent: PathBuf,
    name: String,
    /// Released by the system when this process ends, however it does.
    lock: File,
}

impl DataDirectory {
    /// Takes the directory, whether or not it exists, and waits for the server of a process that
    /// died with it.
    pub(super) fn open(path: &Path) -> Result<Self, EmbeddedError> {
        let (path, parent, name) = resolve(path)?;
        let lock = lock(&path, &parent, &name)?;
        wait_for_predecessor(&path)?;
        Ok(Self {
            path,
            parent,
            name,
            lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the major version that made the directory, or `None` if it has to be made.
    pub(super) fn major(&self) -> Result<Option<String>, EmbeddedError> {
        let major = template::major_of(&self.path);
        if major.is_none() && !is_empty(&self.path) {
            return Err(EmbeddedError::NotADataDirectory {
                directory: self.path.clone(),
            });
        }
        Ok(major)
    }

    /// Returns the account that the server has to run as.
    pub(super) fn account(&self, default: Account) -> Result<Account, EmbeddedError> {
        let account = if is_empty(&self.path) {
            default
        } else {
            default.of_owner(&self.path)?
        };
        account.check_reach(&self.parent)?;
        Ok(account)
    }

    /// Makes the directory from the template, under another name until it is complete.
    pub(super) fn make(&self, binaries: &Binaries, account: &Account) -> Result<(), EmbeddedError> {
        let scratch = Scratch::create(&self.parent, &self.name)?;
        account.own(scratch.path())?;
        let template = Template::open(binaries, account)?;
        let data = scratch.path().join("data");
        template.copy_to(&data)?;
        template.flush(&data)?;
        fs::rename(&data, &self.path).map_err(|source| EmbeddedError::Io {
            action: format!(
                "move the new data directory to `{}` (a mount point has to hold it, not be it)",
                self.path.display()
            ),
            source,
        })
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // Closing the file is not enough: a child that another thread has just forked has it too.
        let _ = self.lock.unlock();
    }
}

/// Returns the one true path of a directory that may not exist yet, its parent, which does then,
/// and its name.
fn resolve(path: &Path) -> Result<(PathBuf, PathBuf, String), EmbeddedError> {
    let absolute = std::path::absolute(path).map_err(EmbeddedError::io("resolve", path))?;
    let real = if absolute.exists() {
        absolute
            .canonicalize()
            .map_err(EmbeddedError::io("resolve", &absolute))?
    } else {
        absolute
    };
    let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(EmbeddedError::NotADataDirectory { directory: real });
    };
    fs::create_dir_all(parent).map_err(EmbeddedError::io("create", parent))?;
    let parent = parent
        .canonicalize()
        .map_err(EmbeddedError::io("resolve", parent))?;
    Ok((
        parent.join(name),
        parent,
        name.to_string_lossy().into_owned(),
    ))
}

/// Locks the directory by a file beside it, which names the process that holds the lock.
fn lock(path: &Path, parent: &Path, name: &str) -> Result<File, EmbeddedError> {
    let lock_path = parent.join(format!(".{name}.lock"));
    let mut file = cache::open_lock(&lock_path)?;
    let deadline = Instant::now() + LOCK_LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => {
                return Err(EmbeddedError::io("lock", &lock_path)(error));
            }
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&lock_path).unwrap_or_default();
                return Err(EmbeddedError::InUse {
                    directory: path.to_owned(),
                    pid: holder.trim().parse().unwrap_or_default(),
                });
            }
        }
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(EmbeddedError::io("write", &lock_path))?;
    Ok(file)
}

/// Waits until no server runs in the directory, and removes the trace of one that PostgreSQL would
/// mistake for running.
fn wait_for_predecessor(path: &Path) -> Result<(), EmbeddedError> {
    let pid_file = path.join("postmaster.pid");
    let pid = || -> Option<u32> {
        let text = fs::read_to_string(&pid_file).ok()?;
        text.lines().next()?.trim().parse().ok()
    };
    let stopped = wait_until(PREDECESSOR_LIMIT, || {
        pid().is_none_or(|pid| process(pid) != Process::Server)
    });
    match pid() {
        Some(pid) if !stopped => Err(EmbeddedError::InUse {
            directory: path.to_owned(),
            pid,
        }),
        // In a container numbers come round soon, and nobody collects what has ended.
        Some(pid) if process(pid) == Process::Other => {
            fs::remove_file(&pid_file).map_err(EmbeddedError::io("remove", &pid_file))
        }
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Process {
    /// A server of PostgreSQL.
    Server,
    /// Something else, or a server that has ended but was not collected.
    Other,
    Gone,
}

fn process(pid: u32) -> Process {
    let description = if Path::new("/proc/self/stat").exists() {
        // `42 (postgres) S 1 …`
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(')'))
            .and_then(|(name, rest)| Some((name.to_owned(), rest.trim().chars().next()?)))
    } else {
        // `S    /opt/postgres/bin/postgres`
        let mut ps = Command::new("ps");
        ps.args(["-o", "stat=", "-o", "comm=", "-p", &pid.to_string()]);
        let line = program::output(&mut ps).unwrap_or_default();
        line.trim()
            .split_once(' ')
            .and_then(|(state, name)| Some((name.trim().to_owned(), state.chars().next()?)))
    };
    match description {
        None => Process::Gone,
        Some((name, state)) if name.contains("postgres") && !matches!(state, 'Z' | 'X') => {
            Process::Server
        }
        Some(_) => Process::Other,
    }
}

/// Returns true if a directory does not exist or has nothing in it.
fn is_empty(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
