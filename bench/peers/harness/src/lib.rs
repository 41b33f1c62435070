//! Measures a job queue: what is the same for every peer.
//!
//! A program is run on an empty database. It enqueues numbered jobs, drains them, checks that each
//! completed exactly once, and only then prints one line of JSON for each of the two figures.

use std::env;
use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::task::JoinSet;

/// With the number of the job this is the input of every job, the same as in pgq's benchmark.
pub const ADDRESS: &str = "somebody.somewhere@department.company.example";

/// Added to the numbers of jobs, so that all inputs are of one length.
const FIRST_NUMBER: u64 = 1_000_000;

/// How often a drain whose jobs have all run looks whether their completions are in the database.
const LOOK: Duration = Duration::from_millis(2);

/// How long a drain may take.
const LIMIT: Duration = Duration::from_secs(180);

/// A job queue that is measured.
pub trait Peer: Debug + Sized + Send + Sync + 'static {
    /// Its name in the table.
    const NAME: &'static str;
    /// The version that is measured.
    const VERSION: &'static str;
    /// Whether jobs that completed stay in the database.
    const HISTORY: bool;
    /// Whether it has a worker; what has none is a table with functions, driven by our loop.
    const WORKER: bool;
    /// Its best settings; the command line may say others.
    const SETTINGS: Settings;

    /// What runs jobs, to be stopped.
    type Worker;

    /// Makes the schema and connects.
    fn open(url: &str, settings: Settings) -> impl Future<Output = anyhow::Result<Self>>;

    /// Enqueues the jobs of these numbers in one call of the fastest way there is.
    fn enqueue(&self, numbers: Range<u64>) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Has the server look at its tables, as it does by itself after a minute.
    fn analyze(&self) -> impl Future<Output = anyhow::Result<()>>;

    /// Starts a worker whose jobs call [`ran`].
    fn start(&self) -> impl Future<Output = anyhow::Result<Self::Worker>>;

    /// Returns true if all these jobs are completed in the database.
    fn is_drained(&self, jobs: u64) -> impl Future<Output = anyhow::Result<bool>>;

    /// Stops the worker when what it runs has ended.
    fn stop(&self, worker: Self::Worker) -> impl Future<Output = anyhow::Result<()>>;

    /// Counts the jobs in the database.
    fn count(&self) -> impl Future<Output = anyhow::Result<Count>>;
}

/// What can be tuned; `--workers`, `--fetch`, `--producers` and `--batch` on the command line.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many jobs may run at once, or what comes nearest to that.
    pub workers: u32,
    /// How many jobs are fetched at once, or how many loops fetch, where that is a setting.
    pub fetch: u32,
    /// How many calls of [`Peer::enqueue`] go on at once.
    pub producers: u32,
    /// How many jobs a call of [`Peer::enqueue`] gets.
    pub batch: u32,
}

/// How many jobs the database knows.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// Those that wait or run.
    pub unfinished: i64,
    /// Those that completed in their first attempt; `None` if the peer keeps no history.
    pub completed: Option<i64>,
}

/// Which jobs ran, and how often.
struct Runs {
    each: Vec<AtomicU8>,
    total: AtomicU64,
}

static RUNS: OnceLock<Runs> = OnceLock::new();

/// Says that the job of this number runs; every handler calls it, and does nothing else.
///
/// # Panics
///
/// If there is no such job.
pub fn ran(number: u64) {
    let runs = RUNS.get().expect("jobs run after `measure` began");
    let index = number
        .checked_sub(FIRST_NUMBER)
        .expect("the number of a job is not less than the first");
    let index = usize::try_from(index).expect("the number of a job fits");
    runs.each[index].fetch_add(1, Ordering::Relaxed);
    runs.total.fetch_add(1, Ordering::Relaxed);
}

/// Measures `P` as the command line says and prints the figures.
///
/// # Errors
///
/// What the peer fails with, or that it did not complete every job exactly once.
pub async fn measure<P: Peer>() -> anyhow::Result<()> {
    let options = Options::parse(P::SETTINGS)?;
    let jobs = options.jobs;
    let runs = RUNS.get_or_init(|| Runs {
        each: (0..jobs).map(|_| AtomicU8::new(0)).collect(),
        total: AtomicU64::new(0),
    });
    let peer = Arc::new(P::open(&options.url, options.settings).await?);

    let enqueued = enqueue(&peer, &options).await?;
    let unfinished = peer.count().await?.unfinished;
    ensure!(
        u64::try_from(unfinished)? == jobs,
        "{unfinished} jobs of {jobs} were enqueued"
    );

    peer.analyze().await?;
    let drained = drain(&*peer, runs, jobs).await?;
    let count = peer.count().await?;
    ensure!(
        count.unfinished == 0,
        "{} jobs are left over",
        count.unfinished
    );
    if let Some(completed) = count.completed {
        ensure!(
            u64::try_from(completed)? == jobs,
            "{completed} jobs of {jobs} completed in their first attempt"
        );
    }
    let wrong = runs
        .each
        .iter()
        .filter(|runs| runs.load(Ordering::Relaxed) != 1)
        .count();
    ensure!(wrong == 0, "{wrong} jobs did not run exactly once");

    report::<P>("enqueue", &options, enqueued);
    report::<P>("drain", &options, drained);
    Ok(())
}

/// Returns the time from the first call to the last commit.
async fn enqueue<P: Peer>(peer: &Arc<P>, options: &Options) -> anyhow::Result<Duration> {
    let next = Arc::new(AtomicU64::new(0));
    let (jobs, batch) = (options.jobs, u64::from(options.settings.batch));
    let started = Instant::now();
    let mut producers = JoinSet::new();
    for _ in 0..options.settings.producers {
        let (peer, next) = (Arc::clone(peer), Arc::clone(&next));
        producers.spawn(async move {
            loop {
                let first = next.fetch_add(batch, Ordering::Relaxed);
                if first >= jobs {
                    return anyhow::Ok(());
                }
                let last = jobs.min(first + batch);
                peer.enqueue(FIRST_NUMBER + first..FIRST_NUMBER + last)
                    .await?;
            }
        });
    }
    while let Some(producer) = producers.join_next().await {
        producer??;
    }
    Ok(started.elapsed())
}

/// Returns the time from just before the worker starts until the database is seen to have the last
/// completion; the worker stops after that.
async fn drain<P: Peer>(peer: &P, runs: &Runs, jobs: u64) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let worker = peer.start().await?;
    while runs.total.load(Ordering::Relaxed) < jobs || !peer.is_drained(jobs).await? {
        let total = runs.total.load(Ordering::Relaxed);
        ensure!(
            started.elapsed() < LIMIT,
            "{total} jobs of {jobs} ran in {LIMIT:?}"
        );
        tokio::time::sleep(LOOK).await;
    }
    let took = started.elapsed();
    peer.stop(worker).await?;
    Ok(took)
}

fn report<P: Peer>(scenario: &str, options: &Options, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let figure = options.jobs as f64 / took.as_secs_f64();
    let Settings {
        workers,
        fetch,
        producers,
        batch,
    } = options.settings;
    let line = serde_json::json!({
        "peer": P::NAME,
        "version": P::VERSION,
        "scenario": scenario,
        "figure": figure.round(),
        "unit": "jobs/s",
        "jobs": options.jobs,
        "history": P::HISTORY,
        "worker": P::WORKER,
        "workers": workers,
        "fetch": fetch,
        "producers": producers,
        "batch": batch,
    });
    println!("{line}");
}

struct Options {
    url: String,
    jobs: u64,
    settings: Settings,
}

impl Options {
    fn parse(settings: Settings) -> anyhow::Result<Self> {
        let mut options = Self {
            url: String::new(),
            jobs: 20_000,
            settings,
        };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--database-url" => options.url = value,
                "--jobs" => options.jobs = value.parse()?,
                "--workers" => options.settings.workers = value.parse()?,
                "--fetch" => options.settings.fetch = value.parse()?,
                "--producers" => options.settings.producers = value.parse()?,
                "--batch" => options.settings.batch = value.parse()?,
                _ => bail!("unknown option {name}"),
            }
        }
        ensure!(
            !options.url.is_empty(),
            "--database-url names an empty database"
        );
        Ok(options)
    }
}
