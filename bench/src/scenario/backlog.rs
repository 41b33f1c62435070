//! How long a claim takes, whatever else the tables hold.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use pgq::driver::{Claim, Claimed, ClaimedJob, Completion, Driver as _, WorkerId, WorkerInfo};
use pgq::postgres::PostgresDriver;
use pgq::{DEFAULT_QUEUE, JobId, Retain, Task as _};

use super::drain::{drain, enqueue};
use crate::Bench;
use crate::report::{Bar, Figure};
use crate::schema::{self, Table};
use crate::server::Database;
use crate::statistics::{Pairs, median, millis, quantile};
use crate::task::{inputs, noop, stranger};

/// The ready jobs of the baseline, and of every case where something else is large.
const FEW: i64 = 1000;

/// The ready jobs of the smaller of two large backlogs.
const MANY: i64 = 100_000;

/// The jobs of tasks that the worker does not know, as a part of the rows of the largest backlog.
const STRANGERS_DIVISOR: i64 = 5;

/// How many jobs a claim asks for.
const LIMIT: i64 = 100;

/// How many claims a worker makes after its first.
const CLAIMS: usize = 300;

/// How long the workers live.
const LEASE: Duration = Duration::from_secs(3600);

/// The most that a claim may take, beside one of the baseline.
const BAR: Bar = Bar::RatioAtMost(1.2);

/// What a database holds.
#[derive(Clone, Copy, Debug)]
enum Fill {
    Ready(i64),
    Deferred(i64),
    Finished(i64),
    /// Jobs of another task, in front of those to claim.
    Strangers(i64),
}

/// A database that is filled, and what was measured there.
#[derive(Debug)]
struct Case {
    fill: Fill,
    database: Database,
    first: Pairs,
    steady: Pairs,
    /// What a tenth of the claims does not exceed: what a claim costs while nobody else wants the
    /// machine.
    fastest: Pairs,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let rows = bench.options.rows;
    let base = bench.server.database().await?;
    Fill::Ready(FEW).fill(bench, &base).await?;
    let fills = [
        Fill::Ready(rows.min(MANY)),
        Fill::Ready(rows),
        Fill::Deferred(rows),
        Fill::Finished(rows),
        Fill::Strangers(rows / STRANGERS_DIVISOR),
    ];
    let mut cases = Vec::new();
    // The first is the second where the largest backlog is no larger.
    let skipped = usize::from(rows <= MANY);
    for fill in fills.into_iter().skip(skipped) {
        let database = bench.server.database().await?;
        let started = Instant::now();
        fill.fill(bench, &database).await?;
        let took = started.elapsed().as_secs();
        eprintln!("filled with {} in {took} s", fill.describe());
        cases.push(Case {
            fill,
            database,
            first: Pairs::default(),
            steady: Pairs::default(),
            fastest: Pairs::default(),
        });
    }
    bench.server.checkpoint().await?;

    for round in 0..bench.options.rounds {
        for case in &mut cases {
            let (steady, base) = case.measure(&base).await?;
            let what = case.fill.describe();
            eprintln!("round {round}, {what}: {steady:.2} ms, few jobs {base:.2} ms");
        }
    }
    check(&base, FEW).await?;
    for case in &cases {
        check(&case.database, case.fill.unfinished()).await?;
    }
    let steady = cases.iter().map(|case| {
        let figure = Figure::of_pairs(case.fill.describe(), &case.steady, "ms");
        figure.held_to(BAR)
    });
    let apart = |what: &str, case: &Case, pairs: &Pairs| {
        let variant = format!("{what}, {}", case.fill.describe());
        Figure::of_pairs(variant, pairs, "ms")
    };
    let fastest = cases
        .iter()
        .map(|case| apart("fastest tenth", case, &case.fastest));
    let first = cases
        .iter()
        .map(|case| apart("first claim", case, &case.first));
    Ok(steady.chain(fastest).chain(first).collect())
}

/// Checks that as many jobs are there as before, and that nobody holds one.
async fn check(database: &Database, expected: i64) -> anyhow::Result<()> {
    let unfinished = schema::unfinished(database.pool()).await?;
    let running = schema::running(database.pool()).await?;
    ensure!(
        (unfinished, running) == (expected, 0),
        "jobs were lost: {unfinished} of {expected} are there, and {running} are held"
    );
    Ok(())
}

impl Fill {
    fn describe(self) -> String {
        match self {
            Self::Ready(rows) => format!("{rows} ready"),
            Self::Deferred(rows) => format!("{rows} deferred"),
            Self::Finished(rows) => format!("{rows} finished"),
            Self::Strangers(rows) => format!("{rows} of an unknown task in front"),
        }
    }

    /// The jobs that have not ended, before and after.
    fn unfinished(self) -> i64 {
        match self {
            Self::Ready(rows) => rows,
            Self::Deferred(rows) | Self::Strangers(rows) => rows + FEW,
            Self::Finished(_) => FEW,
        }
    }

    async fn fill(self, bench: &Bench, database: &Database) -> anyhow::Result<()> {
        let pool = database.pool();
        match self {
            Self::Ready(rows) => {
                enqueue(database, 1).await?;
                return schema::multiply(pool, Table::Ready, rows).await;
            }
            Self::Deferred(rows) => {
                for (to, number) in inputs(0..1) {
                    let job = noop::job(to, number).delay(Duration::from_secs(24 * 3600));
                    job.enqueue(pool).await?;
                }
                schema::multiply(pool, Table::Scheduled, rows).await?;
            }
            Self::Finished(rows) => {
                enqueue(database, 1).await?;
                drain(bench, database, 1).await?;
                schema::multiply(pool, Table::Finished, rows).await?;
            }
            Self::Strangers(rows) => {
                stranger::enqueue(pool).await?;
                schema::multiply(pool, Table::Ready, rows).await?;
            }
        }
        enqueue(database, FEW).await
    }
}

impl Case {
    /// Claims as new workers here and in the database of the baseline, in turns. Returns the
    /// medians of the claims after the first, in milliseconds.
    async fn measure(&mut self, base: &Database) -> anyhow::Result<(f64, f64)> {
        let mut claimer = Claimer::start(&self.database).await?;
        let mut base_claimer = Claimer::start(base).await?;
        let base_first = base_claimer.claim().await?;
        self.first.push(claimer.claim().await?, base_first);
        let (mut taken, mut base_taken) = (Vec::new(), Vec::new());
        for _ in 0..CLAIMS {
            base_taken.push(base_claimer.claim().await?);
            taken.push(claimer.claim().await?);
        }
        claimer.end().await?;
        base_claimer.end().await?;
        let (steady, base_steady) = (median(&taken), median(&base_taken));
        let tenth = |taken: &[f64]| quantile(taken, 0.1);
        self.fastest.push(tenth(&taken), tenth(&base_taken));
        self.steady.push(steady, base_steady);
        Ok((steady, base_steady))
    }
}

/// A worker that only claims.
struct Claimer<'a> {
    database: &'a Database,
    driver: PostgresDriver,
    worker: WorkerId,
    claims: i64,
    tasks: Arc<[String]>,
    /// The jobs that it was given.
    given: HashSet<JobId>,
}

impl<'a> Claimer<'a> {
    /// Registers, and connects by a claim from a queue without jobs.
    async fn start(database: &'a Database) -> anyhow::Result<Self> {
        let driver = PostgresDriver::new(database.pool().clone());
        let worker = WorkerId::random();
        let info = WorkerInfo {
            id: worker,
            lease: LEASE,
            host: "bench".to_owned(),
            pid: 0,
            queues: vec![DEFAULT_QUEUE.to_owned()],
            concurrency: 1,
            build: pgq::driver::Build::default(),
        };
        ensure!(driver.register_worker(info).await?, "the id is taken");
        let mut claimer = Self {
            database,
            driver,
            worker,
            claims: 0,
            tasks: Arc::from([noop::NAME.to_owned()]),
            given: HashSet::new(),
        };
        let jobs = claimer.claim_from("empty").await?;
        ensure!(jobs.is_empty(), "there are {} unknown jobs", jobs.len());
        Ok(claimer)
    }

    /// Claims jobs and returns how long that took, in milliseconds; then completes them, and puts
    /// as many others there.
    async fn claim(&mut self) -> anyhow::Result<f64> {
        let started = Instant::now();
        let jobs = self.claim_from(DEFAULT_QUEUE).await?;
        let took = millis(started.elapsed());
        ensure!(
            i64::try_from(jobs.len())? == LIMIT,
            "a claim of {LIMIT} jobs took {}",
            jobs.len()
        );
        ensure!(
            jobs.iter().all(|job| self.given.insert(job.id)),
            "a job was given out twice"
        );
        let completion = |job: &ClaimedJob| Completion {
            job: job.id,
            claim: job.claim,
            result: None,
            retain: Retain::DEFAULT,
            durability: pgq::Durability::Durable,
        };
        let completions: Vec<Completion> = jobs.iter().map(completion).collect();
        let completed = self.driver.complete(self.worker, &completions).await?;
        ensure!(
            completed == jobs.len(),
            "{completed} of {} jobs completed",
            jobs.len()
        );
        noop::enqueue_many(self.database.pool(), inputs(0..LIMIT)).await?;
        Ok(took)
    }

    async fn claim_from(&mut self, queue: &str) -> anyhow::Result<Vec<ClaimedJob>> {
        self.claims += 1;
        let claim = Claim {
            worker: self.worker,
            number: self.claims,
            queue: Arc::from(queue),
            tasks: vec![Arc::clone(&self.tasks)],
            fingerprints: None,
            limit: usize::try_from(LIMIT)?,
            horizon: None,
            priority_max: None,
        };
        match self.driver.claim(claim).await? {
            Claimed::Jobs(jobs) => Ok(jobs),
            Claimed::Contended => bail!("another claim has locked the jobs"),
            Claimed::LeaseLost => bail!("the lease has ended"),
        }
    }

    async fn end(self) -> anyhow::Result<()> {
        Ok(self.driver.deregister_worker(self.worker).await?)
    }
}
