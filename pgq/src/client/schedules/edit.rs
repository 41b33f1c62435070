//! [`ScheduleEdit`].

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::handle::TRIES;
use super::make::{Jobs, checked};
use super::{ScheduleError, ScheduleHandle};
use crate::client::{INPUT_MAX_DEFAULT, JobBuilder, Reader};
use crate::driver::{Schedule, Template};
use crate::job::encode_json;
use crate::schedule::{Missed, Overlap, When};
use crate::task::Task;

/// A change of a schedule that was made at run time. What is not said stays as it is.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), pgq::ScheduleError> {
/// use pgq::{Overlap, ScheduleHandle, When};
///
/// ScheduleHandle::named("report/7")
///     .edit()
///     .when(When::cron("0 9 * * MON"))
///     .overlap(Overlap::Skip)
///     .apply(&pool)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is changed until it is applied"]
pub struct ScheduleEdit {
    handle: ScheduleHandle,
    when: Option<When>,
    missed: Option<Missed>,
    overlap: Option<Overlap>,
    jitter: Option<Duration>,
    jobs: Change,
}

/// What is to become of its jobs.
enum Change {
    Nothing,
    /// Another input; on an error, why it cannot be written.
    Input(Result<Vec<u8>, String>),
    /// Other jobs.
    Jobs(Jobs),
}

impl ScheduleEdit {
    pub(super) const fn new(handle: ScheduleHandle) -> Self {
        Self {
            handle,
            when: None,
            missed: None,
            overlap: None,
            jitter: None,
            jobs: Change::Nothing,
        }
    }

    /// Lets it tick at other times from now on: no tick of them that lies in the past is made up for, and
    /// no instant ticks twice.
    pub fn when(mut self, when: impl Into<When>) -> Self {
        self.when = Some(when.into());
        self
    }

    /// Sets what becomes of ticks at which no worker ran, or while it was paused.
    pub const fn missed(mut self, missed: Missed) -> Self {
        self.missed = Some(missed);
        self
    }

    /// Sets what becomes of a tick while the job of an earlier one is not finished.
    pub const fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = Some(overlap);
        self
    }

    /// Sets the longest delay of a tick's job, up to a day; zero for none.
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = Some(jitter);
        self
    }

    /// Puts a job in the place of the one that its ticks enqueue, with its input and all of its options.
    pub fn job<T: Task>(mut self, job: JobBuilder<T>) -> Self {
        let request = job.into_scheduled(INPUT_MAX_DEFAULT);
        self.jobs = Change::Jobs(Jobs::Typed(request));
        self
    }

    /// Gives its jobs another input: a map by the names of the task's parameters, which is stored as JSON.
    /// All else stays, but for keys that are made of the input, which only a program that knows the task
    /// makes anew.
    pub fn input(mut self, input: &impl Serialize) -> Self {
        let input = encode_json(input).map_err(|error| format!("their input: {error}"));
        self.jobs = Change::Input(input);
        self
    }

    /// Changes it. A tick that comes at the same time is one of before or of after, and not of both.
    ///
    /// # Errors
    ///
    /// See [`ScheduleError`]: [`Declared`](ScheduleError::Declared) if code declares it, and what is wrong
    /// with the schedule that it would be.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have changed it.
    pub async fn apply(self, reader: impl Reader) -> Result<(), ScheduleError> {
        let Self {
            handle,
            when,
            missed,
            overlap,
            jitter,
            jobs,
        } = self;
        let driver = reader.driver();
        let name = handle.name();
        let options = |problem| ScheduleError::Options {
            schedule: name.to_owned(),
            problem,
        };
        let (input, jobs) = match jobs {
            Change::Nothing => (None, None),
            Change::Input(input) => (Some(input.map_err(options)?), None),
            Change::Jobs(jobs) => (None, Some(jobs.read(name)?)),
        };
        for _ in 0..TRIES {
            let (stored, _) = handle.read(&*driver).await?;
            if !stored.made {
                return Err(handle.declared(stored, "edited"));
            }
            let Schedule {
                task,
                template,
                mut policy,
                expression,
                zone,
                starts_at,
                ends_at,
                ..
            } = stored.schedule;
            policy.missed = missed.unwrap_or(policy.missed);
            policy.overlap = overlap.unwrap_or(policy.overlap);
            policy.jitter = jitter.unwrap_or(policy.jitter);
            let (task, template) = match (&input, &jobs) {
                (Some(input), _) => with_input(name, &task, template, input)?,
                (None, Some((task, template, _))) => (task.clone(), template.clone()),
                (None, None) => (task, template),
            };
            let when = match &when {
                Some(when) => when.clone(),
                None => When::stored(&expression, &zone, starts_at, ends_at),
            };
            let schedule = checked(name.to_owned(), &when, policy, task, template)?;
            let edited = driver.edit_schedule(&schedule, stored.revision).await;
            if edited.map_err(|source| handle.failed("edited", source))? {
                return Ok(());
            }
        }
        Err(handle.contended())
    }
}

/// The same jobs with another input.
fn with_input(
    schedule: &str,
    task: &str,
    template: Template,
    input: &[u8],
) -> Result<(String, Template), ScheduleError> {
    let fresh = Jobs::of_input(task, input.to_vec());
    let (task, mut fresh, is_known) = fresh.read(schedule)?;
    let mut job = template.job;
    job.input = std::mem::take(&mut fresh.job.input);
    if is_known {
        if let (Some(old), Some(new)) = (&mut job.detail, &fresh.job.detail) {
            old.concurrency_key = new.concurrency_key;
            old.order_key = new.order_key;
            old.rate_key = new.rate_key;
        }
        if job.key.is_some() && fresh.job.key.is_some() {
            job.key = fresh.job.key;
        }
    }
    Ok((task, Template { job, ..template }))
}

impl fmt::Debug for ScheduleEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleEdit")
            .field("handle", &self.handle)
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}
