//! Schedules and their ticks.

mod change;
mod question;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use self::question::Question;
use super::MemoryDriver;
use super::record::Record;
use super::store::Store;
use crate::driver::{
    AskedInput, DriverError, Enqueue, InputAnswer, InputCheck, NewJob, Schedule, ScheduleAsk,
    ScheduleChanges, ScheduleDriver, ScheduleState, ScheduleVersion, StoredInput, StoredSchedule,
    Template, Tick, Ticked, Trigger, WorkerId,
};
use crate::job::JobId;
use crate::schedule::Overlap;

/// How many jobs of a schedule are remembered.
const RECENT_MAX: usize = 10;

/// How many builds are remembered that take the input of one.
const TAKES_MAX: usize = 10;

/// The schedules.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    rows: BTreeMap<String, ScheduleRow>,
    /// The number of the last change.
    revision: i64,
    /// That of the last deletion.
    deleted: i64,
    /// Questions about inputs, by their numbers.
    questions: BTreeMap<i64, Question>,
}

#[derive(Debug)]
struct ScheduleRow {
    /// Without its input.
    schedule: Schedule,
    input: StoredInput,
    made: bool,
    /// When a worker was seen whose code declares it.
    kept_at: DateTime<Utc>,
    last_tick: DateTime<Utc>,
    /// The job of the last tick that had one.
    last_job: Option<JobId>,
    revision: i64,
    paused_at: Option<DateTime<Utc>>,
    requested_at: Option<DateTime<Utc>>,
    /// The newest first.
    recent: Vec<JobId>,
    /// The fingerprints of the builds that take its input, the newest first.
    takes: Vec<i64>,
    /// Why the first build does not that has refused it since one took it.
    problem: Option<String>,
}

/// Takes out what is read by itself.
fn part(mut schedule: Schedule) -> (Schedule, StoredInput) {
    let job = &mut schedule.template.job;
    let input = std::mem::take(&mut job.input);
    let key = job.key.as_mut().map(|key| std::mem::take(&mut key.key));
    (schedule, StoredInput { input, key })
}

impl ScheduleRow {
    fn new(schedule: Schedule, made: bool, now: DateTime<Utc>) -> Self {
        let (schedule, input) = part(schedule);
        Self {
            schedule,
            input,
            made,
            kept_at: now,
            last_tick: now,
            last_job: None,
            revision: 0,
            paused_at: None,
            requested_at: None,
            recent: Vec::new(),
            takes: Vec::new(),
            problem: None,
        }
    }

    /// Puts another in its place; returns whether that is another one.
    fn put(&mut self, schedule: Schedule) -> bool {
        let (schedule, input) = part(schedule);
        let what = |one: &Schedule| {
            let Template {
                queue,
                priority,
                max_attempts,
                fingerprint,
                job: NewJob { detail, key, .. },
            } = one.template.clone();
            (
                (one.task.clone(), one.digest(), one.policy),
                (queue, priority, max_attempts, fingerprint),
                (detail, key),
            )
        };
        let is_other = what(&self.schedule) != what(&schedule) || self.input != input;
        let is_same = self.schedule.task == schedule.task && self.input.input == input.input;
        if !is_same {
            self.takes.clear();
        }
        if !is_same || schedule.template.fingerprint.is_some() {
            self.problem = None;
        }
        (self.schedule, self.input) = (schedule, input);
        is_other
    }

    /// Gives a job what is stored of it.
    fn fill(&self, enqueue: &mut Enqueue) {
        for job in &mut enqueue.jobs {
            job.input.clone_from(&self.input.input);
            if let (Some(key), Some(stored)) = (&mut job.key, &self.input.key)
                && key.key.is_empty()
            {
                key.key.clone_from(stored);
            }
        }
    }

    fn digest(&self) -> i64 {
        match self.made {
            true => self.revision,
            false => self.schedule.digest(),
        }
    }

    fn remember(&mut self, job: JobId) {
        self.recent.retain(|known| *known != job);
        self.recent.insert(0, job);
        self.recent.truncate(RECENT_MAX);
    }

    /// Whether it is to have this tick.
    fn admits(&self, tick: &Tick) -> bool {
        self.digest() == tick.digest
            && self.paused_at.is_none()
            && self.last_tick == tick.previous
            && self.last_tick < tick.at
    }
}

impl Schedules {
    /// The number of the last change that is to be seen.
    pub(super) const fn revision(&self) -> i64 {
        self.revision
    }
}

impl Store {
    fn schedule_state(
        &self,
        now: DateTime<Utc>,
        is_asked: impl Fn(&str) -> bool,
        limit: usize,
    ) -> ScheduleState {
        let stored = |row: &ScheduleRow| StoredSchedule {
            schedule: row.schedule.clone(),
            input_bytes: row.input.input.len(),
            made: row.made,
            digest: row.digest(),
            is_kept: match row.made {
                true => self.is_ticked(&row.schedule, &row.takes, now),
                false => self.is_kept(row.digest(), now),
            },
            last_tick: row.last_tick,
            revision: row.revision,
            paused_at: row.paused_at,
            requested_at: row.requested_at,
            recent: row.recent.clone(),
            takes: row.takes.clone(),
            problem: row.problem.clone(),
        };
        let rows = self.schedules.rows.values();
        let rows = rows.filter(|row| is_asked(&row.schedule.name));
        ScheduleState {
            now,
            schedules: rows.take(limit).map(stored).collect(),
            unreadable: Vec::new(),
        }
    }

    fn changed_schedules(&self, ask: &ScheduleAsk<'_>, now: DateTime<Utc>) -> ScheduleChanges {
        let is_asked = |row: &&ScheduleRow| {
            row.revision > ask.after
                && (ask.names.contains(&row.schedule.name)
                    || row.made && ask.tasks.contains(&row.schedule.task))
        };
        let rows = self.schedules.rows.values().filter(is_asked);
        let mut changed: Vec<_> = rows
            .map(|row| (row.revision, row.schedule.name.clone()))
            .collect();
        changed.sort_unstable();
        changed.truncate(ask.limit);
        ScheduleChanges {
            now,
            changed,
            last: self.schedules.revision,
            deleted: self.schedules.deleted,
            asked: self.schedules.asked(),
        }
    }

    fn tick(&mut self, mut tick: Tick, now: DateTime<Utc>) -> Ticked {
        let row = self.schedules.rows.get_mut(&tick.schedule);
        let Some(row) = row.filter(|row| row.admits(&tick)) else {
            return Ticked::Refused;
        };
        let is_unfinished = |job: &JobId| self.jobs.get(job).is_some_and(Record::is_unfinished);
        let unfinished = row.last_job.filter(is_unfinished);
        match tick.overlap {
            Overlap::QueueOne if unfinished.is_some() => return Ticked::Refused,
            Overlap::Skip if unfinished.is_some() => {
                row.last_tick = tick.at;
                return Ticked::Skipped;
            }
            _ => row.last_tick = tick.at,
        }
        if tick.is_stored {
            row.fill(&mut tick.enqueue);
        }
        let ticked = self.enqueue_tick(tick.enqueue, now);
        let Some(job) = ticked.job() else {
            return ticked;
        };
        if let Some(row) = self.schedules.rows.get_mut(&tick.schedule) {
            row.last_job = Some(job);
            row.remember(job);
        }
        match unfinished {
            Some(last) if tick.overlap == Overlap::CancelRunning && last != job => {
                self.cancel(last, now);
            }
            _ => {}
        }
        ticked
    }

    fn trigger(
        &mut self,
        trigger: Trigger<'_>,
        mut enqueue: Enqueue,
        now: DateTime<Utc>,
    ) -> Ticked {
        let Trigger {
            schedule,
            revision,
            requested_at,
        } = trigger;
        let is_meant = |row: &&mut ScheduleRow| {
            row.revision == revision && (requested_at.is_none() || row.requested_at == requested_at)
        };
        let row = self.schedules.rows.get_mut(schedule);
        let Some(row) = row.filter(is_meant) else {
            return Ticked::Refused;
        };
        if requested_at.is_some() {
            row.requested_at = None;
        }
        row.fill(&mut enqueue);
        let ticked = self.enqueue_tick(enqueue, now);
        if let Some(job) = ticked.job()
            && let Some(row) = self.schedules.rows.get_mut(schedule)
        {
            row.remember(job);
        }
        ticked
    }

    fn schedule_input(&self, version: ScheduleVersion<'_>) -> Option<StoredInput> {
        let row = self.schedules.rows.get(version.name);
        let row = row.filter(|row| row.revision == version.revision)?;
        Some(row.input.clone())
    }

    fn note_check(&mut self, check: &InputCheck<'_>) -> bool {
        let ScheduleVersion { name, revision } = check.schedule;
        let row = self.schedules.rows.get_mut(name);
        let Some(row) = row.filter(|row| row.revision == revision) else {
            return false;
        };
        match &check.answer {
            InputAnswer::Refused(problem) => {
                row.problem.get_or_insert_with(|| problem.clone());
            }
            InputAnswer::Taken(fingerprint) => {
                row.problem = None;
                if !row.takes.contains(fingerprint) {
                    row.takes.insert(0, *fingerprint);
                    row.takes.truncate(TAKES_MAX);
                }
            }
        }
        true
    }
}

#[async_trait]
impl ScheduleDriver for MemoryDriver {
    async fn declare_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError> {
        self.call(|store, now| store.declare_schedules(schedules, now));
        Ok(())
    }

    async fn add_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError> {
        self.call(|store, now| store.add_schedules(schedules, now));
        Ok(())
    }

    async fn stop_ticking(&self, worker: WorkerId) -> Result<(), DriverError> {
        self.call(|store, _| store.stop_ticking(worker));
        Ok(())
    }

    async fn take_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
    ) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.take_schedule(schedule, seen, since, now)))
    }

    async fn retire_schedules(&self, grace: Duration) -> Result<Vec<String>, DriverError> {
        Ok(self.call(|store, now| store.retire_schedules(grace, now)))
    }

    async fn schedules(&self, names: &[String]) -> Result<ScheduleState, DriverError> {
        let is_asked = |name: &str| names.iter().any(|asked| asked == name);
        Ok(self.call(|store, now| store.schedule_state(now, is_asked, usize::MAX)))
    }

    async fn schedule_inputs(
        &self,
        schedules: &[ScheduleVersion<'_>],
    ) -> Result<Vec<Option<StoredInput>>, DriverError> {
        let schedules = schedules.iter();
        Ok(self.call(|store, _| schedules.map(|one| store.schedule_input(*one)).collect()))
    }

    async fn note_checks(&self, checks: &[InputCheck<'_>]) -> Result<Vec<bool>, DriverError> {
        let checks = checks.iter();
        Ok(self.call(|store, _| checks.map(|check| store.note_check(check)).collect()))
    }

    async fn changed_schedules(
        &self,
        ask: ScheduleAsk<'_>,
    ) -> Result<ScheduleChanges, DriverError> {
        Ok(self.call(|store, now| store.changed_schedules(&ask, now)))
    }

    async fn tick(&self, ticks: Vec<Tick>) -> Result<Vec<Ticked>, DriverError> {
        Ok(self.call(|store, now| {
            let jobs = ticks.into_iter().map(|tick| store.tick(tick, now));
            jobs.collect()
        }))
    }

    async fn trigger(&self, trigger: Trigger<'_>, enqueue: Enqueue) -> Result<Ticked, DriverError> {
        Ok(self.call(|store, now| store.trigger(trigger, enqueue, now)))
    }

    async fn list_schedules(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ScheduleState, DriverError> {
        let is_asked = |name: &str| after.is_none_or(|after| name > after);
        Ok(self.call(|store, now| store.schedule_state(now, is_asked, limit)))
    }

    async fn make_schedule(
        &self,
        schedule: &Schedule,
        taken_by: Option<i64>,
    ) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.make_schedule(schedule, taken_by, now)))
    }

    async fn edit_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
        taken_by: Option<i64>,
    ) -> Result<bool, DriverError> {
        Ok(self.call(|store, _| store.edit_schedule(schedule, seen, since, taken_by)))
    }

    async fn pause_schedule(&self, name: &str, pause: bool) -> Result<Option<bool>, DriverError> {
        Ok(self.call(|store, now| store.pause_schedule(name, pause, now)))
    }

    async fn request_trigger(&self, name: &str) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.request_trigger(name, now)))
    }

    async fn delete_schedule(&self, name: &str) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.delete_schedule(name, now)))
    }

    async fn ask_input(&self, task: &str, input: &[u8]) -> Result<i64, DriverError> {
        Ok(self.call(|store, now| store.ask_input(task, input, now)))
    }

    async fn asked_inputs(
        &self,
        tasks: &[String],
        after: i64,
        limit: usize,
    ) -> Result<Vec<AskedInput>, DriverError> {
        Ok(self.call(|store, _| store.asked_inputs(tasks, after, limit)))
    }

    async fn answer_input(&self, question: i64, answer: &InputAnswer) -> Result<(), DriverError> {
        self.call(|store, _| store.answer_input(question, answer));
        Ok(())
    }

    async fn input_answer(&self, question: i64) -> Result<Option<InputAnswer>, DriverError> {
        Ok(self.call(|store, _| store.input_answer(question)))
    }

    async fn forget_input(&self, question: i64) -> Result<(), DriverError> {
        self.call(|store, _| store.forget_input(question));
        Ok(())
    }
}
