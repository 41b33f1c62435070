//! What every driver promises about changes to jobs that somebody has looked at.

mod cancel;
mod delete;
mod requeue;
mod reschedule;
mod unique;

use pgq::driver::{End, NewJob};
use pgq::{JobHandle, JobId, JobState};

use super::{Storage, Worker, ending, one};

/// A handle of a job of whatever task.
fn handle(job: JobId) -> JobHandle<()> {
    JobHandle::from_id(job)
}

/// Jobs that were enqueued and failed, oldest first.
async fn dead_letters(worker: &Worker<'_>, number: usize) -> anyhow::Result<Vec<JobId>> {
    let mut enqueue = one();
    enqueue.jobs = vec![NewJob::new(b"\x01".to_vec()); number];
    let ids = worker.storage.enqueue(enqueue).await?;
    end_all(worker, End::Failed).await?;
    Ok(ids)
}

/// Claims everything and ends it like that.
async fn end_all(worker: &Worker<'_>, end: End) -> anyhow::Result<()> {
    let claimed = worker.claim_all().await?;
    let endings: Vec<_> = claimed.iter().map(|job| ending(job, end)).collect();
    worker.storage.end(worker.id, &endings).await?;
    Ok(())
}

impl Storage {
    async fn state(&self, job: JobId) -> anyhow::Result<JobState> {
        Ok(self.job(job).await?.state)
    }
}
