//! The scheduler: enqueues one job for each tick of each schedule.
//!
//! Every worker runs one; there is no leader. Whoever moves a schedule's last tick enqueues its
//! job, in one statement, so a tick has exactly one job however many try.
//!
//! A scheduler knows of each schedule when it is to be looked at next, and nothing else. It reads those
//! that are due or have changed (`look.rs`), and ticks them (`fire.rs`); what it has missed it is refused.

mod absence;
mod agenda;
mod due;
mod fire;
mod look;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::absence::Absence;
use self::agenda::Agenda;
use crate::driver::{Driver, DriverError, Schedule, ScheduleAsk};
use crate::middleware::HookList;
use crate::task::{KnownSchedule, Registry};
use crate::worker::{limited, report, retry_pause};

/// The longest sleep. It bounds how long a jump of the database's clock goes unnoticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long before a tick the scheduler wakes to look at the database's clock again.
const MARGIN: Duration = Duration::from_millis(1);

/// How often all schedules are compared with those that are known, whatever went wrong before.
const COMPARE_EVERY: Duration = Duration::from_secs(300);

/// How many schedules are read, or ticked, at once.
const BATCH: usize = 500;

/// The schedules that this process ticks: those of its code, and those that were made at run time for tasks
/// that it knows.
pub(crate) struct Scheduler {
    driver: Arc<dyn Driver>,
    registry: Arc<Registry>,
    /// The schedules of its code.
    names: Vec<String>,
    /// The tasks that it knows, by every name.
    tasks: Vec<String>,
    /// The fingerprints of the input that it can run; `None` if any is.
    fingerprints: Option<Arc<[i64]>>,
    hooks: HookList,
    /// How long a schedule is left to another build of which no worker lives.
    patience: Duration,
    /// The schedules of its code that are declared otherwise.
    absences: HashMap<String, Absence>,
    /// The schedules of its code whose names have been given to others at run time.
    shadowed: HashSet<String>,
    agenda: Agenda,
    /// The last change that it knows of.
    revision: i64,
    /// When it has begun to compare all schedules with those that it knows.
    compared: Option<Instant>,
}

impl Scheduler {
    /// The scheduler of every schedule in `registry`.
    pub(crate) fn new(
        driver: Arc<dyn Driver>,
        registry: Arc<Registry>,
        fingerprints: Option<Arc<[i64]>>,
        hooks: HookList,
        patience: Duration,
    ) -> Self {
        let names = registry.schedules().map(|known| known.name.to_owned());
        Self {
            names: names.collect(),
            tasks: registry.names().map(str::to_owned).collect(),
            driver,
            registry,
            fingerprints,
            hooks,
            patience,
            absences: HashMap::new(),
            shadowed: HashSet::new(),
            agenda: Agenda::default(),
            revision: 0,
            compared: None,
        }
    }

    /// Declares the schedules as this build does. One that is new has its first tick after this moment.
    pub(crate) async fn declare(&self) -> Result<(), DriverError> {
        for names in self.names.chunks(BATCH) {
            limited(self.driver.declare_schedules(&self.declared(names))).await?;
        }
        Ok(())
    }

    /// Adds the schedules that are not there. For a process that is soon gone: the others are left to those
    /// who go on ticking.
    pub(crate) async fn add(&self) -> Result<(), DriverError> {
        self.add_those(&self.names).await
    }

    async fn add_those(&self, names: &[String]) -> Result<(), DriverError> {
        for names in names.chunks(BATCH) {
            limited(self.driver.add_schedules(&self.declared(names))).await?;
        }
        Ok(())
    }

    fn declared(&self, names: &[String]) -> Vec<Schedule> {
        let known = names.iter();
        let known = known.filter_map(|name| self.registry.known_schedule(name));
        known.map(|known| self.declaration(known)).collect()
    }

    fn declaration(&self, known: &KnownSchedule) -> Schedule {
        known.declared(self.registry.task(known.descriptor.task))
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

    /// Fires ticks until it is stopped. `revised` tells when schedules have changed.
    pub(crate) async fn run_until(
        mut self,
        stop: CancellationToken,
        revised: watch::Receiver<i64>,
    ) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.run(revised) => {}
        }
    }

    async fn run(&mut self, mut revised: watch::Receiver<i64>) {
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
                    if error.is_transient() {
                        self.compared = None;
                    }
                    failures += 1;
                    retry_pause(failures)
                }
            };
            let news = async {
                // Each of its own changes comes back to it once.
                let revision = self.revision;
                let told = revised.wait_for(|last| *last > revision).await.is_ok();
                if !told || failures > 0 {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = news => {}
            }
        }
    }

    /// Enqueues the jobs of all ticks that are due, and returns how long to sleep. A schedule that
    /// fails does not keep the others from theirs; the first error is returned in the end.
    async fn fire(&mut self) -> Result<Duration, DriverError> {
        let began = Instant::now();
        let now = self.refresh().await?;
        let mut problem = None;
        // Each once: what is due again by then waits for the next call.
        for names in self.agenda.due(now).chunks(BATCH) {
            let due = self.look(names).await?;
            problem = problem.or(self.tick(due).await.err());
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        // To enqueue the jobs may have taken a while.
        let next = self.agenda.next();
        let pause = next.map(|next| (next - now).to_std().unwrap_or_default());
        let pause = pause.map(|pause| pause.saturating_sub(began.elapsed()) + MARGIN);
        Ok(pause.map_or(SLEEP_MAX, |pause| pause.min(SLEEP_MAX)))
    }

    /// Notes what has changed, and returns the storage's current time.
    async fn refresh(&mut self) -> Result<DateTime<Utc>, DriverError> {
        let began = Instant::now();
        let is_old = |compared: Instant| began.duration_since(compared) >= COMPARE_EVERY;
        let all = self.compared.is_none_or(is_old);
        if all {
            self.revision = 0;
        }
        loop {
            let ask = ScheduleAsk {
                after: self.revision,
                names: &self.names,
                tasks: &self.tasks,
                limit: BATCH,
            };
            let changes = limited(self.driver.changed_schedules(ask)).await?;
            for (revision, name) in &changes.changed {
                self.agenda.changed(name, *revision);
            }
            match changes.changed.last() {
                Some((revision, _)) if changes.changed.len() == BATCH => self.revision = *revision,
                _ => {
                    self.revision = changes.last.max(self.revision);
                    if all {
                        self.add_missing().await?;
                        self.compared = Some(began);
                    }
                    return Ok(changes.now);
                }
            }
        }
    }

    /// Adds the schedules of its code whose rows somebody has deleted.
    async fn add_missing(&mut self) -> Result<(), DriverError> {
        let names = self.names.iter();
        let missing = names.filter(|name| !self.agenda.knows(name)).cloned();
        let missing: Vec<String> = missing.collect();
        self.add_those(&missing).await?;
        for name in missing {
            // Its revision is not known yet.
            self.agenda.changed(&name, 0);
        }
        Ok(())
    }
}
