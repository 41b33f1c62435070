//! [`ScheduleHandle`].

use std::time::Duration;

use futures_util::future::try_join_all;

use super::{ScheduleEdit, ScheduleError, ScheduleInfo};
use crate::client::{JobHandle, Reader};
use crate::driver::{
    Driver, DriverError, DriverErrorKind, ScheduleState, Start, StoredInput, StoredSchedule,
    Ticked, Trigger,
};
use crate::job::{Enqueued, Job};
use crate::metrics;
use crate::task::{Registry, TaskDescriptor, job_of, needs_input, needs_task, refusal};

/// How often a schedule is looked at again that others change between the look and the change.
pub(super) const TRIES: usize = 20;

/// How long to wait for whoever keeps it locked before the next try.
pub(super) const HELD_PAUSE: Duration = Duration::from_millis(100);

/// A schedule of a database, by its name: one that was made at run time, or that code declares.
///
/// Everything that is done through it is durable, and holds for every worker of the database, also beside
/// ticks that come at the same time: what a worker has read before is refused when it ticks. Workers take
/// note at once as a rule, and within their [poll interval](crate::Run::poll_interval).
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), pgq::ScheduleError> {
/// let report = pgq::ScheduleHandle::named("report/7");
/// println!("next: {:?}", report.get(&pool).await?.next);
/// let job = report.trigger::<()>(&pool).await?;
/// println!("job {} is a run out of turn", job.id());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleHandle {
    name: String,
}

impl ScheduleHandle {
    /// The schedule of that name, whether or not there is one.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, where it stands, and when its next ticks are.
    ///
    /// # Errors
    ///
    /// Fails with [`ScheduleError::NotFound`] if there is none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn get(&self, reader: impl Reader) -> Result<ScheduleInfo, ScheduleError> {
        let (stored, now) = self.read(&*reader.driver()).await?;
        Ok(ScheduleInfo::new(stored, now))
    }

    /// Its last runs, the newest first: of the last ten jobs that its ticks and
    /// [`trigger`](Self::trigger) have enqueued, those that have not been pruned.
    ///
    /// # Errors
    ///
    /// Fails with [`ScheduleError::NotFound`] if there is no such schedule.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn runs(&self, reader: impl Reader) -> Result<Vec<Job>, ScheduleError> {
        let driver = reader.driver();
        let (stored, _) = self.read(&*driver).await?;
        let jobs = try_join_all(stored.recent.into_iter().map(|job| driver.find(job))).await;
        let jobs = jobs.map_err(|source| self.failed("looked at", source))?;
        Ok(jobs.into_iter().flatten().collect())
    }

    /// Lets it tick no more. Returns `false` if it was paused already. Its jobs go on.
    ///
    /// # Errors
    ///
    /// Fails with [`ScheduleError::NotFound`] if there is none.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have paused it; calling it again does no harm.
    pub async fn pause(&self, reader: impl Reader) -> Result<bool, ScheduleError> {
        self.set_pause(&*reader.driver(), true).await
    }

    /// Lets it tick again. Returns `false` if it was not paused. What becomes of the ticks that came
    /// meanwhile is up to its [`Missed`](crate::Missed): by default the last of them has a job.
    ///
    /// # Errors
    ///
    /// Fails with [`ScheduleError::NotFound`] if there is none.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have ended the pause; calling it again does no harm.
    pub async fn resume(&self, reader: impl Reader) -> Result<bool, ScheduleError> {
        self.set_pause(&*reader.driver(), false).await
    }

    async fn set_pause(&self, driver: &dyn Driver, pause: bool) -> Result<bool, ScheduleError> {
        let change = if pause { "paused" } else { "resumed" };
        let changed = driver.pause_schedule(&self.name, pause).await;
        changed
            .map_err(|source| self.failed(change, source))?
            .ok_or_else(|| self.not_found())
    }

    /// Enqueues one of its jobs at once, also while it is paused. It is no tick: the next one comes as if
    /// nothing had been, and does not look whether this job is finished. `T` is what the task returns. If this
    /// program does not know the task, the job has the keys by which the task was limited when the schedule
    /// was made or edited last. If its jobs are unique and replace each other, it may take the place of one that
    /// waits: [`JobHandle::enqueued`] tells.
    ///
    /// # Errors
    ///
    /// Fails with [`ScheduleError::NotFound`] if there is none, with [`ScheduleError::Conflict`] if the jobs of
    /// its task are unique and there is one that is the same, with [`ScheduleError::NeedsTask`] if this
    /// program does not know the task, and neither did the one that made the schedule, and with
    /// [`ScheduleError::Unfit`] if it knows the task, and that does not take the input.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have enqueued the job.
    pub async fn trigger<T>(&self, reader: impl Reader) -> Result<JobHandle<T>, ScheduleError> {
        let driver = reader.driver();
        let registry = Registry::linked();
        for _ in 0..TRIES {
            let (stored, _) = self.read(&*driver).await?;
            let task = registry.task(&stored.schedule.task);
            let instead = "trigger it from a program that does, or request it of a worker with \
                           `ScheduleHandle::request_trigger`";
            let change = ("triggered", instead);
            let input = self.input(&*driver, task, &stored, change).await?;
            let Some(input) = input else {
                continue;
            };
            let enqueue = job_of(task, &stored.schedule, &input, Start::Now);
            let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
            let trigger = Trigger {
                schedule: &self.name,
                revision: stored.revision,
                requested_at: None,
            };
            match driver.trigger(trigger, enqueue).await {
                Ok(Ticked::Enqueued(job)) => {
                    metrics::count_enqueued(&task, &queue, 1);
                    return Ok(JobHandle::new(job, Enqueued::New));
                }
                Ok(Ticked::Replaced(job)) => {
                    metrics::count_enqueued(&task, &queue, 1);
                    return Ok(JobHandle::new(job, Enqueued::Replaced));
                }
                Ok(Ticked::Skipped) => {
                    return Err(ScheduleError::Conflict {
                        schedule: self.name.clone(),
                    });
                }
                // It has changed since it was read.
                Ok(Ticked::Refused) => {}
                // Somebody keeps it, or the key, for a moment.
                Ok(Ticked::Locked) => tokio::time::sleep(HELD_PAUSE).await,
                Err(error) if error.kind() == DriverErrorKind::Conflict => {
                    tokio::time::sleep(HELD_PAUSE).await;
                }
                Err(source) => return Err(self.failed("triggered", source)),
            }
        }
        Err(self.contended())
    }

    /// Requests one of its jobs of a worker that ticks it, also while it is paused: for programs that do not
    /// know its task, and so cannot [`trigger`](Self::trigger) it. The worker enqueues the job within its poll
    /// interval, as it would a tick; if none lives that ticks the schedule, the first to come does. Of several
    /// requests that none has seen to yet one job comes. [`ScheduleInfo::requested_since`] tells whether it
    /// has, and [`runs`](Self::runs) has the job.
    ///
    /// # Errors
    ///
    /// Fails with [`ScheduleError::NotFound`] if there is none.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have requested it.
    pub async fn request_trigger(&self, reader: impl Reader) -> Result<(), ScheduleError> {
        let requested = reader.driver().request_trigger(&self.name).await;
        match requested.map_err(|source| self.failed("triggered", source))? {
            true => Ok(()),
            false => Err(self.not_found()),
        }
    }

    /// Begins a change of it.
    pub fn edit(&self) -> ScheduleEdit {
        ScheduleEdit::new(self.clone())
    }

    /// Deletes it. Its jobs stay, those that wait included. One that code has declared can be deleted once
    /// no worker lives whose code does.
    ///
    /// # Errors
    ///
    /// Fails with [`ScheduleError::NotFound`] if there is none, and with [`ScheduleError::Declared`] if the
    /// code of a worker that lives declares it.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have deleted it.
    pub async fn delete(&self, reader: impl Reader) -> Result<(), ScheduleError> {
        let driver = reader.driver();
        let deleted = driver.delete_schedule(&self.name).await;
        if deleted.map_err(|source| self.failed("deleted", source))? {
            return Ok(());
        }
        let (stored, _) = self.read(&*driver).await?;
        Err(self.declared(stored, "deleted"))
    }

    /// Reads it, with the storage's current time.
    pub(super) async fn read(
        &self,
        driver: &dyn Driver,
    ) -> Result<(StoredSchedule, chrono::DateTime<chrono::Utc>), ScheduleError> {
        let state = driver.schedules(std::slice::from_ref(&self.name)).await;
        let state = state.map_err(|source| self.failed("looked at", source))?;
        let ScheduleState {
            now,
            mut schedules,
            mut unreadable,
        } = state;
        if let Some(unreadable) = unreadable.pop() {
            let error = DriverError::new(DriverErrorKind::Other, unreadable.problem);
            return Err(self.failed("read", error));
        }
        let found = schedules.pop().ok_or_else(|| self.not_found())?;
        Ok((found, now))
    }

    /// Reads its input if its jobs need that to be made, or nobody has that knows this build of its task; `None`
    /// if it has changed since it was read.
    pub(super) async fn input(
        &self,
        driver: &dyn Driver,
        task: Option<&TaskDescriptor>,
        stored: &StoredSchedule,
        (change, instead): (&'static str, &'static str),
    ) -> Result<Option<Vec<u8>>, ScheduleError> {
        let schedule = &stored.schedule;
        let Some(task) = task else {
            return match needs_task(schedule) {
                true => Err(ScheduleError::NeedsTask {
                    schedule: self.name.clone(),
                    task: schedule.task.clone(),
                    instead,
                }),
                false => Ok(Some(Vec::new())),
            };
        };
        let is_read = !stored.made
            || schedule.template.fingerprint.is_some()
            || stored.takes.contains(&task.fingerprint());
        if is_read && !needs_input(task, schedule) {
            return Ok(Some(Vec::new()));
        }
        let Some(StoredInput { input, .. }) = self.whole_input(driver, stored).await? else {
            return Ok(None);
        };
        if !is_read && let Some(problem) = refusal(task, &input) {
            return Err(ScheduleError::Unfit {
                schedule: self.name.clone(),
                task: schedule.task.clone(),
                change,
                problem,
            });
        }
        Ok(Some(input))
    }

    /// Reads its input; `None` if it has changed since it was read.
    pub(super) async fn whole_input(
        &self,
        driver: &dyn Driver,
        stored: &StoredSchedule,
    ) -> Result<Option<StoredInput>, ScheduleError> {
        let inputs = driver.schedule_inputs(&[stored.version()]).await;
        let mut inputs = inputs.map_err(|source| self.failed("looked at", source))?;
        Ok(inputs.pop().flatten())
    }

    pub(super) fn failed(&self, change: &'static str, source: DriverError) -> ScheduleError {
        // Somebody keeps its row locked for longer than a change waits.
        if source.kind() == DriverErrorKind::Conflict {
            return self.contended();
        }
        ScheduleError::Driver {
            schedule: self.name.clone(),
            change,
            source,
        }
    }

    pub(super) fn declared(&self, stored: StoredSchedule, change: &'static str) -> ScheduleError {
        ScheduleError::Declared {
            schedule: self.name.clone(),
            task: stored.schedule.task,
            change,
        }
    }

    pub(super) fn contended(&self) -> ScheduleError {
        ScheduleError::Contended {
            schedule: self.name.clone(),
        }
    }

    fn not_found(&self) -> ScheduleError {
        ScheduleError::NotFound {
            schedule: self.name.clone(),
        }
    }
}
