//! Jobs that tasks enqueue through their context.

use pgq::driver::Listing;
use pgq::{Context, Job, JobHandle, JobId, JobState, Registry, Run, TaskError};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::both::{Place, on_both_drivers};
use super::{DEADLINE, count, drain, worker};

on_both_drivers! {
    a_job_knows_the_job_that_enqueued_it_and_the_first_of_its_line,
    a_child_goes_on_with_the_trace_of_its_parent,
    what_follows_a_job_is_enqueued_when_it_completes,
    what_follows_an_attempt_that_fails_is_not_enqueued,
}

/// Enqueues a job of its own, so many times in a row.
#[pgq::task(name = "children/line")]
async fn line(ctx: &Context, left: u32) -> anyhow::Result<(Option<i64>, i64)> {
    if left > 0 {
        line::job(left - 1).enqueue(ctx).await?;
    }
    Ok((ctx.parent().map(JobId::as_i64), ctx.root().as_i64()))
}

impl Place {
    /// The jobs that have completed, oldest first.
    async fn completed(&self) -> anyhow::Result<Vec<Job>> {
        let mut jobs = self
            .driver
            .list(&Listing::of(JobState::Completed, 100))
            .await?
            .jobs;
        jobs.sort_by_key(|job| job.id);
        Ok(jobs)
    }
}

async fn a_job_knows_the_job_that_enqueued_it_and_the_first_of_its_line(
    place: &Place,
) -> anyhow::Result<()> {
    let first = line::enqueue(&place.driver, 2).await?;
    drain(place.worker::<line>()).await?;

    let jobs = place.completed().await?;
    assert_eq!(jobs.len(), 3);
    let (mut parent, root) = (None, first.id().as_i64());
    for job in &jobs {
        let handle = JobHandle::<(Option<i64>, i64)>::from_id(job.id);
        assert_eq!(handle.wait(&place.driver).await?, (parent, root));
        parent = Some(job.id.as_i64());
    }
    Ok(())
}

/// Enqueues a job of its own, once, and says what trace it has.
#[pgq::task(name = "children/traced")]
async fn traced(ctx: &Context, child: bool) -> anyhow::Result<Option<String>> {
    if !child {
        traced::job(true).enqueue(ctx).await?;
    }
    Ok(ctx.header("traceparent").map(str::to_owned))
}

async fn a_child_goes_on_with_the_trace_of_its_parent(place: &Place) -> anyhow::Result<()> {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    traced::job(false)
        .header("traceparent", trace)
        .header("secret", "of the parent alone")
        .enqueue(&place.driver)
        .await?;

    drain(place.worker::<traced>()).await?;

    for job in place.completed().await? {
        let handle = JobHandle::<Option<String>>::from_id(job.id);
        assert_eq!(handle.wait(&place.driver).await?.as_deref(), Some(trace));
    }
    Ok(())
}

/// Comes after another job.
#[pgq::task(name = "children/after")]
async fn after(_number: u32) {}

/// Has two jobs that follow it, once it gets there.
#[pgq::task(name = "children/before", backoff(fixed = "1ms"))]
async fn before(ctx: &Context, fails: bool) -> anyhow::Result<u32> {
    ctx.then(after::job(ctx.attempt().into_number()).priority(3))?;
    ctx.then(after::job(7))?;
    anyhow::ensure!(!fails, TaskError::permanent("no luck"));
    Ok(1)
}

trait IntoNumber {
    fn into_number(self) -> u32;
}

impl IntoNumber for i16 {
    fn into_number(self) -> u32 {
        u32::try_from(self).unwrap_or_default()
    }
}

impl Place {
    /// A worker of the job that comes first.
    fn first(&self) -> Run {
        Run::new(Registry::new())
            .task::<before>()
            .driver(std::sync::Arc::clone(&self.driver))
            .without_signals()
    }
}

async fn what_follows_a_job_is_enqueued_when_it_completes(place: &Place) -> anyhow::Result<()> {
    let job = before::enqueue(&place.driver, false).await?;

    drain(place.first()).await?;

    assert_eq!(job.wait(&place.driver).await?, 1);
    let mut waiting = place
        .driver
        .list(&Listing::of(JobState::Ready, 100))
        .await?
        .jobs;
    waiting.sort_by_key(|job| job.id);
    let found: Vec<_> = waiting
        .iter()
        .map(|job| (job.task.as_str(), job.priority))
        .collect();
    assert_eq!(found, [("children/after", 3), ("children/after", 0)]);
    for child in waiting {
        let detail = child.detail.unwrap_or_default();
        assert_eq!(
            (detail.parent, detail.root),
            (Some(job.id()), Some(job.id()))
        );
    }
    Ok(())
}

async fn what_follows_an_attempt_that_fails_is_not_enqueued(place: &Place) -> anyhow::Result<()> {
    let job = before::enqueue(&place.driver, true).await?;

    drain(place.first()).await?;

    assert_eq!(job.status(&place.driver).await?, JobState::Failed);
    let waiting = place
        .driver
        .list(&Listing::of(JobState::Ready, 100))
        .await?;
    assert!(waiting.jobs.is_empty());
    Ok(())
}

/// Rolls back in its first attempt what it commits in the second.
#[pgq::task(name = "children/twice", backoff(fixed = "1ms"))]
async fn twice(ctx: &Context, pool: &PgPool) -> anyhow::Result<()> {
    ctx.then(after::job(1))?;
    let mut tx = pool.begin().await?;
    ctx.complete_in(&mut *tx, &()).await?;
    anyhow::ensure!(ctx.then(after::job(2)).is_err());
    if ctx.attempt() > 1 {
        tx.commit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_follows_a_job_commits_with_its_transaction() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let job = twice::enqueue(database.pool()).await?;

    while !job.status(database.pool()).await?.is_finished() {
        drain(worker::<twice>(&database)).await?;
    }

    job.wait_for(database.pool(), DEADLINE).await?;
    assert_eq!(job.job(database.pool()).await?.attempt, 2);
    assert_eq!(count(database.pool(), "ready").await?, 1);
    Ok(())
}

/// Enqueues another too late.
#[pgq::task(name = "children/too_late")]
async fn too_late(ctx: &Context, pool: &PgPool) -> anyhow::Result<String> {
    let mut transaction = pool.begin().await?;
    ctx.complete_in(&mut *transaction, &String::from("completed"))
        .await?;
    let refused = after::enqueue(ctx, 1).await;
    anyhow::ensure!(refused.is_err(), "it was enqueued");
    transaction.commit().await?;
    Ok(String::from("completed"))
}

#[tokio::test]
async fn a_child_after_the_completion_is_refused_and_does_not_wait_for_it() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let job = too_late::enqueue(database.pool()).await?;

    drain(worker::<too_late>(&database)).await?;

    assert_eq!(job.wait(database.pool()).await?, "completed");
    assert_eq!(job.job(database.pool()).await?.attempt, 1);
    Ok(())
}

#[pgq::test]
async fn what_follows_a_job_runs_in_a_test(harness: pgq::testing::Harness) -> anyhow::Result<()> {
    before::enqueue(&harness, false).await?;

    let report = harness.run_due().await;

    assert_eq!(report.completed(), 3, "{report}");
    Ok(())
}
