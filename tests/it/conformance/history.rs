//! What every driver promises about the time that things are kept.

use pgq::driver::{End, HistoryReport};
use pgq::{JobId, Retain, Retention};

use super::{Storage, Worker, completion, conformance, ending, one};

conformance! {
    nothing_goes_before_its_time,
    each_task_and_state_is_kept_for_its_own_time,
    a_result_may_go_before_its_job,
    a_job_that_has_not_ended_stays,
    several_may_maintain_at_once,
}

/// A job that completed.
async fn completed(worker: &Worker<'_>, retain: Retain) -> anyhow::Result<JobId> {
    let id = worker.storage.put(one()).await?;
    let mut done = completion(&worker.claim_one().await?);
    done.retain = retain;
    worker.storage.complete(worker.id, &[done]).await?;
    Ok(id)
}

/// A job that failed.
async fn failed(worker: &Worker<'_>, retention: Retention) -> anyhow::Result<JobId> {
    let id = worker.storage.put(one()).await?;
    let mut end = ending(&worker.claim_one().await?, End::Failed);
    end.retention = retention;
    worker.storage.end(worker.id, &[end]).await?;
    Ok(id)
}

fn retain(completed: Retention, result: Retention) -> Retain {
    let mut retain = Retain::DEFAULT;
    retain.completed = completed;
    retain.result = result;
    retain
}

impl Storage {
    /// Maintains, and says which of these jobs there are after that.
    async fn maintained<const N: usize>(&self, jobs: [JobId; N]) -> anyhow::Result<[bool; N]> {
        self.maintain_history(&[]).await?;
        let mut found = [false; N];
        for (found, job) in found.iter_mut().zip(jobs) {
            *found = self.find(job).await?.is_some();
        }
        Ok(found)
    }
}

async fn nothing_goes_before_its_time(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let done = completed(&worker, retain(Retention::DAY, Retention::DAY)).await?;
    let dead = failed(&worker, Retention::DAY).await?;

    storage.age_history(23).await?;

    assert_eq!(storage.maintained([done, dead]).await?, [true, true]);
    assert!(storage.job(done).await?.result.is_some());
    Ok(())
}

async fn each_task_and_state_is_kept_for_its_own_time(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let jobs = [
        completed(&worker, retain(Retention::HOUR, Retention::HOUR)).await?,
        completed(&worker, Retain::DEFAULT).await?,
        failed(&worker, Retention::DAY).await?,
        failed(&worker, Retention::TWO_WEEKS).await?,
    ];

    // Each time is passed by a quarter, at least by an hour, and by the hour that has begun.
    storage.age_history(3).await?;
    assert_eq!(
        storage.maintained(jobs).await?,
        [false, true, true, true],
        "after three hours"
    );
    storage.age_history(28).await?;
    assert_eq!(
        storage.maintained(jobs).await?,
        [false, false, false, true],
        "after 31 hours"
    );
    storage.age_history(14 * 24 + 84).await?;
    assert_eq!(storage.maintained(jobs).await?, [false; 4], "in the end");
    Ok(())
}

async fn a_result_may_go_before_its_job(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = completed(&worker, retain(Retention::DAY, Retention::HOUR)).await?;

    storage.age_history(3).await?;

    assert_eq!(storage.maintained([id]).await?, [true]);
    assert_eq!(storage.job(id).await?.result, None);
    Ok(())
}

async fn a_job_that_has_not_ended_stays(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let held = storage.put(one()).await?;
    worker.claim_one().await?;
    let ready = storage.put(one()).await?;

    storage.age_history(24 * 1000).await?;

    assert_eq!(storage.maintained([held, ready]).await?, [true, true]);
    Ok(())
}

async fn several_may_maintain_at_once(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = completed(&worker, Retain::DEFAULT).await?;
    storage.age_history(31).await?;
    let detached = storage.detached();

    let (first, second, third) = tokio::join!(
        storage.maintain_history(&[Retain::DEFAULT]),
        detached.maintain_history(&[Retain::DEFAULT]),
        storage.maintain_history(&[]),
    );

    for report in [&first, &second, &third] {
        let left = report.as_ref().map(|report| report.postponed);
        assert_eq!(left.ok(), Some(0), "{report:?}");
    }
    assert!(storage.find(id).await?.is_none());
    let nothing = HistoryReport::default();
    assert_eq!(storage.maintain_history(&[Retain::DEFAULT]).await?, nothing);
    Ok(())
}
