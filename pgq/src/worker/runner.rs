//! Runs claimed jobs, each on a task of its own.

use std::sync::Arc;

use tracing::Instrument;

use super::attempt::run_attempt;
use super::decide::{AttemptEnd, Decision, decide};
use super::hub::Hub;
use crate::driver::ClaimedJob;
use crate::task::{Attempt, Context, TaskDescriptor};

/// Starts every job that may start.
pub(crate) fn start_jobs(hub: &Arc<Hub>) {
    loop {
        let Some(job) = hub.board().take() else {
            return;
        };
        let (id, claim) = (job.id, job.claim);
        // Made here: an attempt that is aborted before it was ever polled has no locals to drop.
        let slot = Slot {
            hub: Arc::clone(hub),
            queue: Arc::clone(&job.queue),
        };
        let attempt = hub.attempts.spawn(run_job(slot, job));
        hub.board().started(id, claim, attempt.abort_handle());
    }
}

/// Gives the slot of a job back, however the job ends: an abort drops the future.
struct Slot {
    hub: Arc<Hub>,
    queue: Arc<str>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.hub.board().free(&self.queue);
        start_jobs(&self.hub);
        self.hub.claim.notify_one();
    }
}

async fn run_job(slot: Slot, job: ClaimedJob) {
    let hub = Arc::clone(&slot.hub);
    let Some(task) = hub.setup.registry.task(&job.task) else {
        // Cannot be: a claim names the tasks of the registry. The job would go back in any case.
        hub.board().drop_lost(job.id);
        hub.reconcile.notify_one();
        return;
    };
    let span = tracing::info_span!(
        "pgq.job",
        job = job.id.as_i64(),
        task = task.name(),
        attempt = job.attempt,
    );

    let decision = attempt(&hub, task, &job).instrument(span).await;
    hub.board().ending(job.id, job.claim);
    // Fails only when the worker has given up on the storage.
    let _ = hub.decisions.send(decision).await;
    drop(slot);
}

async fn attempt(hub: &Hub, task: &TaskDescriptor, job: &ClaimedJob) -> Decision {
    let context = Context::new(
        Attempt {
            job: job.id,
            task: job.task.clone(),
            queue: Arc::clone(&job.queue),
            number: job.attempt,
            max: job.max_attempts,
            deliveries: job.deliveries,
        },
        Arc::clone(&hub.setup.state),
        hub.cancelled.clone(),
    );
    let end = match run_attempt(task, &context, &job.input).await {
        AttemptEnd::Failed {
            report,
            retryable: true,
        } if hub.cancelled.is_cancelled() => AttemptEnd::Stopped(report),
        end => end,
    };
    if let AttemptEnd::Completed(_) = end {
        tracing::debug!("attempt completed");
    }
    let decision = decide(end, job, task, hub.setup.config.result_max, fastrand::f64());
    if let Decision::End(ending) = &decision {
        let error = ending.error.as_deref().unwrap_or_default();
        tracing::warn!(error, end = ?ending.end, "attempt ended without a result");
    }
    decision
}
