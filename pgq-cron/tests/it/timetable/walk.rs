//! Ticks against a walk along the minutes of a zone, which knows neither gaps nor the search: it
//! looks at what clocks show, and at what they have shown.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use fastrand::Rng;
use pgq_cron::{Expression, Timetable, Zone, zone_names};

use crate::clocks::{changes, shown};

/// Zones with changes of an hour, half an hour, twice a year, at midnight and by a whole day.
const ZONES: &[&str] = &[
    "Africa/Casablanca",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
    "UTC",
];

const EXPRESSIONS: &[&str] = &[
    "* * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "0 */2 * * *",
    "*/30 1-3 * * *",
    "10 * * * SUN",
    "@daily",
    "59 23 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "0,30 0-3 * * *",
    "5-55/10 1,2,23 * * *",
    "15 0-23/2 * * SUN,MON",
    "45 1 30 12 *",
];

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// How far around a change the walk goes.
const AROUND: TimeDelta = TimeDelta::hours(26);

/// The ticks in the window, by the documented rule, minute by minute.
fn walk(
    expression: &Expression,
    zone: Tz,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    // Clocks have shown this long before; ticks are counted from `start` on.
    let mut at = start - AROUND;
    let mut reached = shown(zone, at);
    let local_ticks: BTreeSet<_> = expression
        .ticks_after(reached - AROUND)
        .take_while(|tick| *tick < shown(zone, end) + AROUND)
        .collect();
    let matches = |local: NaiveDateTime| local_ticks.contains(&local);
    let mut ticks = Vec::new();
    while at < end {
        at += MINUTE;
        let local = shown(zone, at);
        let ticks_now = if expression.is_wildcard() {
            matches(local)
        } else {
            // Whole minutes that clocks reach or skip with this one.
            let mut minute = reached + MINUTE;
            let mut any = false;
            while minute <= local {
                any |= matches(minute);
                minute += MINUTE;
            }
            any
        };
        reached = reached.max(local);
        if ticks_now && at > start {
            ticks.push(at);
        }
    }
    ticks
}

fn compare(expression: &str, zone: &str, start: DateTime<Utc>, end: DateTime<Utc>) -> usize {
    let parsed = Expression::parse(expression).unwrap();
    let tz: Tz = zone.parse().unwrap();
    let expected = walk(&parsed, tz, start, end);

    let timetable = Timetable::calendar(parsed, Zone::parse(zone).unwrap());
    let next = |last: &DateTime<Utc>| timetable.next_after(*last);
    let found: Vec<_> = std::iter::successors(next(&start), next)
        .take_while(|tick| *tick <= end)
        .collect();

    assert_eq!(
        found, expected,
        "`{expression}` in {zone} from {start} to {end}"
    );
    // What follows an instant does not depend on where the walk began.
    let mut random = Rng::with_seed(start.timestamp().unsigned_abs());
    for _ in 0..20 {
        let minutes = random.i64(0..(end - start).num_minutes());
        let after = start + TimeDelta::seconds(minutes * 60 + random.i64(0..60));
        let expected = expected.iter().find(|tick| **tick > after);
        let found = next(&after).filter(|tick| *tick <= end);
        assert_eq!(
            found.as_ref(),
            expected,
            "`{expression}` in {zone} after {after}"
        );
    }
    expected.len()
}

/// Which zones and years are walked through: a sample, or with `PGQ_WALK=all` everything, by
/// `PGQ_WALK=all cargo test --release -p pgq-cron walk`, which takes about twenty minutes.
fn asked_for() -> (Vec<&'static str>, [std::ops::Range<i32>; 3]) {
    match std::env::var("PGQ_WALK").as_deref() {
        Ok("all") => (zone_names().collect(), [1973..1995, 1995..2017, 2017..2038]),
        _ => (ZONES.to_vec(), [2011..2012, 2018..2020, 2026..2027]),
    }
}

#[test]
fn around_each_change_ticks_are_those_of_a_walk_through_time() {
    let (zones, years) = asked_for();
    let mut ticks = 0;
    for zone in zones {
        let tz: Tz = zone.parse().unwrap();
        let mut windows: Vec<_> = years
            .iter()
            .flat_map(|years| changes(tz, years.clone()))
            .collect();
        // An hour without a change, so that each zone has a window.
        windows.push(Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap());
        for change in windows {
            for expression in EXPRESSIONS {
                ticks += compare(expression, zone, change - AROUND, change + AROUND);
            }
        }
    }
    assert!(ticks > 200_000, "only {ticks} ticks");
}
