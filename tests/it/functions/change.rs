//! Jobs that are cancelled and requeued, and what is paused.

use std::sync::Arc;
use std::time::Duration;

use pgq::{CancellationToken, JobState};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use tokio::sync::Semaphore;

use super::{DEADLINE, charge, database_of, drain, handle, refused, value, worker};

/// Runs until it is allowed to end.
#[pgq::task(name = "functions/held")]
async fn held(gate: &Arc<Semaphore>) -> anyhow::Result<()> {
    gate.acquire().await?.forget();
    Ok(())
}

#[pgq::task(name = "functions/fails", max_attempts = 1)]
async fn fails(gate: &Arc<Semaphore>) -> anyhow::Result<u32> {
    gate.try_acquire()?.forget();
    Ok(42)
}

async fn enqueued(database: &TestDatabase) -> sqlx::Result<i64> {
    let call = r#"pgq_jobs.enqueue('functions/charge', '{"customer": "ada"}')"#;
    value(database.pool(), call).await
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_and_can_be_requeued() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();
    let ready = enqueued(&database).await?;
    let call =
        r#"pgq_jobs.enqueue('functions/charge', '{"customer": "bob"}', delay => '1 minute')"#;
    let scheduled: i64 = value(pool, call).await?;

    for job in [ready, scheduled] {
        let done: String = value(pool, &format!("pgq_jobs.cancel({job})")).await?;
        assert_eq!(done, "cancelled");
        let job = handle::<charge>(job).job(pool).await?;
        assert_eq!(job.state, JobState::Cancelled);
    }

    let again: bool = value(pool, &format!("pgq_jobs.requeue({scheduled})")).await?;
    assert!(again);
    let twice = format!(
        "array(select pgq_jobs.cancel(job) from unnest(array [{scheduled}, {scheduled}]) as job)"
    );
    assert_eq!(
        value::<Vec<String>>(pool, &twice).await?,
        ["cancelled", "cancelled"]
    );
    for call in ["pgq_jobs.cancel(999999)", "pgq_jobs.requeue(999999)"] {
        assert_eq!(refused(pool, call).await?.0, "PGQ05");
    }

    let requeue = format!("pgq_jobs.requeue({ready})");
    assert!(value::<bool>(pool, &requeue).await?);
    assert!(!value::<bool>(pool, &requeue).await?);
    assert_eq!(drain(worker::<charge>(&database)).await?.completed, 1);
    assert!(!value::<bool>(pool, &requeue).await?);
    let state: String = value(pool, &format!("pgq_jobs.cancel({ready})")).await?;
    assert_eq!(state, "completed");
    Ok(())
}

#[tokio::test]
async fn a_job_that_runs_is_told_to_end() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let run = worker::<held>(&database)
        .state(Arc::new(Semaphore::new(0)))
        .stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());
    let job = held::enqueue(pool).await?;
    let state = async || anyhow::Ok(job.job(pool).await?.state);
    eventually("the job runs", async || {
        Ok(state().await? == JobState::Running)
    })
    .await?;

    let done: String = value(pool, &format!("pgq_jobs.cancel({})", job.id())).await?;

    assert_eq!(done, "requested");
    eventually("the job is cancelled", async || {
        Ok(state().await? == JobState::Cancelled)
    })
    .await?;
    stop.cancel();
    run.await??;
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_requeued_with_all_of_its_attempts() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Arc::new(Semaphore::new(0));
    let run = || worker::<fails>(&database).state(Arc::clone(&gate));
    let job = fails::enqueue(pool).await?;
    drain(run()).await?;
    assert_eq!(job.job(pool).await?.state, JobState::Failed);

    gate.add_permits(1);
    sqlx::query("select pgq_jobs.requeue($1)")
        .bind(job.id().as_i64())
        .execute(pool)
        .await?;

    drain(run()).await?;
    assert_eq!(job.wait_for(pool, DEADLINE).await?, 42);
    Ok(())
}

#[tokio::test]
async fn who_keeps_a_job_locked_is_not_waited_for_for_ever() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();
    let job = enqueued(&database).await?;
    let mut other = pool.begin().await?;
    sqlx::query("select from pgq_jobs.ready for update")
        .execute(&mut *other)
        .await?;

    let call = format!("pgq_jobs.cancel({job})");
    let cancelled = tokio::time::timeout(Duration::from_secs(60), refused(pool, &call)).await??;

    assert_eq!(cancelled.0, "55P03", "{}", cancelled.1);
    other.rollback().await?;
    let setting: String = value(pool, "current_setting('lock_timeout')").await?;
    assert_eq!(setting, "0");
    Ok(())
}

#[tokio::test]
async fn what_is_paused_is_left_alone_until_it_is_resumed() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();
    enqueued(&database).await?;

    for (kind, name) in [("queue", "money"), ("task", "functions/charge")] {
        let pause = format!("pgq_jobs.pause('{kind}', '{name}')");
        assert!(value::<bool>(pool, &pause).await?);
        assert!(!value::<bool>(pool, &pause).await?);
        assert_eq!(drain(worker::<charge>(&database)).await?.completed, 0);
        let resume = pause.replace("pause", "resume");
        assert!(value::<bool>(pool, &resume).await?);
        assert!(!value::<bool>(pool, &resume).await?);
    }

    assert_eq!(drain(worker::<charge>(&database)).await?.completed, 1);
    Ok(())
}
