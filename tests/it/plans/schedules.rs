//! How the statements about schedules are run where there are many: whatever is asked of one, or of a page, no
//! other is read.

use pgq_tests::database::TestDatabase;
use serde_json::Value;

use super::cases::Case;
use super::shape::{kind, nodes};
use super::{Session, be_alone, configure, explain, run};

/// Where one schedule is found, and the next by name.
const NAME: &str = "schedule_pkey";
/// Where those are found that have changed.
const REVISION: &str = "schedule_revision_order";
/// Where those are found that code has declared.
const DECLARED: &str = "schedule_kept_at";

/// One schedule as statements take it.
const GIVEN: &str = r#"'[{"place": 1, "name": "made/7", "task": "send", "expression": "@daily",
    "time_zone": "UTC", "digest": 7, "missed": "once", "overlap": "allow", "jitter": 0}]', '{\\x01}',
    '{null}'"#;

/// Each with its arguments, after [`GIVEN`] if it takes schedules, and the indexes by which it may find them.
const CASES: &[(bool, Case)] = &[
    of(
        "schedules",
        &["'{made/7}'", "array_fill('made/7'::text, '{500}')"],
        &[NAME],
    ),
    of(
        "schedule_inputs",
        &[
            "'{made/7}', '{7}'",
            "array_fill('made/7'::text, '{500}'), array_fill(7, '{500}')",
        ],
        &[NAME],
    ),
    of(
        "note_checks",
        &[
            "'{made/7}', '{7}', '{9}', '{null}'",
            "array_fill('made/7'::text, '{500}'), array_fill(7, '{500}'), array_fill(9, '{500}'),
             array_fill('no'::text, '{500}')",
        ],
        &[NAME],
    ),
    of("list_schedules", &["null, 50", "'made/7', 1000"], &[NAME]),
    of(
        "changed_schedules",
        &["99990, '{declared/1}', '{send}', 500"],
        &[REVISION],
    ),
    of("pause_schedule", &["'made/7', true, 'pgq_jobs'"], &[NAME]),
    of("request_trigger", &["'made/7', 'pgq_jobs'"], &[NAME]),
    of("delete_schedule", &["'made/7', 'pgq_jobs'"], &[NAME]),
    of(
        "retire_schedules",
        &["86400000000, 'pgq_jobs'"],
        &[DECLARED, NAME],
    ),
    given("declare_schedules", &[""], &[DECLARED, NAME]),
    given("add_schedules", &[""], &[]),
    given("take_schedule", &[", 7, now()"], &[DECLARED, NAME]),
    given("make_schedule", &[", 'pgq_jobs', 7"], &[]),
    given(
        "edit_schedule",
        &[", 7, 'pgq_jobs', now(), 7"],
        &[NAME, REVISION],
    ),
];

const fn of(
    statement: &'static str,
    arguments: &'static [&'static str],
    indexes: &'static [&'static str],
) -> (bool, Case) {
    let case = Case {
        statement,
        arguments,
        indexes,
        looked_up: &[],
    };
    (false, case)
}

const fn given(
    statement: &'static str,
    arguments: &'static [&'static str],
    indexes: &'static [&'static str],
) -> (bool, Case) {
    (true, of(statement, arguments, indexes).1)
}

#[tokio::test]
async fn no_schedule_is_read_but_those_that_are_asked_for() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut connection = database.pool().acquire().await?;
    let connection = &mut connection;
    be_alone(connection).await?;
    let fill = "insert into pgq_jobs.schedule
                    (name, made, task, expression, time_zone, digest, last_tick, input)
                select case when n % 1000 = 0 then 'declared/' else 'made/' end || n, n % 1000 <> 0,
                       case when n % 100 = 0 then 'send' else 'other' end, '@daily', 'UTC', n, now(),
                       decode(repeat('61', 200), 'hex')
                from generate_series(1, 100000) as n";
    run(connection, fill).await?;
    run(connection, "vacuum analyze").await?;

    let mut wrong = Vec::new();
    for (session, mode) in [
        (Session::Runtime, "force_custom_plan"),
        (Session::Runtime, "force_generic_plan"),
        // Its pool may be behind a pooler, so that each of its plans is made anew.
        (Session::Application, "force_custom_plan"),
    ] {
        configure(connection, session, mode).await?;
        for (is_given, case) in CASES {
            let before = if *is_given { GIVEN } else { "" };
            for (arguments, plan) in explain(connection, case, before).await? {
                let place = format!("{} ({arguments}), {mode}", case.statement);
                let faults = faults(case, &plan).into_iter();
                wrong.extend(faults.map(|fault| format!("{place}: {fault}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn faults(case: &Case, plan: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for node in nodes(plan) {
        if node["Relation Name"].as_str() != Some("schedule") || kind(node) == "ModifyTable" {
            continue;
        }
        match node["Index Name"].as_str() {
            Some(index) if case.indexes.contains(&index) => {}
            other => faults.push(format!("{} by {other:?}", kind(node))),
        }
    }
    faults
}
