//! Reads large inputs for attempts that are about to start, in batches.
//!
//! The board lets no more attempts start than there is memory for; see
//! [`Board`](super::board::Board).

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::hub::Hub;
use super::persist::persist;
use crate::driver::{DriverError, HeldInput};
use crate::job::JobId;

/// The most inputs that one statement reads.
const BATCH_MAX: usize = 100;

/// The most bytes that one statement reads, unless a single input has more.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How many statements may be on their way at once. While they are, the next batch grows.
const IN_FLIGHT: usize = 2;

/// How many attempts may stand in the queue of the fetcher before they wait for a place in it.
pub(crate) const WANTED_MAX: usize = 1024;

/// An input that an attempt waits for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) job: JobId,
    /// The claim under which the worker holds the job.
    pub(crate) claim: i64,
    pub(crate) bytes: usize,
    pub(crate) reply: oneshot::Sender<Fetched>,
}

/// What became of an input that was wanted.
#[derive(Debug)]
pub(crate) enum Fetched {
    Input(Vec<u8>),
    /// The worker holds the job, but there is no input.
    Gone,
    /// The worker does not hold the job any more.
    NotHeld,
    /// The storage cannot read it.
    Unreadable(DriverError),
}

/// Reads for as long as it is polled. What is on its way is dropped with it.
pub(crate) async fn run(hub: Arc<Hub>, mut wanted: mpsc::Receiver<Wanted>) {
    let mut reading = JoinSet::new();
    let mut left_over: Option<Wanted> = None;
    loop {
        while reading.try_join_next().is_some() {}
        while reading.len() >= IN_FLIGHT {
            reading.join_next().await;
        }
        let first = match left_over.take() {
            Some(first) => first,
            None => match wanted.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let (mut bytes, mut batch) = (first.bytes, vec![first]);
        while batch.len() < BATCH_MAX {
            let Ok(next) = wanted.try_recv() else {
                break;
            };
            if bytes + next.bytes > BATCH_BYTES_MAX {
                left_over = Some(next);
                break;
            }
            bytes += next.bytes;
            batch.push(next);
        }
        reading.spawn(read(Arc::clone(&hub), batch));
    }
}

/// Reads a batch. Of one that the storage cannot read each half is tried alone, until the bad input
/// is.
async fn read(hub: Arc<Hub>, batch: Vec<Wanted>) {
    let mut batches = vec![batch];
    while let Some(mut batch) = batches.pop() {
        // Attempts that were aborted meanwhile.
        batch.retain(|wanted| !wanted.reply.is_closed());
        let jobs: Vec<(JobId, i64)> = batch
            .iter()
            .map(|wanted| (wanted.job, wanted.claim))
            .collect();
        if jobs.is_empty() {
            continue;
        }
        let bytes = batch.iter().map(|wanted| wanted.bytes).sum();
        let call = || hub.setup.driver.inputs(hub.worker, &jobs);
        match persist("read the inputs of jobs", bytes, call).await {
            Ok(inputs) => answer(batch, inputs),
            Err(error) if batch.len() == 1 => {
                if let Some(wanted) = batch.pop() {
                    let _ = wanted.reply.send(Fetched::Unreadable(error));
                }
            }
            Err(_) => {
                let half = batch.split_off(batch.len() / 2);
                batches.extend([half, batch]);
            }
        }
    }
}

fn answer(batch: Vec<Wanted>, inputs: Vec<HeldInput>) {
    let mut inputs: HashMap<JobId, Option<Vec<u8>>> = inputs
        .into_iter()
        .map(|held| (held.job, held.input))
        .collect();
    for wanted in batch {
        let fetched = match inputs.remove(&wanted.job) {
            Some(Some(input)) => Fetched::Input(input),
            Some(None) => Fetched::Gone,
            None => Fetched::NotHeld,
        };
        // An error means that the attempt was aborted.
        let _ = wanted.reply.send(fetched);
    }
}
