//! [`NamedJob`].

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::IgnoredAny;

use super::send::send_named;
use super::{Enqueuer, JobHandle};
use crate::driver::{DriverError, DriverErrorKind, EnqueueNamed, Start};
use crate::job::{Conflict, EncodeError, Enqueued, JobId, encode_json};

/// One job of a task whose code this program does not have, about to be enqueued by the task's name.
///
/// It does what `pgq_jobs.enqueue` does: the task must be one that a worker has, and what is not said is as that
/// says it. Whether the task takes the input is known when the job runs. What
/// [the page about the functions](crate::sql) says of keys that only the code of the task can make holds here as well.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeMap;
/// use pgq::NamedJob;
///
/// let input = BTreeMap::from([("to", "ada@example.org"), ("body", "Hello")]);
/// let job = NamedJob::new("send_email", &input)
///     .priority(5)
///     .returns::<u64>()
///     .enqueue(&pool)
///     .await?;
/// let sent = job.wait(&pool).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a job does nothing until it is enqueued"]
pub struct NamedJob<T = IgnoredAny> {
    request: EnqueueNamed,
    encoded: Result<(), EncodeError>,
    result: PhantomData<fn() -> T>,
}

/// Why a job was not enqueued by the name of its task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamedError {
    /// The input cannot be written. Nothing was sent.
    #[error("failed to encode the input of task `{task}`")]
    Encode {
        /// The name of the task.
        task: String,
        /// What the encoder says.
        source: EncodeError,
    },
    /// No worker has said that it has the task. An open transaction cannot commit any more.
    #[error(
        "no worker has a task `{task}`; check the name, start a worker that has it, or call \
         `allow_unknown_task`"
    )]
    UnknownTask {
        /// The name of the task.
        task: String,
    },
    /// The job is the same as another one, and [`on_conflict`](NamedJob::on_conflict) asks for an error then. An
    /// open transaction is unharmed.
    #[error("a job of task `{task}` is not enqueued: job {job} is the same")]
    Conflict {
        /// The name of the task.
        task: String,
        /// The job that is there.
        job: JobId,
    },
    /// The storage refused the job, or failed. An open transaction cannot commit any more.
    #[error("failed to enqueue a job of task `{task}`")]
    Driver {
        /// The name of the task.
        task: String,
        /// The error of the storage.
        source: DriverError,
    },
}

impl NamedJob {
    /// A job of the task of this name, or of one that had it before. `input` is written as an object of the task's
    /// parameters by their names, for instance a struct, a map, or a `serde_json::Value`.
    pub fn new(task: impl Into<String>, input: &impl Serialize) -> Self {
        let (input, encoded) = match encode_json(input) {
            Ok(input) => (input, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        Self {
            request: EnqueueNamed::new(task, input),
            encoded,
            result: PhantomData,
        }
    }
}

impl<T> NamedJob<T> {
    /// Says what the result of the task is, so that the handle reads it. Default: nothing is read of it.
    pub fn returns<U>(self) -> NamedJob<U> {
        NamedJob {
            request: self.request,
            encoded: self.encoded,
            result: PhantomData,
        }
    }

    /// Lets the job wait in another queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.request.queue = Some(queue.into());
        self
    }

    /// Sets the priority, 0 to 9; larger ones are claimed first.
    pub fn priority(mut self, priority: i16) -> Self {
        self.request.priority = Some(priority);
        self
    }

    /// Sets the number of attempts, 1 to 1000.
    pub fn max_attempts(mut self, max_attempts: i16) -> Self {
        self.request.max_attempts = Some(max_attempts);
        self
    }

    /// Lets the job start no sooner than `delay` after the database's current time. Zero means at once.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.request.start = Some(Start::After(delay));
        self
    }

    /// Lets the job start no sooner than `time`, by the database's clock.
    pub fn run_at(mut self, time: DateTime<Utc>) -> Self {
        self.request.start = Some(Start::At(time));
        self
    }

    /// As [`JobBuilder::expires_in`](crate::JobBuilder::expires_in).
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.request.expires_in = Some(time);
        self
    }

    /// Adds a word to find the job by, beside those of its task.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.request.tags.push(tag.into());
        self
    }

    /// Gives the job something to carry.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.headers.insert(name.into(), value.into());
        self
    }

    /// As [`JobBuilder::unique`](crate::JobBuilder::unique): the key is the same as one that is given there.
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.request.unique_key = Some(key.into());
        self
    }

    /// Lets a job with a [`unique`](Self::unique) key keep others away for `time` from the enqueue on, whether or
    /// not it has ended. Without a key the job is refused.
    pub fn unique_for(mut self, time: Duration) -> Self {
        self.request.unique_within = Some(time);
        self
    }

    /// Sets what becomes of a job with a [`unique`](Self::unique) key if there is one that is the same. Without a
    /// key the job is refused.
    pub fn on_conflict(mut self, conflict: Conflict) -> Self {
        self.request.conflict = Some(conflict);
        self
    }

    /// Lets the job be of a task that no worker has yet.
    pub fn allow_unknown_task(mut self) -> Self {
        self.request.may_be_unknown = true;
        self
    }

    #[cfg(feature = "sync-postgres")]
    pub(super) fn task(&self) -> &str {
        &self.request.task
    }

    /// Enqueues the job.
    ///
    /// # Errors
    ///
    /// See [`NamedError`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a dropped call may or may not have enqueued the job. Inside a transaction that is then
    /// rolled back, it has not.
    pub async fn enqueue(self, enqueuer: impl Enqueuer) -> Result<JobHandle<T>, NamedError> {
        let Self {
            request, encoded, ..
        } = self;
        let task = request.task.clone();
        if let Err(source) = encoded {
            return Err(NamedError::Encode { task, source });
        }
        let raises = request.conflict == Some(Conflict::Raise);
        match send_named(enqueuer, request).await {
            Ok(there) if raises && there.enqueued == Enqueued::Existing => {
                let job = there.job;
                Err(NamedError::Conflict { task, job })
            }
            Ok(added) => Ok(JobHandle::new(added.job, added.enqueued)),
            Err(error) if error.kind() == DriverErrorKind::UnknownTask => {
                Err(NamedError::UnknownTask { task })
            }
            Err(source) => Err(NamedError::Driver { task, source }),
        }
    }
}

/// Without the input, which may be secret.
impl<T> fmt::Debug for NamedJob<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.request, f)
    }
}
