//! One trace from the request to the last of its jobs, through OpenTelemetry.
//!
//! The spans are kept in memory and printed at the end. A service puts the exporter of
//! `opentelemetry-otlp` in the place of this one.
//!
//! `cargo run --example opentelemetry`

use std::collections::{BTreeMap, HashMap};

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanId, TracerProvider as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use pgq::Pgq;
use pgq::trace::Propagator;
use pgq_examples::Database;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Carries `traceparent` and `tracestate` of W3C Trace Context in the headers of jobs.
#[derive(Default)]
struct W3c(TraceContextPropagator);

impl Propagator for W3c {
    fn inject(&self, span: &tracing::Span, headers: &mut BTreeMap<String, String>) {
        let mut carrier = HashMap::new();
        self.0.inject_context(&span.context(), &mut carrier);
        // It writes an empty `tracestate` where there is none.
        headers.extend(carrier.into_iter().filter(|(_, value)| !value.is_empty()));
    }

    fn extract(&self, span: &tracing::Span, headers: &BTreeMap<String, String>) {
        let carrier: HashMap<String, String> = headers.clone().into_iter().collect();
        // Fails only if nobody exports the span.
        let _ = span.set_parent(self.0.extract(&carrier));
    }
}

#[pgq::task]
async fn bill(pgq: &Pgq, customer: u64) -> anyhow::Result<()> {
    // Made with what this program has; the span that is open is carried by itself.
    send_receipt::enqueue(pgq, customer).await?;
    Ok(())
}

#[pgq::task(queue = "mail", max_attempts = 1)]
async fn send_receipt(customer: u64) -> anyhow::Result<()> {
    anyhow::bail!("customer {customer} has no address")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("example"));
    tracing_subscriber::registry()
        .with(layer.with_filter(LevelFilter::INFO))
        .init();
    pgq::trace::set_propagator(W3c::default())?;

    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let request = tracing::info_span!("request", otel.name = "POST /bills", otel.kind = "server");
    bill::enqueue(&pgq, 7).instrument(request).await?;
    pgq::run()
        .url(database.url())
        .state(pgq.clone())
        .until_idle()
        .await?;

    provider.force_flush()?;
    let spans = exporter.get_finished_spans()?;
    for root in spans.iter().filter(|span| span.name == "POST /bills") {
        println!("trace {}", root.span_context.trace_id());
        print(&spans, root, 1);
    }
    Ok(())
}

/// Prints a span, and those below it.
fn print(spans: &[SpanData], span: &SpanData, depth: usize) {
    let status = match &span.status {
        opentelemetry::trace::Status::Error { description } => format!(" failed: {description}"),
        _ => String::new(),
    };
    println!("{:depth$}{}{status}", "", span.name, depth = 2 * depth);
    let id: SpanId = span.span_context.span_id();
    for below in spans.iter().filter(|span| span.parent_span_id == id) {
        print(spans, below, depth + 1);
    }
}
