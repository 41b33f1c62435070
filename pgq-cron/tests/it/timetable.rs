//! Ticks in time zones, known by heart and counted by a walk.

mod walk;

use chrono::{DateTime, Utc};
use pgq_cron::{Bounds, BoundsError, Expression, Interval, Timetable, Zone};

fn timetable(expression: &str, zone: &str) -> Timetable {
    let expression = Expression::parse(expression).unwrap();
    Timetable::calendar(expression, Zone::parse(zone).unwrap())
}

fn time(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().unwrap()
}

/// A zone, an expression, an instant, and the ticks that follow it, all in UTC.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

fn check(cases: &[Case]) {
    for (zone, expression, after, expected) in cases {
        let timetable = timetable(expression, zone);
        let mut last = Some(time(&format!("{after}:00")));
        for tick in *expected {
            last = last.and_then(|last| timetable.next_after(last));
            let expected = Some(time(&format!("{tick}:00")));
            assert_eq!(last, expected, "`{expression}` in {zone} after {after}");
        }
    }
}

#[test]
fn a_fixed_time_that_is_skipped_ticks_right_after_the_gap() {
    check(&[
        // 02:00 → 03:00 at 01:00 UTC.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-28T01:30",
            &["2026-03-29T01:00", "2026-03-30T00:30"],
        ),
        // Several of one gap, and the time right after it, are one tick.
        (
            "Europe/Berlin",
            "0,20,40 2,3 * * *",
            "2026-03-29T00:00",
            &["2026-03-29T01:00", "2026-03-29T01:20", "2026-03-29T01:40"],
        ),
        // 02:00 → 03:00 at 07:00 UTC.
        (
            "America/New_York",
            "15 2 * * *",
            "2026-03-08T00:00",
            &["2026-03-08T07:00", "2026-03-09T06:15"],
        ),
        // 02:00 → 02:30 at 15:30 UTC.
        (
            "Australia/Lord_Howe",
            "10 2 * * *",
            "2026-10-03T00:00",
            &["2026-10-03T15:30", "2026-10-04T15:10"],
        ),
        // 00:00 → 01:00 at 03:00 UTC: the day begins at 01:00.
        (
            "America/Sao_Paulo",
            "@daily",
            "2018-11-03T12:00",
            &["2018-11-04T03:00", "2018-11-05T02:00"],
        ),
        // After Ramadan, 02:00 → 03:00 at 02:00 UTC.
        (
            "Africa/Casablanca",
            "30 2 * * *",
            "2026-03-21T12:00",
            &["2026-03-22T02:00", "2026-03-23T01:30"],
        ),
        // There was no 30 December: its tick came when the 31st began.
        (
            "Pacific/Apia",
            "0 9 * * *",
            "2011-12-29T12:00",
            &["2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"],
        ),
        (
            "Pacific/Apia",
            "0 9 30 12 *",
            "2011-01-01T00:00",
            &["2011-12-30T10:00", "2012-12-29T19:00"],
        ),
        // On 30 March 2024, 23:00 → 00:00 at 01:00 UTC: the gap ends with the day.
        (
            "America/Nuuk",
            "30 23 30 3 *",
            "2024-03-01T00:00",
            &["2024-03-31T01:00"],
        ),
        (
            "Africa/Cairo",
            "@daily",
            "2026-04-23T12:00",
            &["2026-04-23T22:00", "2026-04-24T21:00"],
        ),
        (
            "UTC",
            "30 2 * * *",
            "2026-03-29T00:00",
            &["2026-03-29T02:30", "2026-03-30T02:30"],
        ),
    ]);
}

#[test]
fn a_fixed_time_that_is_shown_twice_ticks_the_first_time() {
    check(&[
        // 03:00 → 02:00 at 01:00 UTC.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24T12:00",
            &["2026-10-25T00:30", "2026-10-26T01:30"],
        ),
        // Asked in the second of the two hours.
        (
            "Europe/Berlin",
            "50 2 * * *",
            "2026-10-25T01:10",
            &["2026-10-26T01:50"],
        ),
        // Where the second hour ends.
        (
            "Europe/Berlin",
            "0 3 * * *",
            "2026-10-25T00:00",
            &["2026-10-25T02:00"],
        ),
        // 02:00 → 01:00 at 06:00 UTC.
        (
            "America/New_York",
            "0 1 * * *",
            "2026-10-31T12:00",
            &["2026-11-01T05:00", "2026-11-02T06:00"],
        ),
        // 02:00 → 01:30 at 15:00 UTC.
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T00:00",
            &["2026-04-04T14:45", "2026-04-05T15:15"],
        ),
        // 00:00 → 23:00 of the day before at 02:00 UTC.
        (
            "America/Sao_Paulo",
            "30 23 * * *",
            "2019-02-16T12:00",
            &["2019-02-17T01:30", "2019-02-18T02:30"],
        ),
        // Before Ramadan, 03:00 → 02:00 at 02:00 UTC.
        (
            "Africa/Casablanca",
            "30 2 * * *",
            "2026-02-14T12:00",
            &["2026-02-15T01:30", "2026-02-16T02:30"],
        ),
    ]);
}

#[test]
fn a_wildcard_ticks_at_each_time_that_clocks_show() {
    check(&[
        (
            "Europe/Berlin",
            "0 * * * *",
            "2026-03-29T00:00",
            &["2026-03-29T01:00", "2026-03-29T02:00"],
        ),
        (
            "Europe/Berlin",
            "*/30 * * * *",
            "2026-10-25T00:00",
            &[
                "2026-10-25T00:30",
                "2026-10-25T01:00",
                "2026-10-25T01:30",
                "2026-10-25T02:00",
            ],
        ),
        // Nothing of the gap is made up for.
        (
            "Europe/Berlin",
            "*/30 2 * * *",
            "2026-03-28T01:30",
            &["2026-03-30T00:00", "2026-03-30T00:30"],
        ),
        // 02:00 is not shown, so an hour and a half pass.
        (
            "Australia/Lord_Howe",
            "0 * * * *",
            "2026-10-03T14:00",
            &["2026-10-03T14:30", "2026-10-03T16:00"],
        ),
        // Asked before the gap, for the first time after it.
        (
            "Pacific/Apia",
            "0 */12 * * *",
            "2011-12-29T22:00",
            &["2011-12-30T10:00", "2011-12-30T22:00"],
        ),
    ]);
}

/// The table of the manual: how often each ticks on the two days.
#[test]
fn the_worked_cases_of_the_manual_are_true() {
    let days = [
        ("2026-03-28T23:00:00", "2026-03-29T22:00:00"),
        ("2026-10-24T22:00:00", "2026-10-25T23:00:00"),
    ];
    for (expression, expected) in [
        ("30 2 * * *", [1, 1]),
        ("0 * * * *", [23, 25]),
        ("*/30 2 * * *", [0, 4]),
    ] {
        let timetable = timetable(expression, "Europe/Berlin");
        let ticks = days.map(|(start, end)| {
            let next = |tick: &DateTime<Utc>| timetable.next_after(*tick);
            let before = time(start) - chrono::TimeDelta::seconds(1);
            std::iter::successors(next(&before), next)
                .take_while(|tick| *tick < time(end))
                .count()
        });
        assert_eq!(ticks, expected, "{expression}");
    }
}

#[test]
fn ticks_lie_in_the_years_of_expressions() {
    let daily = timetable("@daily", "Asia/Tokyo");
    assert_eq!(
        daily.next_after(DateTime::<Utc>::MIN_UTC),
        Some(time("1969-12-31T15:00:00"))
    );
    assert_eq!(daily.next_after(DateTime::<Utc>::MAX_UTC), None);
    assert_eq!(daily.next_after(time("2100-12-31T15:00:00")), None);
    let west = timetable("@yearly", "Pacific/Honolulu");
    let last = west.next_after(time("2099-06-01T00:00:00"));
    assert_eq!(last, Some(time("2100-01-01T10:00:00")));
    assert_eq!(west.next_after(time("2100-01-01T10:00:00")), None);
}

#[test]
fn parts_of_a_second_do_not_matter() {
    let timetable = timetable("* * * * * *", "Europe/Berlin");
    for (after, tick) in [
        ("2026-03-29T00:59:59", "2026-03-29T01:00:00"),
        ("2026-03-29T00:59:58.999", "2026-03-29T00:59:59"),
        ("2026-03-29T01:00:00.001", "2026-03-29T01:00:01"),
        ("2016-12-31T23:59:60.5", "2017-01-01T00:00:00"),
    ] {
        assert_eq!(
            timetable.next_after(time(after)),
            Some(time(tick)),
            "{after}"
        );
    }
}

#[test]
fn an_interval_does_not_know_of_clocks() {
    let interval = Interval::new(std::time::Duration::from_secs(7)).unwrap();
    let after = time("2026-03-29T00:59:59");

    let tick = Timetable::interval(interval).next_after(after);

    assert_eq!(tick, interval.next_after(after));
}

/// Zone, expression, start and end, and the first tick and the last one in UTC.
const BOUNDED: &[[&str; 6]] = &[
    // The start belongs to it, the end does not.
    [
        "UTC",
        "@daily",
        "2026-01-01",
        "2026-01-04",
        "2026-01-01T00:00",
        "2026-01-03T00:00",
    ],
    [
        "UTC",
        "@daily",
        "2026-01-01T00:00:01",
        "2026-01-04T00:00:01",
        "2026-01-02T00:00",
        "2026-01-04T00:00",
    ],
    [
        "Asia/Tokyo",
        "0 9 * * *",
        "2026-01-01",
        "2026-01-03",
        "2026-01-01T00:00",
        "2026-01-02T00:00",
    ],
    [
        "America/New_York",
        "@daily",
        "2026-07-01",
        "2026-07-03",
        "2026-07-01T04:00",
        "2026-07-02T04:00",
    ],
    // 02:30 is skipped: it means 03:00, which is 01:00 in UTC.
    [
        "Europe/Berlin",
        "30 2 * * *",
        "2026-03-29T02:30",
        "2026-03-30",
        "2026-03-29T01:00",
        "2026-03-29T01:00",
    ],
    [
        "Europe/Berlin",
        "*/30 * * * *",
        "2026-03-29T02:00",
        "2026-03-29T03:01",
        "2026-03-29T01:00",
        "2026-03-29T01:00",
    ],
    // 02:30 is shown twice: it means the first time, 00:30 in UTC.
    [
        "Europe/Berlin",
        "*/30 * * * *",
        "2026-10-25T02:30",
        "2026-10-25T03:00",
        "2026-10-25T00:30",
        "2026-10-25T01:30",
    ],
    [
        "Europe/Berlin",
        "*/30 * * * *",
        "2026-10-25T01:00",
        "2026-10-25T02:30",
        "2026-10-24T23:00",
        "2026-10-25T00:00",
    ],
    // The day that was not.
    [
        "Pacific/Apia",
        "0 9 * * *",
        "2011-12-30",
        "2012-01-01",
        "2011-12-30T10:00",
        "2011-12-30T19:00",
    ],
];

#[test]
fn ticks_lie_between_a_start_and_an_end() {
    let bounds = |starts: &str, ends: &str| {
        let time = |text: &str| (!text.is_empty()).then(|| Bounds::parse_time(text).unwrap());
        Bounds::new(time(starts), time(ends)).unwrap()
    };
    for [zone, expression, starts, ends, first, last] in BOUNDED {
        let bounded = timetable(expression, zone)
            .within(bounds(starts, ends))
            .unwrap();
        let next = |tick: &DateTime<Utc>| bounded.next_after(*tick);
        let ticks: Vec<_> = std::iter::successors(next(&DateTime::<Utc>::MIN_UTC), next).collect();

        let context = format!("`{expression}` in {zone} from {starts} to {ends}");
        assert_eq!(
            ticks.first(),
            Some(&time(&format!("{first}:00"))),
            "{context}"
        );
        assert_eq!(
            ticks.last(),
            Some(&time(&format!("{last}:00"))),
            "{context}"
        );
    }

    let weekly = Interval::new(std::time::Duration::from_secs(90)).unwrap();
    let from = Timetable::interval(weekly).within(bounds("2026-01-01T00:00:01", ""));
    let first = from.unwrap().next_after(time("2025-01-01T00:00:00"));
    assert_eq!(first, Some(time("2026-01-01T00:01:30")));
}

#[test]
fn bounds_without_a_tick_are_refused() {
    let day = |date: &str| Some(Bounds::parse_time(date).unwrap());
    for (starts, ends) in [
        (day("2026-01-02"), day("2027-01-01")),
        (None, day("1970-01-01")),
        (day("2100-01-02"), None),
    ] {
        let bounds = Bounds::new(starts, ends).unwrap();
        let bounded = timetable("@yearly", "UTC").within(bounds);
        assert_eq!(bounded, Err(BoundsError::NeverTicks), "{bounds:?}");
    }
}
