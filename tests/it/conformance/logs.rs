//! What every driver promises about the logs of attempts.

use pgq::driver::{ClaimedJob, End, NewLog};

use super::{Storage, conformance, one};

conformance! {
    a_log_is_found_with_its_attempt,
    the_logs_of_a_job_come_in_the_order_of_its_attempts,
    a_log_is_kept_once,
    only_who_holds_a_job_keeps_its_log,
    the_log_of_an_attempt_that_has_completed_is_kept_when_it_says_so,
    a_job_that_does_not_exist_has_no_logs,
}

fn log(job: &ClaimedJob, text: &str) -> NewLog {
    NewLog {
        job: job.id,
        claim: job.claim,
        attempt: job.attempt,
        is_completed: false,
        text: text.to_owned(),
    }
}

impl Storage {
    async fn texts(&self, job: &ClaimedJob) -> anyhow::Result<Vec<(i16, String)>> {
        let logs = self.logs(job.id).await?;
        Ok(logs
            .into_iter()
            .map(|log| (log.attempt, log.text))
            .collect())
    }
}

async fn a_log_is_found_with_its_attempt(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let job = worker.claim_one().await?;
    let before = storage.now().await?;

    storage.keep_logs(worker.id, &[log(&job, "a\nb")]).await?;

    let logs = storage.logs(job.id).await?;
    assert_eq!((logs[0].attempt, &*logs[0].text), (1, "a\nb"));
    assert!((before..=storage.now().await?).contains(&logs[0].ended_at));
    worker.complete(&job).await?;
    assert_eq!(storage.logs(job.id).await?, logs);
    Ok(())
}

async fn the_logs_of_a_job_come_in_the_order_of_its_attempts(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;

    let first = worker.claim_one().await?;
    storage
        .keep_logs(worker.id, &[log(&first, "first")])
        .await?;
    worker
        .end(&first, End::Release(std::time::Duration::ZERO))
        .await?;
    let second = worker.claim_one().await?;
    storage
        .keep_logs(worker.id, &[log(&second, "second")])
        .await?;

    let expected = [(1, "first".to_owned()), (1, "second".to_owned())];
    assert_eq!(storage.texts(&first).await?, expected);
    Ok(())
}

async fn a_log_is_kept_once(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let job = worker.claim_one().await?;

    for text in ["sent", "sent again"] {
        storage.keep_logs(worker.id, &[log(&job, text)]).await?;
    }

    assert_eq!(storage.texts(&job).await?, [(1, "sent".to_owned())]);
    Ok(())
}

async fn only_who_holds_a_job_keeps_its_log(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    storage.put(one()).await?;
    let (worker, other) = (storage.worker().await?, storage.worker().await?);
    let (job, own) = (worker.claim_one().await?, other.claim_one().await?);

    let stale = NewLog {
        claim: own.claim + 1,
        ..log(&own, "stale")
    };
    storage
        .keep_logs(other.id, &[stale, log(&job, "of another")])
        .await?;
    assert!(storage.texts(&job).await?.is_empty());
    assert!(storage.texts(&own).await?.is_empty());

    storage
        .keep_logs(other.id, &[log(&job, "no"), log(&own, "yes")])
        .await?;
    assert!(storage.texts(&job).await?.is_empty());
    assert_eq!(storage.texts(&own).await?, [(1, "yes".to_owned())]);
    Ok(())
}

async fn the_log_of_an_attempt_that_has_completed_is_kept_when_it_says_so(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let job = worker.claim_one().await?;
    worker.complete(&job).await?;

    storage.keep_logs(worker.id, &[log(&job, "late")]).await?;
    assert!(storage.texts(&job).await?.is_empty());
    let completed = NewLog {
        is_completed: true,
        ..log(&job, "of the transaction")
    };
    storage.keep_logs(worker.id, &[completed]).await?;

    let expected = [(1, "of the transaction".to_owned())];
    assert_eq!(storage.texts(&job).await?, expected);
    Ok(())
}

async fn a_job_that_does_not_exist_has_no_logs(storage: &Storage) -> anyhow::Result<()> {
    let logs = storage.logs(pgq::JobId::from_i64(404)).await?;

    assert!(logs.is_empty());
    Ok(())
}
