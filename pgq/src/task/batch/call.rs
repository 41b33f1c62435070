//! One call for many jobs.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;

use super::{Member, Outcomes, Waiting};
use crate::task::panic::panic_message;
use crate::task::{Cancel, CancelReason, Context, Task, TaskError, watched};

/// Makes the call, and tells each job its outcome. Ends the call when nobody waits for it any more.
pub(super) async fn run_call<T, C, F>(context: Context, mut members: Vec<Member<T>>, call: C)
where
    T: Task,
    C: FnOnce(Context, Vec<T::Input>) -> F,
    F: Future<Output = Outcomes<T>>,
{
    members.retain(|member| !member.job.reply.is_closed());
    if members.is_empty() {
        return;
    }
    let (inputs, mut jobs): (Vec<_>, Vec<_>) = members
        .into_iter()
        .map(|member| (member.input, member.job))
        .unzip();
    let outcomes = tokio::select! {
        outcomes = limited::<T, F>(call, &context, inputs) => outcomes,
        () = gone(&mut jobs, context.cancel()) => return,
    };
    match outcomes {
        Ok(outcomes) => {
            for (job, outcome) in jobs.into_iter().zip(outcomes) {
                // One that was ended meanwhile does not want it.
                let _ = job.reply.send(outcome);
            }
        }
        Err(error) => {
            for job in jobs {
                let _ = job.reply.send(Err(error.again()));
            }
        }
    }
}

/// Waits until all jobs of a call are gone. Tells the call to end once each of those that are left has
/// been told: sooner, what it then fails with would cost an attempt of those that were not.
async fn gone<O>(jobs: &mut [Waiting<O>], call: &Cancel) {
    for Waiting { vital, reply } in &mut *jobs {
        tokio::select! {
            () = vital.cancel.token().cancelled() => {}
            () = reply.closed() => {}
        }
    }
    let mut reasons = jobs.iter().filter_map(|job| job.vital.cancel.reason());
    let of_one = |reason: &CancelReason| *reason == CancelReason::Cancelled;
    // What ends all of them says more than what has ended some before.
    let reason = reasons.clone().find(|reason| !of_one(reason));
    if let Some(reason) = reason.or_else(|| reasons.next()) {
        call.fire(reason);
    }
    for Waiting { reply, .. } in jobs {
        reply.closed().await;
    }
}

/// Makes the call within the time limit of its task, and lets no panic out.
async fn limited<T, F>(
    call: impl FnOnce(Context, Vec<T::Input>) -> F,
    context: &Context,
    inputs: Vec<T::Input>,
) -> Outcomes<T>
where
    T: Task,
    F: Future<Output = Outcomes<T>>,
{
    // The limit is inside, because dropping a call that timed out may panic too.
    let run = async {
        let limit = T::OPTIONS.timeout;
        // One that holds its thread cannot be dropped, so its jobs are given up.
        if let Some(ends_at) = limit.and_then(|limit| Instant::now().checked_add(limit)) {
            context.pulse().must_end(ends_at);
        }
        let run = watched(context.pulse(), call(context.clone(), inputs));
        match limit {
            None => run.await,
            Some(limit) => tokio::time::timeout(limit, run).await.unwrap_or_else(|_| {
                Err(TaskError::retryable(format!("timed out after {limit:?}")))
            }),
        }
    };
    AssertUnwindSafe(run)
        .catch_unwind()
        .await
        .unwrap_or_else(|payload| {
            let message = panic_message(payload);
            Err(TaskError::retryable(format!("panicked: {message}")))
        })
}
