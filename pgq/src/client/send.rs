//! What an enqueue does whatever its task is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tracing::{Instrument as _, Span};

use super::Enqueuer;
use super::builder::value_problem;
use crate::driver::{DriverError, Enqueue, EnqueueNamed, EnqueuedNamed, KeyedJobs};
use crate::job::{Enqueued, JobId};
use crate::queue::{HEADERS_MAX, name_problem};
use crate::{metrics, trace};

/// Enqueues within a span of its own.
pub(super) async fn send(
    enqueuer: impl Enqueuer,
    mut enqueue: Enqueue,
) -> Result<Vec<JobId>, DriverError> {
    let sending = Sending::begin(&mut enqueue);
    let call = enqueuer.enqueue(enqueue);
    let sent = call.instrument(sending.span.clone()).await;
    sending.end(sent.as_ref().map(Vec::clone));
    sent
}

/// Enqueues jobs that have keys within a span of its own.
pub(super) async fn send_unique(
    enqueuer: impl Enqueuer,
    mut enqueue: Enqueue,
) -> Result<KeyedJobs, DriverError> {
    let sending = Sending::begin(&mut enqueue);
    let call = enqueuer.enqueue_unique(enqueue);
    let sent = call.instrument(sending.span.clone()).await;
    sending.end(sent.as_ref().map(KeyedJobs::added));
    sent
}

/// Enqueues a job by the name of its task within a span of its own.
pub(super) async fn send_named(
    enqueuer: impl Enqueuer,
    mut enqueue: EnqueueNamed,
) -> Result<EnqueuedNamed, DriverError> {
    let task = enqueue.task.clone();
    let span = trace::send(&task, enqueue.queue.as_deref().unwrap_or_default(), 1);
    let context = trace::context_of(&span);
    if can_be_carried(&context) {
        add(&mut enqueue.headers, &context);
    }
    let call = enqueuer.enqueue_named(enqueue);
    let sent = call.instrument(span.clone()).await;
    match &sent {
        Ok(there) if there.enqueued == Enqueued::Existing => trace::sent(&span, &[]),
        Ok(added) => {
            metrics::count_enqueued(&task, &added.queue, 1);
            trace::sent(&span, &[added.job]);
        }
        Err(error) => trace::failed(&span, &format!("{:?}", error.kind()), error),
    }
    sent
}

/// An enqueue that is under way.
struct Sending {
    span: Span,
    task: Cow<'static, str>,
    queue: Cow<'static, str>,
}

impl Sending {
    fn begin(enqueue: &mut Enqueue) -> Self {
        let span = trace::send(&enqueue.task, &enqueue.queue, enqueue.jobs.len());
        carry(enqueue, &trace::context_of(&span));
        let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
        Self { span, task, queue }
    }

    /// `added` are the jobs that are new.
    fn end(self, added: Result<Vec<JobId>, &DriverError>) {
        match added {
            Ok(jobs) => {
                metrics::count_enqueued(&self.task, &self.queue, jobs.len());
                trace::sent(&self.span, &jobs);
            }
            Err(error) => trace::failed(&self.span, &format!("{:?}", error.kind()), error),
        }
    }
}

/// Lets jobs that are enqueued later follow the span of now.
pub(super) fn follow_current_span(enqueue: &mut Enqueue) {
    carry(enqueue, &trace::context_of(&Span::current()));
}

/// Adds the context of a trace to the headers of jobs. One that its enqueuer has given a context of
/// another trace keeps it. No job is refused because of its trace.
fn carry(enqueue: &mut Enqueue, context: &BTreeMap<String, String>) {
    if !can_be_carried(context) {
        return;
    }
    for job in &mut enqueue.jobs {
        let headers = &mut job.detail.get_or_insert_default().headers;
        add(headers, context);
    }
}

fn can_be_carried(context: &BTreeMap<String, String>) -> bool {
    let is_valid = |(name, value): (&String, &String)| {
        name_problem(name).is_none() && value_problem(value).is_none()
    };
    !context.is_empty() && context.iter().all(is_valid)
}

fn add(headers: &mut BTreeMap<String, String>, context: &BTreeMap<String, String>) {
    let is_free = context.keys().all(|name| !headers.contains_key(name));
    if is_free && headers.len() + context.len() <= HEADERS_MAX {
        headers.extend(context.clone());
    }
}
