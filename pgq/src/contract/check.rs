//! [`check`]: the lock file in a test.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::review::review;
use super::{Error, Lock};
use crate::task::Registry;

/// What to do with a lock file that is not what the tasks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Fail. The file is not written.
    Check,
    /// Update the file if queued jobs can still be read, else fail.
    Update,
    /// Update the file in any case. Jobs that could not be read are forgotten.
    Accept,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The file is what the tasks are.
    UpToDate,
    /// The file has been written.
    Updated {
        /// The tasks that are new, gone, or have another contract.
        tasks: Vec<String>,
    },
}

impl Mode {
    /// The mode of the environment: what `PGQ_LOCK` says, which is `check`, `update` or `accept`;
    /// else [`Check`](Self::Check) if `CI` is set, as it is on build servers, and
    /// [`Update`](Self::Update) if it is not.
    ///
    /// # Errors
    ///
    /// Fails if `PGQ_LOCK` says something else.
    pub fn from_env() -> Result<Self, Error> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        match set("PGQ_LOCK").as_deref() {
            Some("check") => Ok(Self::Check),
            Some("update") => Ok(Self::Update),
            Some("accept") => Ok(Self::Accept),
            Some(other) => Err(Error::Mode(other.to_owned())),
            None if set("CI").is_some_and(|value| value != "false") => Ok(Self::Check),
            None => Ok(Self::Update),
        }
    }
}

/// Checks the tasks that are linked into this binary against a lock file, in the mode of the
/// environment; see [`Mode::from_env`]. For one test of the crate that holds the tasks: see the
/// [module](crate::contract).
///
/// # Errors
///
/// Fails with everything that queued jobs could not be read after; if the file is not up to date
/// and is not to be written; and if it cannot be read or written.
pub fn check(path: impl AsRef<Path>) -> Result<Outcome, Error> {
    check_registry(&Registry::linked(), path, Mode::from_env()?)
}

/// Checks any tasks, in any mode.
///
/// # Errors
///
/// See [`check`].
pub fn check_registry(
    registry: &Registry,
    path: impl AsRef<Path>,
    mode: Mode,
) -> Result<Outcome, Error> {
    registry.check_tasks()?;
    let path = path.as_ref();
    let text = read(path)?;
    let file = match &text {
        Some(text) => Lock::parse(text)?,
        None if mode == Mode::Check => {
            return Err(Error::Missing {
                path: path.to_owned(),
            });
        }
        None => Lock::default(),
    };
    let review = review(&file, &Lock::of(registry));
    if !review.findings.is_empty() && mode != Mode::Accept {
        return Err(Error::Broken(review.findings));
    }
    if review.changed.is_empty() && text.is_some() {
        return Ok(Outcome::UpToDate);
    }
    let tasks: Vec<String> = review.changed.into_iter().collect();
    if mode == Mode::Check {
        return Err(Error::OutOfDate {
            path: path.to_owned(),
            tasks: tasks.iter().map(|task| format!("`{task}`")).collect(),
        });
    }
    write(path, &review.lock)?;
    Ok(Outcome::Updated { tasks })
}

/// The text of the file, if there is one.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            doing: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

fn write(path: &Path, lock: &Lock) -> Result<(), Error> {
    fs::write(path, lock.to_string()).map_err(|source| Error::File {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}
