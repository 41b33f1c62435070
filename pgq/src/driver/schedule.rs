//! What is said of schedules.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Enqueue, NewJob};
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
}

/// What the jobs of a schedule are.
#[derive(Clone, Debug)]
pub struct Template {
    /// The queue to wait in; `None` for that of the task, as who ticks knows it.
    pub queue: Option<String>,
    /// 0 to 9, larger ones are claimed first; `None` for that of the task.
    pub priority: Option<i16>,
    /// 1 to 1000; `None` for that of the task.
    pub max_attempts: Option<i16>,
    /// The fingerprint of the task's input; `None` if who made it does not know the task. Then all that is
    /// not said here is up to the task, also what else a job has: its key, and when it expires.
    pub fingerprint: Option<i64>,
    /// The rest. In a [`StoredSchedule`] the input is empty, and so is the key if there is one: they may be
    /// large. [`StoredInput`] has them.
    pub job: NewJob,
}

/// Without an input.
impl Default for Template {
    fn default() -> Self {
        Self {
            queue: None,
            priority: None,
            max_attempts: None,
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

/// Of which schedule a job is triggered.
#[derive(Clone, Copy, Debug)]
pub struct Trigger<'a> {
    /// Its name.
    pub schedule: &'a str,
    /// Its [`revision`](StoredSchedule::revision), as it was read.
    pub revision: i64,
    /// Of a job that somebody has requested, when he has: [`requested_at`](StoredSchedule::requested_at).
    pub requested_at: Option<DateTime<Utc>>,
}

/// Where one schedule stands.
#[derive(Clone, Debug)]
pub struct StoredSchedule {
    /// What it is, without the input of its jobs.
    pub schedule: Schedule,
    /// How many bytes that has.
    pub input_bytes: usize,
    /// It was made at run time; if not, it is declared by the code of workers.
    pub made: bool,
    /// Only who knows this ticks: the [`digest`](Schedule::digest) of a schedule that is declared, so
    /// that only builds that declare it so tick; the revision of one that was made.
    pub digest: i64,
    /// Whether a worker lives that ticks it: whose build declares it so, or knows the task of one that was made
    /// and the fingerprint of its input; if that has none, its build is one of those that [take](Self::takes) it.
    pub is_kept: bool,
    /// The fingerprints of the builds of its task that take its input, the newest first, up to ten. Only these
    /// tick a schedule whose template has none: whoever made that did not know the task.
    pub takes: Vec<i64>,
    /// Why a build does not take its input: the first that has refused it since the last one took it.
    pub problem: Option<String>,
    /// Its last tick.
    pub last_tick: DateTime<Utc>,
    /// The number of its last change; ticks are none.
    pub revision: i64,
    /// Since when it does not tick; `None` if it does.
    pub paused_at: Option<DateTime<Utc>>,
    /// Since when somebody waits for a job that is no tick, which whoever ticks it is to enqueue.
    pub requested_at: Option<DateTime<Utc>>,
    /// Its last jobs, up to ten, the newest first: those of ticks, and those that were triggered.
    pub recent: Vec<JobId>,
}

impl InputAnswer {
    /// The fingerprint of the build that takes the input, or why one does not.
    pub(crate) fn parts(&self) -> (Option<i64>, Option<&str>) {
        match self {
            Self::Taken(fingerprint) => (Some(*fingerprint), None),
            Self::Refused(problem) => (None, Some(problem)),
        }
    }
}

impl StoredSchedule {
    /// What it was when it was read.
    #[must_use]
    pub fn version(&self) -> ScheduleVersion<'_> {
        ScheduleVersion {
            name: &self.schedule.name,
            revision: self.revision,
        }
    }
}

/// A schedule as it was read.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleVersion<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its [`revision`](StoredSchedule::revision).
    pub revision: i64,
}

/// A question whether a task takes an input.
#[derive(Clone)]
pub struct AskedInput {
    /// Its number.
    pub question: i64,
    /// The name of the task.
    pub task: String,
    /// The input, format byte included.
    pub input: Vec<u8>,
}

/// Without what may be secret.
impl fmt::Debug for AskedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedInput")
            .field("question", &self.question)
            .field("task", &self.task)
            .field("bytes", &self.input.len())
            .finish_non_exhaustive()
    }
}

/// Whether a task takes an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputAnswer {
    /// The build of this fingerprint takes it.
    Taken(i64),
    /// A build does not, for this reason.
    Refused(String),
}

/// Whether a build of its task takes the input of a schedule.
#[derive(Clone, Debug)]
pub struct InputCheck<'a> {
    /// Of which schedule.
    pub schedule: ScheduleVersion<'a>,
    /// Whether it does.
    pub answer: InputAnswer,
}

/// What is read of a schedule by itself, since it may be large.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredInput {
    /// The input of its jobs, format byte included.
    pub input: Vec<u8>,
    /// By what they are the same as others; `None` if they are not.
    pub key: Option<Vec<u8>>,
}

/// Without what may be secret.
impl fmt::Debug for StoredInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredInput")
            .field("bytes", &self.input.len())
            .finish_non_exhaustive()
    }
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
    /// The number of the last question about an input; 0 if there is none.
    pub asked: i64,
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
    /// The job of the tick: a single one, and a start of [`Start::Now`](super::Start::Now) or
    /// [`Start::At`](super::Start::At).
    pub enqueue: Enqueue,
    /// Its input is the one that is stored of the schedule, and so is its key if it has an empty one; what
    /// `enqueue` has for an input is not looked at.
    pub is_stored: bool,
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticked {
    /// It has this job.
    Enqueued(JobId),
    /// It has the job of this number, which has taken the place of one that was the same.
    Replaced(JobId),
    /// It is over, and has no job: one before it is unfinished, or one has its key.
    Skipped,
    /// Nothing has happened: somebody else was faster, the schedule is not as it was or is gone, or a job is
    /// to end first.
    Refused,
    /// Nothing has happened, for somebody has locked the schedule: the tick is to be tried again later.
    Locked,
}

impl Ticked {
    /// Its job.
    #[must_use]
    pub const fn job(self) -> Option<JobId> {
        match self {
            Self::Enqueued(job) | Self::Replaced(job) => Some(job),
            Self::Skipped | Self::Refused | Self::Locked => None,
        }
    }
}
