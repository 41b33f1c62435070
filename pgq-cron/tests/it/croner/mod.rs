//! Ticks against those of croner, another implementation, and against a walk along the minutes, around
//! each change of the clocks in ten years.
//!
//! The walk must agree. Where croner does not, one of the rules in `rules.rs` says why.

mod cases;
mod rules;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;
use pgq_cron::{Expression, Timetable, Zone};

use crate::clocks::distinct;
use cases::{DAYS, Days, TIMES};
use rules::{Difference, Rule};
use window::{Table, Window};

/// Zones that cover what there is: changes of half an hour, of an hour and of several, at midnight,
/// over midnight, in the other direction, at no regular times, and none.
const ZONES: &[&str] = &[
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/Nuuk",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "UTC",
];

/// The years of all, and those of the sample.
const YEARS: Range<i32> = 2020..2030;
const SAMPLE_YEARS: Range<i32> = 2023..2025;

/// In the sample, one expression in that many is taken around each change.
const SAMPLE: usize = 31;

/// An expression that all three know.
struct Case {
    text: String,
    days: &'static Days,
    times: usize,
    /// `None` if croner cannot read it.
    croner: Option<Cron>,
}

/// How often each rule was needed, and what else was counted.
#[derive(Default)]
struct Tally {
    rules: BTreeMap<Rule, usize>,
    expressions: BTreeSet<usize>,
    ticks: usize,
    /// Differences without a rule.
    unexplained: Vec<String>,
}

fn cases() -> Vec<Case> {
    let pairs = TIMES
        .iter()
        .enumerate()
        .flat_map(|(times, at)| DAYS.iter().map(move |days| (times, at, days)));
    pairs
        .map(|(times, at, days)| {
            let text = format!("{} {}", at.text, days.text);
            let croner = Cron::from_str(&text).ok();
            // Days before the last one are what it does not know.
            assert_eq!(croner.is_none(), text.contains("L-"), "{text}");
            Case {
                text,
                days,
                times,
                croner,
            }
        })
        .collect()
}

/// Compares one expression around one change.
fn compare(case: &Case, table: &Table, zone: Tz, window: &Window, tally: &mut Tally) {
    let context = || format!("`{}` in {zone} from {}", case.text, window.start);
    let expression = Expression::parse(&case.text).unwrap();
    assert_eq!(expression.is_wildcard(), table.is_wildcard, "{}", case.text);
    let timetable = Timetable::calendar(expression, Zone::parse(zone.name()).unwrap());
    let next = |last: &DateTime<Utc>| timetable.next_after(*last);
    let ticks: Vec<_> = std::iter::successors(next(&window.start), next)
        .take_while(|tick| *tick <= window.end)
        .collect();

    assert_eq!(ticks, window.ticks(table, case.days), "{}", context());
    tally.ticks += ticks.len();

    let Some(cron) = &case.croner else {
        return;
    };
    let ticks: BTreeSet<_> = ticks.into_iter().collect();
    let others = croner_ticks(cron, zone, window);
    let only = |one: &BTreeSet<_>, other: &BTreeSet<_>, is_croner| {
        let only: Vec<DateTime<Utc>> = one.difference(other).copied().collect();
        only.into_iter().map(move |at| (at, is_croner))
    };
    for (at, is_croner) in only(&ticks, &others, false).chain(only(&others, &ticks, true)) {
        let difference = Difference {
            at,
            is_croner,
            window,
            times: table,
            days: case.days,
        };
        match difference.rule() {
            Some(rule) => *tally.rules.entry(rule).or_default() += 1,
            None => tally
                .unexplained
                .push(format!("{at}, of croner: {is_croner}; {}", context())),
        }
    }
}

fn croner_ticks(cron: &Cron, zone: Tz, window: &Window) -> BTreeSet<DateTime<Utc>> {
    let next = |last: &DateTime<Utc>| {
        // It has errors where it gives up, and is asked again for later ticks.
        let hours = (0..).map(|hour| *last + TimeDelta::hours(hour));
        let mut found = hours
            .take_while(|from| *from <= window.end)
            .filter_map(|from| {
                cron.find_next_occurrence(&from.with_timezone(&zone), false)
                    .ok()
            });
        let next = found.next()?.to_utc();
        assert!(next > *last, "`{cron}` in {zone} goes back to {next}");
        Some(next)
    };
    std::iter::successors(next(&window.start), next)
        .take_while(|tick| *tick <= window.end)
        .collect()
}

fn sample_zones() -> Vec<Tz> {
    ZONES.iter().map(|zone| zone.parse().unwrap()).collect()
}

/// A sample; with `PGQ_WALK=all` everything, by
/// `PGQ_WALK=all cargo test --release -p pgq-cron croner -- --nocapture`, which takes a few minutes:
/// 18 million ticks around 757 changes.
#[test]
fn around_each_change_ticks_differ_from_croner_only_by_the_rules() {
    let all = std::env::var("PGQ_WALK").is_ok_and(|walk| walk == "all");
    let (zones, years): (Vec<Tz>, _) = match all {
        true => (TZ_VARIANTS.to_vec(), YEARS),
        false => (sample_zones(), SAMPLE_YEARS),
    };
    let zones = distinct(zones.into_iter(), &years);
    let tables: Vec<_> = TIMES.iter().map(Table::of).collect();
    let cases = cases();
    let mut tally = Tally::default();
    let mut windows = 0;
    for (zone, mut changes) in zones {
        if changes.is_empty() {
            changes.push("2026-01-01T00:00:00Z".parse().unwrap());
        }
        for change in changes {
            let window = Window::around(zone, change);
            for (number, case) in cases.iter().enumerate() {
                if all || (number + windows) % SAMPLE == 0 {
                    compare(case, &tables[case.times], zone, &window, &mut tally);
                    tally.expressions.insert(number);
                }
            }
            windows += 1;
        }
    }
    let Tally {
        rules,
        expressions,
        ticks,
        unexplained,
    } = tally;
    let expressions = expressions.len();
    println!("{windows} windows, {expressions} expressions, {ticks} ticks; differences: {rules:?}");
    let some = &unexplained[..unexplained.len().min(20)];
    let count = unexplained.len();
    assert!(some.is_empty(), "{count} without a rule: {some:#?}");
    assert!(
        expressions >= 200 && ticks > 20_000,
        "{expressions}, {ticks}"
    );
    // Each rule is needed.
    assert!(!all || rules.len() == 5, "{rules:?}");
}
