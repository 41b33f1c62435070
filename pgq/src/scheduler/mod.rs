//! The scheduler: enqueues one job for each tick of each schedule.
//!
//! Every worker runs one; there is no leader. Whoever moves a schedule's last tick enqueues its
//! job, in one statement, so a tick has exactly one job however many try.

mod due;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use self::due::{due_ticks, start};
use crate::driver::{Driver, DriverError, Enqueue, NewJob, Schedule, Start, Tick};
use crate::metrics;
use crate::middleware::HookList;
use crate::schedule::Overlap;
use crate::task::{KnownSchedule, Registry, TaskDescriptor};
use crate::worker::{limited, report, retry_pause};

/// The longest sleep. It bounds how long a jump of the database's clock goes unnoticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long before a tick the scheduler wakes to look at the database's clock again.
const MARGIN: Duration = Duration::from_millis(1);

/// The sleep while a tick waits for the end of a job, of which the scheduler is not told.
const HELD_PAUSE: Duration = Duration::from_secs(1);

/// The schedules of this binary.
pub(crate) struct Scheduler {
    driver: Arc<dyn Driver>,
    registry: Arc<Registry>,
    names: Vec<String>,
    hooks: HookList,
}

impl Scheduler {
    /// The scheduler of every schedule in `registry`.
    pub(crate) fn new(driver: Arc<dyn Driver>, registry: Arc<Registry>, hooks: HookList) -> Self {
        let names = registry.schedules().map(|known| known.name.to_owned());
        let names = names.collect();
        Self {
            driver,
            registry,
            names,
            hooks,
        }
    }

    /// Adds the schedules to the storage. One that is new has its first tick after this moment.
    pub(crate) async fn declare(&self) -> Result<(), DriverError> {
        let known = self.names.iter();
        let known = known.filter_map(|name| self.registry.known_schedule(name));
        let schedules: Vec<Schedule> = known.map(declared).collect();
        if schedules.is_empty() {
            return Ok(());
        }
        limited(self.driver.declare_schedules(&schedules)).await
    }

    /// Fires ticks until it is stopped.
    pub(crate) async fn run_until(self, stop: CancellationToken) {
        if self.names.is_empty() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.run() => {}
        }
    }

    async fn run(&self) {
        let mut failures = 0;
        loop {
            let pause = match self.fire().await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(error) => {
                    tracing::warn!(error = %report(&error), "failed to fire the schedules");
                    failures += 1;
                    retry_pause(failures)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Enqueues the jobs of all ticks that are due, and returns how long to sleep. A schedule that
    /// fails does not keep the others from theirs; the first error is returned in the end.
    pub(crate) async fn fire(&self) -> Result<Duration, DriverError> {
        let began = Instant::now();
        let state = limited(self.driver.schedules(&self.names)).await?;
        let mut next: Option<DateTime<Utc>> = None;
        let mut pause_max = SLEEP_MAX;
        let mut problem = None;
        for (name, last) in &state.last_ticks {
            let Some(schedule) = self.registry.known_schedule(name) else {
                continue;
            };
            match self.catch_up(schedule, *last, state.now).await {
                Ok(Pending::Held) => pause_max = HELD_PAUSE,
                Ok(Pending::Nothing) => {}
                Err(error) => problem = problem.or(Some(error)),
            }
            let upcoming = schedule.timetable.next_after(state.now);
            next = [next, upcoming].into_iter().flatten().min();
        }
        if state.last_ticks.len() < self.names.len() {
            // Somebody has deleted the rows.
            self.declare().await?;
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        // To enqueue the jobs may have taken a while.
        let pause = next.and_then(|next| (next - state.now).to_std().ok());
        let pause = pause.map(|pause| pause.saturating_sub(began.elapsed()) + MARGIN);
        Ok(pause.map_or(pause_max, |pause| pause.min(pause_max)))
    }

    /// Enqueues the jobs of the ticks of one schedule that are due.
    async fn catch_up(
        &self,
        schedule: &KnownSchedule,
        last: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Pending, DriverError> {
        let policy = schedule.descriptor.policy;
        let mut previous = last;
        for at in due_ticks(&schedule.timetable, policy.missed, last, now) {
            let start = start(schedule.descriptor.name, at, policy.jitter, now);
            let enqueued = self.tick(schedule, previous, at, start).await?;
            // Another worker was faster, or a job is to end first: the next look tells.
            if !enqueued && policy.overlap == Overlap::QueueOne {
                return Ok(Pending::Held);
            }
            previous = at;
        }
        Ok(Pending::Nothing)
    }

    /// Returns whether the tick has a job by this call.
    async fn tick(
        &self,
        schedule: &KnownSchedule,
        previous: DateTime<Utc>,
        at: DateTime<Utc>,
        start: Start,
    ) -> Result<bool, DriverError> {
        let Some(enqueue) = self.job(schedule, start) else {
            return Ok(false);
        };
        let name = schedule.descriptor.name;
        let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
        let tick = Tick {
            schedule: declared(schedule),
            previous,
            at,
            overlap: schedule.descriptor.policy.overlap,
            enqueue,
        };
        let job = limited(self.driver.tick(tick)).await?;
        if let Some(job) = job {
            tracing::debug!(schedule = name, job = job.as_i64(), tick = %at, "fired a schedule");
            metrics::count_tick(name);
            metrics::count_enqueued(&task, &queue, 1);
            self.hooks.enqueued(&task, &queue, &[job]);
        }
        Ok(job.is_some())
    }

    /// The job of a tick: like any other job of its task.
    fn job(&self, schedule: &KnownSchedule, start: Start) -> Option<Enqueue> {
        let task = self.registry.task(schedule.descriptor.task)?;
        Some(Enqueue {
            task: Cow::Borrowed(task.name),
            queue: Cow::Borrowed(task.options.queue),
            priority: task.options.priority,
            max_attempts: task.options.max_attempts,
            fingerprint: Some((task.fingerprint)()),
            start,
            jobs: vec![new_job(task, &schedule.input)],
        })
    }
}

/// The job of a tick, as an enqueue of its task would have it.
fn new_job(task: &TaskDescriptor, input: &[u8]) -> NewJob {
    let mut detail = task.options.detail();
    // A schedule's input is a map if the parameters of its task are named: it was checked.
    let _ = task.options.add_keys(task.name, input, &mut detail);
    let job = NewJob::new(input.to_vec()).detail(detail);
    let unique = task.options.unique;
    match unique.and_then(|unique| unique.of_input(task.name, input).ok()) {
        Some(key) => job.key(key),
        None => job,
    }
}

/// A schedule as it is declared.
fn declared(schedule: &KnownSchedule) -> Schedule {
    let KnownSchedule {
        descriptor,
        timetable,
        ..
    } = schedule;
    Schedule {
        name: descriptor.name.to_owned(),
        task: descriptor.task.to_owned(),
        expression: descriptor.timing.to_string(),
        zone: descriptor.timing.zone().to_owned(),
        starts_at: timetable.starts_at(),
        ends_at: timetable.ends_at(),
    }
}

/// What is left of the ticks that are due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// A tick may have to wait for the end of a job.
    Held,
}
