//! The spans. Each comes in two forms, because what OpenTelemetry wants to know of a message is more
//! than anybody wants to read in each line of a log.

use std::fmt;

use tracing::Span;
use tracing::field::{Empty, display};

use crate::job::JobId;

/// The target and the name of the span of an attempt.
#[cfg(feature = "capture")]
pub(crate) const ATTEMPT_SPAN: (&str, &str) = ("pgq", "pgq.job");

/// The span of an enqueue.
pub(crate) fn send(task: &str, queue: &str, jobs: usize) -> Span {
    if super::propagator().is_none() {
        return tracing::info_span!(target: "pgq", "pgq.send", task, queue, jobs);
    }
    let span = tracing::info_span!(
        target: "pgq",
        "pgq.send",
        otel.name = %format_args!("send {queue}"),
        otel.kind = "producer",
        messaging.system = "pgq",
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.destination.name = queue,
        messaging.message.id = Empty,
        messaging.batch.message_count = Empty,
        pgq.task = task,
        otel.status_code = Empty,
        otel.status_description = Empty,
        error.type = Empty,
    );
    if jobs > 1 {
        span.record("messaging.batch.message_count", jobs);
    }
    span
}

/// What the span of an attempt says.
#[derive(Clone, Copy)]
pub(crate) struct Process<'a> {
    pub(crate) job: JobId,
    pub(crate) task: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) attempt: i16,
    pub(crate) deliveries: i32,
    pub(crate) worker: &'a dyn fmt::Display,
}

/// The span of an attempt.
pub(crate) fn process(process: Process<'_>) -> Span {
    let Process {
        job,
        task,
        queue,
        attempt,
        deliveries,
        worker,
    } = process;
    if super::propagator().is_none() {
        return tracing::info_span!(target: "pgq", "pgq.job", job = job.as_i64(), task, attempt);
    }
    tracing::info_span!(
        target: "pgq",
        "pgq.job",
        otel.name = %format_args!("process {queue}"),
        otel.kind = "consumer",
        messaging.system = "pgq",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = queue,
        messaging.message.id = %job,
        messaging.client.id = %worker,
        pgq.task = task,
        pgq.attempt = attempt,
        pgq.deliveries = deliveries,
        otel.status_code = Empty,
        otel.status_description = Empty,
        error.type = Empty,
    )
}

/// Notes the number of the one job that was sent. Nothing happens to a span of the short form.
pub(crate) fn sent(span: &Span, jobs: &[JobId]) {
    if let [job] = jobs {
        span.record("messaging.message.id", display(job));
    }
}

/// Notes that what a span covers has failed. Nothing happens to a span of the short form.
pub(crate) fn failed(span: &Span, error_type: &str, description: impl fmt::Display) {
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", display(description));
    span.record("error.type", error_type);
}
