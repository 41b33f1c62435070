//! [`watched`].

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Instant;

use super::Pulse;

/// Tells a pulse when a thread is in `run`.
pub(crate) async fn watched<F: Future>(pulse: &Pulse, run: F) -> F::Output {
    let mut run = pin!(run);
    poll_fn(|poller| {
        pulse.enter(Instant::now());
        let polled = run.as_mut().poll(poller);
        pulse.leave();
        polled
    })
    .await
}
