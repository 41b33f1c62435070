//! Looks at schedules: which of their ticks are due, and when to look again.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use pgq_cron::Timetable;

use super::absence::Absence;
use super::{Problem, Scheduler};
use crate::driver::{DriverError, Schedule, ScheduleState, StoredSchedule};
use crate::schedule::When;
use crate::task::{KnownSchedule, due_ticks};
use crate::worker::limited;

/// The ticks of one schedule that are due.
pub(super) struct Due {
    /// Without its input, which may be large: there may be many that are due.
    pub(super) schedule: Schedule,
    pub(super) input_bytes: usize,
    pub(super) made: bool,
    pub(super) digest: i64,
    pub(super) revision: i64,
    pub(super) last: DateTime<Utc>,
    /// The oldest first.
    pub(super) ticks: Vec<DateTime<Utc>>,
    /// The tick after them.
    pub(super) next: Option<DateTime<Utc>>,
    /// The time of the look.
    pub(super) now: DateTime<Utc>,
    /// A job that is no tick is requested, and could not be enqueued yet.
    pub(super) is_requested: bool,
}

impl Scheduler {
    /// Reads these schedules, and says which of their ticks are due, in the order of the names. These stay due
    /// until they have been fired; of the others is noted when to look at them again.
    pub(super) async fn look(&mut self, names: &[String], problem: &mut Problem) -> Vec<Due> {
        let mut due = Vec::new();
        let mut batches = vec![names];
        while let Some(names) = batches.pop() {
            match limited(self.driver.schedules(names)).await {
                Ok(state) => due.extend(self.look_at_those(names, state, problem).await),
                // Until the one is alone that cannot be read.
                Err(error) if names.len() > 1 && !error.is_transient() => {
                    let (first, second) = names.split_at(names.len() / 2);
                    batches.extend([second, first]);
                }
                Err(error) => problem.note(error),
            }
        }
        due
    }

    async fn look_at_those(
        &mut self,
        names: &[String],
        state: ScheduleState,
        problem: &mut Problem,
    ) -> Vec<Due> {
        let mut unreadable = HashSet::new();
        for one in state.unreadable {
            let (schedule, problem) = (&one.name, one.problem);
            tracing::warn!(
                schedule,
                problem,
                "this version of pgq cannot read the schedule"
            );
            self.agenda.set(schedule, one.revision, None);
            unreadable.insert(one.name);
        }
        let left_out = self.check(&state.schedules, state.now, problem).await;
        let stored = state.schedules.into_iter();
        let mut stored: HashMap<String, StoredSchedule> = stored
            .map(|stored| (stored.schedule.name.clone(), stored))
            .collect();
        let (mut due, mut deleted) = (Vec::new(), Vec::new());
        for name in names {
            let Some(stored) = stored.remove(name) else {
                match self.registry.known_schedule(name) {
                    _ if unreadable.contains(name) => {}
                    Some(_) => deleted.push(name.clone()),
                    None => self.agenda.forget(name),
                }
                continue;
            };
            if left_out.contains(name) {
                continue;
            }
            match self.look_at(stored, state.now, problem).await {
                Ok(found) => due.extend(found),
                Err(error) => problem.note(error),
            }
        }
        // Somebody has deleted their rows.
        match self.add_those(&deleted).await {
            Ok(()) => {
                for name in deleted {
                    self.agenda.forget(&name);
                    self.agenda.changed(&name, 0);
                }
            }
            Err(error) => problem.note(error),
        }
        due
    }

    async fn look_at(
        &mut self,
        stored: StoredSchedule,
        now: DateTime<Utc>,
        problem: &mut Problem,
    ) -> Result<Option<Due>, DriverError> {
        let Some(timetable) = self.timetable(&stored, now).await? else {
            return Ok(None);
        };
        let name = stored.schedule.name.clone();
        // Whatever becomes of a job that is requested, the ticks that are due have theirs.
        let is_answered = self.answer(&stored).await.unwrap_or_else(|error| {
            problem.note_unless_its_own(error, "failed to enqueue a job that is requested");
            false
        });
        let due = self.due(stored, &timetable, now);
        if is_answered {
            return Ok(due);
        }
        if due.is_none() {
            self.hold(&name, now);
        }
        Ok(due.map(|due| Due {
            is_requested: true,
            ..due
        }))
    }

    /// When a schedule ticks; `None` if it is not for this worker, and then it is noted when to look again.
    async fn timetable(
        &mut self,
        stored: &StoredSchedule,
        now: DateTime<Utc>,
    ) -> Result<Option<Timetable>, DriverError> {
        let name = &stored.schedule.name;
        let registry = std::sync::Arc::clone(&self.registry);
        let known = registry.known_schedule(name);
        let timetable = match (stored.made, known) {
            (false, Some(known)) => {
                if known.digest() != stored.digest {
                    let at = self.take_over(known, stored, now).await?;
                    self.agenda.set(name, stored.revision, Some(at));
                    return Ok(None);
                }
                self.absences.remove(name);
                Some(known.timetable.clone())
            }
            (false, None) => None,
            (true, known) => {
                if known.is_some() && self.shadowed.insert(name.clone()) {
                    tracing::warn!(
                        schedule = name,
                        "a schedule of this name was made at run time, so that of the code does not tick; \
                         rename one of them"
                    );
                }
                self.made_timetable(stored)
            }
        };
        if timetable.is_none() {
            self.agenda.set(name, stored.revision, None);
        }
        Ok(timetable)
    }

    /// Which ticks of a schedule are due.
    fn due(
        &mut self,
        stored: StoredSchedule,
        timetable: &Timetable,
        now: DateTime<Utc>,
    ) -> Option<Due> {
        let name = stored.schedule.name.clone();
        if stored.paused_at.is_some() {
            self.agenda.set(&name, stored.revision, None);
            return None;
        }
        let (schedule, input_bytes) = match self.registry.known_schedule(&name) {
            Some(known) if !stored.made => (known.declared(None), known.input.len()),
            _ => (stored.schedule, stored.input_bytes),
        };
        let ticks = due_ticks(timetable, schedule.policy.missed, stored.last_tick, now);
        let next = timetable.next_after(now);
        if ticks.is_empty() {
            self.agenda.set(&name, stored.revision, next);
            return None;
        }
        self.agenda.stay(&name, stored.revision, now);
        Some(Due {
            schedule,
            input_bytes,
            made: stored.made,
            digest: stored.digest,
            revision: stored.revision,
            last: stored.last_tick,
            ticks,
            next,
            now,
            is_requested: false,
        })
    }

    /// When a schedule that was made at run time ticks; `None` if it is not for this worker.
    fn made_timetable(&self, stored: &StoredSchedule) -> Option<Timetable> {
        let schedule = &stored.schedule;
        self.registry.task(&schedule.task)?;
        if let (Some(known), Some(fingerprint)) =
            (&self.fingerprints, schedule.template.fingerprint)
            && !known.contains(&fingerprint)
        {
            tracing::warn!(
                schedule = schedule.name,
                task = schedule.task,
                "the schedule was made for another input of its task than this build has, so this worker does \
                 not tick it; edit its input"
            );
            return None;
        }
        let when = When::stored(
            &schedule.expression,
            &schedule.zone,
            schedule.starts_at,
            schedule.ends_at,
        );
        match when.timetable() {
            Ok(timetable) => Some(timetable),
            Err(problem) => {
                tracing::warn!(
                    schedule = schedule.name,
                    problem,
                    "this version of pgq cannot tick the schedule"
                );
                None
            }
        }
    }

    /// Declares a schedule again if the build whose declaration is stored has been gone for a while: the
    /// last process to start may have been one of an old build, and nobody would tick any more.
    /// Returns when to look again.
    async fn take_over(
        &mut self,
        known: &KnownSchedule,
        stored: &StoredSchedule,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, DriverError> {
        let name = known.descriptor.name;
        let later = now + TimeDelta::from_std(self.patience).unwrap_or(TimeDelta::MAX);
        let absence = self.absences.entry(name.to_owned());
        let absence = absence.or_insert_with(|| Absence::new(stored.digest, now));
        let missing = absence.look(stored.digest, stored.is_kept, now, self.patience);
        let Some(kept_at) = missing else {
            return Ok(later);
        };
        let declared = self.declaration(known);
        let take = self.driver.take_schedule(&declared, stored.digest, kept_at);
        if !limited(take).await? {
            return Ok(later);
        }
        tracing::warn!(
            schedule = name,
            expression = declared.expression,
            "another build had declared the schedule otherwise, and none of its workers is left; \
             it is declared again as this build does"
        );
        Ok(now)
    }
}
