//! What is said of schedules.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{Enqueue, NewJob, Start};
use crate::job::{JobId, hash_of};
use crate::schedule::{Overlap, Policy};

/// A schedule: what a worker's code declares, or what was made at run time.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name, unique within the schema.
    pub name: String,
    /// The task that it runs.
    pub task: String,
    /// When it ticks: a cron expression, or an interval such as `every 90s`.
    pub expression: String,
    /// The time zone by whose clocks it ticks.
    pub zone: String,
    /// No tick is earlier; `None` if it always ticks.
    pub starts_at: Option<DateTime<Utc>>,
    /// No tick is at this time or later; `None` if it goes on.
    pub ends_at: Option<DateTime<Utc>>,
    /// How its ticks are handled.
    pub policy: Policy,
    /// What its jobs are.
    pub template: Template,
}

impl Schedule {
    /// A hash of its name and of what says when it ticks. Two builds that have the same one tick at
    /// the same times.
    #[must_use]
    pub fn digest(&self) -> i64 {
        let time = |time: Option<DateTime<Utc>>| match time {
            Some(time) => time.timestamp_micros().to_string(),
            None => String::new(),
        };
        hash_of([
            self.name.as_bytes(),
            self.expression.as_bytes(),
            self.zone.as_bytes(),
            time(self.starts_at).as_bytes(),
            time(self.ends_at).as_bytes(),
        ])
    }

    /// One of its jobs.
    #[must_use]
    pub fn enqueue(&self, start: Start) -> Enqueue {
        let template = self.template.clone();
        Enqueue {
            task: Cow::Owned(self.task.clone()),
            queue: Cow::Owned(template.queue),
            priority: template.priority,
            max_attempts: template.max_attempts,
            fingerprint: template.fingerprint,
            start,
            jobs: vec![template.job],
        }
    }
}

/// What the jobs of a schedule are.
#[derive(Clone, Debug)]
pub struct Template {
    /// The queue to wait in.
    pub queue: String,
    /// 0 to 9; larger ones are claimed first.
    pub priority: i16,
    /// 1 to 1000.
    pub max_attempts: i16,
    /// The fingerprint of the task's input; `None` if who made it does not know it.
    pub fingerprint: Option<i64>,
    /// The rest.
    pub job: NewJob,
}

/// Without an input.
impl Default for Template {
    fn default() -> Self {
        Self {
            queue: "default".to_owned(),
            priority: 0,
            max_attempts: 1,
            fingerprint: None,
            job: NewJob::new(Vec::new()),
        }
    }
}

/// Where schedules stand.
#[derive(Clone, Debug)]
pub struct ScheduleState {
    /// The storage's current time.
    pub now: DateTime<Utc>,
    /// Those that there are, by name.
    pub schedules: Vec<StoredSchedule>,
    /// Those that there are and that this version cannot read.
    pub unreadable: Vec<UnreadableSchedule>,
}

/// A schedule that this version cannot read.
#[derive(Clone, Debug)]
pub struct UnreadableSchedule {
    /// Its name.
    pub name: String,
    /// The number of its last change.
    pub revision: i64,
    /// What is wrong with it.
    pub problem: String,
}

/// Where one schedule stands.
#[derive(Clone, Debug)]
pub struct StoredSchedule {
    /// What it is.
    pub schedule: Schedule,
    /// It was made at run time; if not, it is declared by the code of workers.
    pub made: bool,
    /// Only who knows this ticks: the [`digest`](Schedule::digest) of a schedule that is declared, so
    /// that only builds that declare it so tick; the revision of one that was made.
    pub digest: i64,
    /// Whether a worker lives whose build declares it so.
    pub is_kept: bool,
    /// Its last tick.
    pub last_tick: DateTime<Utc>,
    /// The number of its last change; ticks are none.
    pub revision: i64,
    /// Since when it does not tick; `None` if it does.
    pub paused_at: Option<DateTime<Utc>>,
    /// Its last jobs, up to ten, the newest first: those of ticks, and those that were triggered.
    pub recent: Vec<JobId>,
}

/// Asks which schedules have changed that a worker ticks.
#[derive(Clone, Debug)]
pub struct ScheduleAsk<'a> {
    /// The last change that it knows; 0 for none.
    pub after: i64,
    /// Those that it declares.
    pub names: &'a [String],
    /// The tasks that it knows: of those that were made, it ticks the ones of these.
    pub tasks: &'a [String],
    /// How many to name at most.
    pub limit: usize,
}

/// Schedules that have changed.
#[derive(Clone, Debug)]
pub struct ScheduleChanges {
    /// The storage's current time.
    pub now: DateTime<Utc>,
    /// The numbers of the changes, in order, and the names of the schedules.
    pub changed: Vec<(i64, String)>,
    /// The last change of all, also of a schedule that was not asked for, and the last deletion; 0 if there
    /// is none.
    pub last: i64,
    /// The number of the last deletion, of whichever schedule; 0 if there was none.
    pub deleted: i64,
}

/// A tick that is due.
#[derive(Clone, Debug)]
pub struct Tick {
    /// The name of the schedule.
    pub schedule: String,
    /// Its [`digest`](StoredSchedule::digest), as whoever ticks knows it.
    pub digest: i64,
    /// What the last tick is believed to be.
    pub previous: DateTime<Utc>,
    /// The tick.
    pub at: DateTime<Utc>,
    /// What becomes of it while the job of the last tick that had one is not finished.
    pub overlap: Overlap,
    /// The job of the tick: a single one, and a start of [`Start::Now`] or [`Start::At`].
    pub enqueue: Enqueue,
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticked {
    /// It has this job.
    Enqueued(JobId),
    /// It is over, and has no job: one before it is unfinished, or one has its key.
    Skipped,
    /// Nothing has happened: somebody else was faster, the schedule is not as it was or is gone, or a job is
    /// to end first.
    Refused,
}

impl Ticked {
    /// Its job.
    #[must_use]
    pub const fn job(self) -> Option<JobId> {
        match self {
            Self::Enqueued(job) => Some(job),
            Self::Skipped | Self::Refused => None,
        }
    }
}
