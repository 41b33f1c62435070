//! Runs claimed jobs, each on a task of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::Instrument;

use super::attempt::run_attempt;
use super::claimer::report;
use super::conclude::{Conclusion, conclude};
use super::decide::{AttemptEnd, Decision, decide};
use super::fetcher::{Fetched, Wanted};
use super::hub::{Hub, Tally};
use crate::driver::{ClaimedInput, ClaimedJob, End};
use crate::middleware::{Failure, HookList, Success};
use crate::task::{Attempt, Context, Host, TaskDescriptor, Verdict};

/// Starts every job that may start.
pub(crate) fn start_jobs(hub: &Arc<Hub>) {
    loop {
        let (job, has_gates) = {
            let mut board = hub.board();
            let Some(job) = board.take() else {
                return;
            };
            (job, board.has_gates())
        };
        let (id, claim) = (job.id, job.claim);
        // Made here: an attempt that is aborted before it was ever polled has no locals to drop.
        let permit = Permit {
            hub: Arc::clone(hub),
            queue: Arc::clone(&job.queue),
            task: Arc::clone(&job.task),
        };
        let slot = Slot {
            bytes: job.input.missing(),
            permit: match has_gates {
                true => Use::Shared(Arc::new(permit)),
                false => Use::Own(permit),
            },
        };
        let attempt = hub.attempts.spawn(Box::pin(run_job(slot, job)));
        hub.board().started(id, claim, attempt.abort_handle());
    }
}

/// Gives the slot of a job back, and the memory of its input, however the job ends: an abort drops
/// the future.
struct Slot {
    bytes: usize,
    /// Dropped after the slot.
    permit: Use,
}

/// That a job counts under the limits of its queue and task.
enum Use {
    /// Until its slot is free; an allocation less.
    Own(Permit),
    /// Until nothing of it runs any more, such as a thread that blocks.
    Shared(Arc<Permit>),
}

/// Counts a job under the limits of its queue and task.
struct Permit {
    hub: Arc<Hub>,
    queue: Arc<str>,
    task: Arc<str>,
}

impl Slot {
    fn permit(&self) -> &Permit {
        match &self.permit {
            Use::Own(permit) => permit,
            Use::Shared(permit) => permit,
        }
    }

    fn hub(&self) -> &Arc<Hub> {
        &self.permit().hub
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let permit = self.permit();
        permit.hub.board().free(&permit.queue, self.bytes);
        // Dropped with the slot, the permit does the same.
        if let Use::Shared(permit) = &self.permit
            && Arc::strong_count(permit) > 1
        {
            start_jobs(self.hub());
            self.hub().claim.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.hub.board().release(&self.queue, &self.task);
        start_jobs(&self.hub);
        self.hub.claim.notify_one();
    }
}

async fn run_job(slot: Slot, job: ClaimedJob) {
    let hub = Arc::clone(slot.hub());
    let (id, claim) = (job.id, job.claim);
    let Some(task) = hub.setup.registry.task(&job.task) else {
        // Cannot be: a claim names the tasks of the registry. The job would go back in any case.
        hub.board().drop_lost(id);
        hub.reconcile.notify_one();
        return;
    };
    let span = tracing::info_span!(
        "pgq.job",
        job = id.as_i64(),
        task = task.name(),
        attempt = job.attempt,
    );

    let permit = match &slot.permit {
        Use::Own(_) => None,
        Use::Shared(permit) => Some(Arc::clone(permit)),
    };
    match attempt(&hub, task, job, permit).instrument(span).await {
        Ended::Decided(decision) => {
            hub.board().ending(id, claim);
            hub.tell(decision).await;
        }
        Ended::Completed => {
            hub.board().forget([(id, claim)]);
            Tally::add(&hub.setup.tally.completed, 1);
        }
        Ended::Fenced => {
            hub.board().forget([(id, claim)]);
            Tally::add(&hub.setup.tally.fenced, 1);
        }
    }
    drop(slot);
}

/// How an attempt ended.
enum Ended {
    /// The storage is to be told.
    Decided(Decision),
    /// The storage knows, because a transaction of the task has completed the job.
    Completed,
    /// The job is not this worker's any more.
    Fenced,
}

/// Runs an attempt, if the worker still holds its job.
async fn attempt(
    hub: &Arc<Hub>,
    task: &TaskDescriptor,
    mut job: ClaimedJob,
    permit: Option<Arc<Permit>>,
) -> Ended {
    let host: Arc<dyn Host> = Arc::<Hub>::clone(hub);
    let context = Context::new(
        Attempt::new(&job, task, host),
        Arc::clone(&hub.setup.state),
        hub.cancelled.clone(),
    );
    let context = match permit {
        Some(permit) => context.keeping(permit),
        None => context,
    };
    let hooks = &hub.setup.hooks;
    let input = input(hub, &mut job).await;
    let began = Instant::now();
    let end = match input {
        Ok(input) => {
            hooks.tell(|hooks| hooks.on_start(&context));
            run_attempt(task, &hub.setup.layers, &context, input).await
        }
        Err(Unstarted::NotHeld) => {
            tracing::warn!("the job was taken from this worker before it started");
            hub.reconcile.notify_one();
            return Ended::Fenced;
        }
        Err(Unstarted::Ended(end)) => end,
    };
    let end = match conclude(&context, end).await {
        Conclusion::Decide(end) => end,
        Conclusion::Completed => {
            tracing::debug!("a transaction of the task completed the job");
            succeeded(hooks, &context, began.elapsed());
            return Ended::Completed;
        }
        Conclusion::Fenced => {
            tracing::warn!(
                "the job was taken from this worker; nothing of the attempt is recorded"
            );
            return Ended::Fenced;
        }
    };
    let end = match end {
        AttemptEnd::Failed {
            report,
            verdict: Verdict::Retry(None),
        } if hub.cancelled.is_cancelled() => AttemptEnd::Stopped(report),
        end => end,
    };
    if let AttemptEnd::Completed(_) = end {
        tracing::debug!("attempt completed");
    }
    let decision = decide(
        end,
        &job,
        task,
        hub.setup.fingerprints.as_deref().unwrap_or_default(),
        hub.setup.config.result_max,
        fastrand::f64(),
    );
    tell(hooks, &context, began.elapsed(), &decision);
    if let Decision::End(ending) = &decision {
        let error = ending.error.as_deref().unwrap_or_default();
        tracing::warn!(error, end = ?ending.end, "attempt ended without a result");
    }
    Ended::Decided(decision)
}

/// Tells the hooks how an attempt ended.
fn tell(hooks: &HookList, context: &Context, elapsed: Duration, decision: &Decision) {
    if hooks.is_empty() {
        return;
    }
    let (error, next_attempt_in) = match decision {
        Decision::Complete(_) => return succeeded(hooks, context, elapsed),
        Decision::End(ending) => match ending.end {
            End::Failed => (&ending.error, None),
            End::Retry(delay) => (&ending.error, Some(delay)),
            End::Cancelled | End::Release(_) => return,
        },
    };
    let failure = Failure {
        context,
        elapsed,
        error: error.as_deref().unwrap_or_default(),
        next_attempt_in,
    };
    hooks.tell(|hooks| hooks.on_failure(&failure));
    if next_attempt_in.is_none() {
        hooks.tell(|hooks| hooks.on_dead_letter(&failure));
    }
}

/// Tells the hooks that an attempt ended with a result.
fn succeeded(hooks: &HookList, context: &Context, elapsed: Duration) {
    let success = Success { context, elapsed };
    hooks.tell(|hooks| hooks.on_success(&success));
}

/// Why a task was not run.
enum Unstarted {
    /// The worker does not hold the job any more.
    NotHeld,
    Ended(AttemptEnd),
}

/// Takes the input out of a job; waits for one that is kept apart.
async fn input(hub: &Hub, job: &mut ClaimedJob) -> Result<Vec<u8>, Unstarted> {
    let bytes = match &mut job.input {
        ClaimedInput::Here(input) => return Ok(std::mem::take(input)),
        ClaimedInput::Apart { bytes } => *bytes,
    };
    let (reply, answer) = oneshot::channel();
    let wanted = Wanted {
        job: job.id,
        claim: job.claim,
        bytes,
        reply,
    };
    let fetched = async {
        hub.wanted.send(wanted).await.ok()?;
        answer.await.ok()
    };
    tokio::select! {
        fetched = fetched => match fetched {
            Some(Fetched::Input(input)) => Ok(input),
            Some(Fetched::Gone) => Err(Unstarted::Ended(AttemptEnd::InputGone)),
            Some(Fetched::NotHeld) => Err(Unstarted::NotHeld),
            Some(Fetched::Unreadable(error)) => {
                Err(Unstarted::Ended(AttemptEnd::InputUnreadable(report(&error))))
            }
            // The worker is being dropped.
            None => Err(Unstarted::Ended(AttemptEnd::NotStarted)),
        },
        () = hub.cancelled.cancelled() => Err(Unstarted::Ended(AttemptEnd::NotStarted)),
    }
}
