//! Which tick of a schedule is due. Pure: the time is an argument.

use chrono::{DateTime, Utc};
use pgq_cron::Expression;

/// The first tick after `now`; `None` if there is none any more.
pub(super) fn next_tick(expression: &Expression, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    expression
        .next_after(now.naive_utc())
        .map(|tick| tick.and_utc())
}

/// The latest tick after `last` that is not after `now`; `None` if none is due. Ticks that were
/// missed while no worker ran count as one.
pub(super) fn overdue_tick(
    expression: &Expression,
    last: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let first = next_tick(expression, last).filter(|first| *first <= now)?;
    // Halves the time that is left until the latest tick is found: a schedule of each second that
    // was down for a year has too many ticks to walk.
    let (mut latest, mut end) = (first, now);
    while let Some(middle) = middle(latest, end) {
        match next_tick(expression, middle).filter(|tick| *tick <= now) {
            Some(tick) => latest = tick,
            None => end = middle,
        }
    }
    // Between `latest` and `end` less than a second is left, and ticks are whole seconds.
    Some(
        next_tick(expression, latest)
            .filter(|tick| *tick <= now)
            .unwrap_or(latest),
    )
}

fn middle(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let left = to - from;
    (left.num_seconds() >= 1).then(|| from + left / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        format!("{text}Z").parse().unwrap()
    }

    fn overdue(expression: &str, last: &str, now: &str) -> Option<DateTime<Utc>> {
        let expression = Expression::parse(expression).unwrap();
        overdue_tick(&expression, time(last), time(now))
    }

    #[test]
    fn the_latest_tick_that_is_due_is_found() {
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

        for (expression, last, now, due) in cases {
            let found = overdue(expression, last, now);
            assert_eq!(found, due.map(time), "{expression} after {last} at {now}");
        }
    }

    #[test]
    fn the_search_agrees_with_a_walk() {
        let last = time("2026-03-01T00:00:00");
        for text in [
            "*/7 * * * *",
            "0 */5 * * *",
            "15,45 9-17 * * MON-FRI",
            "30 2 1,15 * *",
        ] {
            let expression = Expression::parse(text).unwrap();
            for minutes in 0..3000 {
                let now = last + chrono::TimeDelta::minutes(minutes * 7);
                let walked = expression
                    .ticks_after(last.naive_utc())
                    .take_while(|tick| tick.and_utc() <= now)
                    .last()
                    .map(|tick| tick.and_utc());
                assert_eq!(
                    overdue_tick(&expression, last, now),
                    walked,
                    "{text} at {now}"
                );
            }
        }
    }

    #[test]
    fn a_clock_that_went_back_makes_nothing_due() {
        assert_eq!(
            overdue("* * * * *", "2026-03-01T10:00:00", "2026-03-01T09:00:00"),
            None
        );
    }
}
