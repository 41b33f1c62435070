//! Spans, and traces that go on from an enqueue to the run of its job.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use pgq::trace::{AlreadySet, Propagator};
use pgq::{Context, TaskError};
use pgq_tests::database::TestDatabase;
use pgq_tests::subscriber::subscribe;
use tracing::Span;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context as Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::both::{Place, on_both_drivers};
use super::drain;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

tokio::task_local! {
    /// What the propagator of this binary injects. Elsewhere it injects nothing.
    static CARRIED: BTreeMap<String, String>;
}

/// What was extracted for which span.
static EXTRACTED: Mutex<Vec<Extracted>> = Mutex::new(Vec::new());

/// A span, and the headers that it was given.
type Extracted = (Option<Id>, BTreeMap<String, String>);

/// A propagator of strings.
struct Strings;

impl Propagator for Strings {
    fn inject(&self, _: &Span, headers: &mut BTreeMap<String, String>) {
        let _ = CARRIED.try_with(|carried| headers.extend(carried.clone()));
        let state = headers.get(STATE).map(String::as_str);
        assert_ne!(state, Some("panic when it is sent"));
    }

    fn extract(&self, span: &Span, headers: &BTreeMap<String, String>) {
        let mut extracted = EXTRACTED.lock().unwrap_or_else(PoisonError::into_inner);
        extracted.push((span.id(), headers.clone()));
        drop(extracted);
        assert_ne!(headers.get(STATE).map(String::as_str), Some("panic"));
    }
}

fn set_propagator() {
    static SET: Once = Once::new();
    SET.call_once(|| assert_eq!(pgq::trace::set_propagator(Strings), Ok(())));
}

/// Runs `future` in the trace of that name, whose state is `state`.
async fn within<T>(trace: &str, state: &str, future: impl Future<Output = T>) -> T {
    set_propagator();
    let context = [(PARENT, trace), (STATE, state)];
    let context = context.map(|(name, value)| (name.to_owned(), value.to_owned()));
    CARRIED.scope(context.into(), future).await
}

/// The spans that have followed that trace.
fn followers(trace: &str) -> Vec<(Option<Id>, BTreeMap<String, String>)> {
    let extracted = EXTRACTED.lock().unwrap_or_else(PoisonError::into_inner);
    let follows =
        |headers: &BTreeMap<String, String>| headers.get(PARENT) == Some(&trace.to_owned());
    let of_trace = extracted.iter().filter(|(_, headers)| follows(headers));
    of_trace.cloned().collect()
}

#[pgq::task(name = "trace/traced", max_attempts = 2)]
async fn traced(context: &Context, good_attempt: i16) -> anyhow::Result<Option<String>> {
    if context.attempt() != good_attempt {
        return Err(TaskError::retry_after(Duration::ZERO, "not now").into());
    }
    Ok(context.header(PARENT).map(str::to_owned))
}

on_both_drivers!(
    the_context_of_a_trace_goes_from_the_enqueue_to_every_attempt,
    a_job_that_was_given_a_context_keeps_it,
    no_job_is_refused_because_of_its_trace,
    a_propagator_that_panics_does_no_harm,
    a_propagator_that_panics_keeps_nothing_from_being_enqueued,
    spans_say_what_the_conventions_ask_for,
);

/// A name that no other test uses, nor this one on the other driver.
fn fresh(trace: &str) -> String {
    static NUMBER: Mutex<u32> = Mutex::new(0);
    let mut number = NUMBER.lock().unwrap_or_else(PoisonError::into_inner);
    *number += 1;
    format!("{trace} {number}")
}

async fn the_context_of_a_trace_goes_from_the_enqueue_to_every_attempt(
    place: &Place,
) -> anyhow::Result<()> {
    let trace = fresh("from end to end");

    let job = within(&trace, "s=1", traced::enqueue(&place.driver, 2)).await?;
    let others = traced::enqueue_many(&place.driver, [1, 1]);
    let others = within(&trace, "s=1", others).await?;
    let without = traced::enqueue(&place.driver, 1).await?;
    drain(place.worker::<traced>()).await?;

    assert_eq!(job.wait(&place.driver).await?, Some(trace.clone()));
    for other in others {
        assert_eq!(other.wait(&place.driver).await?, Some(trace.clone()));
    }
    assert_eq!(without.wait(&place.driver).await?, None);
    let followers = followers(&trace);
    assert_eq!(followers.len(), 4);
    assert!(followers.iter().all(|(_, headers)| headers[STATE] == "s=1"));
    Ok(())
}

async fn a_job_that_was_given_a_context_keeps_it(place: &Place) -> anyhow::Result<()> {
    let own = fresh("its own");

    let job = traced::job(1).header(PARENT, &own).enqueue(&place.driver);
    let job = within("another", "s=2", job).await?;
    drain(place.worker::<traced>()).await?;

    assert_eq!(job.wait(&place.driver).await?, Some(own.clone()));
    let followers = followers(&own);
    assert_eq!(followers.len(), 1);
    assert_eq!(followers[0].1.len(), 1, "{followers:?}");
    Ok(())
}

async fn no_job_is_refused_because_of_its_trace(place: &Place) -> anyhow::Result<()> {
    let mut full = traced::job(1);
    for number in 0..31 {
        full = full.header(format!("header-{number}"), "x");
    }

    let full = within("no room", "s=3", full.enqueue(&place.driver)).await?;
    let unfit = traced::enqueue(&place.driver, 1);
    let unfit = within("not fit\0", "s=3", unfit).await?;
    drain(place.worker::<traced>()).await?;

    assert_eq!(full.wait(&place.driver).await?, None);
    assert_eq!(unfit.wait(&place.driver).await?, None);
    Ok(())
}

async fn a_propagator_that_panics_does_no_harm(place: &Place) -> anyhow::Result<()> {
    let trace = fresh("panics");

    let job = within(&trace, "panic", traced::enqueue(&place.driver, 1)).await?;
    drain(place.worker::<traced>()).await?;

    assert_eq!(job.wait(&place.driver).await?, Some(trace));
    Ok(())
}

async fn a_propagator_that_panics_keeps_nothing_from_being_enqueued(
    place: &Place,
) -> anyhow::Result<()> {
    let trace = fresh("unsent");
    let enqueue = traced::enqueue(&place.driver, 1);
    let job = within(&trace, "panic when it is sent", enqueue).await?;

    drain(place.worker::<traced>()).await?;

    assert_eq!(job.wait(&place.driver).await?, None);
    Ok(())
}

async fn spans_say_what_the_conventions_ask_for(place: &Place) -> anyhow::Result<()> {
    set_propagator();
    let spans = Spans::default();
    let _subscribed = subscribe(Registry::default().with(spans.clone()));
    let job = traced::job(2).queue("apart").enqueue(&place.driver).await?;
    traced::enqueue_many(&place.driver, [1, 1, 1]).await?;

    drain(
        place
            .worker::<traced>()
            .queue("apart")
            .served_elsewhere("default"),
    )
    .await?;

    let id = job.id();
    let sent = spans.named("send apart");
    assert_eq!(
        sent,
        [fields(&[
            ("otel.kind", "producer"),
            ("messaging.system", "pgq"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "apart"),
            ("messaging.message.id", &id.to_string()),
            ("pgq.task", "trace/traced"),
        ])]
    );
    let sent = spans.named("send default");
    assert_eq!(sent[0]["messaging.batch.message_count"], "3");
    assert!(!sent[0].contains_key("messaging.message.id"));
    let mut processed = spans.named("process apart");
    assert_eq!(processed.len(), 2);
    processed.retain(|span| span["pgq.attempt"] == "1");
    let worker = processed[0].remove("messaging.client.id");
    assert_eq!(worker.map(|worker| worker.len()), Some(16));
    assert_eq!(
        processed[0],
        fields(&[
            ("otel.kind", "consumer"),
            ("messaging.system", "pgq"),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", "apart"),
            ("messaging.message.id", &id.to_string()),
            ("pgq.task", "trace/traced"),
            ("pgq.attempt", "1"),
            ("pgq.deliveries", "1"),
            ("otel.status_code", "ERROR"),
            ("otel.status_description", "not now"),
            ("error.type", "error"),
        ])
    );
    Ok(())
}

#[pgq::task(name = "trace/parent")]
async fn parent(context: &Context) -> anyhow::Result<()> {
    let carried = [(
        PARENT.to_owned(),
        context.header(PARENT).unwrap_or_default().to_owned(),
    )];
    CARRIED.sync_scope(carried.into(), || context.then(traced::job(1)))?;
    Ok(())
}

#[tokio::test]
async fn a_trace_goes_on_to_the_jobs_that_are_enqueued_with_a_completion() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let trace = fresh("children");

    within(&trace, "s=5", parent::enqueue(database.pool())).await?;
    drain(super::worker::<parent>(&database).task::<traced>()).await?;

    assert_eq!(followers(&trace).len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_trace_goes_with_the_transaction_of_its_enqueue() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let trace = fresh("transaction");
    let mut transaction = database.pool().begin().await?;

    let job = within(&trace, "s=4", traced::enqueue(&mut *transaction, 1)).await?;
    transaction.commit().await?;
    drain(super::worker::<traced>(&database)).await?;

    assert_eq!(job.wait(database.pool()).await?, Some(trace));
    Ok(())
}

#[test]
fn there_is_one_propagator() {
    set_propagator();

    assert_eq!(pgq::trace::set_propagator(Strings), Err(AlreadySet));
}

type Fields = BTreeMap<String, String>;

fn fields(fields: &[(&str, &str)]) -> Fields {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(own).collect()
}

/// A layer that keeps the fields of every span.
#[derive(Clone, Debug, Default)]
struct Spans(Arc<Mutex<BTreeMap<u64, Fields>>>);

impl Spans {
    /// The spans of that name, without it.
    fn named(&self, name: &str) -> Vec<Fields> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_name = spans.values().filter_map(|span| {
            let mut span = span.clone();
            (span.remove("otel.name")? == name).then_some(span)
        });
        of_name.collect()
    }

    fn with(&self, id: &Id, note: impl FnOnce(&mut Noted<'_>)) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut Noted(spans.entry(id.into_u64()).or_default()));
    }
}

struct Noted<'a>(&'a mut Fields);

impl Visit for Noted<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Layered<'_, S>) {
        // The registry uses the number of a span that has closed again.
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = u64::try_from(spans.len()).unwrap_or_default() << 32;
        if let Some(closed) = spans.remove(&id.into_u64()) {
            spans.insert(key | id.into_u64(), closed);
        }
        drop(spans);
        self.with(id, |noted| attributes.record(noted));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Layered<'_, S>) {
        self.with(id, |noted| values.record(noted));
    }
}
