//! Spans, and how a trace goes on from the enqueue of a job to its run.
//!
//! pgq writes `tracing` spans by the conventions of OpenTelemetry for messaging:
//!
//! | span | kind | covers |
//! |---|---|---|
//! | `send {queue}` | producer | an enqueue, of one job or of many |
//! | `process {queue}` | consumer | one attempt of one job, or of each job of a batch |
//!
//! To be one trace, the second must know the first. A [`Propagator`] writes the context of a span
//! into the headers of the jobs that are enqueued within it, and reads it in the process that runs
//! them. pgq depends on no library of OpenTelemetry; with `tracing-opentelemetry` a propagator is a
//! few lines, which `examples/opentelemetry.rs` has.
//!
//! Once a propagator is set, the spans carry these attributes, of which some are known at the end only:
//!
//! | attribute | `send` | `process` |
//! |---|---|---|
//! | `otel.name`, `otel.kind` | yes | yes |
//! | `messaging.system` | `pgq` | `pgq` |
//! | `messaging.operation.name`, `messaging.operation.type` | `send` | `process` |
//! | `messaging.destination.name` | the queue | the queue |
//! | `messaging.message.id` | the number of the job, if it is one | the number of the job |
//! | `messaging.batch.message_count` | the number of jobs, if they are many | |
//! | `messaging.client.id` | | the id of the worker |
//! | `pgq.task` | the task | the task |
//! | `pgq.attempt`, `pgq.deliveries` | | as in [`Context`](crate::Context) |
//! | `otel.status_code`, `otel.status_description`, `error.type` | if it failed | if it failed |
//!
//! `error.type` of an attempt is one of `error`, `panic`, `timeout` and `input`. Without a propagator
//! the spans carry the job, its task and the number of the attempt only, so that logs stay short.
//!
//! The spans have the target `pgq`, and the level `INFO`.

mod span;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use tracing::Span;

#[cfg(feature = "capture")]
pub(crate) use self::span::ATTEMPT_SPAN;
pub(crate) use self::span::{Process, failed, process, send, sent};

/// Carries the context of a span in the headers of jobs, for instance as `traceparent` and
/// `tracestate` of W3C Trace Context.
pub trait Propagator: Send + Sync + 'static {
    /// Writes the context of `span`, in which jobs are enqueued, into their headers. If there is
    /// nothing to carry, it writes nothing: jobs without headers cost less.
    ///
    /// If it writes a header that the enqueuer has set, nothing of it is used.
    fn inject(&self, span: &Span, headers: &mut BTreeMap<String, String>);

    /// Lets `span`, of an attempt, follow the one whose context is in the headers of its job: as its
    /// child, or by a link.
    fn extract(&self, span: &Span, headers: &BTreeMap<String, String>);
}

/// There is a propagator already; it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a propagator has been set already")]
pub struct AlreadySet;

static PROPAGATOR: OnceLock<Box<dyn Propagator>> = OnceLock::new();

/// Sets the propagator of this process; for `main`, before anything is enqueued or run.
///
/// # Errors
///
/// Fails if one is set already.
pub fn set_propagator(propagator: impl Propagator) -> Result<(), AlreadySet> {
    PROPAGATOR.set(Box::new(propagator)).map_err(|_| AlreadySet)
}

fn propagator() -> Option<&'static dyn Propagator> {
    PROPAGATOR.get().map(|propagator| &**propagator)
}

/// What carries the context of `span`; empty if nothing does. A panic is logged.
pub(crate) fn context_of(span: &Span) -> BTreeMap<String, String> {
    let context = ask(|propagator| {
        let mut headers = BTreeMap::new();
        propagator.inject(span, &mut headers);
        headers
    });
    context.unwrap_or_default()
}

/// Lets the span of an attempt follow the one that its job was enqueued in. A panic is logged.
pub(crate) fn extract(span: &Span, headers: &BTreeMap<String, String>) {
    ask(|propagator| propagator.extract(span, headers));
}

/// Asks the propagator, if there is one and it does not panic: a trace is no reason to fail.
fn ask<T>(ask: impl FnOnce(&dyn Propagator) -> T) -> Option<T> {
    let propagator = propagator()?;
    let answer = catch_unwind(AssertUnwindSafe(|| ask(propagator)));
    answer
        .map_err(|payload| {
            // Leaked, because the destructor of a value that nobody knows may panic again.
            std::mem::forget(payload);
            tracing::error!("the propagator panicked");
        })
        .ok()
}
