//! The metrics: that they are those of the table, and that they count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use pgq::driver::AttemptDriver as _;
use pgq::metrics::{ALL, Kind};
use pgq::postgres::PostgresDriver;
use pgq::{Context, Registration, ScheduleDescriptor, Source, TaskError, Timing};
use pgq_tests::database::TestDatabase;
use pgq_tests::{eventually, root};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::{drain, worker};

#[pgq::task(name = "metrics/act", max_attempts = 2)]
async fn act(pool: &PgPool, context: &Context, kind: String) -> anyhow::Result<()> {
    match &*kind {
        "complete" => Ok(()),
        "fail" => anyhow::bail!("no luck"),
        "cancel" => Err(TaskError::cancel("unwanted"))?,
        "snooze" => Err(TaskError::snooze(Duration::from_secs(3600)))?,
        "be taken away" => {
            sqlx::query("delete from pgq_jobs.running where id = $1")
                .bind(context.job_id().as_i64())
                .execute(pool)
                .await?;
            Ok(())
        }
        other => anyhow::bail!("{other}"),
    }
}

/// What was recorded, by name and labels.
type Cells = BTreeMap<(String, Vec<(String, String)>), (Kind, Arc<Cell>)>;

/// A recorder that keeps everything, and what it has kept by name and labels.
#[derive(Clone, Debug, Default)]
struct Kept {
    cells: Arc<Mutex<Cells>>,
}

/// A number, and how often it was recorded.
#[derive(Debug, Default)]
struct Cell {
    sum: Mutex<f64>,
    records: AtomicU64,
}

impl Cell {
    fn add(&self, value: f64) {
        *self.sum.lock().unwrap_or_else(PoisonError::into_inner) += value;
        self.records.fetch_add(1, Ordering::Relaxed);
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(u32::try_from(value).map_or(f64::INFINITY, f64::from));
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, value: f64) {
        *self.sum.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key, Kind::Counter))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key, Kind::Gauge))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key, Kind::Histogram))
    }
}

impl Kept {
    fn cell(&self, key: &Key, kind: Kind) -> Arc<Cell> {
        let label = |label: &metrics::Label| (label.key().to_owned(), label.value().to_owned());
        let labels = key.labels().map(label).collect();
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells
            .entry((key.name().to_owned(), labels))
            .or_insert_with(|| (kind, Arc::default()));
        Arc::clone(&cell.1)
    }

    /// What all of that name add up to, and how often they were recorded.
    fn total(&self, name: &str) -> (f64, u64) {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let of_name = cells.iter().filter(|((own, _), _)| own == name);
        of_name.fold((0.0, 0), |(sum, records), (_, (_, cell))| {
            (
                sum + *cell.sum.lock().unwrap_or_else(PoisonError::into_inner),
                records + cell.records.load(Ordering::Relaxed),
            )
        })
    }

    fn sum(&self, name: &str) -> f64 {
        self.total(name).0
    }
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() -> anyhow::Result<()> {
    let source = fs::read_to_string(root().join("pgq/src/metrics/mod.rs"))?;

    let rows: Vec<(String, String, String)> = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `pgq_"))
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let mut cell = || cells.next().unwrap_or_default().replace(['`', ' '], "");
            (format!("pgq_{}", cell()), cell(), cell())
        })
        .collect();

    let listed = |metric: &pgq::metrics::Metric| {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        (metric.name.to_owned(), kind, metric.labels.join(","))
    };
    assert_eq!(rows, ALL.iter().map(listed).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one run of a worker, and every metric of it"
)]
async fn a_worker_writes_what_the_table_says() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    leave_behind(pool).await?;
    let input = || {
        let mut writer = pgq::__private::InputWriter::new(1);
        writer.parameter("kind", "complete")?;
        Ok(writer.finish())
    };
    let hourly = Timing::Every(Duration::from_secs(3600));
    let schedule = ScheduleDescriptor::of::<act>(hourly, input, Source::caller());
    let run = || worker::<act>(&database).register(Registration::Schedule(schedule));

    eventually("the rescue of what the dead worker held", async || {
        drain(run()).await?;
        Ok(kept.sum("pgq_workers_rescued_total") > 0.0)
    })
    .await?;
    for kind in [
        "complete",
        "complete",
        "fail",
        "cancel",
        "snooze",
        "be taken away",
    ] {
        act::enqueue(pool, kind.to_owned()).await?;
    }
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '90 minutes'")
        .execute(pool)
        .await?;
    drain(run()).await?;
    sqlx::query("update pgq_jobs.scheduled set run_at = now() where error is not null")
        .execute(pool)
        .await?;
    drain(run()).await?;

    let cells = kept
        .cells
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let written: BTreeSet<_> = cells
        .iter()
        .map(|((name, labels), (kind, _))| {
            let labels: Vec<&str> = labels.iter().map(|(label, _)| &**label).collect();
            (name.as_str(), format!("{kind:?}"), labels)
        })
        .collect();
    let listed: BTreeSet<_> = ALL
        .iter()
        .map(|metric| {
            let kind = format!("{:?}", metric.kind);
            (metric.name, kind, metric.labels.to_vec())
        })
        .collect();
    assert_eq!(written, listed);

    // Six were enqueued here, two were left behind, and the schedule enqueued one.
    let expected = [
        ("pgq_jobs_enqueued_total", 9.0),
        ("pgq_ticks_total", 1.0),
        ("pgq_workers_rescued_total", 1.0),
        ("pgq_jobs_rescued_total", 1.0),
        ("pgq_jobs_dead_total", 1.0),
        ("pgq_jobs_claimed_total", 9.0),
        ("pgq_claim_jobs", 9.0),
        ("pgq_attempts_started_total", 9.0),
        ("pgq_attempts_completed_total", 5.0),
        ("pgq_attempts_retried_total", 1.0),
        ("pgq_attempts_failed_total", 1.0),
        ("pgq_attempts_cancelled_total", 1.0),
        ("pgq_attempts_released_total", 1.0),
        ("pgq_attempts_fenced_total", 1.0),
        ("pgq_finish_jobs", 8.0),
        ("pgq_jobs_promoted_total", 1.0),
        ("pgq_attempts_running", 0.0),
        ("pgq_concurrency", 100.0),
    ];
    for (name, sum) in expected {
        assert!(
            (kept.sum(name) - sum).abs() < 1e-9,
            "{name}: {}",
            kept.sum(name)
        );
    }
    assert_eq!(kept.total("pgq_attempt_duration_seconds").1, 9);
    // What the worker has claimed for the first time: not the job of the dead one, nor the retry.
    assert_eq!(kept.total("pgq_job_wait_seconds").1, 7);
    assert!(kept.total("pgq_claim_duration_seconds").1 > kept.total("pgq_claim_jobs").1);
    assert_eq!(
        kept.total("pgq_finish_duration_seconds").1,
        kept.total("pgq_finish_jobs").1
    );
    Ok(())
}

#[tokio::test]
async fn wake_ups_and_heartbeats_are_counted() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let stop = CancellationToken::new();
    let worker = worker::<act>(&database)
        .lease(Duration::from_secs(1))
        .stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());

    eventually("a wake-up and a heartbeat", async || {
        // Only a worker that waits for jobs, and for delayed ones, is woken.
        let parked = "select count(*) from pg_locks
                      where locktype = 'advisory' and granted
                        and database = (select oid from pg_database where datname = current_database())";
        if sqlx::query_scalar::<_, i64>(parked).fetch_one(pool).await? >= 2 {
            act::enqueue(pool, "complete".to_owned()).await?;
        }
        Ok(kept.sum("pgq_wakeups_total") > 0.0 && kept.sum("pgq_heartbeats_total") > 0.0)
    })
    .await?;
    assert!(kept.sum("pgq_leases_lost_total") == 0.0);
    sqlx::query("delete from pgq_jobs.worker")
        .execute(pool)
        .await?;
    eventually("the loss of the lease", async || {
        Ok(kept.sum("pgq_leases_lost_total") > 0.0)
    })
    .await?;

    stop.cancel();
    worker.await??;
    Ok(())
}

#[tokio::test]
async fn claims_of_queues_that_were_added_are_counted() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let run = worker::<act>(&database);
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());

    handle.add_queue("later")?;
    let job = act::job("complete".to_owned()).queue("later");
    let job = job.enqueue(database.pool()).await?;
    job.wait_for(database.pool(), super::DEADLINE).await?;

    assert!((kept.sum("pgq_jobs_claimed_total") - 1.0).abs() < 1e-9);
    handle.drain();
    Ok(running.await??)
}

/// Two jobs follow it, in the transaction that completes it or in one of its own.
#[pgq::task(name = "metrics/lead")]
async fn lead(pool: &PgPool, context: &Context, in_transaction: bool) -> anyhow::Result<()> {
    context.then(act::job("complete".to_owned()))?;
    context.then(act::job("complete".to_owned()))?;
    if in_transaction {
        let mut transaction = pool.begin().await?;
        context.complete_in(&mut transaction, &()).await?;
        transaction.commit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn jobs_that_follow_others_are_counted() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    lead::enqueue_many(database.pool(), [false, true]).await?;

    drain(worker::<lead>(&database).task::<act>()).await?;

    assert!((kept.sum("pgq_jobs_enqueued_total") - 6.0).abs() < 1e-9);
    assert!((kept.sum("pgq_jobs_claimed_total") - 6.0).abs() < 1e-9);
    Ok(())
}

/// Leaves two jobs with a worker that has died: one runs again, and one has outlived too many.
async fn leave_behind(pool: &PgPool) -> anyhow::Result<()> {
    let driver = PostgresDriver::new(pool.clone());
    act::enqueue_many(pool, ["complete".to_owned(), "complete".to_owned()]).await?;
    let (worker, jobs) = super::claim_and_die(&driver, "metrics/act", 2).await?;
    // A suspect, which two workers have died of before.
    sqlx::query("update pgq_jobs.running set deaths = 4, marks = 256 + 128 where id = $1")
        .bind(jobs[0].id.as_i64())
        .execute(pool)
        .await?;
    assert!(driver.try_suspect(worker, jobs[0].id).await?);
    sqlx::query("update pgq_jobs.worker set lease_until = now()")
        .execute(pool)
        .await?;
    Ok(())
}
