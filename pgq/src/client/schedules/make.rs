//! [`ScheduleBuilder`].

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::check::{self, CHECK_WITHIN};
use super::{ScheduleError, ScheduleHandle};
use crate::client::{EnqueueError, INPUT_MAX_DEFAULT, Reader};
use crate::driver::{Enqueue, NewJob, Policy, Schedule, Template};
use crate::job::{INPUT_MAX, encode_json};
use crate::queue::{ATTEMPTS_MAX, PRIORITY_MAX, name_problem};
use crate::schedule::{Missed, Overlap, When};
use crate::task::{Registry, TaskDescriptor, template};

/// What becomes of a schedule, as errors say it.
const MADE: &str = "made";

/// A schedule that is about to be made at run time.
///
/// It is one of the database, and not of a program: it ticks while any worker lives that knows its task,
/// until it is deleted, and is changed through its [`ScheduleHandle`]. In all else it is as one that is
/// declared with `#[pgq::cron]`: each tick is one job, however many workers there are.
///
/// ```
/// # #[pgq::task]
/// # async fn send_report(shop: u64) {}
/// # async fn example(pool: sqlx::PgPool) -> Result<(), pgq::ScheduleError> {
/// use pgq::{Missed, When};
///
/// let report = send_report::job(7)
///     .priority(3)
///     .schedule("report/7", When::cron_in("0 8 * * MON", "Europe/Berlin"))
///     .missed(Missed::Skip)
///     .create(&pool)
///     .await?;
/// report.pause(&pool).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a schedule does nothing until it is created"]
pub struct ScheduleBuilder {
    name: String,
    when: When,
    policy: Policy,
    jobs: Jobs,
    allows_unknown: bool,
    check_within: Duration,
}

/// What the jobs of a schedule are to be.
pub(super) enum Jobs {
    /// Of a task that is known by its type.
    Typed(Result<Enqueue, EnqueueError>),
    /// Of a task that is known by its name.
    Named {
        task: String,
        /// The text says why it could not be written.
        template: Result<Template, String>,
    },
}

impl Jobs {
    /// Jobs of the task of that name, which have this input.
    pub(super) fn named(task: &str, input: &impl Serialize) -> Self {
        match encode_json(input) {
            Ok(input) => Self::of_input(task, input),
            Err(error) => Self::Named {
                task: task.to_owned(),
                template: Err(format!("their input: {error}")),
            },
        }
    }

    /// Jobs of the task of that name, which have an input that is written already.
    pub(super) fn of_input(task: &str, input: Vec<u8>) -> Self {
        Self::Named {
            task: task.to_owned(),
            template: Ok(of_name(task, input)),
        }
    }

    /// Checks the jobs; nothing is sent to the storage. Returns the name of their task, and whether this
    /// program knows it.
    pub(super) fn read(self, schedule: &str) -> Result<(String, Template, bool), ScheduleError> {
        let options = |problem| ScheduleError::Options {
            schedule: schedule.to_owned(),
            problem,
        };
        let (task, template) = match self {
            Self::Typed(Ok(enqueue)) => {
                let (task, template, is_known) = typed(enqueue);
                return match problem(&template) {
                    Some(problem) => Err(options(problem)),
                    None => Ok((task, template, is_known)),
                };
            }
            Self::Typed(Err(source)) => {
                let schedule = schedule.to_owned();
                return Err(ScheduleError::Job { schedule, source });
            }
            Self::Named { task, template } => (task, template.map_err(options)?),
        };
        if let Some(problem) = name_problem(&task) {
            return Err(options(format!("the name of their task {problem}")));
        }
        if let Some(problem) = problem(&template) {
            return Err(options(problem));
        }
        let registry = Registry::linked();
        let known = registry.task(&task);
        let (size, limit) = (template.job.input.len(), input_max(known));
        if size > limit {
            return Err(options(format!(
                "their input has {size} bytes, but at most {limit} are allowed"
            )));
        }
        if let Some(Err(source)) = known.map(|known| known.check_input(&template.job.input)) {
            return Err(ScheduleError::Input {
                schedule: schedule.to_owned(),
                task,
                source,
            });
        }
        let is_known = known.is_some();
        Ok((task, template, is_known))
    }
}

/// With the options of the task, if this program knows it; if not, they are left to it.
fn of_name(name: &str, input: Vec<u8>) -> Template {
    match Registry::linked().task(name) {
        Some(task) => template(task, name, input),
        None => Template {
            job: NewJob::new(input),
            ..Template::default()
        },
    }
}

/// As for any other enqueue.
fn input_max(task: Option<&TaskDescriptor>) -> usize {
    let own = task.and_then(|task| task.options.input_max);
    own.unwrap_or(INPUT_MAX_DEFAULT).min(INPUT_MAX)
}

fn typed(enqueue: Enqueue) -> (String, Template, bool) {
    let Enqueue {
        task,
        queue,
        priority,
        max_attempts,
        fingerprint,
        mut jobs,
        ..
    } = enqueue;
    let template = Template {
        queue: Some(queue.into_owned()),
        priority: Some(priority),
        max_attempts: Some(max_attempts),
        fingerprint,
        job: jobs.pop().unwrap_or_else(|| NewJob::new(Vec::new())),
    };
    (task.into_owned(), template, true)
}

fn problem(template: &Template) -> Option<String> {
    let Template {
        queue,
        priority,
        max_attempts,
        ..
    } = template;
    if let Some(problem) = queue.as_deref().and_then(name_problem) {
        return Some(format!("their queue {problem}"));
    }
    if priority.is_some_and(|priority| !(0..=PRIORITY_MAX).contains(&priority)) {
        return Some(format!("their priority must be 0 to {PRIORITY_MAX}"));
    }
    let is_out = max_attempts.is_some_and(|most| !(1..=ATTEMPTS_MAX).contains(&most));
    is_out.then(|| format!("their max_attempts must be 1 to {ATTEMPTS_MAX}"))
}

impl ScheduleBuilder {
    pub(super) const fn new(name: String, when: When, jobs: Jobs) -> Self {
        Self {
            name,
            when,
            policy: Policy::DEFAULT,
            jobs,
            allows_unknown: false,
            check_within: CHECK_WITHIN,
        }
    }

    /// A schedule of jobs that are known by their type.
    pub(in crate::client) const fn typed(
        name: String,
        when: When,
        job: Result<Enqueue, EnqueueError>,
    ) -> Self {
        Self::new(name, when, Jobs::Typed(job))
    }

    /// A schedule of the task of that name, whose jobs have `input`: a map by the names of the task's
    /// parameters, which is stored as JSON. For programs that do not have the task; others begin with
    /// [`JobBuilder::schedule`](crate::JobBuilder::schedule).
    ///
    /// Such a program does not know the options of the task. What is not set here is up to the worker that
    /// ticks: its queue, how often it is tried, by what it is unique and all else are those of the task as that
    /// worker knows it.
    ///
    /// ```
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::collections::BTreeMap;
    /// use pgq::{ScheduleBuilder, When};
    ///
    /// let input = BTreeMap::from([("shop", 7)]);
    /// ScheduleBuilder::of_task("send_report", &input, "report/7", When::cron("0 8 * * MON"))
    ///     .queue("mail")
    ///     .create(&pool)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn of_task(
        task: impl AsRef<str>,
        input: &impl Serialize,
        name: impl Into<String>,
        when: impl Into<When>,
    ) -> Self {
        Self::new(name.into(), when.into(), Jobs::named(task.as_ref(), input))
    }

    /// Sets what becomes of ticks at which no worker ran, or while it was paused. Default:
    /// [`Missed::Once`].
    pub const fn missed(mut self, missed: Missed) -> Self {
        self.policy.missed = missed;
        self
    }

    /// Sets what becomes of a tick while the job of an earlier one is not finished. Default:
    /// [`Overlap::Allow`].
    pub const fn overlap(mut self, overlap: Overlap) -> Self {
        self.policy.overlap = overlap;
        self
    }

    /// Sets the longest delay of a tick's job, up to a day. Each tick has a delay of its own, which is the
    /// same in each worker. Default: none.
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.policy.jitter = jitter;
        self
    }

    /// Sets the queue of its jobs.
    pub fn queue(self, queue: impl Into<String>) -> Self {
        self.with(|template| template.queue = Some(queue.into()))
    }

    /// Sets the priority of its jobs, 0 to 9; larger ones are claimed first.
    pub fn priority(self, priority: i16) -> Self {
        self.with(|template| template.priority = Some(priority))
    }

    /// Sets the number of attempts of its jobs, 1 to 1000.
    pub fn max_attempts(self, max_attempts: i16) -> Self {
        self.with(|template| template.max_attempts = Some(max_attempts))
    }

    fn with(mut self, change: impl FnOnce(&mut Template)) -> Self {
        match &mut self.jobs {
            Jobs::Named {
                template: Ok(template),
                ..
            } => change(template),
            Jobs::Typed(Ok(enqueue)) => {
                let mut said = Template::default();
                change(&mut said);
                if let Some(queue) = said.queue {
                    enqueue.queue = queue.into();
                }
                enqueue.priority = said.priority.unwrap_or(enqueue.priority);
                enqueue.max_attempts = said.max_attempts.unwrap_or(enqueue.max_attempts);
            }
            Jobs::Named { .. } | Jobs::Typed(Err(_)) => {}
        }
        self
    }

    /// Makes the schedule without asking a worker whether its task takes the input, also if nobody knows the task:
    /// it ticks once a worker does, and takes it. Otherwise [`ScheduleInfo::problem`](crate::ScheduleInfo::problem)
    /// says what is wrong with it.
    pub const fn allow_unknown_task(mut self) -> Self {
        self.allows_unknown = true;
        self
    }

    /// Sets for how long a worker is waited for that reads the input, if this program does not know the task.
    /// Up to 50 minutes. Default: 10 s.
    pub const fn check_within(mut self, time: Duration) -> Self {
        self.check_within = time;
        self
    }

    /// Makes the schedule. Its first tick comes after this moment. Workers know it at once as a rule, and
    /// within their [poll interval](crate::Run::poll_interval).
    ///
    /// If this program does not know the task, a worker that does reads the input before anything is made, and the
    /// call waits for that. While workers of several builds live, the first that reads it decides; later the
    /// schedule is ticked by those that take it.
    ///
    /// # Errors
    ///
    /// See [`ScheduleError`]: what is wrong with it is said here, and not at a tick. Whether a
    /// worker lives that ticks it says [`ScheduleInfo::is_kept`](crate::ScheduleInfo::is_kept).
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have made the schedule; calling it again fails with
    /// [`ScheduleError::Taken`] then.
    pub async fn create(self, reader: impl Reader) -> Result<ScheduleHandle, ScheduleError> {
        let Self {
            name,
            when,
            policy,
            jobs,
            allows_unknown,
            check_within,
        } = self;
        if let Some(problem) = name_problem(&name) {
            let schedule = name;
            return Err(ScheduleError::Name { schedule, problem });
        }
        let (task, template, is_known) = jobs.read(&name)?;
        let schedule = checked(name, &when, policy, task, template)?;
        let handle = ScheduleHandle::named(&schedule.name);
        let driver = &*reader.driver();
        let failed = |source| handle.failed(MADE, source);
        let asks = !is_known && !allows_unknown;
        if asks || schedule.ends_at.is_some() {
            let state = driver.schedules(std::slice::from_ref(&schedule.name));
            let state = state.await.map_err(failed)?;
            if schedule.ends_at.is_some() {
                // By the clock that the ticks go by.
                refuse_ended(&schedule, &when, state.now)?;
            }
            if !state.schedules.is_empty() || !state.unreadable.is_empty() {
                return Err(ScheduleError::Taken {
                    schedule: schedule.name,
                });
            }
        }
        let question = check::Question {
            handle: &handle,
            change: MADE,
            task: &schedule.task,
            input: &schedule.template.job.input,
            within: check_within,
        };
        let taken_by = match asks {
            true => Some(question.ask(driver).await?),
            false => None,
        };
        let made = driver.make_schedule(&schedule, taken_by).await;
        match made.map_err(failed)? {
            true => Ok(handle),
            false => Err(ScheduleError::Taken {
                schedule: schedule.name,
            }),
        }
    }
}

impl fmt::Debug for ScheduleBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleBuilder")
            .field("name", &self.name)
            .field("when", &self.when)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A schedule that can tick: nothing is left that could fail then.
pub(super) fn checked(
    name: String,
    when: &When,
    policy: Policy,
    task: String,
    template: Template,
) -> Result<Schedule, ScheduleError> {
    if let Err(problem) = when.timetable() {
        let schedule = name;
        return Err(ScheduleError::When { schedule, problem });
    }
    if let Some(problem) = policy.problem() {
        return Err(ScheduleError::Policy {
            schedule: name,
            problem: problem.to_owned(),
        });
    }
    let [starts_at, ends_at] = when.dates();
    Ok(Schedule {
        name,
        task,
        expression: when.expression(),
        zone: when.zone().to_owned(),
        starts_at,
        ends_at,
        policy,
        template,
    })
}

/// Fails if no tick is to come.
pub(super) fn refuse_ended(
    schedule: &Schedule,
    when: &When,
    now: DateTime<Utc>,
) -> Result<(), ScheduleError> {
    let timetable = when.timetable().ok();
    match timetable.and_then(|timetable| timetable.next_after(now)) {
        Some(_) => Ok(()),
        None => Err(ScheduleError::When {
            schedule: schedule.name.clone(),
            problem: "its end has passed, so that no tick is to come".to_owned(),
        }),
    }
}
