//! [`Error`] and [`Finding`].

use std::fmt;
use std::path::PathBuf;

use super::lock::hex;
use crate::driver::DriverError;
use crate::shape::Edit;
use crate::task::Problems;

/// The contracts do not hold, or could not be looked at.
///
/// A test may return it: its `Debug` is a report for people.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Jobs that may be queued cannot be read by this build.
    #[error("queued jobs could not be read any more:{}", list(.0))]
    Broken(Vec<Finding>),
    /// The file is not what the tasks of this build are, and was not to be written.
    #[error(
        "`{}` is not up to date: the contract of {} has changed, in a way that queued jobs can be \
         read after; run the test without `CI` and `PGQ_LOCK`, and commit the file",
        path.display(),
        tasks.join(", "),
    )]
    OutOfDate {
        /// The file.
        path: PathBuf,
        /// The tasks whose contract has changed, in backticks.
        tasks: Vec<String>,
    },
    /// A worker was given a file that is not what its tasks are.
    #[error(
        "the lock file is not up to date: {} changed after it was written; run the test that \
         checks it, and build again",
        tasks.join(", "),
    )]
    Stale {
        /// The tasks that are not in it as they are, in backticks.
        tasks: Vec<String>,
    },
    /// There is no file, and none was to be written.
    #[error(
        "there is no `{}`; run the test without `CI` and `PGQ_LOCK`, and commit the file",
        path.display(),
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file does not have the format of a lock file.
    #[error("line {line} of the lock file: {problem}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// `PGQ_LOCK` has a value that means nothing.
    #[error("`PGQ_LOCK` is `{0}`; it must be `check`, `update` or `accept`")]
    Mode(String),
    /// The file could not be read or written.
    #[error("failed to {doing} `{}`", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// There is something wrong with the tasks.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The database could not be asked.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

fn list(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| format!("\n  - {finding}"));
    lines.chain([format!("\n{ACCEPT}")]).collect()
}

const ACCEPT: &str = "To accept an edit, because no job is queued that it leaves behind, run the \
                      test with `PGQ_LOCK=accept`.";

/// One edit after which queued jobs could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The input of a task has changed.
    Edited {
        /// The name of the task.
        task: String,
        /// What has changed.
        edit: Edit,
        /// The fingerprints of the jobs that could not be read.
        fingerprints: Vec<i64>,
    },
    /// A task is gone.
    Gone {
        /// The name of the task.
        task: String,
        /// A task that is new, and whose input can read that of the one that is gone.
        renamed: Option<String>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited {
                task,
                edit,
                fingerprints,
            } => {
                write!(f, "task `{task}`: {edit} (")?;
                for (index, fingerprint) in fingerprints.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{}", hex(*fingerprint))?;
                }
                f.write_str(")")
            }
            Self::Gone {
                task,
                renamed: Some(new),
            } => write!(
                f,
                "task `{task}` is gone; if it was renamed to `{new}`, write `aliases = [{task:?}]` there, \
                 or keep a task of the old name until no job of it is queued",
            ),
            Self::Gone { task, .. } => write!(
                f,
                "task `{task}` is gone; its queued jobs would wait for ever: keep it until no job \
                 of it is queued",
            ),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
