//! [`ScheduleEdit`].

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::check::{self, CHECK_WITHIN};
use super::handle::{HELD_PAUSE, TRIES};
use super::make::{Jobs, checked, refuse_ended};
use super::{ScheduleError, ScheduleHandle};
use crate::client::{INPUT_MAX_DEFAULT, JobBuilder, Reader};
use crate::driver::{
    Driver, DriverErrorKind, Policy, Schedule, StoredSchedule, Template, Tick, Ticked,
};
use crate::job::encode_json;
use crate::schedule::{Missed, Overlap, When};
use crate::task::{Registry, Task, due_ticks, job_of, start};

/// What becomes of a schedule, as errors say it.
const EDITED: &str = "edited";

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
    allows_unknown: bool,
    check_within: Duration,
}

/// What is to become of its jobs.
enum Change {
    Nothing,
    /// Another input; on an error, why it cannot be written.
    Input(Result<Vec<u8>, String>),
    /// Other jobs.
    Jobs(Jobs),
}

/// The same, read.
enum Known {
    Nothing,
    Input(Vec<u8>),
    Jobs(String, Template),
}

/// Which build takes another input, as a worker has said.
struct Asked {
    task: String,
    taken_by: i64,
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
            allows_unknown: false,
            check_within: CHECK_WITHIN,
        }
    }

    /// Lets it tick at other times from now on: no tick of them that lies in the past is made up for, and
    /// no instant ticks twice. Ticks of the times before that are due, and that no worker has seen to yet, have
    /// their jobs first, by its [`Missed`]; but while it is paused they have none, and one that waits for the
    /// end of a job is dropped.
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
    /// All else stays, but for keys that are made of the input: those of limits are made anew by the worker that
    /// ticks, and that of unique jobs by this call, so that only a program that knows the task can make it.
    pub fn input(mut self, input: &impl Serialize) -> Self {
        let input = encode_json(input).map_err(|error| format!("their input: {error}"));
        self.jobs = Change::Input(input);
        self
    }

    /// Changes it without asking a worker whether its task takes another input, also if nobody knows the task: it
    /// ticks once a worker does, and takes that.
    pub const fn allow_unknown_task(mut self) -> Self {
        self.allows_unknown = true;
        self
    }

    /// Sets for how long a worker is waited for that reads another input, if this program does not know the
    /// task. Up to 50 minutes. Default: 10 s.
    pub const fn check_within(mut self, time: Duration) -> Self {
        self.check_within = time;
        self
    }

    /// Changes it. A tick that comes at the same time is one of before or of after, and not of both.
    ///
    /// If this program does not know the task, a worker that does reads another input before anything is changed,
    /// and the call waits for that.
    ///
    /// # Errors
    ///
    /// See [`ScheduleError`]: [`Declared`](ScheduleError::Declared) if code declares it, what is wrong with the
    /// schedule that it would be, and [`NeedsTask`](ScheduleError::NeedsTask) if ticks are due that only a
    /// program can fire that knows the task.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have changed it.
    pub async fn apply(mut self, reader: impl Reader) -> Result<(), ScheduleError> {
        let driver = &*reader.driver();
        let jobs = std::mem::replace(&mut self.jobs, Change::Nothing);
        let handle = &self.handle;
        let options = |problem| ScheduleError::Options {
            schedule: handle.name().to_owned(),
            problem,
        };
        let jobs = match jobs {
            Change::Nothing => Known::Nothing,
            Change::Input(input) => Known::Input(input.map_err(options)?),
            Change::Jobs(jobs) => {
                let (task, template, _) = jobs.read(handle.name())?;
                Known::Jobs(task, template)
            }
        };
        if let Some(Err(problem)) = self.when.as_ref().map(When::timetable) {
            let schedule = handle.name().to_owned();
            return Err(ScheduleError::When { schedule, problem });
        }
        let asked = match &jobs {
            Known::Input(input) => self.ask(driver, input).await?,
            Known::Nothing | Known::Jobs(..) => None,
        };
        for _ in 0..TRIES {
            if self.try_apply(driver, &jobs, asked.as_ref()).await? {
                return Ok(());
            }
        }
        Err(handle.contended())
    }

    /// Asks a worker whether the task takes another input, if this program does not know it.
    async fn ask(&self, driver: &dyn Driver, input: &[u8]) -> Result<Option<Asked>, ScheduleError> {
        let handle = &self.handle;
        let (stored, _) = handle.read(driver).await?;
        if !stored.made {
            return Err(handle.declared(stored, EDITED));
        }
        let (task, template, is_known) = with_input(&stored.schedule, input)?;
        if is_known || self.allows_unknown {
            return Ok(None);
        }
        let question = check::Question {
            handle,
            change: EDITED,
            task: &task,
            input: &template.job.input,
            within: self.check_within,
        };
        let taken_by = question.ask(driver).await?;
        Ok(Some(Asked { task, taken_by }))
    }

    /// Changes it, unless somebody else has between the look and the change: then it returns `false`.
    async fn try_apply(
        &self,
        driver: &dyn Driver,
        jobs: &Known,
        asked: Option<&Asked>,
    ) -> Result<bool, ScheduleError> {
        let handle = &self.handle;
        let (stored, now) = handle.read(driver).await?;
        if !stored.made {
            return Err(handle.declared(stored, EDITED));
        }
        let Some(before) = whole(handle, driver, &stored).await? else {
            return Ok(false);
        };
        let (task, template) = match jobs {
            Known::Nothing => (before.task.clone(), before.template.clone()),
            Known::Input(input) => {
                let (task, template, _) = with_input(&before, input)?;
                (task, template)
            }
            Known::Jobs(task, template) => (task.clone(), template.clone()),
        };
        // Somebody has given it another task meanwhile.
        if asked.is_some_and(|asked| asked.task != task) {
            return Err(handle.contended());
        }
        let mut policy = before.policy;
        policy.missed = self.missed.unwrap_or(policy.missed);
        policy.overlap = self.overlap.unwrap_or(policy.overlap);
        policy.jitter = self.jitter.unwrap_or(policy.jitter);
        let when = self.when.clone().unwrap_or_else(|| when_of(&before));
        let schedule = checked(before.name.clone(), &when, policy, task, template)?;
        if schedule.digest() != before.digest() {
            refuse_ended(&schedule, &when, now)?;
            if !fire_due(handle, driver, &stored, now).await? {
                return Ok(false);
            }
        }
        let taken_by = asked.map(|asked| asked.taken_by);
        let edited = driver.edit_schedule(&schedule, stored.revision, now, taken_by);
        edited.await.map_err(|source| handle.failed(EDITED, source))
    }
}

fn when_of(schedule: &Schedule) -> When {
    let Schedule {
        expression,
        zone,
        starts_at,
        ends_at,
        ..
    } = schedule;
    When::stored(expression, zone, *starts_at, *ends_at)
}

/// A schedule with its input; `None` if it has changed since it was read.
async fn whole(
    handle: &ScheduleHandle,
    driver: &dyn Driver,
    stored: &StoredSchedule,
) -> Result<Option<Schedule>, ScheduleError> {
    let Some(own) = handle.whole_input(driver, stored).await? else {
        return Ok(None);
    };
    let mut schedule = stored.schedule.clone();
    let job = &mut schedule.template.job;
    job.input = own.input;
    if let (Some(key), Some(own)) = (&mut job.key, own.key) {
        key.key = own;
    }
    Ok(Some(schedule))
}

/// The same jobs with another input, and whether this program knows their task.
fn with_input(
    schedule: &Schedule,
    input: &[u8],
) -> Result<(String, Template, bool), ScheduleError> {
    let template = schedule.template.clone();
    let fresh = Jobs::of_input(&schedule.task, input.to_vec());
    let (task, fresh, is_known) = fresh.read(&schedule.name)?;
    let is_unsaid = template.fingerprint.is_none();
    let mut job = template.job;
    if job.key.is_some() && !is_known {
        return Err(ScheduleError::Options {
            schedule: schedule.name.clone(),
            problem: "they are unique, and their key is that of the input before; edit the schedule from a \
                      program that knows their task"
                .to_owned(),
        });
    }
    let keys = fresh.job.detail.unwrap_or_default();
    let mut detail = job.detail.take().unwrap_or_default();
    detail.concurrency_key = keys.concurrency_key;
    detail.order_key = keys.order_key;
    detail.rate_key = keys.rate_key;
    job.detail = (!detail.is_empty()).then_some(detail);
    if job.key.is_some() && fresh.job.key.is_some() {
        job.key = fresh.job.key;
    }
    job.input = fresh.job.input;
    // Who runs it is to know this input, and not the one before. What was up to the task stays so.
    let fingerprint = fresh.fingerprint.filter(|_| !is_unsaid);
    let template = Template {
        job,
        fingerprint,
        ..template
    };
    Ok((task, template, is_known))
}

/// Fires the ticks that are due of a schedule that is about to tick at other times: nobody would do so later.
/// Returns `false` if it is to be looked at again.
async fn fire_due(
    handle: &ScheduleHandle,
    driver: &dyn Driver,
    stored: &StoredSchedule,
    now: DateTime<Utc>,
) -> Result<bool, ScheduleError> {
    let schedule = &stored.schedule;
    let Ok(timetable) = when_of(schedule).timetable() else {
        return Ok(true);
    };
    // Nobody ticks it whose input was refused, and that nobody takes who lives.
    let is_refused = stored.problem.is_some() && !stored.is_kept;
    if stored.paused_at.is_some() || is_refused {
        return Ok(true);
    }
    let registry = Registry::linked();
    let Policy {
        missed,
        overlap,
        jitter,
    } = schedule.policy;
    let mut previous = stored.last_tick;
    let due = due_ticks(&timetable, missed, previous, now);
    if due.is_empty() {
        return Ok(true);
    }
    let task = registry.task(&schedule.task);
    let instead = "ticks of it are due, so edit it from a program that does, or pause it before";
    let input = handle.input(driver, task, stored, (EDITED, instead)).await;
    let Some(input) = input? else {
        return Ok(false);
    };
    for at in due {
        let tick = Tick {
            schedule: schedule.name.clone(),
            digest: stored.digest,
            previous,
            at,
            overlap,
            enqueue: job_of(
                task,
                schedule,
                &input,
                start(&schedule.name, at, jitter, now),
            ),
            is_stored: true,
        };
        match driver.tick(vec![tick]).await {
            Ok(ticked) if ticked == [Ticked::Refused] => return Ok(overlap == Overlap::QueueOne),
            Ok(ticked) if ticked == [Ticked::Locked] => {
                tokio::time::sleep(HELD_PAUSE).await;
                return Ok(false);
            }
            Ok(_) => previous = at,
            Err(error) if error.kind() == DriverErrorKind::Conflict => return Ok(false),
            Err(error) => return Err(handle.failed(EDITED, error)),
        }
    }
    Ok(true)
}

impl fmt::Debug for ScheduleEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleEdit")
            .field("handle", &self.handle)
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}
