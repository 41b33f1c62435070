//! How much a job writes to the log of the server over its whole life, history included.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use pgq::CancellationToken;
use sqlx::PgPool;

use super::drain::{drain, worker};
use crate::Bench;
use crate::check::Expected;
use crate::clients::{BATCH, Load, Step};
use crate::report::{Bar, Figure};
use crate::server::Database;
use crate::statistics::median;

const JOBS: i64 = 20_000;

/// The jobs that run first, so that the tables have pages and the worker's statements were seen.
const WARM_UP: i64 = 5_000;

/// The most bytes of a job with an input of 64 bytes.
const BAR: Bar = Bar::FigureAtMost(1024.0);

/// How long an idle worker is watched.
const IDLE: Duration = Duration::from_secs(5);

/// The bytes of a round: a job each, but for the last.
#[derive(Debug, Default)]
struct Bytes {
    enqueue: Vec<f64>,
    run: Vec<f64>,
    life: Vec<f64>,
    images: Vec<f64>,
    idle_per_second: Vec<f64>,
}

/// A place in the log, in bytes from its beginning.
type Place = i64;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (mut figures, mut idle) = (Vec::new(), Vec::new());
    for (how, batch) in [("in batches", BATCH), ("one by one", 1)] {
        let mut bytes = Bytes::default();
        for round in 0..bench.options.rounds {
            measure(bench, batch, &mut bytes).await?;
            let life = bytes.life.last().context("nothing was measured")?;
            eprintln!("round {round}, enqueued {how}: {life:.0} B/job");
        }
        let figure = |what: &str, values: &[f64], unit| {
            Figure::new(format!("{what}, enqueued {how}"), median(values), unit)
        };
        figures.push(figure("enqueue", &bytes.enqueue, "B/job"));
        figures.push(figure("claim, run, complete", &bytes.run, "B/job"));
        let life = figure("whole life", &bytes.life, "B/job");
        figures.push(match batch {
            BATCH => life.held_to(BAR),
            _ => life,
        });
        if !bytes.images.is_empty() {
            figures.push(figure("full-page images beside", &bytes.images, "B/job"));
        }
        idle.extend(bytes.idle_per_second);
    }
    figures.push(Figure::new("idle worker", median(&idle), "B/s"));
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a job, for people")]
async fn measure(bench: &Bench, batch: i64, bytes: &mut Bytes) -> anyhow::Result<()> {
    let jobs = bench.options.jobs(JOBS);
    let database = bench.server.database().await?;
    let pool = database.pool();
    enqueue(&database, WARM_UP, BATCH).await?;
    drain(bench, &database, WARM_UP).await?;
    let idle = idle(bench, &database).await?;

    // The next change of each page is written with the page, once; then no more until the next
    // checkpoint, which is far.
    bench.server.checkpoint().await?;
    let before = place(pool).await?;
    enqueue(&database, jobs, batch).await?;
    let enqueued = place(pool).await?;
    let started = Instant::now();
    drain(bench, &database, jobs).await?;
    let took = started.elapsed();
    let drained = place(pool).await?;
    Expected::at_once(WARM_UP + jobs).check(pool).await?;

    let per_job = |bytes: f64| bytes / jobs as f64;
    let mut enqueue = (enqueued - before) as f64;
    let mut run = (drained - enqueued) as f64 - idle * took.as_secs_f64();
    if let (Some(first), Some(second)) = (
        images(pool, before, enqueued).await?,
        images(pool, enqueued, drained).await?,
    ) {
        enqueue -= first;
        run -= second;
        bytes.images.push(per_job(first + second));
    }
    bytes.enqueue.push(per_job(enqueue));
    bytes.run.push(per_job(run));
    bytes.life.push(per_job(enqueue + run));
    bytes.idle_per_second.push(idle);
    bench.server.drop(database).await
}

async fn enqueue(database: &Database, rows: i64, batch: i64) -> anyhow::Result<()> {
    let load = Load {
        step: Step::Enqueue,
        rows,
        batch,
        clients: 1,
    };
    load.run(database).await?;
    Ok(())
}

/// What a worker that has nothing to do writes, in bytes a second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
async fn idle(bench: &Bench, database: &Database) -> anyhow::Result<f64> {
    let stop = CancellationToken::new();
    let run = worker(bench, database).stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    // It has registered by then.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (before, started) = (place(database.pool()).await?, Instant::now());
    tokio::time::sleep(IDLE).await;
    let (after, took) = (place(database.pool()).await?, started.elapsed());
    stop.cancel();
    running.await??;
    Ok((after - before) as f64 / took.as_secs_f64())
}

async fn place(pool: &PgPool) -> sqlx::Result<Place> {
    sqlx::query_scalar("select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
        .fetch_one(pool)
        .await
}

/// The bytes of full-page images between two places; `None` where the server cannot tell.
async fn images(pool: &PgPool, from: Place, to: Place) -> anyhow::Result<Option<f64>> {
    let installed = sqlx::raw_sql("create extension if not exists pg_walinspect")
        .execute(pool)
        .await;
    if installed.is_err() {
        eprintln!("full-page images are counted in: the server has no `pg_walinspect`");
        return Ok(None);
    }
    let bytes = sqlx::query_scalar(
        "select sum(fpi_size)::float8
         from pg_get_wal_stats('0/0'::pg_lsn + $1::numeric, '0/0'::pg_lsn + $2::numeric)",
    )
    .bind(from)
    .bind(to)
    .fetch_one(pool)
    .await?;
    Ok(bytes)
}
