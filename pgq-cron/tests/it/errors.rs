//! Every mistake has a message that tells what to do, and points at the smallest part.

mod days;

use days::DAYS;
use pgq_cron::{EXPRESSION_BYTES_MAX, Expression, Field, ParseError};

/// A bad expression, the part of it that is at fault, and the message.
type Case = (&'static str, &'static str, &'static str);

const BAD: &[Case] = &[
    // The whole.
    (
        "",
        "",
        "the expression is empty: write five fields such as `0 3 * * *`, or `@daily`",
    ),
    (
        " \t ",
        " \t ",
        "the expression is empty: write five fields such as `0 3 * * *`, or `@daily`",
    ),
    (
        " 5 ",
        "5",
        "expected five fields (minute, hour, day of month, month, day of week) or six (second first), found 1",
    ),
    (
        "* * * *",
        "* * * *",
        "expected five fields (minute, hour, day of month, month, day of week) or six (second first), found 4",
    ),
    (
        "0 0 3 * * * 2027",
        "0 0 3 * * * 2027",
        "expected five fields (minute, hour, day of month, month, day of week) or six (second first), found 7: a year field is not supported",
    ),
    (
        "* * * * * * * *",
        "* * * * * * * *",
        "expected five fields (minute, hour, day of month, month, day of week) or six (second first), found 8",
    ),
    // Macros.
    (
        " @dayly",
        "@dayly",
        "unknown macro `@dayly`: expected `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` or `@annually`",
    ),
    (
        "@",
        "@",
        "unknown macro `@`: expected `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` or `@annually`",
    ),
    (
        "@reboot",
        "@reboot",
        "`@reboot` is not a time of the calendar: enqueue the job when the program starts",
    ),
    (
        "@every 5m",
        "@every",
        "`@every` is not a time of the calendar: use `every = \"5m\"` for an interval",
    ),
    (
        "@daily 3 * * *",
        "3",
        "`3` after a macro: a macro stands alone, remove what follows it",
    ),
    // Numbers.
    (
        "60 * * * *",
        "60",
        "`60` is out of range for the minute field: expected 0 to 59",
    ),
    (
        "60 0 0 * * *",
        "60",
        "`60` is out of range for the second field: expected 0 to 59",
    ),
    (
        "0 24 * * *",
        "24",
        "`24` is out of range for the hour field: expected 0 to 23",
    ),
    (
        "0 0 0 * *",
        "0",
        "`0` is out of range for the day of month field: expected 1 to 31",
    ),
    (
        "0 0 1-32 * *",
        "32",
        "`32` is out of range for the day of month field: expected 1 to 31",
    ),
    (
        "0 0 1 1,13 *",
        "13",
        "`13` is out of range for the month field: expected 1 to 12 or JAN to DEC",
    ),
    (
        "0 0 * * 8",
        "8",
        "`8` is out of range for the day of week field: expected 0 to 7 or SUN to SAT",
    ),
    (
        "0 99999999999999999999 * * *",
        "99999999999999999999",
        "`99999999999999999999` is out of range for the hour field: expected 0 to 23",
    ),
    // Names.
    (
        "0 0 * JUNI *",
        "JUNI",
        "unknown name `JUNI` in the month field: expected 1 to 12 or JAN to DEC",
    ),
    (
        "0 0 * * MON,Tues",
        "Tues",
        "unknown name `Tues` in the day of week field: expected 0 to 7 or SUN to SAT",
    ),
    (
        "0 0 * * JAN",
        "JAN",
        "unknown name `JAN` in the day of week field: expected 0 to 7 or SUN to SAT",
    ),
    (
        "0 noon * * *",
        "noon",
        "unknown name `noon` in the hour field: expected 0 to 23",
    ),
    (
        "0 0 * * fünf",
        "fünf",
        "unknown name `fünf` in the day of week field: expected 0 to 7 or SUN to SAT",
    ),
    // Steps.
    (
        "*/0 * * * *",
        "0",
        "a step of 0 in the minute field never moves on: write 1 or more",
    ),
    (
        "*/90 * * * *",
        "90",
        "a step of 90 is too large for the minute field: steps start anew with each hour, write at most 60",
    ),
    (
        "0 */36 * * *",
        "36",
        "a step of 36 is too large for the hour field: steps start anew with each day, write at most 24",
    ),
    (
        "0 0 */32 * *",
        "32",
        "a step of 32 is too large for the day of month field: steps start anew with each month, write at most 31",
    ),
    (
        "0 0 1 JAN-DEC/13 *",
        "13",
        "a step of 13 is too large for the month field: steps start anew with each year, write at most 12",
    ),
    (
        "0 0 * * */14",
        "14",
        "a step of 14 is too large for the day of week field: steps start anew with each week, write at most 7",
    ),
    (
        "1/999999999999999999999 * * * * *",
        "999999999999999999999",
        "a step of 999999999999999999999 is too large for the second field: steps start anew with each minute, write at most 60",
    ),
    // Ranges.
    (
        "50-10 * * * *",
        "50-10",
        "the range `50-10` in the minute field runs backwards: write `50-59,0-10`",
    ),
    (
        "0 22-6/2 * * *",
        "22-6",
        "the range `22-6` in the hour field runs backwards: write `22-23,0-6`",
    ),
    (
        "0 0 1 NOV-FEB *",
        "NOV-FEB",
        "the range `NOV-FEB` in the month field runs backwards: write `NOV-DEC,JAN-FEB`",
    ),
    (
        "0 0 * * FRI-MON",
        "FRI-MON",
        "the range `FRI-MON` in the day of week field runs backwards: write `FRI-SAT,SUN-MON`",
    ),
    (
        "0 0 * * 5-1",
        "5-1",
        "the range `5-1` in the day of week field runs backwards: write `5-6,0-1`",
    ),
    (
        "0 0 * * 5-0",
        "5-0",
        "the range `5-0` in the day of week field runs backwards: write `5-7`",
    ),
    (
        "0 0 * * 7-2",
        "7-2",
        "the range `7-2` in the day of week field runs backwards: write `0-2`",
    ),
    // Not a field at all.
    (
        "1,,2 * * * *",
        "1,,2",
        "`1,,2` in the minute field has an empty item: remove the extra comma",
    ),
    (
        "0 3, * * *",
        "3,",
        "`3,` in the hour field has an empty item: remove the extra comma",
    ),
    (
        "? * * * *",
        "?",
        "`?` in the minute field: only the day fields take it, write `*`",
    ),
    (
        "0 0 ? ? *",
        "?",
        "`?` in the month field: only the day fields take it, write `*`",
    ),
    (
        "-5 * * * *",
        "-5",
        "cannot read `-5` in the minute field: expected `*`, a value or a range such as `1-5`, each with an optional step such as `/2`",
    ),
    (
        "0 1-2-3 * * *",
        "1-2-3",
        "cannot read `1-2-3` in the hour field: expected `*`, a value or a range such as `1-5`, each with an optional step such as `/2`",
    ),
    (
        "0 4,*/ * * *",
        "*/",
        "cannot read `*/` in the hour field: expected `*`, a value or a range such as `1-5`, each with an optional step such as `/2`",
    ),
    (
        "0 */2/3 * * *",
        "*/2/3",
        "cannot read `*/2/3` in the hour field: expected `*`, a value or a range such as `1-5`, each with an optional step such as `/2`",
    ),
    (
        "0 1.5 * * *",
        "1.5",
        "cannot read `1.5` in the hour field: expected `*`, a value or a range such as `1-5`, each with an optional step such as `/2`",
    ),
    (
        "0\u{a0}3 * * * *",
        "0\u{a0}3",
        "cannot read `0\u{a0}3` in the minute field: expected `*`, a value or a range such as `1-5`, each with an optional step such as `/2`",
    ),
    (
        "0 0 1,?/2 * *",
        "?/2",
        "cannot read `?/2` in the day of month field: expected `*`, a value or a range such as `1-5`, each with an optional step such as `/2`",
    ),
    // No such date.
    (
        "0 0 31 2 *",
        "31 2",
        "`31 2` never matches a date: change the day of month or the month",
    ),
    (
        "0 0 0 30,31  FEB ?",
        "30,31  FEB",
        "`30,31  FEB` never matches a date: change the day of month or the month",
    ),
    (
        "0 0 31 2,4,6,9,11 *",
        "31 2,4,6,9,11",
        "`31 2,4,6,9,11` never matches a date: change the day of month or the month",
    ),
    (
        "0 0 30 2 */2",
        "30 2",
        "`30 2` never matches a date: change the day of month or the month",
    ),
    (
        "0 0 31W 2 *",
        "31W 2",
        "`31W 2` never matches a date: change the day of month or the month",
    ),
    (
        "0 0 L-29 2,2 */2",
        "L-29 2,2",
        "`L-29 2,2` never matches a date: change the day of month or the month",
    ),
    (
        "0 0 0 */31  JUN FRI#5",
        "*/31  JUN FRI#5",
        "`*/31  JUN FRI#5` never matches a date: as one of the day fields begins with `*`, both must match; change one of them",
    ),
];

#[test]
fn every_mistake_is_named_and_pointed_at() {
    for (source, part, message) in BAD.iter().chain(DAYS) {
        let error = Expression::parse(source).expect_err(source);

        assert_eq!(error.to_string(), *message, "{source}");
        assert_eq!(&source[error.span()], *part, "{source}");
    }
}

#[test]
fn a_span_points_at_the_right_one_of_equal_parts() {
    let cases = [
        ("0 0 0 * *", 4..5),
        ("0 0 1 1,13,13 *", 8..10),
        ("  60 60 * * *", 2..4),
        ("0 0 é é é", 4..6),
    ];
    for (source, span) in cases {
        let error = Expression::parse(source).expect_err(source);

        assert_eq!(error.span(), span, "{source}");
    }
}

#[test]
fn an_error_carries_the_field_and_what_it_allows() {
    let error = Expression::parse("0 0 * 13 *").unwrap_err();

    let ParseError::OutOfRange { field, token, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((field, field.range()), (Field::Month, 1..=12));
    assert_eq!(token, "13");
}

#[test]
fn an_expression_has_a_longest_length() {
    let longest = format!("{:1$}", "* * * * *", EXPRESSION_BYTES_MAX);
    let too_long = format!("{longest} ");

    assert!(Expression::parse(&longest).is_ok());
    let error = Expression::parse(&too_long).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the expression has 1025 bytes: shorten it to 1024, with ranges and steps"
    );
    assert_eq!(error.span(), 0..1025);
}
