//! Kills a worker, and measures until the jobs that it held begin again elsewhere.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use crate::Bench;
use crate::check::Expected;
use crate::process::{Begun, LOOK_EVERY, Worker};
use crate::report::{Bar, Figure};
use crate::schema;
use crate::server::Database;
use crate::statistics::quantile;
use crate::task::work;

/// The jobs of a kill: what two workers do in some tenths of a second.
const JOBS: i64 = 4000;

/// How long each takes: short enough that workers prefetch.
const JOB_MS: u64 = 20;

/// How many attempts the victim has begun when it dies.
const BEGUN_MIN: usize = 300;

/// How many fleets there are at once; their workers mostly wait.
const FLEETS: usize = 4;

/// The most that the pauses before a kill vary: workers do not beat in step.
const STAGGER_MS: u64 = 2500;

/// How long the server goes on with what a worker sent before it died; far less than a lease.
const SETTLE: Duration = Duration::from_secs(1);

/// The longest that may pass after a kill until all is done.
const LIMIT: Duration = Duration::from_secs(120);

/// The most that the last of a hundred jobs may take, in seconds.
const BAR: Bar = Bar::FigureAtMost(15.0);

/// The jobs that were lost, by how long they took to begin again, in seconds.
#[derive(Debug, Default)]
struct Lost {
    /// They had begun in the worker that died.
    running: Vec<f64>,
    /// They had only been claimed.
    prefetched: Vec<f64>,
}

/// A database with a worker that outlives the others.
struct Fleet {
    database: Database,
    heir: Worker,
    jobs: i64,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let jobs = bench.options.jobs(JOBS);
    let kills = bench.options.kills.max(1);
    let fleets = FLEETS.min(kills);
    let mut running = JoinSet::new();
    for number in 0..fleets {
        let database = bench.server.database().await?;
        let share = kills / fleets + usize::from(number < kills % fleets);
        running.spawn(async move {
            let mut fleet = Fleet::start(database).await?;
            let mut lost = Lost::default();
            for _ in 0..share {
                fleet.kill_one(jobs, &mut lost).await?;
            }
            fleet.end().await?;
            anyhow::Ok(lost)
        });
    }
    let mut lost = Lost::default();
    while let Some(fleet) = running.join_next().await {
        let fleet = fleet??;
        lost.running.extend(fleet.running);
        lost.prefetched.extend(fleet.prefetched);
    }
    eprintln!(
        "{} jobs were running and {} prefetched in {kills} workers that were killed",
        lost.running.len(),
        lost.prefetched.len()
    );
    ensure!(!lost.running.is_empty(), "no job was running");
    let all: Vec<f64> = [lost.running.as_slice(), &lost.prefetched].concat();
    let mut figures = vec![
        Figure::new("p50", quantile(&all, 0.5), "s"),
        Figure::new("p99", quantile(&all, 0.99), "s").held_to(BAR),
        Figure::new("max", quantile(&all, 1.0), "s"),
        Figure::new("p99 of running jobs", quantile(&lost.running, 0.99), "s"),
    ];
    if !lost.prefetched.is_empty() {
        let p99 = quantile(&lost.prefetched, 0.99);
        figures.push(Figure::new("p99 of prefetched jobs", p99, "s"));
    }
    Ok(figures)
}

impl Fleet {
    async fn start(database: Database) -> anyhow::Result<Self> {
        let heir = Worker::start(&database, None).await?;
        Ok(Self {
            database,
            heir,
            jobs: 0,
        })
    }

    /// Starts a second worker, lets both work, kills the second, and waits for the first to do the
    /// rest.
    async fn kill_one(&mut self, jobs: i64, lost: &mut Lost) -> anyhow::Result<()> {
        let pool = self.database.pool();
        let mut victim = Worker::start(&self.database, None).await?;
        let id = victim.id(&self.database).await?;
        let id = id.context("the worker is not registered")?;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..STAGGER_MS))).await;

        let heard = self.heir.begun().len();
        work::enqueue_many(pool, (0..jobs).map(|_| JOB_MS)).await?;
        self.jobs += jobs;
        while victim.begun().len() < BEGUN_MIN {
            ensure!(
                schema::unfinished(pool).await? > 0,
                "the worker to kill got too few jobs"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let killed = Instant::now();
        victim.kill()?;
        tokio::time::sleep(SETTLE).await;
        let held: HashSet<i64> = schema::held(pool, id).await?.into_iter().collect();
        ensure!(!held.is_empty(), "the worker held nothing when it died");

        while schema::unfinished(pool).await? > 0 {
            ensure!(
                killed.elapsed() < LIMIT,
                "the jobs of a dead worker do not end"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let heir = self.heir.begun();
        let heir = heir.get(heard..).unwrap_or_default();
        count(&held, &victim.begun(), heir, killed, lost)?;
        let reruns = heir.len() + victim.begun().len();
        eprintln!(
            "killed a worker with {} jobs; {reruns} attempts of {jobs} jobs",
            held.len()
        );
        Ok(())
    }

    async fn end(self) -> anyhow::Result<()> {
        let expected = Expected {
            jobs: self.jobs,
            deliveries: 1..=2,
            attempt: 1,
            left_over: 0,
        };
        expected.check(self.database.pool()).await
    }
}

/// Adds the jobs that were lost. Each began once more, in the heir, and no other job did.
fn count(
    held: &HashSet<i64>,
    victim: &[Begun],
    heir: &[Begun],
    killed: Instant,
    lost: &mut Lost,
) -> anyhow::Result<()> {
    let begun_before: HashSet<i64> = victim.iter().map(|begun| begun.job).collect();
    let mut begun_again = HashMap::new();
    for begun in heir {
        let twice = begun_again.insert(begun.job, begun).is_some();
        ensure!(!twice, "job {} began twice in one worker", begun.job);
        let is_rerun = begun.deliveries > 1;
        ensure!(
            is_rerun == held.contains(&begun.job),
            "job {} began for delivery {}, but was held by the dead worker: {}",
            begun.job,
            begun.deliveries,
            held.contains(&begun.job)
        );
        ensure!(
            is_rerun || !begun_before.contains(&begun.job),
            "job {} was done twice",
            begun.job
        );
    }
    for job in held {
        let again = begun_again.get(job);
        let again = again.with_context(|| format!("job {job} did not begin again"))?;
        let took = again.at.saturating_duration_since(killed).as_secs_f64();
        if begun_before.contains(job) {
            lost.running.push(took);
        } else {
            lost.prefetched.push(took);
        }
    }
    Ok(())
}
