//! The scheduler: enqueues one job for each tick of each schedule.
//!
//! Every worker runs one; there is no leader. Whoever moves a schedule's last tick enqueues its
//! job, in one statement, so a tick has exactly one job however many try.
//!
//! A scheduler knows of each schedule when it is to be looked at next, and nothing else. It reads those
//! that are due or have changed (`look.rs`), reads inputs that nobody has (`check.rs`), and ticks them (`fire.rs`); what it has missed it is refused.

mod absence;
mod agenda;
mod check;
mod fire;
mod look;
mod request;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::absence::Absence;
use self::agenda::Agenda;
use self::fire::{Chain, HELD_PAUSE};
use crate::driver::{Driver, DriverError, DriverErrorKind, Schedule, ScheduleAsk};
use crate::middleware::HookList;
use crate::task::{KnownSchedule, Registry};
use crate::worker::{limited, report, retry_pause};

/// The longest sleep. It bounds how long a jump of the database's clock goes unnoticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long before a tick the scheduler wakes to look at the database's clock again.
const MARGIN: Duration = Duration::from_millis(1);

/// How often all schedules are compared with those that are known, whatever went wrong before.
const COMPARE_EVERY: Duration = Duration::from_secs(300);

/// For how long a schedule stays that the code of no worker declares any more that lives.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// How often declarations are tried that others are in the way of.
const DECLARE_TRIES: u32 = 5;

/// How often a process that does not go on ticking comes back to schedules that somebody keeps locked.
const HELD_TRIES: u32 = 5;

/// How soon it is tried again to answer questions about inputs.
const QUESTION_PAUSE: Duration = Duration::from_secs(1);

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
    /// Whether somebody has kept locked what a schedule needs, since the last look at all that is due.
    is_held: bool,
    /// The last change that it knows of.
    revision: i64,
    /// The last deletion that it knows of.
    deleted: i64,
    /// The last question about an input that it knows of, and the last of those that it has seen to.
    last_question: i64,
    answered: i64,
    /// When it has begun to compare all schedules with those that it knows.
    compared: Option<Instant>,
}

/// What became of one look at all that is due.
struct Round {
    /// How long to sleep.
    pause: Duration,
    /// Ticks are left, for which there was no time.
    is_cut_short: bool,
}

/// What has failed first of what is done for many schedules.
#[derive(Default)]
struct Problem(Option<DriverError>);

impl Problem {
    fn note(&mut self, error: DriverError) {
        self.0.get_or_insert(error);
    }

    /// Notes an error of the storage; one that concerns a single schedule is told, and does not matter to the
    /// others.
    fn note_unless_its_own(&mut self, error: DriverError, what: &str) {
        if error.is_transient() && error.kind() != DriverErrorKind::Conflict {
            self.note(error);
        } else {
            tracing::warn!(error = %report(&error), "{what}");
        }
    }

    /// Whether nothing else would succeed, either.
    fn is_everywhere(&self) -> bool {
        let kind = self.0.as_ref().map(DriverError::kind);
        matches!(
            kind,
            Some(DriverErrorKind::Unavailable | DriverErrorKind::Tls)
        )
    }

    fn into_result(self) -> Result<(), DriverError> {
        self.0.map_or(Ok(()), Err)
    }
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
            is_held: false,
            revision: 0,
            deleted: 0,
            last_question: 0,
            answered: 0,
            compared: None,
        }
    }

    /// Declares the schedules as this build does. One that is new has its first tick after this moment.
    pub(crate) async fn declare(&self) -> Result<(), DriverError> {
        for names in self.names.chunks(BATCH) {
            let declared = self.declared(names);
            let mut failures = 0;
            // Others declare at the same time, or change what is declared.
            while let Err(error) = limited(self.driver.declare_schedules(&declared)).await {
                failures += 1;
                if error.kind() != DriverErrorKind::Conflict || failures == DECLARE_TRIES {
                    return Err(error);
                }
                tokio::time::sleep(retry_pause(failures)).await;
            }
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
        let mut tries = 0;
        loop {
            let is_cut_short = self.fire().await?.is_cut_short;
            if self.is_held && tries < HELD_TRIES {
                tries += 1;
                tokio::time::sleep(HELD_PAUSE.to_std().unwrap_or_default()).await;
            } else if !is_cut_short {
                break;
            }
        }
        if self.is_held {
            tracing::warn!(
                "schedules could not be seen to, as somebody keeps them locked, or what they need; their ticks \
                 are left to another run"
            );
        }
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
            let told = *revised.borrow_and_update();
            let fired = self.fire().await;
            // Ticks come first, and whatever becomes of them.
            let began = Instant::now();
            self.answer_questions().await;
            let pause = match fired {
                Ok(round) => {
                    failures = 0;
                    let pause = round.pause.saturating_sub(began.elapsed());
                    match self.answered < self.last_question {
                        true => pause.min(QUESTION_PAUSE),
                        false => pause,
                    }
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
                let known = told.max(self.revision);
                let is_told = revised.wait_for(|last| *last > known).await.is_ok();
                if !is_told || failures > 0 {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = news => {}
            }
        }
    }

    /// Enqueues the jobs of ticks that are due, and returns how long to sleep; what is left is due at once. A
    /// schedule that fails does not keep the others from theirs; the first error is returned in the end.
    async fn fire(&mut self) -> Result<Round, DriverError> {
        let began = Instant::now();
        let now = self.refresh().await?;
        self.is_held = false;
        let mut problem = Problem::default();
        let mut apart = Vec::new();
        let mut is_cut_short = false;
        // Each once: what is due again by then waits for the next call.
        for names in self.agenda.due(now).chunks(BATCH) {
            let due = self.look(names, &mut problem).await.into_iter();
            let chains = due.map(|due| {
                let task = self.registry.task(&due.schedule.task);
                Chain::new(due, task)
            });
            let (waiting, together) = chains.partition(|chain| chain.is_apart);
            apart.extend::<Vec<Chain>>(waiting);
            is_cut_short |= self.tick_together(together, &mut problem).await;
            if problem.is_everywhere() {
                break;
            }
        }
        // Those that may have to wait for others keep none waiting.
        is_cut_short |= self.tick_apart(apart, &mut problem).await;
        problem.into_result()?;
        // To enqueue the jobs may have taken a while.
        let next = self.agenda.next();
        let pause = next.map(|next| (next - now).to_std().unwrap_or_default());
        let pause = pause.map(|pause| pause.saturating_sub(began.elapsed()) + MARGIN);
        let pause = pause.map_or(SLEEP_MAX, |pause| pause.min(SLEEP_MAX));
        Ok(Round {
            pause,
            is_cut_short,
        })
    }

    /// Notes what has changed, and returns the storage's current time.
    async fn refresh(&mut self) -> Result<DateTime<Utc>, DriverError> {
        let began = Instant::now();
        let is_old = |compared: Instant| began.duration_since(compared) >= COMPARE_EVERY;
        let all = self.compared.is_none_or(is_old);
        if all {
            self.revision = 0;
        }
        let mut names = HashSet::new();
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
            names.extend(changes.changed.iter().map(|(_, name)| name.clone()));
            match changes.changed.last() {
                Some((revision, _)) if changes.changed.len() == BATCH => self.revision = *revision,
                _ => {
                    self.revision = changes.last.max(self.revision);
                    if all {
                        self.agenda.retain(&names);
                        self.add_missing().await?;
                        // Not at first: others that start beside it have had no time to be seen.
                        if self.compared.is_some() {
                            self.retire().await;
                        }
                        self.compared = Some(began);
                    } else if changes.deleted > self.deleted {
                        // It may have been one of its code, or one that had the name of such a one.
                        for name in &self.names {
                            self.agenda.look_no_later(name, changes.now);
                        }
                    }
                    self.deleted = changes.deleted;
                    self.last_question = changes.asked.max(self.last_question);
                    return Ok(changes.now);
                }
            }
        }
    }

    /// Deletes schedules that code has declared, and that of no worker has for long.
    async fn retire(&self) {
        match limited(self.driver.retire_schedules(GRACE)).await {
            Ok(retired) => {
                for schedule in retired {
                    tracing::warn!(
                        schedule,
                        "no worker that lives has declared the schedule for a day; it is deleted"
                    );
                }
            }
            // The next one tries again.
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to retire schedules");
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
