//! Looks at schedules: which of their ticks are due, and when to look again.

use chrono::{DateTime, TimeDelta, Utc};
use pgq_cron::Timetable;

use super::absence::Absence;
use super::due::due_ticks;
use super::{Scheduler, limited};
use crate::driver::{DriverError, Schedule, StoredSchedule};
use crate::schedule::When;
use crate::task::KnownSchedule;

/// The ticks of one schedule that are due.
pub(super) struct Due {
    pub(super) schedule: Schedule,
    pub(super) made: bool,
    pub(super) digest: i64,
    pub(super) last: DateTime<Utc>,
    /// The oldest first.
    pub(super) ticks: Vec<DateTime<Utc>>,
    /// The time of the look.
    pub(super) now: DateTime<Utc>,
}

impl Scheduler {
    /// Reads these schedules, and says which of their ticks are due. All are looked at again when it is
    /// time for that.
    pub(super) async fn look(&mut self, names: &[String]) -> Result<Vec<Due>, DriverError> {
        let state = limited(self.driver.schedules(names)).await?;
        let mut gone: Vec<&String> = names.iter().collect();
        gone.retain(|name| {
            !state
                .schedules
                .iter()
                .any(|one| one.schedule.name == **name)
        });
        for name in gone {
            self.agenda.forget(name);
            if self.registry.known_schedule(name).is_some() {
                // Somebody has deleted the row.
                self.add_those(std::slice::from_ref(name)).await?;
                self.agenda.changed(name, 0);
            }
        }
        let mut due = Vec::new();
        for stored in state.schedules {
            due.extend(self.look_at(stored, state.now).await?);
        }
        Ok(due)
    }

    async fn look_at(
        &mut self,
        stored: StoredSchedule,
        now: DateTime<Utc>,
    ) -> Result<Option<Due>, DriverError> {
        let name = stored.schedule.name.clone();
        let registry = std::sync::Arc::clone(&self.registry);
        let known = registry.known_schedule(&name);
        let timetable = match (stored.made, known) {
            (false, Some(known)) => {
                if known.digest() != stored.digest {
                    let at = self.take_over(known, &stored, now).await?;
                    self.agenda.set(&name, stored.revision, Some(at));
                    return Ok(None);
                }
                self.absences.remove(&name);
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
                self.made_timetable(&stored)
            }
        };
        let Some(timetable) = timetable else {
            self.agenda.set(&name, stored.revision, None);
            return Ok(None);
        };
        if stored.paused_at.is_some() {
            self.agenda.set(&name, stored.revision, None);
            return Ok(None);
        }
        self.agenda
            .set(&name, stored.revision, timetable.next_after(now));
        let schedule = match known {
            Some(known) if !stored.made => self.declaration(known),
            _ => stored.schedule,
        };
        let ticks = due_ticks(&timetable, schedule.policy.missed, stored.last_tick, now);
        Ok(Some(Due {
            schedule,
            made: stored.made,
            digest: stored.digest,
            last: stored.last_tick,
            ticks,
            now,
        }))
    }

    /// When a schedule that was made at run time ticks; `None` if it is not for this worker.
    fn made_timetable(&self, stored: &StoredSchedule) -> Option<Timetable> {
        let schedule = &stored.schedule;
        self.registry.task(&schedule.task)?;
        if let (Some(known), Some(fingerprint)) =
            (&self.fingerprints, schedule.template.fingerprint)
            && !known.contains(&fingerprint)
        {
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
