//! Who keeps the schedules of a build: a worker that ticks, and nobody else.

use std::sync::Arc;
use std::time::Duration;

use pgq::driver::{Schedule, ScheduleDriver as _};
use pgq::postgres::PostgresDriver;
use pgq::{CancellationToken, Registration, Run, ScheduleDescriptor, Source, Task as _, Timing};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use super::{DEADLINE, count, drain, worker};

/// The task of a schedule. Looks what its worker keeps, takes a permit to say so, and another one to end.
#[pgq::task(name = "keeping/kept")]
async fn kept(pool: &PgPool, gate: &Arc<Semaphore>) -> anyhow::Result<i64> {
    let kept = sqlx::query_scalar("select sum(cardinality(declarations)) from pgq_jobs.worker");
    let kept = kept.fetch_one(pool).await?;
    gate.acquire().await?.forget();
    gate.acquire().await?.forget();
    Ok(kept)
}

/// A worker whose build lets that task tick once a year.
fn yearly(database: &TestDatabase, gate: &Arc<Semaphore>) -> Run {
    let no_input = || Ok(pgq::__private::InputWriter::new(0).finish());
    let timing = Timing::cron("0 0 1 1 *");
    let schedule = ScheduleDescriptor::of::<kept>(timing, no_input, Source::caller());
    worker::<kept>(database)
        .register(Registration::Schedule(schedule))
        .state(Arc::clone(gate))
}

/// The schedule as another build declares it.
fn of_another_build() -> Schedule {
    Schedule {
        name: kept::NAME.to_owned(),
        task: kept::NAME.to_owned(),
        expression: "0 0 2 1 *".to_owned(),
        zone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
        policy: pgq::driver::Policy::default(),
        template: pgq::driver::Template::default(),
    }
}

/// The digest that is stored, if there is one, and whether somebody keeps it.
async fn stored(driver: &PostgresDriver) -> anyhow::Result<Option<(i64, bool)>> {
    let state = driver.schedules(&[kept::NAME.to_owned()]).await?;
    let mut found = state.schedules.iter();
    Ok(found.next().map(|found| (found.digest, found.is_kept)))
}

#[tokio::test]
async fn a_run_that_ends_by_itself_adds_a_schedule_and_keeps_none() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let gate = Arc::new(Semaphore::new(4));
    let job = kept::enqueue(database.pool()).await?;

    drain(yearly(&database, &gate)).await?;
    let another = kept::enqueue(database.pool()).await?;
    yearly(&database, &gate).once().deadline(DEADLINE).await?;

    assert_eq!(job.wait(database.pool()).await?, 0);
    assert_eq!(another.wait(database.pool()).await?, 0);
    assert!(matches!(stored(&driver).await?, Some((_, false))));
    Ok(())
}

#[tokio::test]
async fn a_run_that_ends_by_itself_leaves_a_schedule_as_another_build_declares_it()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let gate = Arc::new(Semaphore::new(0));
    driver.declare_schedules(&[of_another_build()]).await?;
    // A tick is due of each of them.
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '2 years'")
        .execute(database.pool())
        .await?;

    drain(yearly(&database, &gate)).await?;
    yearly(&database, &gate).once().deadline(DEADLINE).await?;

    let digest = of_another_build().digest();
    assert_eq!(stored(&driver).await?, Some((digest, false)));
    assert_eq!(count(database.pool(), "finished").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_worker_keeps_its_schedules_until_it_drains() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let (gate, stop) = (Arc::new(Semaphore::new(1)), CancellationToken::new());
    driver.declare_schedules(&[of_another_build()]).await?;
    let job = kept::enqueue(database.pool()).await?;
    let run = yearly(&database, &gate)
        .drain_deadline(Duration::from_secs(3600))
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    // One that was claimed and has not begun would go back.
    eventually("the job runs", async || Ok(gate.available_permits() == 0)).await?;
    assert!(matches!(stored(&driver).await?, Some((_, true))));

    stop.cancel();
    eventually("others may take the schedule", async || {
        Ok(matches!(stored(&driver).await?, Some((_, false))))
    })
    .await?;

    assert_eq!(count(database.pool(), "running").await?, 1);
    gate.add_permits(1);
    running.await??;
    assert_eq!(job.wait(database.pool()).await?, 1);
    Ok(())
}
