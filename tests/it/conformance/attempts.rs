//! What every driver promises about the history of a job.

use std::time::Duration;

use pgq::driver::{Attempt, AttemptOutcome, End};
use pgq::{JobHandle, JobId, JobState, Retention};

use super::{LONG, SHORT, Storage, conformance, ending, one};

conformance! {
    every_attempt_that_ended_is_kept,
    the_attempt_that_runs_is_among_them,
    an_attempt_that_was_given_back_is_not_kept,
    a_job_that_was_given_back_and_cancelled_has_no_attempt,
    an_attempt_is_told_with_its_worker_and_its_times,
    an_attempt_whose_worker_died_is_lost,
    a_cancelled_attempt_is_kept,
    a_failed_attempt_goes_after_its_time,
    a_job_that_never_ran_has_no_attempts,
}

fn told(attempts: &[Attempt]) -> Vec<(i16, AttemptOutcome, Option<&str>)> {
    attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.outcome, attempt.error.as_deref()))
        .collect()
}

impl Storage {
    async fn history(&self, job: JobId) -> anyhow::Result<Vec<Attempt>> {
        let handle = JobHandle::<()>::from_id(job);
        Ok(handle.attempts(self.driver()).await?)
    }
}

async fn every_attempt_that_ended_is_kept(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let failing = storage.put(one()).await?;
    for (end, error) in [
        (End::Retry(Duration::ZERO), "first"),
        (End::Retry(Duration::ZERO), "second: because"),
        (End::Failed, "last"),
    ] {
        let mut ending = ending(&worker.claim_one().await?, end);
        ending.error = Some(error.to_owned());
        storage.pass(SHORT).await?;
        storage.end(worker.id, &[ending]).await?;
        storage.promote(10).await?;
    }
    let completing = storage.put(one()).await?;
    let claimed = worker.claim_one().await?;
    worker.end(&claimed, End::Retry(Duration::ZERO)).await?;
    storage.promote(10).await?;
    worker.complete(&worker.claim_one().await?).await?;

    assert_eq!(
        told(&storage.history(failing).await?),
        [
            (1, AttemptOutcome::Failed, Some("first")),
            (2, AttemptOutcome::Failed, Some("second: because")),
            (3, AttemptOutcome::Failed, Some("last")),
        ]
    );
    assert_eq!(
        told(&storage.history(completing).await?),
        [
            (1, AttemptOutcome::Failed, Some("no luck")),
            (2, AttemptOutcome::Completed, None),
        ]
    );
    Ok(())
}

async fn the_attempt_that_runs_is_among_them(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let claimed = worker.claim_one().await?;
    worker.end(&claimed, End::Retry(Duration::ZERO)).await?;
    storage.promote(10).await?;
    worker.claim_one().await?;

    let attempts = storage.history(id).await?;

    assert_eq!(
        told(&attempts),
        [
            (1, AttemptOutcome::Failed, Some("no luck")),
            (2, AttemptOutcome::Running, None),
        ]
    );
    assert_eq!((attempts[1].ended_at, attempts[1].duration()), (None, None));
    Ok(())
}

async fn an_attempt_that_was_given_back_is_not_kept(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let claimed = worker.claim_one().await?;
    worker.end(&claimed, End::Release(Duration::ZERO)).await?;
    worker.complete(&worker.claim_one().await?).await?;

    assert_eq!(
        told(&storage.history(id).await?),
        [(1, AttemptOutcome::Completed, None)]
    );
    Ok(())
}

async fn a_job_that_was_given_back_and_cancelled_has_no_attempt(
    storage: &Storage,
) -> anyhow::Result<()> {
    for end in [
        Some(End::Unstarted(Duration::ZERO)),
        Some(End::Release(Duration::ZERO)),
        Some(End::Release(LONG)),
        // Its worker stops.
        None,
    ] {
        let worker = storage.worker().await?;
        let id = storage.put(one()).await?;
        let claimed = worker.claim_one().await?;
        storage.cancel(id).await?;
        match end {
            Some(end) => {
                worker.end(&claimed, end).await?;
            }
            None => storage.deregister_worker(worker.id).await?,
        }

        let job = storage.job(id).await?;
        assert_eq!(job.state, JobState::Cancelled, "{end:?}");
        assert_eq!((job.attempt, job.claimed_at), (0, None), "{end:?}");
        assert!(storage.history(id).await?.is_empty(), "{end:?}");
    }
    Ok(())
}

async fn an_attempt_is_told_with_its_worker_and_its_times(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let before = storage.now().await?;
    let claimed = worker.claim_one().await?;
    storage.pass(SHORT).await?;
    worker.end(&claimed, End::Failed).await?;
    let after = storage.now().await?;

    let attempts = storage.history(id).await?;

    let [attempt] = &attempts[..] else {
        panic!("{attempts:?}");
    };
    assert_eq!(attempt.worker, worker.id);
    let ended_at = attempt.ended_at.unwrap_or_default();
    assert!(before <= attempt.started_at, "{attempt:?}");
    assert!(
        attempt.started_at < ended_at && ended_at <= after,
        "{attempt:?}"
    );
    let took = attempt.duration().unwrap_or_default();
    assert!((SHORT..LONG).contains(&took), "{attempt:?}");
    Ok(())
}

async fn an_attempt_whose_worker_died_is_lost(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    for _ in 0..2 {
        let dead = storage.worker().await?;
        dead.claim_one().await?;
        dead.die().await?;
        storage.rescue(2).await?;
    }

    let lost = (1, AttemptOutcome::Lost, Some("the worker died"));
    assert_eq!(told(&storage.history(id).await?), [lost, lost]);
    Ok(())
}

async fn a_cancelled_attempt_is_kept(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let mut ending = ending(&worker.claim_one().await?, End::Cancelled);
    ending.error = Some("not wanted".to_owned());
    // One for which there is no room ahead.
    ending.retention = Retention::STEPS[1];
    storage.end(worker.id, &[ending]).await?;

    assert_eq!(
        told(&storage.history(id).await?),
        [(1, AttemptOutcome::Cancelled, Some("not wanted"))]
    );
    Ok(())
}

async fn a_failed_attempt_goes_after_its_time(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let mut first = ending(&worker.claim_one().await?, End::Retry(Duration::ZERO));
    first.retention = Retention::HOUR;
    storage.end(worker.id, &[first]).await?;
    storage.promote(10).await?;
    worker.end(&worker.claim_one().await?, End::Failed).await?;

    storage.age_history(3).await?;
    storage.maintain_history(&[]).await?;

    assert_eq!(
        told(&storage.history(id).await?),
        [(2, AttemptOutcome::Failed, Some("no luck"))]
    );
    Ok(())
}

async fn a_job_that_never_ran_has_no_attempts(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;

    assert!(storage.history(id).await?.is_empty());

    let missing = JobHandle::<()>::from_id(JobId::from_i64(id.as_i64() + 1));
    let error = missing.attempts(storage.driver()).await;
    assert!(
        matches!(error, Err(pgq::JobError::NotFound { .. })),
        "{error:?}"
    );
    Ok(())
}
