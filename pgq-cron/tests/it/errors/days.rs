//! `L`, `W` and `#` where they mean nothing.

use super::Case;

pub(super) const DAYS: &[Case] = &[
    (
        "0 0 * * L",
        "L",
        "`L` in the day of week field: name the weekday, as in `FRIL` for the last Friday of the month, or write `L` as the day of month for its last day",
    ),
    (
        "0 0 1,w * *",
        "w",
        "`w` in the day of month field: name the day, as in `15W` for the working day nearest to the 15th, or write `LW` for the last one",
    ),
    (
        "0 0 WL * *",
        "WL",
        "`WL` in the day of month field: name the day, as in `15W` for the working day nearest to the 15th, or write `LW` for the last one",
    ),
    (
        "0 0 L-0 * *",
        "L-0",
        "`L-0` in the day of month field: write `L` for the last day",
    ),
    (
        "0 0 1,l-31 * *",
        "l-31",
        "`l-31` in the day of month field: no month has as many days before its last one; write `L-1` to `L-30`",
    ),
    (
        "0 0 L-999 * *",
        "L-999",
        "`L-999` in the day of month field: no month has as many days before its last one; write `L-1` to `L-30`",
    ),
    (
        "0 0 32W * *",
        "32",
        "`32` is out of range for the day of month field: expected 1 to 31",
    ),
    (
        "0 0 0W * *",
        "0",
        "`0` is out of range for the day of month field: expected 1 to 31",
    ),
    (
        "0 0 * * 8L",
        "8",
        "`8` is out of range for the day of week field: expected 0 to 7 or SUN to SAT",
    ),
    (
        "0 0 * * 8#1",
        "8",
        "`8` is out of range for the day of week field: expected 0 to 7 or SUN to SAT",
    ),
    (
        "0 0 * * FR#1",
        "FR",
        "unknown name `FR` in the day of week field: expected 0 to 7 or SUN to SAT",
    ),
    (
        "0 0 5L * *",
        "5L",
        "`5L` in the day of month field: it is about a weekday; write it in the day of week field, the last one",
    ),
    (
        "0 0 FRI#2 * *",
        "FRI#2",
        "`FRI#2` in the day of month field: it is about a weekday; write it in the day of week field, the last one",
    ),
    (
        "0 0 * * 15W",
        "15W",
        "`15W` in the day of week field: it is about a day of the month; write it in the day of month field",
    ),
    (
        "0 0 * * LW",
        "LW",
        "`LW` in the day of week field: it is about a day of the month; write it in the day of month field",
    ),
    (
        "0 0 * * MON,L-3",
        "L-3",
        "`L-3` in the day of week field: it is about a day of the month; write it in the day of month field",
    ),
    (
        "0 0 * * WED,MON#6",
        "MON#6",
        "`MON#6` in the day of week field: a month has a weekday five times at most; write `#1` to `#5`, or `FRIL` for the last one",
    ),
    (
        "0 0 * * 5#0",
        "5#0",
        "`5#0` in the day of week field: a month has a weekday five times at most; write `#1` to `#5`, or `FRIL` for the last one",
    ),
    (
        "0 0 * * FRI#",
        "FRI#",
        "`FRI#` in the day of week field: `#` stands between a weekday and a number, as in `FRI#2` for the second Friday of the month",
    ),
    (
        "0 0 * * #2",
        "#2",
        "`#2` in the day of week field: `#` stands between a weekday and a number, as in `FRI#2` for the second Friday of the month",
    ),
    (
        "0 0 * * *#2",
        "*#2",
        "`*#2` in the day of week field: `#` stands between a weekday and a number, as in `FRI#2` for the second Friday of the month",
    ),
    (
        "0 0 * * FRI#L",
        "FRI#L",
        "`FRI#L` in the day of week field: `#` stands between a weekday and a number, as in `FRI#2` for the second Friday of the month",
    ),
    (
        "0 0 * * MON-FRI#2",
        "MON-FRI#2",
        "`MON-FRI#2` in the day of week field: `L`, `W` and `#` take neither a range nor a step; list the days, as in `MON#1,TUE#1` or `L-1,L`",
    ),
    (
        "0 0 * * MON#1/2",
        "MON#1/2",
        "`MON#1/2` in the day of week field: `L`, `W` and `#` take neither a range nor a step; list the days, as in `MON#1,TUE#1` or `L-1,L`",
    ),
    (
        "0 0 * * MON-FRIL",
        "MON-FRIL",
        "`MON-FRIL` in the day of week field: `L`, `W` and `#` take neither a range nor a step; list the days, as in `MON#1,TUE#1` or `L-1,L`",
    ),
    (
        "0 0 L/2 * *",
        "L/2",
        "`L/2` in the day of month field: `L`, `W` and `#` take neither a range nor a step; list the days, as in `MON#1,TUE#1` or `L-1,L`",
    ),
    (
        "0 0 25-L * *",
        "25-L",
        "`25-L` in the day of month field: `L`, `W` and `#` take neither a range nor a step; list the days, as in `MON#1,TUE#1` or `L-1,L`",
    ),
    (
        "0 0 L-3W * *",
        "L-3W",
        "`L-3W` in the day of month field: `L`, `W` and `#` take neither a range nor a step; list the days, as in `MON#1,TUE#1` or `L-1,L`",
    ),
    (
        "L * * * *",
        "L",
        "unknown name `L` in the minute field: expected 0 to 59",
    ),
    (
        "0 0 1 L *",
        "L",
        "unknown name `L` in the month field: expected 1 to 12 or JAN to DEC",
    ),
];
