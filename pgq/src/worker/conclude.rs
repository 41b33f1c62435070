//! Ends attempts that complete their job inside a transaction of their task.

use std::time::Duration;

use super::config::CALL_TIMEOUT;
use super::decide::AttemptEnd;
use super::persist::persist;
use crate::driver::{Completion, DriverError, Hold};
use crate::task::{Attempt, CancelReason, Committed, CompleteError, Context, Host, Run, TaskError};

/// The first pause between two looks at a transaction that has not ended.
const PAUSE_MIN: Duration = Duration::from_millis(5);

/// The longest one.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What is left to do after a task has returned.
#[derive(Debug)]
pub(crate) enum Conclusion {
    /// To tell the storage, which knows of no end yet.
    Decide(AttemptEnd),
    /// Nothing: the job was completed by a transaction.
    Completed,
    /// Nothing: the job is not held any more.
    Fenced,
}

/// Writes what the task reported last, commits or rolls back the transaction that the task has taken,
/// and finds out what became of the transaction that it completed its job in. Waits for as long as that
/// is not decided.
///
/// # Cancel safety
///
/// A dropped call leaves the job to whoever rescues it.
pub(crate) async fn conclude(context: &Context, end: AttemptEnd) -> Conclusion {
    let attempt = context.own();
    let has_transaction = context.run().is_some_and(|run| run.transaction().is_some());
    if has_transaction || attempt.completing.was_tried() || context.has_progress() {
        // Apart, so that the memory of the many attempts that have none of it stays small.
        return Box::pin(conclude_all(context, end)).await;
    }
    attempt.around.close();
    Conclusion::Decide(end)
}

async fn conclude_all(context: &Context, end: AttemptEnd) -> Conclusion {
    context.flush_progress().await;
    let attempt = context.own();
    attempt.around.close();
    let end = match context.run() {
        Some(run) => commit(run, context, end).await,
        None => end,
    };
    let Some(host) = &attempt.host else {
        return Conclusion::Decide(end);
    };
    if !attempt.completing.was_tried() {
        return Conclusion::Decide(end);
    }
    match settled(&**host, attempt).await {
        Ok(true) => Conclusion::Decide(match end {
            AttemptEnd::Completed(_) => AttemptEnd::Uncommitted(None),
            end => end,
        }),
        Ok(false) if attempt.completing.was_sent() => Conclusion::Completed,
        Ok(false) => Conclusion::Fenced,
        // Whatever is told to the storage is fenced.
        Err(_) => Conclusion::Decide(AttemptEnd::Uncommitted(None)),
    }
}

/// Completes a job together with the children that its attempt has asked for. Waits for the storage as
/// long as it takes.
///
/// # Errors
///
/// Returns why the storage refuses it.
pub(crate) async fn complete_with_children(
    host: &dyn Host,
    context: &Context,
    completion: &Completion,
) -> Result<Conclusion, DriverError> {
    let children = context.children();
    let bytes = children.iter().flat_map(|child| &child.jobs);
    let bytes = bytes.map(|job| job.input.len()).sum();
    let call = || {
        let driver = host.driver();
        driver.complete_and_enqueue(host.worker(), completion, &children)
    };
    let completed = persist("complete a job and enqueue others", bytes, call).await?;
    // After a call that failed and has taken effect, nobody can tell the one from the other.
    Ok(match completed {
        true => Conclusion::Completed,
        false => Conclusion::Fenced,
    })
}

/// Whether the job is held still, once that is certain.
async fn settled(host: &dyn Host, attempt: &Attempt) -> Result<bool, DriverError> {
    let mut pause = PAUSE_MIN;
    loop {
        let look = || {
            let driver = host.driver();
            driver.hold(host.worker(), attempt.job, attempt.claim)
        };
        match persist("look whether a transaction has completed a job", 0, look).await? {
            Hold::Held => return Ok(true),
            Hold::Gone => return Ok(false),
            Hold::InDoubt => tokio::time::sleep(pause).await,
        }
        if pause < PAUSE_MAX && pause * 2 >= PAUSE_MAX {
            tracing::warn!(
                "the transaction that completes a job is still open; its job, slot and limits wait \
                 for its end"
            );
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Ends the transaction of the run that counts, if its task has taken one, as the attempt has ended. Those
/// of the other runs are rolled back already.
async fn commit(run: &Run, context: &Context, end: AttemptEnd) -> AttemptEnd {
    let Some(transaction) = run.transaction() else {
        return end;
    };
    // Somebody was told that the job ends as cancelled, and so was the task.
    let is_cancelled = context.cancel_reason() == Some(CancelReason::Cancelled);
    let result = match end {
        AttemptEnd::Completed(result) if !is_cancelled => result,
        end => {
            run.roll_back().await;
            return end;
        }
    };
    let commit = transaction.commit(context, result);
    match tokio::time::timeout(CALL_TIMEOUT, commit).await {
        Ok(Committed::Unused(result)) => AttemptEnd::Completed(result),
        Ok(Committed::Sent(error)) => AttemptEnd::Uncommitted(error),
        Ok(Committed::Refused(error)) => refused(error),
        Ok(Committed::InUse) => failed(&TaskError::permanent(
            "the task has returned, but something that it left behind uses the transaction of its job",
        )),
        Err(_) => AttemptEnd::Uncommitted(Some("the database did not answer in time".to_owned())),
    }
}

fn refused(error: CompleteError) -> AttemptEnd {
    failed(&match error {
        CompleteError::TooLarge { .. } => TaskError::permanent(error),
        error => TaskError::retryable(error),
    })
}

fn failed(error: &TaskError) -> AttemptEnd {
    AttemptEnd::Failed {
        verdict: error.verdict(),
        report: error.report(),
    }
}
