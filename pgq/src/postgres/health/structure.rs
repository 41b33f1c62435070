//! Policy: what the migrations have made, and what is different.

use std::collections::{BTreeMap, BTreeSet};

/// What there is after the migrations, a line each: columns with their types, and by name whatever else statements
/// need. A test holds that it is so.
#[doc(hidden)]
pub const STRUCTURE: &str = include_str!("structure.txt");

/// What is missing or different, for people; indexes begin with "index ". What there is beside is no difference,
/// but for columns that inserts would have to know.
pub(super) fn differences(expected: &str, found: &[String]) -> Vec<String> {
    let expected: BTreeMap<&str, &str> = expected.lines().map(split).collect();
    let found: BTreeMap<&str, &str> = found.iter().map(|line| split(line)).collect();
    let has_table = |name: &str| {
        let mut names = found.keys().filter_map(|name| table(name));
        names.any(|found| found == name)
    };

    let mut differences = Vec::new();
    for (name, definition) in &expected {
        let table = table(name).filter(|table| !has_table(table));
        let difference = match (found.get(name), table) {
            (Some(found), _) if found == definition => continue,
            (Some(found), _) => format!("column `{name}` is `{found}` and not `{definition}`"),
            (None, Some(table)) => format!("table `{table}` is missing"),
            (None, None) => format!("{} is missing", said(name)),
        };
        // One for all columns of a table.
        if differences.last() != Some(&difference) {
            differences.push(difference);
        }
    }
    let is_table = |name: &str| {
        let mut names = expected.keys().filter_map(|name| table(name));
        names.any(|expected| expected == name)
    };
    for (name, definition) in found {
        let is_required = definition.contains("not null") && !definition.contains("default");
        let is_ours = table(name).is_some_and(is_table);
        if is_required && is_ours && !expected.contains_key(name) {
            differences.push(format!("column `{name}` was added, and has no default"));
        }
    }
    differences
}

/// Whether there are tables of pgq among what was found.
pub(super) fn is_ours(found: &[String]) -> bool {
    found.iter().any(|line| line.starts_with("ready.seq "))
}

/// The tables, views and sequences that the migrations have made. Somebody may have put others beside.
pub(in crate::postgres) fn relations() -> BTreeSet<&'static str> {
    let name = |line: &'static str| match line.split_once('.') {
        Some((table, _)) => Some(table),
        None => line
            .strip_prefix("view ")
            .or_else(|| line.strip_prefix("sequence ")),
    };
    STRUCTURE.lines().filter_map(name).collect()
}

/// Whether one of them has this name.
pub(super) fn is_made(name: &str) -> bool {
    relations().contains(name)
}

/// The name and what it is: of a column its type, of anything else nothing.
fn split(line: &str) -> (&str, &str) {
    match line.split_once(' ') {
        Some((name, definition)) if name.contains('.') => (name, definition),
        _ => (line, ""),
    }
}

/// The table of a column.
fn table(name: &str) -> Option<&str> {
    name.split_once('.').map(|(table, _)| table)
}

fn said(name: &str) -> String {
    match name.split_once(' ') {
        Some((kind, name)) => format!("{kind} `{name}`"),
        None => format!("column `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::differences;

    const EXPECTED: &str =
        "index ready_again\nready.id bigint not null\nready.task text\nworker.id bigint";

    #[test]
    fn what_is_as_it_was_made_has_no_difference() {
        let found: Vec<String> = EXPECTED.lines().map(str::to_owned).collect();
        let more = [
            "ready.note text not null default",
            "mine.id int not null",
            "view mine",
        ];
        let more: Vec<String> = found
            .iter()
            .cloned()
            .chain(more.map(str::to_owned))
            .collect();

        assert_eq!(differences(EXPECTED, &found), [""; 0]);
        assert_eq!(differences(EXPECTED, &more), [""; 0]);
    }

    #[test]
    fn each_difference_is_said_once() {
        let found = ["ready.id integer not null", "ready.note text not null"].map(str::to_owned);

        assert_eq!(
            differences(EXPECTED, &found),
            [
                "index `ready_again` is missing",
                "column `ready.id` is `integer not null` and not `bigint not null`",
                "column `ready.task` is missing",
                "table `worker` is missing",
                "column `ready.note` was added, and has no default",
            ]
        );
    }
}
