//! How the server runs the statements of the hot path: by which index, and without a scan of a
//! whole table or a sort of a whole lane, however large the tables are, whatever the statistics say,
//! and for a plan that is made once as well as for one that is made each time.

mod cases;
mod schedules;
mod shape;
mod tables;
mod ticks;

use anyhow::Context as _;
use pgq::postgres::{SESSION_SETTINGS, STATEMENTS};
use pgq_tests::database::TestDatabase;
use serde_json::Value;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, Postgres, Row};

use self::cases::{CASES, Case};
use self::shape::Partitions;
use self::tables::JOBS;
use self::ticks::TICKS;

/// Whose connection a statement runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Session {
    /// With the runtime's settings.
    Runtime,
    /// With an application's own; it looks for jobs.
    Application,
}

/// What may look at any rows, because it looks at a limited number of them.
const ANY_ORDER: [&str; 2] = ["count_jobs", "queued_inputs"];

const SESSIONS: [Session; 2] = [Session::Runtime, Session::Application];

#[tokio::test]
async fn plans_hold_while_the_tables_are_empty() -> anyhow::Result<()> {
    plans_hold(0).await
}

#[tokio::test]
async fn plans_hold_while_the_tables_are_small() -> anyhow::Result<()> {
    plans_hold(1000).await
}

#[tokio::test]
async fn plans_hold_while_the_tables_are_large() -> anyhow::Result<()> {
    plans_hold(1_000_000).await
}

#[test]
fn every_statement_that_reads_jobs_has_a_case() {
    for (name, sql) in STATEMENTS {
        let reads_jobs = JOBS.iter().any(|table| {
            sql.contains(&format!("from pgq_jobs.{table}\n"))
                || sql.contains(&format!("from pgq_jobs.{table} "))
                || sql.contains(&format!("join pgq_jobs.{table} "))
                || sql.contains(&format!("update pgq_jobs.{table} "))
        });
        assert!(
            !reads_jobs
                || all_cases().any(|case| case.statement == *name)
                || ANY_ORDER.contains(name),
            "{name}: say in `CASES` how it is to run",
        );
    }
}

fn all_cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(TICKS)
}

/// Checks every case with that many jobs in each state: before the tables were ever analysed and
/// after, in the sessions of the runtime and in those of an application.
async fn plans_hold(jobs: i64) -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut connection = database.pool().acquire().await?;
    let connection = &mut connection;
    be_alone(connection).await?;
    for fill in tables::fill(jobs) {
        run(connection, &fill).await?;
    }
    let partitions = Partitions::read(database.pool()).await?;

    let mut wrong = Vec::new();
    for statistics in ["missing", "fresh"] {
        if statistics == "fresh" {
            run(connection, "vacuum analyze").await?;
        }
        for mode in ["force_custom_plan", "force_generic_plan"] {
            for session in SESSIONS {
                configure(connection, session, mode).await?;
                for case in all_cases() {
                    for (arguments, plan) in explain(connection, case, "").await? {
                        let faults = match (session, case.statement) {
                            (Session::Runtime, _) => shape::faults(case, &plan, &partitions),
                            // Nothing is cheaper to scan than a table of no pages.
                            (Session::Application, "find_job" | "list_finished" | "list_ready")
                                if jobs > 0 =>
                            {
                                shape::whole_scans(&plan, &partitions)
                            }
                            (Session::Application, _) => Vec::new(),
                        };
                        let name = case.statement;
                        let place =
                            format!("{name} ({arguments}), {statistics} statistics, {mode}");
                        wrong.extend(faults.iter().map(|fault| format!("{place}: {fault}")));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{jobs} jobs:\n{}", wrong.join("\n"));
    Ok(())
}

async fn configure(
    connection: &mut PoolConnection<Postgres>,
    session: Session,
    plan_cache_mode: &str,
) -> anyhow::Result<()> {
    run(connection, "reset all").await?;
    if session == Session::Runtime {
        for (name, value) in SESSION_SETTINGS {
            run(connection, &format!("set {name} = '{value}'")).await?;
        }
    }
    let mode = format!("set plan_cache_mode = {plan_cache_mode}");
    run(connection, &mode).await
}

/// Nobody but the test makes statistics, and the log of changes is not what is tested.
async fn be_alone(connection: &mut PoolConnection<Postgres>) -> anyhow::Result<()> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select oid::regclass::text from pg_class
         where relnamespace = 'pgq_jobs'::regnamespace and relkind = 'r'",
    )
    .fetch_all(&mut **connection)
    .await?;
    for table in tables {
        let alone = format!("alter table {table} set unlogged, set (autovacuum_enabled = false)",);
        run(connection, &alone).await?;
    }
    Ok(())
}

/// Returns the plans of a statement, each by its arguments after the `first` ones, prepared for this once.
async fn explain(
    connection: &mut PoolConnection<Postgres>,
    case: &Case,
    first: &str,
) -> anyhow::Result<Vec<(&'static str, Value)>> {
    let Case { statement, .. } = case;
    let (_, sql) = STATEMENTS
        .iter()
        .find(|(name, _)| name == statement)
        .with_context(|| format!("no statement is named {statement}"))?;
    let mut plans = Vec::new();
    run(connection, &format!("prepare hot as {sql}")).await?;
    for arguments in case.arguments {
        let explain = format!("explain (format json) execute hot ({first}{arguments})");
        let row = connection
            .fetch_one(sqlx::raw_sql(AssertSqlSafe(explain)))
            .await
            .with_context(|| (*statement).to_owned())?;
        let explained: Value = serde_json::from_str(row.try_get_unchecked(0)?)?;
        plans.push((*arguments, explained[0]["Plan"].clone()));
    }
    run(connection, "deallocate hot").await?;
    Ok(plans)
}

async fn run(connection: &mut PoolConnection<Postgres>, sql: &str) -> anyhow::Result<()> {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .with_context(|| sql.to_owned())?;
    Ok(())
}
