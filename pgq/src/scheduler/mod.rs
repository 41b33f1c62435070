//! The scheduler: enqueues one job for each tick of each schedule.
//!
//! Every worker runs one; there is no leader. Whoever moves a schedule's last tick enqueues its
//! job, in one statement, so a tick has exactly one job however many try.

mod absence;
mod due;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use self::absence::Absence;
use self::due::{due_ticks, start};
use crate::driver::{Driver, DriverError, Enqueue, NewJob, Schedule, Start, StoredSchedule, Tick};
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
    /// How long a schedule is left to another build of which no worker lives.
    patience: Duration,
    /// The schedules that are declared otherwise.
    absences: HashMap<&'static str, Absence>,
}

impl Scheduler {
    /// The scheduler of every schedule in `registry`.
    pub(crate) fn new(
        driver: Arc<dyn Driver>,
        registry: Arc<Registry>,
        hooks: HookList,
        patience: Duration,
    ) -> Self {
        let names = registry.schedules().map(|known| known.name.to_owned());
        let names = names.collect();
        Self {
            driver,
            registry,
            names,
            hooks,
            patience,
            absences: HashMap::new(),
        }
    }

    /// Declares the schedules as this build does. One that is new has its first tick after this moment.
    pub(crate) async fn declare(&self) -> Result<(), DriverError> {
        let schedules = self.declared(&self.names);
        if schedules.is_empty() {
            return Ok(());
        }
        limited(self.driver.declare_schedules(&schedules)).await
    }

    /// Adds the schedules that are not there. For a process that is soon gone: the others are left to those
    /// who go on ticking.
    pub(crate) async fn add(&self) -> Result<(), DriverError> {
        self.add_those(&self.names).await
    }

    async fn add_those(&self, names: &[String]) -> Result<(), DriverError> {
        let schedules = self.declared(names);
        if schedules.is_empty() {
            return Ok(());
        }
        limited(self.driver.add_schedules(&schedules)).await
    }

    fn declared(&self, names: &[String]) -> Vec<Schedule> {
        let known = names.iter();
        let known = known.filter_map(|name| self.registry.known_schedule(name));
        known.map(KnownSchedule::declared).collect()
    }

    /// Enqueues the jobs of all ticks that are due by now, for a process that does not go on ticking.
    pub(crate) async fn fire_once(&mut self) -> Result<(), DriverError> {
        self.fire().await?;
        for name in self.absences.keys() {
            tracing::warn!(
                schedule = name,
                "another build has declared the schedule otherwise; a run that ends by itself leaves it as \
                 it is, and does not fire it"
            );
        }
        Ok(())
    }

    /// Fires ticks until it is stopped.
    pub(crate) async fn run_until(mut self, stop: CancellationToken) {
        if self.names.is_empty() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.run() => {}
        }
    }

    async fn run(&mut self) {
        let mut failures = 0;
        loop {
            let pause = match self.fire().await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(error) => {
                    tracing::warn!(error = %report(&error), "failed to fire the schedules");
                    self.absences.values_mut().for_each(Absence::forget);
                    failures += 1;
                    retry_pause(failures)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Enqueues the jobs of all ticks that are due, and returns how long to sleep. A schedule that
    /// fails does not keep the others from theirs; the first error is returned in the end.
    async fn fire(&mut self) -> Result<Duration, DriverError> {
        let began = Instant::now();
        let state = limited(self.driver.schedules(&self.names)).await?;
        let mut next: Option<DateTime<Utc>> = None;
        let mut pause_max = SLEEP_MAX;
        let mut problem = None;
        let registry = Arc::clone(&self.registry);
        for stored in &state.schedules {
            let Some(schedule) = registry.known_schedule(&stored.name) else {
                continue;
            };
            if !self.is_own(schedule, stored) {
                match self.take_over(schedule, stored, state.now).await {
                    Ok(true) => pause_max = Duration::ZERO,
                    Ok(false) => pause_max = pause_max.min(self.patience),
                    Err(error) => problem = problem.or(Some(error)),
                }
                continue;
            }
            match self.catch_up(schedule, stored.last_tick, state.now).await {
                Ok(Pending::Held) => pause_max = pause_max.min(HELD_PAUSE),
                Ok(Pending::Nothing) => {}
                Err(error) => problem = problem.or(Some(error)),
            }
            let upcoming = schedule.timetable.next_after(state.now);
            next = [next, upcoming].into_iter().flatten().min();
        }
        if state.schedules.len() < self.names.len() {
            // Somebody has deleted the rows.
            let is_there =
                |name: &String| state.schedules.iter().any(|stored| stored.name == *name);
            let missing = self.names.iter().filter(|name| !is_there(name)).cloned();
            self.add_those(&missing.collect::<Vec<_>>()).await?;
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        // To enqueue the jobs may have taken a while.
        let pause = next.and_then(|next| (next - state.now).to_std().ok());
        let pause = pause.map(|pause| pause.saturating_sub(began.elapsed()) + MARGIN);
        Ok(pause.map_or(pause_max, |pause| pause.min(pause_max)))
    }

    /// Whether the stored declaration of a schedule is that of this build. If not, another build ticks.
    fn is_own(&mut self, schedule: &KnownSchedule, stored: &StoredSchedule) -> bool {
        let is_own = schedule.declared().digest() == stored.digest;
        if is_own {
            self.absences.remove(schedule.descriptor.name);
        }
        is_own
    }

    /// Declares a schedule again if the build whose declaration is stored has been gone for a while: the
    /// last process to start may have been one of an old build, and nobody would tick any more.
    /// Returns whether it was.
    async fn take_over(
        &mut self,
        schedule: &KnownSchedule,
        stored: &StoredSchedule,
        now: DateTime<Utc>,
    ) -> Result<bool, DriverError> {
        let name = schedule.descriptor.name;
        let absence = self.absences.entry(name);
        let absence = absence.or_insert_with(|| Absence::new(stored.digest, now));
        let missing = absence.look(stored.digest, stored.is_kept, now, self.patience);
        let Some(kept_at) = missing else {
            return Ok(false);
        };
        let declared = schedule.declared();
        let take = self.driver.take_schedule(&declared, stored.digest, kept_at);
        let taken = limited(take).await?;
        if taken {
            tracing::warn!(
                schedule = schedule.descriptor.name,
                expression = declared.expression,
                "another build had declared the schedule otherwise, and none of its workers is left; \
                 it is declared again as this build does"
            );
        }
        Ok(taken)
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
            schedule: schedule.declared(),
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
    let _ = task.options.add_keys(task.key_name(), input, &mut detail);
    let job = NewJob::new(input.to_vec()).detail(detail);
    let unique = task.options.unique;
    match unique.and_then(|unique| unique.of_input(task.key_name(), input).ok()) {
        Some(key) => job.key(key),
        None => job,
    }
}

/// What is left of the ticks that are due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// A tick may have to wait for the end of a job.
    Held,
}
