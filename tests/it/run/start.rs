//! Everything that can be wrong before the first claim, each with an error that says what to do.

use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use pgq::driver::DriverErrorKind;
use pgq::embedded::Cluster;
use pgq::postgres::{Schema, migration_script};
use pgq::{
    Context, Error, Pgq, Problem, Reader, Registration, Registry, Run, ScheduleDescriptor, Source,
    Task, TaskDescriptor, TaskError, Timing,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use tokio_util::sync::CancellationToken;

use super::schedules::{each_second, schedule};
use super::{count, drain, worker};

#[pgq::task]
async fn nothing() {}

/// Written by hand: two attributes of one name do not build.
struct NothingToo;

impl Task for NothingToo {
    const NAME: &'static str = "nothing";
    type Input = ();
    type Output = ();

    async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
        Ok(())
    }
}

#[pgq::task(queue = "rare")]
async fn needs(counter: &AtomicU32, name: &String, _pool: &sqlx::PgPool, _context: &Context) {
    let _ = (counter, name);
}

fn run() -> Run {
    Run::new(Registry::new())
        .task::<nothing>()
        .without_signals()
}

/// Starts a run that must fail, and returns its error.
async fn refused(run: Run) -> anyhow::Result<Error> {
    match run.once().deadline(super::DEADLINE).await {
        Ok(report) => anyhow::bail!("it started: {report:?}"),
        Err(error) => Ok(error),
    }
}

fn kind(error: &Error) -> Option<DriverErrorKind> {
    match error {
        Error::Driver(error) => Some(error.kind()),
        _ => None,
    }
}

#[tokio::test]
async fn all_problems_are_reported_at_once() -> anyhow::Result<()> {
    let source = Source {
        file: "src/mail.rs",
        line: 7,
    };
    let run = run()
        .task::<NothingToo>()
        .register(Registration::Task(TaskDescriptor::of::<needs>(source)))
        .queue("default")
        .concurrency(0)
        .lease(Duration::ZERO);

    let error = refused(run).await?.to_string();

    let expected = [
        "6 problems before the start:",
        "setting `concurrency`: must be at least 1",
        "setting `lease`: must be at least 1s, but is 0ns",
        "two tasks are named `nothing`: at tests/it/run/start.rs:",
        "give one of them another name with `name = \"…\"`",
        "task `needs` at src/mail.rs:7 takes `&core::sync::atomic::",
        "task `needs` at src/mail.rs:7 takes `&alloc::string::String`, which was not given; add \
         `.state(…)` with a value of that type",
        "task `needs` at src/mail.rs:7 waits in queue `rare`, which this worker does not serve; add \
         `.queue(\"rare\")`, or `.served_elsewhere(\"rare\")` if another worker does",
    ];
    for part in expected {
        assert!(error.contains(part), "no {part:?} in:\n{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_check_finds_the_same_without_a_database() {
    let complete = Run::new(Registry::new())
        .task::<needs>()
        .state(AtomicU32::new(0))
        .state("name".to_owned());

    assert!(complete.check().is_ok());
    let problems = Run::new(Registry::new()).check().err();
    let problems = problems.as_ref().map(pgq::Problems::as_slice);
    assert_eq!(problems, Some([Problem::NoTasks].as_slice()));
}

#[tokio::test]
async fn no_tasks_is_an_error_that_names_the_cause() -> anyhow::Result<()> {
    let error = refused(Run::new(Registry::new())).await?;

    assert!(
        error.to_string().contains("add `use my_tasks as _;`"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn malformed_urls_are_refused_without_repeating_a_password() -> anyhow::Result<()> {
    for url in [
        "",
        "localhost/app",
        "mysql://u:secret@h/d",
        "postgres://u:secret@[::1/d",
    ] {
        let error = refused(run().url(url)).await?;
        assert_eq!(
            kind(&error),
            Some(DriverErrorKind::InvalidDatabaseUrl),
            "{url}: {error:?}"
        );
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("postgres://user:password@host:5432/database"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error() -> anyhow::Result<()> {
    let error = refused(run().url("postgres://app@127.0.0.1:1/app")).await?;

    assert_eq!(kind(&error), Some(DriverErrorKind::Unavailable));
    assert_eq!(
        error.to_string(),
        "cannot connect to database `app` at 127.0.0.1:1 as `app`; check that the server runs and \
         that host and port of the URL are right",
    );
    Ok(())
}

#[tokio::test]
async fn a_socket_that_is_missing_is_named() -> anyhow::Result<()> {
    let error = refused(run().url("postgres://app@localhost:1/app?host=/nowhere")).await?;

    assert_eq!(kind(&error), Some(DriverErrorKind::Unavailable));
    assert!(
        error
            .to_string()
            .starts_with("cannot connect to database `app` at /nowhere/.s.PGSQL.1 as `app`; "),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_missing_is_an_error() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let url = database.url().replace(database.name(), "no_such_database");

    let error = refused(run().url(url)).await?;

    assert_eq!(kind(&error), Some(DriverErrorKind::DatabaseMissing));
    assert!(error.to_string().contains("create the database"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_an_error() -> anyhow::Result<()> {
    let start = || Cluster::builder().password("right").start();
    let cluster = tokio::task::spawn_blocking(start).await??;
    let url = cluster.url("postgres").replacen("right", "mistaken", 1);

    let error = refused(run().url(url)).await?;

    assert_eq!(
        kind(&error),
        Some(DriverErrorKind::Authentication),
        "{error:?}"
    );
    let said = error.to_string();
    assert!(said.contains("check the user and the password"), "{said}");
    assert!(!format!("{error:?}").contains("mistaken"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_user_who_may_not_create_the_schema_is_told_what_to_grant() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let role = format!("{}_guest", database.name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create role {role} login")))
        .execute(database.pool())
        .await?;
    let url = database.url().replacen("postgres@", &format!("{role}@"), 1);

    let error = refused(run().url(&url)).await?;
    // Once somebody has made the schema for the user, the right to make one is not needed.
    let schema = format!("create schema pgq_jobs authorization {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(schema))
        .execute(database.pool())
        .await?;
    let report = run().url(&url).once().await;

    let clean_up = format!("drop schema pgq_jobs cascade; drop role {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(clean_up))
        .execute(database.pool())
        .await?;
    assert_eq!(
        kind(&error),
        Some(DriverErrorKind::PermissionDenied),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("grant create on database"),
        "{error}"
    );
    assert!(report?.idle);
    Ok(())
}

#[tokio::test]
async fn a_schema_that_is_newer_is_refused_unless_it_admits_this_version() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let newer = "insert into pgq_jobs.migration (version, name, checksum, oldest_program)
                 values (1000, 'of the future', 0, $1)";

    sqlx::query(newer).bind(1).execute(database.pool()).await?;
    let admitted = run().pool(database.pool().clone()).once().await?;
    sqlx::query("update pgq_jobs.migration set oldest_program = 1000 where version = 1000")
        .execute(database.pool())
        .await?;
    let refused_to_migrate = refused(run().pool(database.pool().clone())).await?;
    let refused_to_run = refused(run().pool(database.pool().clone()).without_migration()).await?;

    assert!(admitted.idle);
    for error in [refused_to_migrate, refused_to_run] {
        assert_eq!(kind(&error), Some(DriverErrorKind::SchemaNewer));
        assert!(
            error
                .to_string()
                .contains("deploy a program with a newer version"),
            "{error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_migration_that_was_edited_is_noticed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    sqlx::query("update pgq_jobs.migration set checksum = 1")
        .execute(database.pool())
        .await?;

    let error = refused(run().pool(database.pool().clone())).await?;

    assert!(
        error
            .to_string()
            .contains("migration 1 of the schema `pgq_jobs`"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn without_migration_a_missing_schema_is_an_error() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;

    let error = refused(run().pool(database.pool().clone()).without_migration()).await?;

    assert_eq!(kind(&error), Some(DriverErrorKind::SchemaMissing));
    let enqueued = nothing::enqueue(database.pool()).await.err();
    let enqueued = enqueued
        .map(|error| format!("{:?}", Error::from(error)))
        .unwrap_or_default();
    assert!(
        enqueued.contains("migrate first: `Pgq::migrate` does so"),
        "{enqueued}"
    );
    Ok(())
}

#[tokio::test]
async fn many_processes_migrate_at_once() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let pgq = Pgq::from_pool(database.pool().clone());

    let runs: Vec<_> = (0..8)
        .map(|_| {
            let pgq = pgq.clone();
            tokio::spawn(async move { pgq.migrate().await })
        })
        .collect();

    for run in runs {
        run.await??;
    }
    Ok(())
}

#[test]
fn without_a_url_the_program_says_what_to_set() -> anyhow::Result<()> {
    let program = env!("CARGO_BIN_EXE_run_from_env");
    for url in [None, Some(""), Some("  ")] {
        let mut command = Command::new(program);
        command.env_remove("DATABASE_URL");
        command.envs(url.map(|url| ("DATABASE_URL", url)));

        let output = command.output()?;

        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains("Error: `DATABASE_URL` is not set; set it to `postgres://"),
            "{text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_url_is_taken_from_the_environment() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let url = database.url().to_owned();

    let status = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_run_from_env"))
            .env("DATABASE_URL", url)
            .status()
    })
    .await??;

    assert!(status.success());
    assert_eq!(count(database.pool(), "finished").await?, 1);
    Ok(())
}

/// Far less than a call to the database may take.
const SOON: Duration = Duration::from_secs(15);

/// Starts a worker that waits for a table, and tells it to stop.
async fn stopped_while_it_waits_for(table: &'static str) -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut holding = database.pool().begin().await?;
    let lock = format!("lock table pgq_jobs.{table} in access exclusive mode");
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
        .execute(&mut *holding)
        .await?;
    let input = || Ok(pgq::__private::InputWriter::new(0).finish());
    let hourly = Timing::Every(Duration::from_secs(3600));
    let schedule = ScheduleDescriptor::of::<nothing>(hourly, input, Source::caller());
    let run = run()
        .url(database.url())
        .register(Registration::Schedule(schedule));
    let handle = run.handle();
    let running = tokio::spawn(run.once().into_future());
    eventually("the start waits for the table", || async {
        let waiting = "select count(*) from pg_locks where not granted
                       and database = (select oid from pg_database where datname = current_database())";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(database.pool()).await?;
        Ok(waiting > 0)
    })
    .await?;

    handle.drain();

    let ended = tokio::time::timeout(SOON, running).await;
    anyhow::ensure!(ended.is_ok(), "the start does not stop at `{table}`");
    assert!(!ended???.idle);
    Ok(())
}

#[tokio::test]
async fn a_start_that_the_database_holds_up_can_be_stopped() -> anyhow::Result<()> {
    // Where schedules are declared, and where due jobs are made ready.
    stopped_while_it_waits_for("schedule").await?;
    stopped_while_it_waits_for("scheduled").await
}

#[tokio::test]
async fn a_connection_that_is_cut_while_schedules_are_declared_does_not_end_the_worker()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let mut lock = pool.begin().await?;
    sqlx::query("lock table pgq_jobs.schedule in exclusive mode")
        .execute(&mut *lock)
        .await?;
    let stop = CancellationToken::new();
    let run = worker::<each_second>(&database).register(schedule("0 0 1 1 *"));
    let running = tokio::spawn(run.stop_on(stop.clone()).into_future());

    eventually("who declares it is cut off", async || {
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
        Ok(sqlx::query_scalar::<_, i64>(cut).fetch_one(pool).await? > 0)
    })
    .await?;
    lock.rollback().await?;

    eventually("the schedule is declared", async || {
        anyhow::ensure!(!running.is_finished(), "the worker has ended");
        Ok(count(pool, "schedule").await? == 1 && count(pool, "worker").await? == 1)
    })
    .await?;
    stop.cancel();
    running.await??;
    Ok(())
}

#[tokio::test]
async fn a_script_makes_the_schema_as_a_migration_does() -> anyhow::Result<()> {
    for name in ["pgq_jobs", "billing"] {
        let database = TestDatabase::empty().await?;
        let script = migration_script(&Schema::new(name)?);

        sqlx::raw_sql(sqlx::AssertSqlSafe(script))
            .execute(database.pool())
            .await?;

        let pgq = Pgq::from_pool(database.pool().clone()).schema(name)?;
        Reader::driver(&&pgq).check_schema().await?;
        // It finds nothing to do, and no other file than the one that it knows.
        pgq.migrate().await?;
        nothing::enqueue(&pgq).await?;
        let report = drain(worker::<nothing>(&database).schema(name)).await?;
        assert_eq!(report.completed, 1);
    }
    Ok(())
}
