//! The tasks that are run, and their inputs.

use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use pgq::{CancellationToken, Context, JobId, TaskError};
use tokio::sync::mpsc::UnboundedSender;

use crate::process::Ledger;

/// How many attempts of `noop` and `flaky` this process has begun.
static BEGUN: AtomicI64 = AtomicI64::new(0);

/// Added to the numbers of jobs, so that all are encoded in as many bytes.
const FIRST_NUMBER: i64 = 1_000_000;

/// Does nothing with what a small e-mail job is given.
#[pgq::task]
pub(crate) async fn noop(to: String, number: i64) {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    black_box((to, number));
}

/// As `noop`, but fails at first.
#[pgq::task]
pub(crate) async fn flaky(context: &Context, to: String, number: i64) -> Result<(), TaskError> {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    black_box((to, number));
    match context.attempt() {
        1 => Err(TaskError::retryable("the first attempt fails")),
        _ => Ok(()),
    }
}

/// What no worker of this program knows.
#[pgq::task]
pub(crate) async fn stranger() {}

/// Ends when the gate of its worker opens.
#[pgq::task]
pub(crate) async fn hold(gate: &CancellationToken) {
    gate.cancelled().await;
}

/// Says at once when it began, then takes a while.
#[pgq::task]
pub(crate) async fn work(
    context: &Context,
    ledger: &Ledger,
    milliseconds: u64,
) -> Result<(), std::io::Error> {
    ledger.write(context)?;
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    Ok(())
}

/// Where `stamp` sends the time.
#[derive(Debug)]
pub(crate) struct Starts(pub(crate) UnboundedSender<Instant>);

/// Says when it began.
#[pgq::task]
pub(crate) async fn stamp(starts: &Starts) {
    // Nobody waits for it after the last sample.
    let _ = starts.0.send(Instant::now());
}

/// Where `clocked` says that it begins.
#[derive(Debug)]
pub(crate) struct Begins(pub(crate) UnboundedSender<(JobId, i64, SystemTime)>);

/// As `noop`, but says which job began when.
#[pgq::task]
pub(crate) async fn clocked(context: &Context, begins: &Begins, to: String, number: i64) {
    // Nobody waits for it after the last one.
    let _ = begins
        .0
        .send((context.job_id(), number - FIRST_NUMBER, SystemTime::now()));
    black_box(to);
}

/// How many attempts of `noop` and `flaky` this process has begun.
pub(crate) fn begun() -> i64 {
    BEGUN.load(Ordering::Relaxed)
}

/// The inputs of that many jobs of `noop`, `flaky` or `clocked`, 64 bytes each as they are stored.
pub(crate) fn inputs(numbers: Range<i64>) -> impl Iterator<Item = (String, i64)> {
    numbers.map(|number| {
        let to = "somebody.somewhere@department.company.example";
        (to.to_owned(), FIRST_NUMBER + number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enqueuer::Captured;

    #[tokio::test]
    async fn an_input_is_stored_in_64_bytes() {
        let mut captured = Captured::default();

        noop::enqueue_many(
            &mut captured,
            inputs(0..2).chain(inputs(9_999_999..10_000_000)),
        )
        .await
        .unwrap();

        let sizes: Vec<usize> = captured.inputs.iter().map(Vec::len).collect();
        assert_eq!(sizes, [64, 64, 64]);
    }
}
