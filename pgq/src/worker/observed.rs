//! What becomes known of an attempt beside its end: its metrics, its log, and what hooks are told.

use std::time::Duration;

use super::decide::Decision;
use super::hub::Hub;
use crate::driver::{DeadJob, End, NewLog};
use crate::metrics::{Outcome, count_enqueued};
use crate::middleware::{DeadLetter, Failure, Success};
use crate::task::{Context, TaskDescriptor};

/// The task is about to run.
pub(super) fn started(
    hub: &Hub,
    context: &Context,
    task: &TaskDescriptor,
    waited: Option<Duration>,
) {
    hub.meters.started(task.name(), waited);
    hub.setup.hooks.tell(|hooks| hooks.on_start(context));
}

/// The storage has completed the job already, together with what the task did in a transaction or
/// with the jobs that follow.
pub(super) fn completed(hub: &Hub, context: &Context, task: &TaskDescriptor, elapsed: Duration) {
    context.each_child(|child| count_enqueued(&child.task, &child.queue, child.jobs.len()));
    hub.meters.ended(task.name(), Outcome::Completed, elapsed);
    succeeded(hub, context, elapsed);
}

/// It is known what the storage is to be told.
pub(super) fn decided(
    hub: &Hub,
    context: &Context,
    task: &TaskDescriptor,
    elapsed: Duration,
    decision: &Decision,
) {
    if let Some(outcome) = outcome(decision) {
        hub.meters.ended(task.name(), outcome, elapsed);
    }
    let (error, next_attempt_in) = match decision {
        Decision::Complete(_) => return succeeded(hub, context, elapsed),
        Decision::End(ending) => match ending.end {
            End::Failed => (&ending.error, None),
            End::Retry(delay) => (&ending.error, Some(delay)),
            End::Cancelled | End::Expired | End::Release(_) | End::Unstarted(_) => return,
        },
    };
    let failure = Failure {
        context,
        elapsed,
        error: error.as_deref().unwrap_or_default(),
        next_attempt_in,
    };
    let hooks = &hub.setup.hooks;
    hooks.tell(|hooks| hooks.on_failure(&failure));
    if next_attempt_in.is_none() {
        let dead = DeadLetter {
            job: context.job_id(),
            task: context.task(),
            queue: context.queue(),
            error: failure.error,
            context: Some(context),
        };
        hooks.tell(|hooks| hooks.on_dead_letter(&dead));
    }
}

/// Workers died of these jobs, as this one has found out.
pub(super) fn found_dead(hub: &Hub, jobs: &[DeadJob]) {
    for found in jobs {
        let dead = DeadLetter {
            job: found.job,
            task: &found.task,
            queue: &found.queue,
            error: &found.error,
            context: None,
        };
        hub.setup.hooks.tell(|hooks| hooks.on_dead_letter(&dead));
    }
}

fn succeeded(hub: &Hub, context: &Context, elapsed: Duration) {
    let success = Success { context, elapsed };
    hub.setup.hooks.tell(|hooks| hooks.on_success(&success));
}

/// `None` if there was no attempt: the job had expired.
fn outcome(decision: &Decision) -> Option<Outcome> {
    Some(match decision {
        Decision::Complete(_) => Outcome::Completed,
        Decision::End(ending) => match ending.end {
            End::Retry(_) => Outcome::Retried,
            End::Failed => Outcome::Failed,
            End::Cancelled => Outcome::Cancelled,
            // No attempt of it has begun, and nothing is wrong.
            End::Unstarted(_) if ending.error.is_none() => return None,
            End::Release(_) | End::Unstarted(_) => Outcome::Released,
            End::Expired => return None,
        },
    })
}

/// What is kept of what an attempt has logged. One that is given back leaves nothing, as in the history
/// of its job: it may be given back for ever.
pub(super) fn log(decision: &Decision, attempt: i16, text: String) -> Option<NewLog> {
    let (job, claim) = match decision {
        Decision::Complete(completion) => (completion.job, completion.claim),
        Decision::End(ending) => match ending.end {
            End::Expired | End::Release(_) | End::Unstarted(_) => return None,
            End::Failed | End::Cancelled | End::Retry(_) => (ending.job, ending.claim),
        },
    };
    Some(NewLog {
        job,
        claim,
        attempt,
        is_completed: false,
        text,
    })
}
