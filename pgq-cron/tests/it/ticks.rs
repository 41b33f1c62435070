//! Ticks that were worked out by hand.

use chrono::NaiveDateTime;
use pgq_cron::Expression;

fn time(text: &str) -> NaiveDateTime {
    text.parse().expect(text)
}

/// An expression, a time, and the first tick after it.
fn check(cases: &[(&str, &str, &str)]) {
    for (source, after, expected) in cases {
        let expression = Expression::parse(source).unwrap();

        let next = expression.next_after(time(after));

        assert_eq!(next, Some(time(expected)), "{source} after {after}");
    }
}

#[test]
fn the_next_tick_is_strictly_after() {
    // 1 January 2026 is a Thursday.
    let cases = [
        ("* * * * *", "2026-01-01T00:00:00", "2026-01-01T00:01:00"),
        (
            "* * * * *",
            "2026-01-01T00:00:59.999",
            "2026-01-01T00:01:00",
        ),
        ("* * * * * *", "2026-01-01T00:00:00", "2026-01-01T00:00:01"),
        (
            "* * * * * *",
            "2026-01-01T00:00:00.5",
            "2026-01-01T00:00:01",
        ),
        ("* * * * * *", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        (
            "* * * * * *",
            "2016-12-31T23:59:60.5",
            "2017-01-01T00:00:00",
        ),
        ("*/7 * * * *", "2026-01-01T00:56:00", "2026-01-01T01:00:00"),
        ("15 3 * * *", "2026-01-01T03:15:00", "2026-01-02T03:15:00"),
        ("15 3 * * *", "2026-01-01T03:14:59", "2026-01-01T03:15:00"),
        ("0 0 31 * *", "2026-01-31T00:00:00", "2026-03-31T00:00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 * * 7", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
        ("0 0 * * 1", "2026-01-01T00:00:00", "2026-01-05T00:00:00"),
        (
            "0 0 * * FRI-SUN",
            "2026-01-05T00:00:00",
            "2026-01-09T00:00:00",
        ),
        // Either day field: Friday the 9th comes before the 13th.
        ("0 0 13 * FRI", "2026-01-02T00:00:00", "2026-01-09T00:00:00"),
        ("0 0 13 * FRI", "2026-01-09T00:00:00", "2026-01-13T00:00:00"),
        // Both, because of the star: an odd day that is a Friday.
        (
            "0 0 */2 * FRI",
            "2026-01-02T00:00:00",
            "2026-01-09T00:00:00",
        ),
        (
            "0 0 */2 * FRI",
            "2026-01-09T00:00:00",
            "2026-01-23T00:00:00",
        ),
        // There is no 30 February; Mondays in February remain.
        ("0 0 30 2 MON", "2026-02-24T00:00:00", "2027-02-01T00:00:00"),
        ("@hourly", "2026-01-01T00:00:00", "2026-01-01T01:00:00"),
        ("@weekly", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
        ("@monthly", "2026-01-01T00:00:00", "2026-02-01T00:00:00"),
        ("@yearly", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        // 2000 was a leap year.
        ("0 0 29 2 *", "1996-02-29T00:00:00", "2000-02-29T00:00:00"),
        ("0 0 29 2 */7", "2026-01-01T00:00:00", "2032-02-29T00:00:00"),
        // The first tick there is.
        ("0 12 * * *", "-9999-01-01T00:00:00", "1970-01-01T12:00:00"),
        ("* * * * * *", "1969-12-31T23:59:59", "1970-01-01T00:00:00"),
        (
            "* * * * * *",
            "1969-12-31T23:59:59.5",
            "1970-01-01T00:00:00",
        ),
    ];
    check(&cases);
}

#[test]
fn days_are_found_by_the_calendar() {
    let cases = [
        // Days by the calendar. 31 January 2026 is a Saturday, 31 May a Sunday.
        ("0 0 L * *", "2026-01-31T00:00:00", "2026-02-28T00:00:00"),
        ("0 0 L 2 *", "2026-03-01T00:00:00", "2027-02-28T00:00:00"),
        ("30 23 L * *", "2028-02-28T23:30:00", "2028-02-29T23:30:00"),
        ("0 0 L-3 * *", "2026-01-01T00:00:00", "2026-01-28T00:00:00"),
        ("0 0 LW * *", "2026-01-01T00:00:00", "2026-01-30T00:00:00"),
        ("0 0 31W * *", "2026-04-01T00:00:00", "2026-05-29T00:00:00"),
        (
            "0 0 * * FRI#2",
            "2026-01-09T00:00:00",
            "2026-02-13T00:00:00",
        ),
        ("0 0 * * 5#5", "2026-01-30T00:00:00", "2026-05-29T00:00:00"),
        ("0 0 * * 7L", "2026-01-01T00:00:00", "2026-01-25T00:00:00"),
        // Lists, and both day fields: either, or both if one begins with a star.
        ("0 0 1,L * *", "2026-01-01T00:00:00", "2026-01-31T00:00:00"),
        (
            "0 0 L * MON#1",
            "2026-01-05T00:00:00",
            "2026-01-31T00:00:00",
        ),
        (
            "0 0 */30 * SATL",
            "2026-01-01T00:00:00",
            "2026-01-31T00:00:00",
        ),
        // The second of the month's first day that is over is not the next one.
        (
            "59 59 23 1W 1 *",
            "2026-01-01T23:59:59",
            "2027-01-01T23:59:59",
        ),
    ];
    check(&cases);
}

#[test]
fn ticks_end_with_the_year_2100() {
    let every_second = Expression::parse("* * * * * *").unwrap();
    let last = time("2100-12-31T23:59:59");

    assert_eq!(
        every_second.next_after(time("2100-12-31T23:59:58")),
        Some(last)
    );
    assert_eq!(every_second.next_after(last), None);
    assert_eq!(every_second.next_after(NaiveDateTime::MAX), None);

    let last_days = Expression::parse("0 0 L * *").unwrap();
    assert_eq!(last_days.next_after(time("2100-12-31T00:00:00")), None);
    let first = last_days.next_after(NaiveDateTime::MIN);
    assert_eq!(first, Some(time("1970-01-31T00:00:00")));

    let leap_days = Expression::parse("0 0 29 2 *").unwrap();
    let mut ticks = leap_days.ticks_after(time("2092-02-29T00:00:00"));
    assert_eq!(ticks.next(), Some(time("2096-02-29T00:00:00")));
    assert_eq!((ticks.next(), ticks.next()), (None, None));
}

#[test]
fn the_first_second_of_all_time_is_before_the_first_tick() {
    let every_second = Expression::parse("* * * * * *").unwrap();

    let first = every_second.next_after(NaiveDateTime::MIN);

    assert_eq!(first, Some(time("1970-01-01T00:00:00")));
}

/// 13 March 2026 is a Friday: both day fields name it, and it is one tick.
#[test]
fn a_date_that_both_day_fields_name_ticks_once() {
    let expression = Expression::parse("0 0 13 * FRI").unwrap();

    let dates: Vec<_> = expression
        .ticks_after(time("2026-03-06T00:00:00"))
        .map(|tick| tick.format("%m-%d").to_string())
        .take(3)
        .collect();

    assert_eq!(dates, ["03-13", "03-20", "03-27"]);
}

#[test]
fn an_interval_is_told_from_a_fixed_time() {
    let cases = [
        ("0 3 * * *", false),
        ("0,30 2 * * MON", false),
        ("* 0 3 * * *", false),
        ("@daily", false),
        ("* 3 * * *", true),
        ("*/15 3 * * *", true),
        ("0 */2 * * *", true),
        ("@hourly", true),
    ];
    for (source, expected) in cases {
        let expression = Expression::parse(source).unwrap();

        assert_eq!(expression.is_wildcard(), expected, "{source}");
    }
}

#[test]
fn an_expression_shows_and_compares_as_written() {
    let source = " 0 9  * * mon-FRI";
    let expression: Expression = source.parse().unwrap();

    assert_eq!(expression.to_string(), source);
    assert_eq!(expression.as_str(), source);
    assert_eq!(format!("{expression:?}"), format!("Expression({source:?})"));
    assert_eq!(expression, expression.clone());
    assert_ne!(expression, Expression::parse("0 9 * * 1-5").unwrap());
}
