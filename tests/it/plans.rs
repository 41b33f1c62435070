//! How the server runs the statements of the hot path: by which index, and without a scan of a
//! whole table or a sort of a whole lane, however large the tables are, whatever the statistics say,
//! and for a plan that is made once as well as for one that is made each time.

use std::collections::BTreeSet;

use anyhow::Context as _;
use pgq::postgres::{SESSION_SETTINGS, STATEMENTS};
use pgq_tests::database::TestDatabase;
use serde_json::Value;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, Postgres, Row};

/// The tables that jobs are in.
const JOBS: &[&str] = &["scheduled", "ready", "running", "finished", "failure"];

/// What is expected of the plan of a statement.
struct Case {
    statement: &'static str,
    /// For `execute`.
    arguments: &'static str,
    /// The indexes of the tables of jobs that it uses; all of them and no others.
    indexes: &'static [&'static str],
    /// Columns that are looked up by an index, and not filtered after that.
    looked_up: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        statement: "claim_jobs",
        arguments: "1, 1, 'mail', '{send,print}', 100, null, '{0,0,0,0,0,0,0,0,0,0}'",
        indexes: &["ready_claim_order"],
        looked_up: &["queue", "priority", "seq"],
    },
    Case {
        statement: "complete_jobs",
        arguments: "1, '{1,2,3}', '{1,1,1}', '{NULL,NULL,NULL}'",
        indexes: &["running_pkey"],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "end_jobs",
        arguments: "1, '{1,2}', '{1,1}', '{failed,retry}', '{0,1000}', '{oops,oops}', 'pgq_jobs'",
        indexes: &["running_pkey"],
        looked_up: &["worker", "id"],
    },
    Case {
        statement: "promote_jobs",
        arguments: "100, 'pgq_jobs', null",
        indexes: &["scheduled_run_at"],
        looked_up: &["run_at"],
    },
    Case {
        statement: "enqueue_ready",
        arguments: r"'{\\x01,\\x02}', 'send', 'mail', 0::smallint, 5::smallint, 7, 'pgq_jobs'",
        indexes: &[],
        looked_up: &[],
    },
    Case {
        statement: "find_job",
        arguments: "7",
        indexes: &[
            "finished_id",
            "ready_pkey",
            "running_pkey",
            "scheduled_pkey",
        ],
        looked_up: &["id"],
    },
    Case {
        statement: "heartbeat",
        arguments: "1, 10000000",
        indexes: &[],
        looked_up: &[],
    },
    Case {
        statement: "held_jobs",
        arguments: "1",
        indexes: &["running_pkey"],
        looked_up: &["worker"],
    },
    Case {
        statement: "rescue_jobs",
        arguments: "'{2,3}', 3::smallint, 1000000, 'pgq_jobs'",
        indexes: &["running_pkey"],
        looked_up: &["worker"],
    },
    Case {
        statement: "return_jobs",
        arguments: "2, 'pgq_jobs'",
        indexes: &["running_pkey"],
        looked_up: &["worker"],
    },
    Case {
        statement: "unknown_task",
        arguments: "'mail', '{send,print}'",
        indexes: &["ready_claim_order"],
        looked_up: &["queue"],
    },
    Case {
        statement: "tick",
        arguments: "'nightly', now() - interval '1 day', now(), '\\x01', 'send', 'mail', \
                    0::smallint, 5::smallint, 7, 'pgq_jobs'",
        indexes: &[],
        looked_up: &[],
    },
];

#[tokio::test]
async fn plans_hold_while_the_tables_are_empty() -> anyhow::Result<()> {
    plans_hold(0).await
}

#[tokio::test]
async fn plans_hold_while_the_tables_are_small() -> anyhow::Result<()> {
    plans_hold(5).await
}

#[tokio::test]
async fn plans_hold_while_the_tables_are_large() -> anyhow::Result<()> {
    plans_hold(100_000).await
}

/// Applications look for jobs on connections of their own, whose settings are theirs.
#[tokio::test]
async fn a_job_is_found_by_an_index_in_any_session() -> anyhow::Result<()> {
    check(100_000, &[], |case, plan| {
        let scans = nodes(plan).into_iter().filter(|node| {
            node["Node Type"] == "Seq Scan"
                && JOBS.iter().any(|table| node["Relation Name"] == *table)
        });
        match case.statement {
            "find_job" => scans.map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    })
    .await
}

/// Checks every case with that many jobs in each state, in a session of the runtime.
async fn plans_hold(jobs: i64) -> anyhow::Result<()> {
    check(jobs, SESSION_SETTINGS, faults).await
}

/// Asks for the faults of every plan: before the tables were ever analysed, and after.
async fn check(
    jobs: i64,
    settings: &[(&str, &str)],
    faults: impl Fn(&Case, &Value) -> Vec<String>,
) -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut connection = database.pool().acquire().await?;
    for table in JOBS {
        // Nobody but this test makes statistics.
        let manual = format!("alter table pgq_jobs.{table} set (autovacuum_enabled = false)");
        run(&mut connection, &manual).await?;
    }
    fill(&mut connection, jobs).await?;
    for (name, value) in settings {
        run(&mut connection, &format!("set {name} = '{value}'")).await?;
    }

    let mut wrong = Vec::new();
    for statistics in ["missing", "fresh"] {
        if statistics == "fresh" {
            run(&mut connection, "vacuum analyze").await?;
        }
        for mode in ["force_custom_plan", "force_generic_plan"] {
            run(&mut connection, &format!("set plan_cache_mode = {mode}")).await?;
            for case in CASES {
                let plan = explain(&mut connection, case).await?;
                let faults = faults(case, &plan);
                if !faults.is_empty() {
                    let name = case.statement;
                    let faults = faults.join("; ");
                    wrong.push(format!("{name}, {statistics} statistics, {mode}: {faults}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{jobs} jobs:\n{}", wrong.join("\n"));
    Ok(())
}

/// Puts that many jobs in each state: most of them in one queue and lane and of one worker, a few
/// elsewhere.
async fn fill(connection: &mut PoolConnection<Postgres>, jobs: i64) -> anyhow::Result<()> {
    let job = "statement_timestamp(), 1, case when n % 100 = 0 then 5 else 0 end, 0, 5, 0,
               case when n % 50 = 0 then 'other' else 'mail' end,
               case when n % 1000 = 0 then 'unknown' else 'send' end, '\\x01'";
    let columns = "created_at, deliveries, priority, attempt, max_attempts, deaths, queue, task,
                   input";
    let numbers = format!("from generate_series(1, {jobs}) as n");
    for fill in [
        format!("insert into pgq_jobs.ready (id, seq, {columns}) select n, n, {job} {numbers}"),
        format!(
            "insert into pgq_jobs.scheduled (id, run_at, {columns})
             select n + 1000000, now() + (n - 1000) * interval '1 second', {job} {numbers}"
        ),
        format!(
            "insert into pgq_jobs.running (id, worker, claim, claimed_at, {columns})
             select n + 2000000, case when n % 100 = 0 then 2 else 1 end, n / 100, now(), {job}
             {numbers}"
        ),
        format!(
            "insert into pgq_jobs.finished (id, worker, finished_at, state, {columns})
             select n + 3000000, 1, now(), 1, {job} {numbers}"
        ),
        format!(
            "insert into pgq_jobs.failure (job, worker, claimed_at, failed_at, attempt, error)
             select n, 1, now(), now(), 1, 'oops' {numbers}"
        ),
        "insert into pgq_jobs.worker (id, lease_until, pid, host, queues)
         select n, now() + interval '1 hour', 1, 'localhost', '{mail}'
         from generate_series(1, 3) as n"
            .to_owned(),
        "insert into pgq_jobs.schedule (name, task, expression, last_tick)
         values ('nightly', 'send', '0 3 * * *', now())"
            .to_owned(),
    ] {
        run(connection, &fill).await?;
    }
    Ok(())
}

/// Returns the plan of a statement, prepared for this once.
async fn explain(connection: &mut PoolConnection<Postgres>, case: &Case) -> anyhow::Result<Value> {
    let Case {
        statement,
        arguments,
        ..
    } = case;
    let (_, sql) = STATEMENTS
        .iter()
        .find(|(name, _)| name == statement)
        .with_context(|| format!("no statement is named {statement}"))?;
    run(connection, &format!("prepare hot as {sql}")).await?;
    let explain = format!("explain (format json) execute hot ({arguments})");
    let row = connection
        .fetch_one(sqlx::raw_sql(AssertSqlSafe(explain)))
        .await
        .with_context(|| (*statement).to_owned())?;
    run(connection, "deallocate hot").await?;
    let explained: Value = serde_json::from_str(row.try_get_unchecked(0)?)?;
    Ok(explained[0]["Plan"].clone())
}

async fn run(connection: &mut PoolConnection<Postgres>, sql: &str) -> anyhow::Result<()> {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .with_context(|| sql.to_owned())?;
    Ok(())
}

/// What is wrong with a plan.
fn faults(case: &Case, plan: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut indexes = BTreeSet::new();
    for node in nodes(plan) {
        let kind = node["Node Type"].as_str().unwrap_or_default();
        let table = node["Relation Name"].as_str().unwrap_or_default();
        let reads_jobs = JOBS.contains(&table) && kind != "ModifyTable" && kind != "Tid Scan";
        if reads_jobs && !["Index Scan", "Index Only Scan"].contains(&kind) {
            faults.push(format!("{kind} on {table}"));
        }
        if let (true, Some(index)) = (reads_jobs, node["Index Name"].as_str()) {
            indexes.insert(index);
            let condition = node["Index Cond"].as_str().unwrap_or_default();
            for column in case.looked_up {
                if !condition.contains(column) {
                    faults.push(format!("{index} by {condition}, not by {column}"));
                }
            }
        }
        if kind.contains("Sort") {
            let scanned = sorted_tables(node);
            faults.extend(scanned.map(|table| format!("{kind} of {table}")));
        }
    }
    if !indexes.iter().eq(case.indexes) {
        faults.push(format!("uses {indexes:?}"));
    }
    faults
}

/// The tables of jobs whose rows go through a sort.
fn sorted_tables(sort: &Value) -> impl Iterator<Item = String> {
    nodes(sort)
        .into_iter()
        .filter_map(|node| node["Relation Name"].as_str())
        .filter(|table| JOBS.contains(table))
        .map(str::to_owned)
}

/// The nodes of a plan, those of subplans included.
fn nodes(plan: &Value) -> Vec<&Value> {
    let mut found = vec![plan];
    let children = plan["Plans"].as_array().map(Vec::as_slice);
    for child in children.unwrap_or_default() {
        found.extend(nodes(child));
    }
    found
}
