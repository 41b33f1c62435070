//! The scheduler: enqueues one job for each tick of each schedule.
//!
//! Every worker runs one; there is no leader. Whoever moves a schedule's last tick enqueues its
//! job, in one statement, so a tick has exactly one job however many try.

mod due;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pgq_cron::Expression;
use tokio_util::sync::CancellationToken;

use self::due::{next_tick, overdue_tick};
use crate::driver::{Driver, DriverError, Enqueue, Schedule, Start, Tick};
use crate::task::{Registry, ScheduleDescriptor};
use crate::worker::{limited, report, retry_pause};

/// The longest sleep. It bounds how long a jump of the database's clock goes unnoticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long before a tick the scheduler wakes to look at the database's clock again.
const MARGIN: Duration = Duration::from_millis(1);

/// The schedules of this binary.
pub(crate) struct Scheduler {
    driver: Arc<dyn Driver>,
    registry: Arc<Registry>,
    expressions: HashMap<&'static str, Expression>,
    names: Vec<String>,
}

impl Scheduler {
    /// The scheduler of every schedule in `registry` whose expression is one; the others are
    /// problems that the registry reports.
    pub(crate) fn new(driver: Arc<dyn Driver>, registry: Arc<Registry>) -> Self {
        let expressions: HashMap<_, _> = registry
            .schedules()
            .filter_map(|schedule| {
                let expression = Expression::parse(schedule.expression).ok()?;
                Some((schedule.name, expression))
            })
            .collect();
        let names = expressions.keys().map(|&name| name.to_owned()).collect();
        Self {
            driver,
            registry,
            expressions,
            names,
        }
    }

    /// Adds the schedules to the storage. One that is new has its first tick after this moment.
    pub(crate) async fn declare(&self) -> Result<(), DriverError> {
        let schedules: Vec<Schedule> = self
            .registry
            .schedules()
            .map(|schedule| Schedule {
                name: schedule.name.to_owned(),
                task: schedule.task.to_owned(),
                expression: schedule.expression.to_owned(),
            })
            .collect();
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

    /// Enqueues the jobs of all ticks that are due, and returns how long to sleep.
    pub(crate) async fn fire(&self) -> Result<Duration, DriverError> {
        let state = limited(self.driver.schedules(&self.names)).await?;
        let mut next: Option<DateTime<Utc>> = None;
        for (name, last) in &state.last_ticks {
            let Some(expression) = self.expressions.get(name.as_str()) else {
                continue;
            };
            if let Some(tick) = overdue_tick(expression, *last, state.now) {
                self.tick(name, *last, tick).await?;
            }
            let upcoming = next_tick(expression, state.now);
            next = [next, upcoming].into_iter().flatten().min();
        }
        if state.last_ticks.len() < self.names.len() {
            // Somebody has deleted the rows.
            self.declare().await?;
        }
        let pause = next.and_then(|next| (next - state.now).to_std().ok());
        Ok(pause.map_or(SLEEP_MAX, |pause| (pause + MARGIN).min(SLEEP_MAX)))
    }

    async fn tick(
        &self,
        name: &str,
        previous: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Result<(), DriverError> {
        let Some(enqueue) = self.schedule(name).and_then(|schedule| self.job(schedule)) else {
            return Ok(());
        };
        let schedule = name.to_owned();
        let tick = Tick {
            schedule,
            previous,
            at,
            enqueue,
        };
        if let Some(job) = limited(self.driver.tick(tick)).await? {
            tracing::debug!(schedule = name, job = job.as_i64(), tick = %at, "fired a schedule");
        }
        Ok(())
    }

    fn schedule(&self, name: &str) -> Option<&ScheduleDescriptor> {
        self.registry
            .schedules()
            .find(|schedule| schedule.name == name)
    }

    /// The job of a tick: like any other job of its task.
    fn job(&self, schedule: &ScheduleDescriptor) -> Option<Enqueue> {
        let task = self.registry.task(schedule.task)?;
        Some(Enqueue {
            task: Cow::Borrowed(task.name),
            queue: Cow::Borrowed(task.options.queue),
            priority: task.options.priority,
            max_attempts: task.options.max_attempts,
            fingerprint: Some(task.fingerprint),
            start: Start::Now,
            inputs: vec![(schedule.input)()],
        })
    }
}
