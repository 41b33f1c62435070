//! Which ticks of a schedule are due, and when their jobs start. Pure: the time is an argument.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pgq_cron::Timetable;

use crate::driver::Start;
use crate::schedule::Missed;

/// How late a tick may be before it counts as missed. A scheduler sleeps for a minute at most, and a
/// short outage of the storage is nothing that happened to the schedule.
const LATE_MAX: TimeDelta = TimeDelta::minutes(2);

/// How many missed ticks are made up at most.
const MADE_UP_MAX: usize = 1000;

/// The ticks after `last` and up to `now` that have a job, the oldest first.
pub(crate) fn due_ticks(
    timetable: &Timetable,
    missed: Missed,
    last: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    match missed {
        Missed::Once => latest_tick(timetable, last, now).into_iter().collect(),
        Missed::Skip => latest_tick(timetable, last.max(now - LATE_MAX), now)
            .into_iter()
            .collect(),
        Missed::All { within } => {
            let within = TimeDelta::from_std(within).unwrap_or(TimeDelta::MAX);
            // A tick exactly that long ago is within.
            let oldest = now
                .checked_sub_signed(within)
                .and_then(|time| time.checked_sub_signed(TimeDelta::nanoseconds(1)))
                .unwrap_or(DateTime::<Utc>::MIN_UTC);
            last_ticks(timetable, last.max(oldest), now)
        }
    }
}

/// When the job of a tick may start: after its part of the jitter.
pub(crate) fn start(
    schedule: &str,
    tick: DateTime<Utc>,
    jitter: Duration,
    now: DateTime<Utc>,
) -> Start {
    let start = tick + delay(schedule, tick, jitter);
    if start <= now {
        Start::Now
    } else {
        Start::At(start)
    }
}

/// A part of `jitter`, in milliseconds, that depends on nothing but the schedule and the tick.
fn delay(schedule: &str, tick: DateTime<Utc>, jitter: Duration) -> TimeDelta {
    let millis = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return TimeDelta::zero();
    }
    let mut hash = Fnv1a::new();
    hash.add(schedule.as_bytes());
    hash.add(&tick.timestamp().to_be_bytes());
    let part = hash.mixed() % millis;
    i64::try_from(part).map_or(TimeDelta::zero(), TimeDelta::milliseconds)
}

/// The latest tick after `last` that is not after `now`; `None` if none is due.
fn latest_tick(
    timetable: &Timetable,
    last: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let is_due = |tick: &DateTime<Utc>| *tick <= now;
    let first = timetable.next_after(last).filter(is_due)?;
    // As a rule there is one.
    if timetable.next_after(first).filter(is_due).is_none() {
        return Some(first);
    }
    // Halves the time that is left until the latest tick is found: a schedule of each second that
    // was down for a year has too many ticks to walk.
    let (mut latest, mut end) = (first, now);
    while let Some(middle) = middle(latest, end) {
        match timetable.next_after(middle).filter(is_due) {
            Some(tick) => latest = tick,
            None => end = middle,
        }
    }
    // Between `latest` and `end` less than a second is left, and ticks are whole seconds.
    Some(
        timetable
            .next_after(latest)
            .filter(is_due)
            .unwrap_or(latest),
    )
}

/// The ticks after `last` and up to `now`: if there are too many, the last ones.
fn last_ticks(
    timetable: &Timetable,
    last: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    // One more than may be, so that too many are noticed.
    let from = |start: DateTime<Utc>| -> Vec<_> {
        let next = |tick: &DateTime<Utc>| timetable.next_after(*tick);
        std::iter::successors(next(&start), next)
            .take_while(|tick| *tick <= now)
            .take(MADE_UP_MAX + 1)
            .collect()
    };
    let mut ticks = from(last);
    let (mut too_early, mut end) = (last, now);
    while ticks.len() > MADE_UP_MAX {
        let Some(middle) = middle(too_early, end) else {
            // Ticks are whole seconds, so it has come to an end before.
            break;
        };
        let later = from(middle);
        if later.len() < MADE_UP_MAX {
            end = middle;
        } else {
            too_early = middle;
            ticks = later;
        }
    }
    ticks
}

fn middle(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let left = to - from;
    (left.num_seconds() >= 1).then(|| from + left / 2)
}

/// FNV-1a, the same in each version of the library, with its bits mixed at the end.
struct Fnv1a(u64);

impl Fnv1a {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    /// The last bytes reach only the lower bits by themselves, and neighbours would be alike.
    fn mixed(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

#[cfg(test)]
mod tests;
