//! Tasks that say how far they are.

use std::sync::Arc;

use anyhow::Context as _;
use pgq::{CancellationToken, Context, JobState};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::both::{Place, on_both_drivers};
use super::{DEADLINE, drain, worker};

on_both_drivers! {
    what_a_task_reports_is_seen_while_it_runs,
    the_last_report_is_kept_with_the_job,
    a_job_whose_task_reports_nothing_has_no_progress,
}

#[derive(Clone, Debug)]
struct Gate(Arc<Semaphore>);

/// Reports once, waits, reports a lot, and ends.
#[pgq::task(name = "progress/import")]
async fn import(ctx: &Context, gate: &Gate, fails: bool) -> anyhow::Result<()> {
    ctx.progress(0, 1000, "opening");
    gate.0.acquire().await?.forget();
    for done in 1..=1000 {
        ctx.progress(done, 1000, format!("row {done}"));
    }
    anyhow::ensure!(!fails, pgq::TaskError::permanent("no luck"));
    Ok(())
}

async fn what_a_task_reports_is_seen_while_it_runs(place: &Place) -> anyhow::Result<()> {
    let (gate, stop) = (Gate(Arc::new(Semaphore::new(0))), CancellationToken::new());
    let job = import::enqueue(&place.driver, false).await?;
    let run = place
        .worker::<import>()
        .state(gate.clone())
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());

    eventually("the report is there", || async {
        Ok(job.progress(&place.driver).await?.is_some())
    })
    .await?;
    let progress = job.progress(&place.driver).await?.context("none")?;
    assert_eq!(
        (progress.done, progress.total, progress.attempt),
        (0, 1000, 1)
    );
    assert_eq!(progress.message, "opening");
    assert_eq!(job.status(&place.driver).await?, JobState::Running);

    gate.0.add_permits(1);
    stop.cancel();
    timeout(DEADLINE, running).await???;
    Ok(())
}

async fn the_last_report_is_kept_with_the_job(place: &Place) -> anyhow::Result<()> {
    for fails in [false, true] {
        let gate = Gate(Arc::new(Semaphore::new(1)));
        let job = import::enqueue(&place.driver, fails).await?;

        drain(place.worker::<import>().state(gate)).await?;

        assert!(job.status(&place.driver).await?.is_finished());
        let progress = job.progress(&place.driver).await?.context("none")?;
        assert_eq!(
            (progress.done, progress.message.as_str()),
            (1000, "row 1000")
        );
    }
    Ok(())
}

/// Has nothing to say.
#[pgq::task(name = "progress/silent")]
async fn silent() {}

async fn a_job_whose_task_reports_nothing_has_no_progress(place: &Place) -> anyhow::Result<()> {
    let job = silent::enqueue(&place.driver).await?;

    drain(place.worker::<silent>()).await?;

    assert_eq!(job.progress(&place.driver).await?, None);
    Ok(())
}

#[tokio::test]
async fn the_view_shows_progress_and_many_reports_are_few_writes() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    sqlx::raw_sql(
        "create table written (at timestamptz default clock_timestamp());
         create function note() returns trigger language plpgsql as $$
         begin
             insert into written default values;
             return null;
         end $$;
         create trigger note after insert or update on pgq_jobs.progress
         for each row execute function note();",
    )
    .execute(database.pool())
    .await?;
    let job = import::enqueue(database.pool(), false).await?;

    drain(worker::<import>(&database).state(Gate(Arc::new(Semaphore::new(1))))).await?;

    let (done, message): (i64, String) = sqlx::query_as(
        "select (progress ->> 'done')::bigint, progress ->> 'message' from pgq_jobs.job where id = $1",
    )
    .bind(job.id().as_i64())
    .fetch_one(database.pool())
    .await?;
    assert_eq!((done, message.as_str()), (1000, "row 1000"));
    let writes: i64 = sqlx::query_scalar("select count(*) from written")
        .fetch_one(database.pool())
        .await?;
    assert!((1..=2).contains(&writes), "{writes} writes");
    Ok(())
}

/// Completes its job itself, after two reports.
#[pgq::task(name = "progress/completes")]
async fn completes(ctx: &Context, pool: &sqlx::PgPool) -> anyhow::Result<()> {
    ctx.progress(1, 2, "first");
    eventually("the first report is there", || async {
        let written = sqlx::query("select from pgq_jobs.progress").fetch_all(pool);
        Ok(!written.await?.is_empty())
    })
    .await?;
    // It is too soon to write another.
    ctx.progress(2, 2, "second");
    let mut transaction = pool.begin().await?;
    ctx.complete_in(&mut *transaction, &()).await?;
    Ok(transaction.commit().await?)
}

#[tokio::test]
async fn the_last_report_is_kept_with_a_job_that_completes_in_a_transaction() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let job = completes::enqueue(database.pool()).await?;

    drain(worker::<completes>(&database)).await?;

    let progress = job.progress(database.pool()).await?.context("none")?;
    assert_eq!(progress.done, 2);
    Ok(())
}
