//! Schedules and their ticks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryDriver;
use super::record::Record;
use super::store::Store;
use crate::driver::{
    DriverError, Schedule, ScheduleDriver, ScheduleState, StoredSchedule, Tick, WorkerId,
};
use crate::job::JobId;
use crate::schedule::Overlap;

/// Where each schedule stands, by name.
pub(super) type Schedules = BTreeMap<String, ScheduleRow>;

#[derive(Debug)]
pub(super) struct ScheduleRow {
    declared: Schedule,
    last_tick: DateTime<Utc>,
    /// The job of the last tick that had one.
    last_job: Option<JobId>,
}

impl Store {
    pub(super) fn declare_schedules(&mut self, schedules: &[Schedule], now: DateTime<Utc>) {
        for schedule in schedules {
            let new = || ScheduleRow {
                declared: schedule.clone(),
                last_tick: now,
                last_job: None,
            };
            let name = schedule.name.clone();
            let row = self.schedules.entry(name).or_insert_with(new);
            if row.declared.digest() != schedule.digest() {
                row.last_tick = now.max(row.last_tick);
            }
            row.declared = schedule.clone();
        }
    }

    pub(super) fn add_schedules(&mut self, schedules: &[Schedule], now: DateTime<Utc>) {
        let is_new = |schedule: &&Schedule| !self.schedules.contains_key(&schedule.name);
        let new: Vec<Schedule> = schedules.iter().filter(is_new).cloned().collect();
        self.declare_schedules(&new, now);
    }

    pub(super) fn take_schedule(
        &mut self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let is_kept = self.is_kept(seen, now);
        match self.schedules.get_mut(&schedule.name) {
            Some(row) if row.declared.digest() == seen && !is_kept => {
                row.declared = schedule.clone();
                row.last_tick = row.last_tick.max(since);
                true
            }
            _ => false,
        }
    }

    /// Whether a worker lives that ticks and declares a schedule so.
    fn is_kept(&self, digest: i64, now: DateTime<Utc>) -> bool {
        self.workers().any(|(_, worker)| {
            worker.lease_end > now && worker.info.build.declarations.contains(&digest)
        })
    }

    pub(super) fn stored_schedules(
        &self,
        names: &[String],
        now: DateTime<Utc>,
    ) -> Vec<StoredSchedule> {
        let stored = |(name, row): (&String, &ScheduleRow)| StoredSchedule {
            name: name.clone(),
            digest: row.declared.digest(),
            is_kept: self.is_kept(row.declared.digest(), now),
            last_tick: row.last_tick,
        };
        let rows = names.iter();
        let rows = rows.filter_map(|name| self.schedules.get_key_value(name));
        rows.map(stored).collect()
    }

    pub(super) fn tick(&mut self, tick: Tick, now: DateTime<Utc>) -> Option<JobId> {
        let row = self.schedules.get_mut(&tick.schedule.name)?;
        if row.declared.digest() != tick.schedule.digest() {
            return None;
        }
        if row.last_tick != tick.previous || row.last_tick >= tick.at {
            return None;
        }
        let is_unfinished = |job| self.jobs.get(&job).is_some_and(Record::is_unfinished);
        match tick.overlap {
            Overlap::QueueOne if row.last_job.is_some_and(is_unfinished) => return None,
            Overlap::Skip if row.last_job.is_some_and(is_unfinished) => {
                row.last_tick = tick.at;
                return None;
            }
            _ => row.last_tick = tick.at,
        }
        let job = self.enqueue_tick(tick.enqueue, now)?;
        if let Some(row) = self.schedules.get_mut(&tick.schedule.name) {
            row.last_job = Some(job);
        }
        Some(job)
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

    async fn schedules(&self, names: &[String]) -> Result<ScheduleState, DriverError> {
        Ok(self.call(|store, now| ScheduleState {
            now,
            schedules: store.stored_schedules(names, now),
        }))
    }

    async fn tick(&self, tick: Tick) -> Result<Option<JobId>, DriverError> {
        Ok(self.call(|store, now| store.tick(tick, now)))
    }
}
