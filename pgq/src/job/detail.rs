//! [`Detail`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::JobId;

/// What is known of a job beside its row, of the jobs that have such.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Detail {
    /// When it is too late to start the job for the first time; `None` for never.
    pub expires: Option<Expires>,
    /// A hash of what its task's concurrency is limited by.
    pub concurrency_key: Option<i64>,
    /// A hash of what the jobs of its task are ordered by.
    pub order_key: Option<i64>,
    /// A hash of what its task's rate is limited by.
    pub rate_key: Option<i64>,
    /// The job whose attempt enqueued it.
    pub parent: Option<JobId>,
    /// The first job of the line of its parents.
    pub root: Option<JobId>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What its enqueuer gave it to carry, by name. Without NUL.
    pub headers: BTreeMap<String, String>,
}

/// When it is too late to start a job for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    /// This long after the storage's current time, or after the time at which the job is to start
    /// ([`Start::At`](crate::Start::At)) if that is later. A job that is enqueued may say so; of one
    /// that is stored the time is known.
    After(Duration),
    /// At a time of the storage's clock.
    At(DateTime<Utc>),
}

impl Detail {
    /// Returns `true` if it says nothing, so that a job needs none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a limit or an order goes by a key of the job.
    pub(crate) const fn has_keys(&self) -> bool {
        self.concurrency_key.is_some() || self.order_key.is_some() || self.rate_key.is_some()
    }

    /// The time when the job of a stored detail expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.expires {
            Some(Expires::At(time)) => Some(time),
            Some(Expires::After(_)) | None => None,
        }
    }
}

/// Without the values of headers, which may be secret.
impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detail")
            .field("expires", &self.expires)
            .field("concurrency_key", &self.concurrency_key)
            .field("order_key", &self.order_key)
            .field("rate_key", &self.rate_key)
            .field("parent", &self.parent)
            .field("root", &self.root)
            .field("tags", &self.tags)
            .field("headers", &self.headers.keys())
            .finish()
    }
}
