//! What is declared of schedules, and what is changed at run time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::ScheduleRow;
use crate::driver::{Build, Schedule, Wake};
use crate::memory::store::Store;
use crate::schedule::Missed;

impl Store {
    pub(super) fn declare_schedules(&mut self, schedules: &[Schedule], now: DateTime<Utc>) {
        for schedule in schedules {
            match self.schedules.rows.get_mut(&schedule.name) {
                Some(row) if row.made => continue,
                Some(row) => {
                    if row.schedule.digest() != schedule.digest() {
                        row.last_tick = now.max(row.last_tick);
                    }
                    row.kept_at = now;
                    if !row.put(schedule.clone()) {
                        continue;
                    }
                }
                None => self.insert_schedule(ScheduleRow::new(schedule.clone(), false, now)),
            }
            self.revise(&schedule.name);
        }
    }

    pub(super) fn add_schedules(&mut self, schedules: &[Schedule], now: DateTime<Utc>) {
        let is_new = |schedule: &&Schedule| !self.schedules.rows.contains_key(&schedule.name);
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
        match self.schedules.rows.get_mut(&schedule.name) {
            Some(row) if !row.made && row.digest() == seen && !is_kept => {
                row.put(schedule.clone());
                row.last_tick = row.last_tick.max(since);
                row.kept_at = now;
                self.revise(&schedule.name);
                true
            }
            _ => false,
        }
    }

    /// Whether a worker lives that ticks and declares a schedule so.
    pub(super) fn is_kept(&self, digest: i64, now: DateTime<Utc>) -> bool {
        self.workers().any(|(_, worker)| {
            worker.lease_end > now && worker.info.build.declarations.contains(&digest)
        })
    }

    /// Whether a worker lives that ticks a schedule that was made at run time.
    pub(super) fn is_ticked(&self, schedule: &Schedule, takes: &[i64], now: DateTime<Utc>) -> bool {
        let reads = |build: &Build| match schedule.template.fingerprint {
            Some(fingerprint) => {
                let known = build.inputs.as_ref();
                known.is_none_or(|known| known.contains(&fingerprint))
            }
            None => build
                .tasks
                .iter()
                .any(|task| takes.contains(&task.fingerprint)),
        };
        self.workers().any(|(_, worker)| {
            let build = &worker.info.build;
            worker.lease_end > now && build.ticks && build.knows(&schedule.task) && reads(build)
        })
    }

    pub(super) fn make_schedule(
        &mut self,
        schedule: &Schedule,
        taken_by: Option<i64>,
        now: DateTime<Utc>,
    ) -> bool {
        if self.schedules.rows.contains_key(&schedule.name) {
            return false;
        }
        self.insert_schedule(ScheduleRow {
            takes: taken_by.into_iter().collect(),
            ..ScheduleRow::new(schedule.clone(), true, now)
        });
        self.revise(&schedule.name);
        self.wake(Wake::Directives);
        true
    }

    pub(super) fn edit_schedule(
        &mut self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
        taken_by: Option<i64>,
    ) -> bool {
        match self.schedules.rows.get_mut(&schedule.name) {
            Some(row) if row.made && row.revision == seen => {
                if row.schedule.digest() != schedule.digest() {
                    row.last_tick = since.max(row.last_tick);
                }
                row.put(schedule.clone());
                if let Some(taken_by) = taken_by {
                    (row.takes, row.problem) = (vec![taken_by], None);
                }
                self.revise(&schedule.name);
                self.wake(Wake::Directives);
                true
            }
            _ => false,
        }
    }

    pub(super) fn pause_schedule(
        &mut self,
        name: &str,
        pause: bool,
        now: DateTime<Utc>,
    ) -> Option<bool> {
        let row = self.schedules.rows.get_mut(name)?;
        if row.paused_at.is_some() == pause {
            return Some(false);
        }
        row.paused_at = pause.then_some(now);
        if !pause && row.schedule.policy.missed == Missed::Skip {
            row.last_tick = now.max(row.last_tick);
        }
        self.revise(name);
        self.wake(Wake::Directives);
        Some(true)
    }

    pub(super) fn request_trigger(&mut self, name: &str, now: DateTime<Utc>) -> bool {
        let Some(row) = self.schedules.rows.get_mut(name) else {
            return false;
        };
        row.requested_at.get_or_insert(now);
        self.revise(name);
        self.wake(Wake::Directives);
        true
    }

    pub(super) fn delete_schedule(&mut self, name: &str, now: DateTime<Utc>) -> bool {
        let is_declared = self.is_declared(name, now);
        let rows = &mut self.schedules.rows;
        let is_made = rows.get(name).is_some_and(|row| row.made);
        if is_declared && !is_made || rows.remove(name).is_none() {
            return false;
        }
        self.note_deletion();
        true
    }

    pub(super) fn retire_schedules(&mut self, grace: Duration, now: DateTime<Utc>) -> Vec<String> {
        let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
        let declared = self.schedules.rows.values().filter(|row| !row.made);
        let names: Vec<String> = declared.map(|row| row.schedule.name.clone()).collect();
        let (kept, gone): (Vec<_>, Vec<_>) = names
            .into_iter()
            .partition(|name| self.is_declared(name, now));
        for name in kept {
            if let Some(row) = self.schedules.rows.get_mut(&name) {
                row.kept_at = now;
            }
        }
        let is_over = |row: &ScheduleRow| now - row.kept_at > grace;
        let rows = &self.schedules.rows;
        let is_retired = |name: &String| rows.get(name).is_some_and(is_over);
        let retired: Vec<String> = gone.into_iter().filter(is_retired).collect();
        for name in &retired {
            self.schedules.rows.remove(name);
        }
        if !retired.is_empty() {
            self.note_deletion();
        }
        retired
    }

    /// Whether the code of a worker declares a schedule of that name that lives.
    fn is_declared(&self, name: &str, now: DateTime<Utc>) -> bool {
        self.workers().any(|(_, worker)| {
            let declared = &worker.info.build.schedules;
            worker.lease_end > now && declared.iter().any(|declared| declared == name)
        })
    }

    fn note_deletion(&mut self) {
        self.schedules.revision += 1;
        self.schedules.deleted = self.schedules.revision;
        self.wake(Wake::Directives);
    }

    fn insert_schedule(&mut self, row: ScheduleRow) {
        let name = row.schedule.name.clone();
        self.schedules.rows.insert(name, row);
    }

    /// Numbers a change, which workers find when they look.
    fn revise(&mut self, name: &str) {
        self.schedules.revision += 1;
        let revision = self.schedules.revision;
        if let Some(row) = self.schedules.rows.get_mut(name) {
            row.revision = revision;
        }
    }
}
