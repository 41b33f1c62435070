//! Calls in tasks of the runtime: their futures can go to another thread, whatever they are given.

use std::time::Duration;

use pgq::{
    JobState, Jobs, NamedJob, Pgq, Schedules, Start, count_jobs, wait_all_for, wait_any, workers,
};
use pgq_tests::database::TestDatabase;
use serde_json::json;

use super::{DEADLINE, charge, drain, worker};

/// Far enough away that the test is over by then.
const LATER: Start = Start::After(Duration::from_secs(3_600));

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_changed_in_a_task_of_the_runtime() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pgq = Pgq::from_pool(database.pool().clone());

    let state = tokio::spawn(async move {
        let pgq = &pgq;
        let job = charge::enqueue(pgq, 1).await?;
        job.reschedule(pgq, LATER).await?;
        job.cancel(pgq).await?;
        job.requeue(pgq).await?;
        let state = job.status(pgq).await?;
        let _ = (job.job(pgq).await?, job.input::<u64>(pgq).await);
        let _ = (job.attempts(pgq).await?, job.logs(pgq).await?);
        let _ = (job.progress(pgq).await?, pgq.paused().await?);
        job.delete(pgq).await?;
        anyhow::Ok(state)
    });

    assert_eq!(state.await??, JobState::Ready);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_are_changed_in_a_task_of_the_runtime() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pgq = Pgq::from_pool(database.pool().clone());

    let changed = tokio::spawn(async move {
        let pgq = &pgq;
        charge::enqueue_many(pgq, 0..10).await?;
        let ready = Jobs::in_state(JobState::Ready);
        let delayed = ready.reschedule(pgq, LATER).await?;
        let cancelled = Jobs::in_state(JobState::Scheduled).cancel(pgq).await?;
        let requeued = Jobs::in_state(JobState::Cancelled).requeue(pgq).await?;
        let _ = (ready.list(pgq).await?, count_jobs(pgq).await?);
        let _ = (ready.count(pgq).await?, workers(pgq).await?);
        let _ = Schedules::all().list(pgq).await?;
        let deleted = ready.delete(pgq).await?;
        anyhow::Ok([delayed, cancelled, requeued, deleted].map(|changes| changes.changed))
    });

    assert_eq!(changed.await??, [10; 4]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_waited_for_in_a_task_of_the_runtime() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pgq = Pgq::from_pool(database.pool().clone());
    let first = charge::enqueue(&pgq, 1).await?;
    drain(worker::<charge>(&database)).await?;

    let waited = tokio::spawn(async move {
        let pgq = &pgq;
        let named = NamedJob::new("clients/charge", &json!({ "invoice": 2 }));
        let named = named.returns::<u64>().enqueue(pgq).await?;
        named.cancel(pgq).await?;
        let results = wait_all_for(pgq, [first, named], DEADLINE).await;
        let any = wait_any(pgq, [first]).await;
        let one = first.wait_for(pgq, DEADLINE).await?;
        anyhow::Ok((results.len(), any.is_some(), first.wait(pgq).await? == one))
    });

    assert_eq!(waited.await??, (2, true, true));
    Ok(())
}
