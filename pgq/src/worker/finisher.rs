//! Tells the storage how attempts ended, in batches.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::claimer::report;
use super::decide::Decision;
use super::hub::{Hub, Tally, Told};
use super::persist::persist;
use crate::driver::{Completion, DriverError, End, Ending, NewLog};
use crate::job::JobId;
use crate::task::panic_message;

/// The most attempts that one statement ends.
const BATCH_MAX: usize = 1000;

/// The most bytes of results, or of logs, that one statement carries, unless a single one has more.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many statements may be on their way at once. While they are, the next batch grows.
const IN_FLIGHT: usize = 2;

/// How many ended attempts may wait for the storage before jobs wait with their slots.
pub(crate) const DECISIONS_MAX: usize = 4096;

/// Ends attempts until `decisions` is closed, or the worker is over.
///
/// A call that fails for the moment is tried again for as long as it takes: attempts are fenced by
/// their claim tokens, so a batch that had arrived already does no harm.
pub(crate) async fn run(
    hub: Arc<Hub>,
    mut decisions: mpsc::Receiver<Told>,
    closing: CancellationToken,
) {
    let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        let received = tokio::select! {
            received = decisions.recv_many(&mut batch, BATCH_MAX) => received,
            () = closing.cancelled(), if !decisions.is_closed() => {
                decisions.close();
                continue;
            }
        };
        if received == 0 {
            break;
        }
        let Ok(permit) = Arc::clone(&in_flight).acquire_owned().await else {
            break;
        };
        // More may have come while it waited for the permit.
        while batch.len() < BATCH_MAX {
            let Ok(decision) = decisions.try_recv() else {
                break;
            };
            batch.push(decision);
        }
        let hub = Arc::clone(&hub);
        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_MAX));
        tokio::spawn(async move {
            finish_all(&hub, full).await;
            drop(permit);
        });
    }
    let all = u32::try_from(IN_FLIGHT).unwrap_or(u32::MAX);
    let _ = in_flight.acquire_many(all).await;
}

/// Ends a batch. If a subscriber of the program panics meanwhile, the storage is asked what is left of it.
async fn finish_all(hub: &Hub, batch: Vec<Told>) {
    let attempts: Vec<_> = batch.iter().map(|told| told.decision.attempt()).collect();
    let finishing = AssertUnwindSafe(finish(hub, batch)).catch_unwind();
    if let Some(Err(payload)) = hub.until_over(finishing).await {
        drop(panic_message(payload));
        hub.board().forget(attempts);
        hub.reconcile.notify_one();
    }
}

async fn finish(hub: &Hub, batch: Vec<Told>) {
    let (mut completions, mut endings) = (Vec::new(), Vec::new());
    // Their room is free again when all of them are told.
    let (mut rooms, mut logs) = (Vec::new(), Vec::new());
    for told in batch {
        rooms.extend(told.room);
        logs.extend(told.log);
        match told.decision {
            Decision::Complete(completion) => completions.push(completion),
            Decision::End(ending) => endings.push(ending),
        }
    }
    if !logs.is_empty() {
        keep_logs(hub, logs).await;
    }
    if !completions.is_empty() {
        endings.extend(complete(hub, completions).await);
    }
    if !endings.is_empty() {
        end(hub, endings).await;
    }
}

/// Keeps what attempts have logged, while they still hold their jobs. What the storage refuses is lost:
/// their ends matter more. Of a batch that is refused only the bad one is.
pub(super) async fn keep_logs(hub: &Hub, logs: Vec<NewLog>) {
    let mut batches = parts(logs, |log| log.text.len());
    while let Some(mut batch) = batches.pop() {
        let bytes = batch.iter().map(|log| log.text.len()).sum();
        let call = || hub.setup.driver.keep_logs(hub.worker, &batch);
        let Err(error) = persist("keep what attempts have logged", bytes, call).await else {
            continue;
        };
        if let [bad] = &*batch {
            let job = bad.job.as_i64();
            tracing::error!(job, error = %report(&error), "what an attempt has logged is lost");
            continue;
        }
        let half = batch.split_off(batch.len() / 2);
        batches.extend([half, batch]);
    }
}

/// Completes a batch. Returns the endings of completions that the storage refuses: of a batch that
/// is refused each half is tried alone, until the bad one is.
async fn complete(hub: &Hub, completions: Vec<Completion>) -> Vec<Ending> {
    let mut refused = Vec::new();
    let mut batches = parts(completions, size);
    while let Some(mut batch) = batches.pop() {
        let bytes = batch.iter().map(size).sum();
        let call = || hub.setup.driver.complete(hub.worker, &batch);
        let began = Instant::now();
        match persist("complete jobs", bytes, call).await {
            Ok(ended) => {
                hub.meters.finished(ended, began.elapsed());
                settle(
                    hub,
                    batch
                        .iter()
                        .map(|completion| (completion.job, completion.claim)),
                    ended,
                );
                Tally::add(&hub.setup.tally.completed, ended);
                hub.claim.notify_one();
            }
            Err(error) if batch.len() == 1 => refused.extend(batch.pop().map(|bad| Ending {
                job: bad.job,
                claim: bad.claim,
                end: End::Failed,
                error: Some(format!("the result cannot be stored: {}", report(&error))),
                retention: bad.retain.failed,
            })),
            Err(_) => {
                let half = batch.split_off(batch.len() / 2);
                batches.extend([half, batch]);
            }
        }
    }
    refused
}

/// Ends a batch in any other way, with the same care.
async fn end(hub: &Hub, endings: Vec<Ending>) {
    let mut batches = vec![endings];
    while let Some(mut batch) = batches.pop() {
        let call = || hub.setup.driver.end(hub.worker, &batch);
        let began = Instant::now();
        match persist("end attempts", 0, call).await {
            Ok(ended) => {
                hub.meters.finished(ended, began.elapsed());
                settle(
                    hub,
                    batch.iter().map(|ending| (ending.job, ending.claim)),
                    ended,
                );
                tally(hub, &batch);
                hub.promote.notify_one();
                hub.claim.notify_one();
            }
            Err(error) if batch.len() == 1 => match batch.pop() {
                Some(bad) if !is_substitute(&bad) => batches.push(vec![substitute(bad, &error)]),
                bad => give_up_on(hub, bad, &error),
            },
            Err(_) => {
                let half = batch.split_off(batch.len() / 2);
                batches.extend([half, batch]);
            }
        }
    }
}

/// Parts a batch so that no statement carries more than [`BATCH_BYTES_MAX`] of results, or of logs: the
/// storage would refuse it for its size, each time.
fn parts<T>(batch: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut parts = vec![Vec::new()];
    let mut total = 0;
    for one in batch {
        let own = size(&one);
        total += own;
        match parts.last_mut() {
            Some(last) if total <= BATCH_BYTES_MAX || last.is_empty() => last.push(one),
            _ => {
                parts.push(vec![one]);
                total = own;
            }
        }
    }
    parts
}

/// The size of a result, in bytes.
fn size(completion: &Completion) -> usize {
    completion.result.as_ref().map_or(0, Vec::len)
}

/// How the error text begins that stands for one that the storage refused.
const SUBSTITUTE: &str = "the error of this attempt cannot be stored: ";

fn is_substitute(ending: &Ending) -> bool {
    ending
        .error
        .as_ref()
        .is_none_or(|error| error.starts_with(SUBSTITUTE))
}

/// The same ending with an error text that every server takes: one whose encoding is not UTF-8
/// cannot store every character.
fn substitute(mut ending: Ending, refusal: &DriverError) -> Ending {
    tracing::error!(
        job = ending.job.as_i64(),
        error = ending.error,
        refusal = %report(refusal),
        "the error of an attempt cannot be stored",
    );
    let text: String = report(refusal)
        .chars()
        .map(|c| if c.is_ascii() && c != '\0' { c } else { '?' })
        .collect();
    ending.error = Some(format!("{SUBSTITUTE}{text}"));
    ending
}

/// An ending that the storage refuses even alone and without its error: its row stays with the worker
/// until the next comparison gives it back.
fn give_up_on(hub: &Hub, ending: Option<Ending>, error: &DriverError) {
    let Some(ending) = ending else { return };
    tracing::error!(job = ending.job.as_i64(), error = %report(error), "failed to end an attempt");
    hub.board().forget([(ending.job, ending.claim)]);
}

/// The storage has answered: these jobs are not held any more, whether they were ours to end or
/// not.
fn settle(hub: &Hub, jobs: impl ExactSizeIterator<Item = (JobId, i64)>, ended: usize) {
    let fenced = jobs.len().saturating_sub(ended);
    let had_keys = hub.board().forget(jobs);
    if had_keys {
        hub.claim.notify_one();
    }
    if fenced > 0 {
        hub.count_fenced(fenced);
        tracing::warn!(
            attempts = fenced,
            "attempts ended that were no longer this worker's; nothing was recorded of them",
        );
    }
}

fn tally(hub: &Hub, endings: &[Ending]) {
    let tally = &hub.setup.tally;
    for ending in endings {
        let counter = match ending.end {
            End::Failed => &tally.failed,
            End::Cancelled => &tally.cancelled,
            End::Retry(_) => &tally.retried,
            End::Expired => &tally.expired,
            End::Release(_) | End::Unstarted(_) => &tally.released,
        };
        Tally::add(counter, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(results: &[usize]) -> Vec<usize> {
        let parts = parts(results.to_vec(), |size| *size);
        parts.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_batch_is_parted_where_its_results_are_too_large() {
        const HALF: usize = BATCH_BYTES_MAX / 2;

        assert_eq!(sizes(&[0; 5]), [5]);
        assert_eq!(sizes(&[HALF, HALF]), [2]);
        assert_eq!(sizes(&[HALF, HALF, 1, 0]), [2, 2]);
        assert_eq!(sizes(&[BATCH_BYTES_MAX + 1, 0, 1]), [1, 2]);
        assert_eq!(sizes(&[1, BATCH_BYTES_MAX, 1]), [1, 1, 1]);
    }
}
