//! Looking at schedules.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::check::is_taken;
use crate::client::Reader;
use crate::driver::{DriverError, Policy, Schedule, StoredSchedule};
use crate::job::JobId;
use crate::schedule::{Missed, Overlap, When};

/// How many of the next ticks are told.
const NEXT: usize = 5;
/// The schedules of one page unless another number is set.
const PAGE_DEFAULT: usize = 50;
/// The most schedules of one page.
const PAGE_MAX: usize = 1000;

/// A schedule, and where it stands. Times are the database's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScheduleInfo {
    /// Its name.
    pub name: String,
    /// It was made at run time; if not, the code of workers declares it.
    pub made_at_run_time: bool,
    /// The name of the task that it runs.
    pub task: String,
    /// When it ticks: a cron expression, or an interval such as `every 90s`.
    pub expression: String,
    /// The time zone by whose clocks it ticks.
    pub zone: String,
    /// No tick is earlier; `None` if it always ticks.
    pub starts_at: Option<DateTime<Utc>>,
    /// No tick is at this time or later; `None` if it goes on.
    pub ends_at: Option<DateTime<Utc>>,
    /// What becomes of ticks at which no worker ran.
    pub missed: Missed,
    /// What becomes of a tick while the job of an earlier one is not finished.
    pub overlap: Overlap,
    /// The longest delay of a tick's job.
    pub jitter: Duration,
    /// The queue of its jobs; `None` for that of the task, as the worker knows it that ticks.
    pub queue: Option<String>,
    /// The priority of its jobs; `None` for that of the task.
    pub priority: Option<i16>,
    /// How many attempts its jobs have; `None` for as many as the task says.
    pub max_attempts: Option<i16>,
    /// Whether a worker lives that ticks it. If not, [`next`](Self::next) says when it would tick: its task,
    /// or its declaration, is in the code of no worker, or that has another input or does not take this one.
    pub is_kept: bool,
    /// Whether a program has read the input of its jobs that knows their task. Before that it does not tick:
    /// whoever made it did not know the task.
    pub is_checked: bool,
    /// Why a build of the task does not take the input, while no worker lives that does; `None` if one has not said
    /// so. It ticks once a worker takes it, or the input is changed.
    pub problem: Option<String>,
    /// Since when it is paused; `None` if it is not.
    pub paused_since: Option<DateTime<Utc>>,
    /// Since when somebody waits for a job that was
    /// [requested](crate::ScheduleHandle::request_trigger) of its workers; `None` if none is.
    pub requested_since: Option<DateTime<Utc>>,
    /// Its last tick; before there was one, when it was made or declared.
    pub last_tick: DateTime<Utc>,
    /// Its next ticks, up to five. While it is paused, those that it would have.
    pub next: Vec<DateTime<Utc>>,
    /// Its last jobs, up to ten, the newest first; [`ScheduleHandle::runs`](crate::ScheduleHandle::runs)
    /// reads them.
    pub recent: Vec<JobId>,
}

impl ScheduleInfo {
    pub(super) fn new(stored: StoredSchedule, now: DateTime<Utc>) -> Self {
        let is_checked = is_taken(&stored);
        let Schedule {
            name,
            task,
            expression,
            zone,
            starts_at,
            ends_at,
            policy:
                Policy {
                    missed,
                    overlap,
                    jitter,
                },
            template,
        } = stored.schedule;
        let when = When::stored(&expression, &zone, starts_at, ends_at);
        let next = when.timetable().map(|timetable| {
            let next = |tick: &DateTime<Utc>| timetable.next_after(*tick);
            let first = timetable.next_after(now.max(stored.last_tick));
            std::iter::successors(first, next).take(NEXT).collect()
        });
        Self {
            name,
            made_at_run_time: stored.made,
            task,
            expression,
            zone,
            starts_at,
            ends_at,
            missed,
            overlap,
            jitter,
            queue: template.queue,
            priority: template.priority,
            max_attempts: template.max_attempts,
            is_kept: stored.is_kept,
            is_checked,
            problem: stored.problem.filter(|_| !stored.is_kept),
            paused_since: stored.paused_at,
            requested_since: stored.requested_at,
            last_tick: stored.last_tick,
            // A newer version may have made one that this one cannot read.
            next: next.unwrap_or_default(),
            recent: stored.recent,
        }
    }
}

/// The schedules of a database, page by page, by their names: those that were made at run time, and those
/// that code declares.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), pgq::driver::DriverError> {
/// let page = pgq::Schedules::all().list(&pool).await?;
/// for schedule in &page.schedules {
///     println!("{}: {:?}", schedule.name, schedule.next.first());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Schedules {
    after: Option<String>,
    limit: usize,
}

/// One page of schedules.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedSchedules {
    /// The schedules, by name.
    pub schedules: Vec<ScheduleInfo>,
    /// After which name the next page begins; `None` if this is the last.
    pub next: Option<String>,
}

impl Schedules {
    /// All schedules, 50 a page.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            after: None,
            limit: PAGE_DEFAULT,
        }
    }

    /// How many schedules a page has, 1 to 1000; other numbers are taken as the nearest of these.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, PAGE_MAX);
        self
    }

    /// Only those whose names come after this one, byte by byte: the page after the one whose
    /// [`next`](ListedSchedules::next) this is.
    #[must_use]
    pub fn after(mut self, name: impl Into<String>) -> Self {
        self.after = Some(name.into());
        self
    }

    /// Reads one page. A schedule that cannot be read is left out, with a warning.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn list(&self, reader: impl Reader) -> Result<ListedSchedules, DriverError> {
        let driver = reader.driver();
        let state = driver
            .list_schedules(self.after.as_deref(), self.limit)
            .await?;
        let mut names: Vec<&String> = state
            .schedules
            .iter()
            .map(|one| &one.schedule.name)
            .collect();
        for unreadable in &state.unreadable {
            let (schedule, problem) = (&unreadable.name, &unreadable.problem);
            tracing::warn!(
                schedule,
                problem,
                "the schedule cannot be read, and is left out"
            );
            names.push(schedule);
        }
        let is_full = names.len() == self.limit;
        let next = names.into_iter().max().filter(|_| is_full).cloned();
        let now = state.now;
        let info = |stored| ScheduleInfo::new(stored, now);
        Ok(ListedSchedules {
            schedules: state.schedules.into_iter().map(info).collect(),
            next,
        })
    }
}
