use super::*;
use pgq_cron::{Bounds, Expression, Interval, Zone};

fn time(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().unwrap()
}

fn timetable(expression: &str) -> Timetable {
    Timetable::calendar(Expression::parse(expression).unwrap(), Zone::UTC)
}

fn due(expression: &str, missed: Missed, last: &str, now: &str) -> Vec<DateTime<Utc>> {
    due_ticks(&timetable(expression), missed, time(last), time(now))
}

const fn all(minutes: u64) -> Missed {
    Missed::All {
        within: Duration::from_secs(minutes * 60),
    }
}

#[test]
fn once_is_the_latest_tick_that_is_due() {
    // expression, last tick, now, due tick
    let cases = [
        (
            "* * * * *",
            "2026-03-01T10:00:00",
            "2026-03-01T10:00:59.999",
            None,
        ),
        (
            "* * * * *",
            "2026-03-01T10:00:00",
            "2026-03-01T10:01:00",
            Some("2026-03-01T10:01:00"),
        ),
        (
            "* * * * *",
            "2026-03-01T10:00:00",
            "2026-03-01T10:07:30",
            Some("2026-03-01T10:07:00"),
        ),
        (
            "* * * * * *",
            "2025-03-01T10:00:00",
            "2026-03-01T10:00:00.5",
            Some("2026-03-01T10:00:00"),
        ),
        (
            "0 3 * * *",
            "2026-03-01T03:00:00",
            "2026-03-02T02:59:59",
            None,
        ),
        (
            "0 3 * * *",
            "2026-03-01T03:00:00",
            "2026-03-02T03:00:00",
            Some("2026-03-02T03:00:00"),
        ),
        (
            "0 3 * * *",
            "2026-03-01T03:00:00",
            "2026-06-02T02:00:00",
            Some("2026-06-01T03:00:00"),
        ),
        (
            "0 0 29 2 *",
            "2020-02-29T00:00:00",
            "2026-01-01T00:00:00",
            Some("2024-02-29T00:00:00"),
        ),
        (
            "0 0 1 1 *",
            "2026-01-01T00:00:00",
            "2026-12-31T23:59:59",
            None,
        ),
    ];

    for (expression, last, now, expected) in cases {
        let found = due(expression, Missed::Once, last, now);
        let expected: Vec<_> = expected.map(time).into_iter().collect();
        assert_eq!(found, expected, "{expression} after {last} at {now}");
    }
}

/// A policy, the last tick, now, and the ticks that are due: days and times of March 2026.
type Case = (Missed, &'static str, &'static str, &'static [&'static str]);

fn check(expression: &str, cases: &[Case]) {
    let march = |time: &str| format!("2026-03-{time}");
    for (missed, last, now, expected) in cases {
        let found = due(expression, *missed, &march(last), &march(now));
        let expected: Vec<_> = expected.iter().map(|tick| time(&march(tick))).collect();
        assert_eq!(found, expected, "{missed:?} after {last} at {now}");
    }
}

#[test]
fn a_tick_that_is_two_minutes_late_is_skipped_if_it_is_to_be() {
    let skip = Missed::Skip;
    check(
        "0 3 * * *",
        &[
            (skip, "01T03:00:00", "02T03:01:59", &["02T03:00:00"]),
            (skip, "01T03:00:00", "02T03:02:00", &[]),
            (skip, "01T03:00:00", "09T03:00:00", &["09T03:00:00"]),
        ],
    );
    check(
        "* * * * *",
        &[(skip, "01T03:00:00", "01T09:00:30", &["01T09:00:00"])],
    );
}

#[test]
fn each_tick_within_the_time_is_made_up_if_it_is_to_be() {
    check(
        "0 * * * *",
        &[
            (all(60), "01T03:00:00", "01T03:59:59", &[]),
            (all(60), "01T03:00:00", "01T09:30:00", &["01T09:00:00"]),
            // With both ends of the time.
            (
                all(120),
                "01T03:00:00",
                "01T09:00:00",
                &["01T07:00:00", "01T08:00:00", "01T09:00:00"],
            ),
            // What has ticked does not tick again.
            (
                all(600),
                "01T07:00:00",
                "01T09:00:00",
                &["01T08:00:00", "01T09:00:00"],
            ),
        ],
    );
}

#[test]
fn all_are_the_last_thousand_at_most() {
    let now = time("2026-03-01T10:00:00.7");
    let year = all(365 * 24 * 60);
    for (expression, step) in [("* * * * * *", 1), ("*/7 * * * * *", 0), ("* * * * *", 60)] {
        let last = now - TimeDelta::days(300);
        let found = due_ticks(&timetable(expression), year, last, now);
        assert_eq!(found.len(), MADE_UP_MAX, "{expression}");
        assert_eq!(
            found.last(),
            Some(&time("2026-03-01T10:00:00")),
            "{expression}"
        );
        if step > 0 {
            let span = TimeDelta::seconds(step * 999);
            assert_eq!(found[0], time("2026-03-01T10:00:00") - span, "{expression}");
        }
    }
    // As many as may be.
    let last = now - TimeDelta::minutes(1000);
    let found = due_ticks(&timetable("* * * * *"), year, last, now);
    assert_eq!(found.len(), MADE_UP_MAX);
    assert_eq!(found[0], time("2026-02-28T17:21:00"));
}

#[test]
fn the_search_agrees_with_a_walk() {
    let last = time("2026-03-01T00:00:00");
    let interval = Interval::new(Duration::from_secs(5400)).unwrap();
    let mut timetables = vec![Timetable::interval(interval)];
    timetables.extend(
        [
            "*/7 * * * *",
            "0 */5 * * *",
            "15,45 9-17 * * MON-FRI",
            "30 2 1,15 * *",
        ]
        .map(timetable),
    );
    for timetable in timetables {
        for step in 0..300 {
            let now = last + TimeDelta::minutes(step * 71);
            let next = |tick: &DateTime<Utc>| timetable.next_after(*tick);
            let walked = std::iter::successors(next(&last), next)
                .take_while(|tick| *tick <= now)
                .last();
            assert_eq!(
                latest_tick(&timetable, last, now),
                walked,
                "{timetable:?} at {now}"
            );
        }
    }
}

#[test]
fn a_clock_that_went_back_makes_nothing_due() {
    for missed in [Missed::Once, Missed::Skip, all(60)] {
        let found = due(
            "* * * * *",
            missed,
            "2026-03-01T10:00:00",
            "2026-03-01T09:00:00",
        );
        assert!(found.is_empty(), "{missed:?}: {found:?}");
    }
}

#[test]
fn jitter_is_the_same_for_everybody_and_another_for_each_tick() {
    let jitter = Duration::from_secs(30);
    let hour = time("2026-03-01T10:00:00");
    let delays: Vec<_> = (0..1000)
        .map(|hours| delay("nightly", hour + TimeDelta::hours(hours), jitter))
        .collect();

    let half = TimeDelta::seconds(15);
    let early = delays.iter().filter(|delay| **delay < half).count();
    assert!((400..600).contains(&early), "{early} of 1000 are early");
    assert!(
        delays
            .iter()
            .all(|delay| (TimeDelta::zero()..TimeDelta::seconds(30)).contains(delay))
    );
    // It is promised that a version of the library does not change it.
    assert_eq!(delays[0], TimeDelta::milliseconds(14_984));
    assert_ne!(
        delay("nightly", hour, jitter),
        delay("hourly", hour, jitter)
    );
    assert_eq!(delay("nightly", hour, Duration::ZERO), TimeDelta::zero());
}

#[test]
fn a_job_starts_after_its_jitter_or_at_once_if_that_is_over() {
    let tick = time("2026-03-01T10:00:00");
    let jitter = Duration::from_secs(3600);
    let at = tick + delay("nightly", tick, jitter);
    let before = at - TimeDelta::milliseconds(1);

    assert_eq!(start("nightly", tick, jitter, before), Start::At(at));
    assert_eq!(start("nightly", tick, jitter, at), Start::Now);
    assert_eq!(start("nightly", tick, Duration::ZERO, tick), Start::Now);
}

/// An expression, a policy, the last tick, now, and the ticks that are due.
type ClockCase = (
    &'static str,
    Missed,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const SKIP: Missed = Missed::Skip;
const ONCE: Missed = Missed::Once;
const DAY: Missed = all(24 * 60);

/// Downtimes over the two changes of clocks of 2026 in Berlin, at 01:00 in UTC each.
const CLOCK_CASES: &[ClockCase] = &[
    // 02:30 is skipped: its tick was right after the gap.
    (
        "30 2 * * *",
        ONCE,
        "03-28T01:30",
        "03-29T05:00",
        &["03-29T01:00"],
    ),
    (
        "30 2 * * *",
        DAY,
        "03-28T01:30",
        "03-29T05:00",
        &["03-29T01:00"],
    ),
    (
        "30 2 * * *",
        SKIP,
        "03-28T01:30",
        "03-29T01:01",
        &["03-29T01:00"],
    ),
    ("30 2 * * *", SKIP, "03-28T01:30", "03-29T01:02", &[]),
    ("30 2 * * *", ONCE, "03-29T01:00", "03-30T00:29", &[]),
    // Several of the gap are one, and clocks did not show what a star means.
    (
        "0,30 2,3 * * *",
        DAY,
        "03-28T02:30",
        "03-29T01:30",
        &["03-29T01:00", "03-29T01:30"],
    ),
    ("*/30 2 * * *", ONCE, "03-28T01:30", "03-29T12:00", &[]),
    (
        "0 * * * *",
        all(120),
        "03-28T22:00",
        "03-29T01:30",
        &["03-29T00:00", "03-29T01:00"],
    ),
    // 02:30 is shown at 00:30 and at 01:30: a fixed time ticks the first time.
    (
        "30 2 * * *",
        ONCE,
        "10-24T00:30",
        "10-25T01:45",
        &["10-25T00:30"],
    ),
    ("30 2 * * *", SKIP, "10-24T00:30", "10-25T01:30", &[]),
    ("30 2 * * *", DAY, "10-25T00:30", "10-25T01:30", &[]),
    // A star ticks both times.
    (
        "*/30 2 * * *",
        ONCE,
        "10-25T00:30",
        "10-25T01:10",
        &["10-25T01:00"],
    ),
    (
        "*/30 2 * * *",
        SKIP,
        "10-25T00:00",
        "10-25T01:31",
        &["10-25T01:30"],
    ),
    (
        "0 * * * *",
        all(180),
        "10-24T20:00",
        "10-25T02:30",
        &["10-25T00:00", "10-25T01:00", "10-25T02:00"],
    ),
    // A day is 24 hours, also on a day of 25.
    (
        "0 * * * *",
        all(60),
        "10-25T00:00",
        "10-25T02:00",
        &["10-25T01:00", "10-25T02:00"],
    ),
];

#[test]
fn what_was_missed_over_a_change_of_clocks_is_what_would_have_ticked() {
    let at = |text: &str| time(&format!("2026-{text}:00"));
    for (expression, missed, last, now, expected) in CLOCK_CASES {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let timetable = Timetable::calendar(Expression::parse(expression).unwrap(), berlin);

        let found = due_ticks(&timetable, *missed, at(last), at(now));

        let expected: Vec<_> = expected.iter().map(|tick| at(tick)).collect();
        assert_eq!(
            found, expected,
            "`{expression}`, {missed:?} after {last} at {now}"
        );
    }
}

#[test]
fn nothing_is_due_before_the_start_or_from_the_end_on() {
    let bound = |text| Some(Bounds::parse_time(text).unwrap());
    let bounds = Bounds::new(bound("2026-03-05"), bound("2026-03-08")).unwrap();
    let timetable = timetable("0 0,12 * * *").within(bounds).unwrap();
    let year = all(365 * 24 * 60);
    let cases: &[Case] = &[
        (year, "01T00:00", "04T23:59", &[]),
        (ONCE, "01T00:00", "04T23:59", &[]),
        (ONCE, "01T00:00", "05T00:00", &["05T00:00"]),
        (year, "01T00:00", "05T13:00", &["05T00:00", "05T12:00"]),
        // What was missed before the end is made up for after it, once.
        (ONCE, "06T12:00", "30T00:00", &["07T12:00"]),
        (year, "06T12:00", "30T00:00", &["07T00:00", "07T12:00"]),
        (all(60), "06T12:00", "08T00:00", &[]),
        (Missed::Skip, "06T12:00", "08T00:00", &[]),
        (ONCE, "07T12:00", "30T00:00", &[]),
    ];
    let march = |text: &str| time(&format!("2026-03-{text}:00"));
    for (missed, last, now, expected) in cases {
        let found = due_ticks(&timetable, *missed, march(last), march(now));
        let expected: Vec<_> = expected.iter().map(|tick| march(tick)).collect();
        assert_eq!(found, expected, "{missed:?} after {last} at {now}");
    }
}

/// The ticks that have a job, if a scheduler looks at these times, one after another. What is left
/// from one look to the next is the last tick, so there may be another process in between.
fn replay(timetable: &Timetable, missed: Missed, looks: &[DateTime<Utc>]) -> Vec<DateTime<Utc>> {
    let mut last = looks[0];
    let mut ticked = Vec::new();
    for now in looks {
        for tick in due_ticks(timetable, missed, last, *now) {
            ticked.push(tick);
            last = tick;
        }
    }
    ticked
}

#[test]
fn a_clock_that_jumps_ten_minutes_makes_no_tick_twice() {
    let minute = |minute: i64| time("2026-03-01T10:00:00") + TimeDelta::minutes(minute);
    // Half a minute after: forth, back, and on.
    let looks: Vec<_> = [0, 1, 11, 12, 2, 3, 12, 13]
        .map(|at| minute(at) + TimeDelta::seconds(30))
        .into();
    let all_of_them: Vec<_> = (1..=13).map(minute).collect();
    let seen = [1, 11, 12, 13].map(minute);

    let every_minute = timetable("* * * * *");
    assert_eq!(replay(&every_minute, all(60), &looks), all_of_them);
    assert_eq!(replay(&every_minute, Missed::Once, &looks), seen);
    assert_eq!(replay(&every_minute, Missed::Skip, &looks), seen);
}

#[test]
fn restarts_and_jumps_lose_no_tick_that_is_made_up_and_double_none() {
    let start = time("2026-03-28T22:00:00");
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    for seed in 0..50 {
        let mut random = fastrand::Rng::with_seed(seed);
        let expression = [
            "*/7 * * * *",
            "30 * * * *",
            "0,30 2,3 * * *",
            "15 */2 * * *",
        ][random.usize(0..4)];
        let timetable = Timetable::calendar(Expression::parse(expression).unwrap(), berlin);
        let mut now = start;
        let mut looks = vec![start];
        for _ in 0..60 {
            // Mostly a short sleep, sometimes a downtime, by a clock that is up to ten minutes off.
            let slept = if random.u8(0..10) == 0 { 5 * 3600 } else { 90 };
            now += TimeDelta::seconds(random.i64(1..=slept));
            looks.push(now + TimeDelta::seconds(random.i64(-600..=600)));
        }
        let end = looks.iter().copied().max().unwrap();
        let next = |tick: &DateTime<Utc>| timetable.next_after(*tick);
        let expected: Vec<_> = std::iter::successors(next(&start), next)
            .take_while(|tick| *tick <= end)
            .collect();

        let made_up = replay(&timetable, all(7 * 24 * 60), &looks);
        assert_eq!(made_up, expected, "`{expression}`, seed {seed}");
        for missed in [Missed::Once, Missed::Skip] {
            let ticked = replay(&timetable, missed, &looks);
            let rises = ticked.is_sorted_by(|one, next| one < next);
            assert!(
                rises && ticked.iter().all(|tick| expected.contains(tick)),
                "`{expression}`, {missed:?}, seed {seed}: {ticked:?}"
            );
        }
        let once = replay(&timetable, Missed::Once, &looks);
        assert_eq!(once.last(), expected.last(), "`{expression}`, seed {seed}");
    }
}
