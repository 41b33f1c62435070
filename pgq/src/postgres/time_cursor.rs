//! Where a look for rows whose time has come starts, so that it does not walk past dead rows again and
//! again: promotions, and looks for jobs that expire.
//!
//! While an old snapshot is held open somewhere, what was taken away stays in the index. So a
//! promotion starts at the first job that the last one saw. A job may turn up before that: its
//! transaction was open for longer than its delay, another promotion gave it back, or its time was
//! in the past to begin with. So now and then a promotion is a *sweep*, which starts at the
//! beginning. Sweeps pause for a multiple of what the last one took to walk: they cost a small share
//! of the time, and a late job waits for little more than that multiple. As long as the walk is
//! short, which it is unless something holds an old snapshot, every promotion is a sweep.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

/// A walk that does not matter.
const WALK_SHORT: Duration = Duration::from_millis(1);

/// A walk that is worth it before saying that nothing is due.
const WALK_BEARABLE: Duration = Duration::from_millis(20);

/// How many times as long as its walk a sweep is not repeated.
const PAUSE_FACTOR: u32 = 20;

/// The longest pause between sweeps.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The cursor over the rows of one table, in the order of their times.
#[derive(Debug, Default)]
pub(super) struct TimeCursor {
    at: Option<DateTime<Utc>>,
    /// How long the last sweep walked.
    walk: Duration,
    /// When the next sweep is due; `None` for at once.
    sweep_at: Option<Instant>,
}

/// Where one statement looked.
pub(super) struct Step {
    cursor: DateTime<Utc>,
    walk: Duration,
}

impl TimeCursor {
    /// Where to start; `None` for a sweep.
    pub(super) fn start(&self, now: Instant) -> Option<DateTime<Utc>> {
        let pauses = self.sweep_at.is_some_and(|at| now < at);
        self.at.filter(|_| pauses)
    }

    /// Whether a look that started at `start` and found nothing is to be followed by a sweep.
    pub(super) fn must_look_again(&self, start: Option<DateTime<Utc>>) -> bool {
        start.is_some() && self.walk < WALK_BEARABLE
    }

    pub(super) fn moved(&mut self, start: Option<DateTime<Utc>>, step: &Step, now: Instant) {
        self.at = Some(step.cursor);
        if start.is_none() {
            self.walk = step.walk;
            self.sweep_at =
                (step.walk >= WALK_SHORT).then(|| now + (step.walk * PAUSE_FACTOR).min(PAUSE_MAX));
        }
    }
}

/// Where a statement says that it looked.
pub(super) fn step(row: &PgRow) -> sqlx::Result<Step> {
    Ok(Step {
        cursor: row.try_get("cursor")?,
        walk: micros(row.try_get("walked")?),
    })
}

/// A duration as the statements tell it.
pub(super) fn micros(micros: i64) -> Duration {
    Duration::from_micros(micros.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(seconds: i64, walk: Duration) -> Step {
        Step {
            cursor: DateTime::from_timestamp(seconds, 0).expect("a time"),
            walk,
        }
    }

    #[test]
    fn every_promotion_is_a_sweep_while_walks_are_short() {
        let (mut cursor, now) = (TimeCursor::default(), Instant::now());

        assert_eq!(cursor.start(now), None);
        cursor.moved(None, &step(5, WALK_SHORT / 2), now);

        assert_eq!(cursor.start(now), None);
    }

    #[test]
    fn after_a_long_walk_a_promotion_starts_where_the_last_one_was() {
        let (mut cursor, now) = (TimeCursor::default(), Instant::now());

        cursor.moved(None, &step(5, WALK_BEARABLE), now);
        let start = cursor.start(now);
        cursor.moved(start, &step(7, Duration::ZERO), now);

        assert_eq!(start, Some(step(5, Duration::ZERO).cursor));
        assert_eq!(cursor.start(now), Some(step(7, Duration::ZERO).cursor));
    }

    #[test]
    fn sweeps_pause_for_a_multiple_of_their_walk() {
        let (mut cursor, now) = (TimeCursor::default(), Instant::now());

        cursor.moved(None, &step(5, WALK_BEARABLE), now);
        let pause = WALK_BEARABLE * PAUSE_FACTOR;
        assert_eq!(cursor.start(now + pause), None);
        assert!(cursor.start(now + pause / 2).is_some());

        cursor.moved(None, &step(5, PAUSE_MAX), now);
        assert_eq!(cursor.start(now + PAUSE_MAX), None);
    }

    #[test]
    fn nothing_is_said_to_be_due_before_a_sweep_that_is_bearable() {
        let (mut cursor, now) = (TimeCursor::default(), Instant::now());
        let from = Some(step(5, Duration::ZERO).cursor);

        cursor.moved(None, &step(5, WALK_BEARABLE / 2), now);
        assert!(cursor.must_look_again(from));
        assert!(!cursor.must_look_again(None));

        cursor.moved(None, &step(5, WALK_BEARABLE), now);
        assert!(!cursor.must_look_again(from));
    }
}
