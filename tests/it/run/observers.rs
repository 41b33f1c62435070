//! Observers of the program that panic: no job is held for ever, and none is lost.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use pgq::{Context, JobState};
use pgq_tests::database::TestDatabase;
use pgq_tests::subscriber::subscribe;
use sqlx::{AssertSqlSafe, PgPool};
use tracing::field::{Field, Visit};
use tracing::{Event, Id, Subscriber};
use tracing_subscriber::layer::{Context as Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::{count, drain, worker};

/// How often it has run.
#[derive(Clone, Debug, Default)]
struct Runs(Arc<AtomicU32>);

#[pgq::task(name = "observers/watched", max_attempts = 2, backoff(fixed = "1ms"))]
async fn watched(runs: &Runs, context: &Context) -> anyhow::Result<i16> {
    runs.0.fetch_add(1, Ordering::SeqCst);
    Ok(context.attempt())
}

/// Where a subscriber panics, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// An event whose message begins so.
    Event(&'static str),
    /// A span of this name is entered.
    Enter(&'static str),
    /// A span of this name is over.
    Close(&'static str),
}

struct Panicking {
    at: At,
    has_panicked: Arc<AtomicBool>,
}

impl Panicking {
    fn at(at: At) -> (Self, Arc<AtomicBool>) {
        let has_panicked = Arc::<AtomicBool>::default();
        let panicking = Self {
            at,
            has_panicked: Arc::clone(&has_panicked),
        };
        (panicking, has_panicked)
    }

    fn come_to(&self, at: At) {
        if at == self.at && !self.has_panicked.swap(true, Ordering::SeqCst) {
            panic!("the disk of the log is full");
        }
    }
}

/// Whether an event has this message.
struct Has {
    message: &'static str,
    found: bool,
}

impl Visit for Has {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.found |= format!("{value:?}").starts_with(self.message);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Panicking {
    fn on_event(&self, event: &Event<'_>, _: Layered<'_, S>) {
        if let At::Event(message) = self.at {
            let mut has = Has {
                message,
                found: false,
            };
            event.record(&mut has);
            if has.found {
                self.come_to(At::Event(message));
            }
        }
    }

    fn on_enter(&self, id: &Id, context: Layered<'_, S>) {
        if let Some(span) = context.span(id) {
            self.come_to(At::Enter(span.name()));
        }
    }

    fn on_close(&self, id: Id, context: Layered<'_, S>) {
        if let Some(span) = context.span(&id) {
            self.come_to(At::Close(span.name()));
        }
    }
}

/// A recorder that takes nothing.
struct Refusing;

impl Recorder for Refusing {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Self))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("no gauges")
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Self))
    }
}

impl CounterFn for Refusing {
    fn increment(&self, _: u64) {
        panic!("no counters")
    }

    fn absolute(&self, _: u64) {
        panic!("no counters")
    }
}

impl HistogramFn for Refusing {
    fn record(&self, _: f64) {
        panic!("no histograms")
    }
}

#[tokio::test]
async fn a_panic_as_an_attempt_begins_is_one_of_the_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let (layer, has_panicked) = Panicking::at(At::Enter("pgq.job"));
    let _subscribed = subscribe(Registry::default().with(layer));
    let runs = Runs::default();
    let job = watched::enqueue(pool).await?;

    drain(worker::<watched>(&database).state(runs.clone())).await?;

    assert!(has_panicked.load(Ordering::SeqCst));
    assert_eq!(job.wait(pool).await?, 2);
    let attempts = job.attempts(pool).await?;
    let error = attempts[0].error.as_deref().unwrap_or_default();
    assert!(
        error.contains("outside of the task: the disk of the log is full"),
        "{error}"
    );
    assert_eq!(runs.0.load(Ordering::SeqCst), 1);
    Ok(())
}

#[tokio::test]
async fn a_panic_after_the_end_of_an_attempt_changes_nothing_of_it() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let (layer, has_panicked) = Panicking::at(At::Event("attempt completed"));
    let _subscribed = subscribe(Registry::default().with(layer));
    let runs = Runs::default();
    let job = watched::enqueue(pool).await?;

    drain(worker::<watched>(&database).state(runs.clone())).await?;

    assert!(has_panicked.load(Ordering::SeqCst));
    assert_eq!(job.wait(pool).await?, 1);
    assert_eq!(runs.0.load(Ordering::SeqCst), 1);
    Ok(())
}

/// Refuses the first row of the table, which is then tried again.
async fn refuse_once(pool: &PgPool, table: &str, code: &str) -> anyhow::Result<()> {
    let refuses = format!(
        "create sequence public.row;
         create function public.refuse_once() returns trigger language plpgsql as $$
         begin
             if nextval('public.row') = 1 then
                 raise exception 'once' using errcode = '{code}';
             end if;
             return new;
         end $$;
         create trigger refuse_once before insert on pgq_jobs.{table}
         for each row execute function public.refuse_once()"
    );
    sqlx::raw_sql(AssertSqlSafe(refuses)).execute(pool).await?;
    Ok(())
}

#[tokio::test]
async fn a_panic_while_the_storage_is_told_of_an_end_changes_nothing_of_it() -> anyhow::Result<()> {
    for at in [
        At::Event("failed to complete jobs"),
        // The storage takes the end after that.
        At::Close("pgq.job"),
    ] {
        let database = TestDatabase::migrated().await?;
        let pool = database.pool();
        refuse_once(pool, "finished", "serialization_failure").await?;
        let (layer, has_panicked) = Panicking::at(at);
        let _subscribed = subscribe(Registry::default().with(layer));
        let runs = Runs::default();
        let job = watched::enqueue(pool).await?;

        drain(worker::<watched>(&database).state(runs.clone())).await?;

        assert!(has_panicked.load(Ordering::SeqCst), "{at:?}");
        assert_eq!(job.wait(pool).await?, 1, "{at:?}");
        assert_eq!(runs.0.load(Ordering::SeqCst), 1, "{at:?}");
    }
    Ok(())
}

#[pgq::task(name = "observers/fails", max_attempts = 1)]
async fn fails(runs: &Runs) -> anyhow::Result<()> {
    runs.0.fetch_add(1, Ordering::SeqCst);
    anyhow::bail!("no luck")
}

#[tokio::test]
async fn what_the_storage_was_not_told_for_a_panic_runs_again() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    refuse_once(pool, "failure", "character_not_in_repertoire").await?;
    let at = At::Event("the error of an attempt cannot be stored");
    let (layer, has_panicked) = Panicking::at(at);
    let _subscribed = subscribe(Registry::default().with(layer));
    let runs = Runs::default();
    let job = fails::enqueue(pool).await?;

    drain(worker::<fails>(&database).state(runs.clone())).await?;

    assert!(has_panicked.load(Ordering::SeqCst));
    assert_eq!(job.status(pool).await?, JobState::Failed);
    assert_eq!(runs.0.load(Ordering::SeqCst), 2);
    Ok(())
}

#[tokio::test]
async fn a_recorder_of_metrics_that_panics_does_no_harm() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let _recording = metrics::set_default_local_recorder(&Refusing);
    let runs = Runs::default();
    for _ in 0..10 {
        watched::enqueue(pool).await?;
    }

    drain(worker::<watched>(&database).state(runs.clone())).await?;

    assert_eq!(runs.0.load(Ordering::SeqCst), 10);
    assert_eq!(count(pool, "finished").await?, 10);
    Ok(())
}
