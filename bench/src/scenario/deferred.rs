//! Runs jobs when they become due, while millions of others that are deferred do not.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::Bench;
use crate::check::Expected;
use crate::clock::{Micros, SECOND, millis_after};
use crate::report::{Bar, Figure};
use crate::schema::{self, Table, Times};
use crate::server::Database;
use crate::statistics::{Pairs, quantile};
use crate::task::{clocked, inputs};
use crate::watched::{Begin, Watched};

/// The deferred jobs, those that become due among them.
const JOBS: i64 = 10_000_000;

/// For how long jobs become due.
const SECONDS: i64 = 60;

/// How far off the others are at least.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// The time to write the jobs that become due, and to start the worker, at so many jobs a second.
const LEAD: Micros = 5 * SECOND;
const LEAD_RATE: i64 = 8000;

/// The most that the last of a hundred jobs may be late, in milliseconds.
const LATE_MAX_MS: f64 = 250.0;

/// The quantiles of the lateness, and what it may be, in milliseconds.
const BARS: [(&str, f64, Option<f64>); 4] = [
    ("p50", 0.5, None),
    ("p90", 0.9, None),
    ("p99", 0.99, Some(LATE_MAX_MS)),
    ("max", 1.0, None),
];

/// The jobs of one round that become due.
#[derive(Clone, Copy, Debug)]
struct Wave {
    jobs: i64,
    seconds: i64,
    /// How many jobs the worker runs at once.
    concurrency: usize,
}

/// A database, and the jobs that are far off there.
#[derive(Debug)]
struct Side {
    database: Database,
    far: i64,
    /// The jobs that have become due.
    done: i64,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let jobs = bench.options.jobs(JOBS);
    let seconds = bench.options.seconds(SECONDS);
    let wave = Wave {
        jobs: (bench.options.rate * seconds).min(jobs),
        seconds,
        concurrency: bench.options.concurrency,
    };
    let mut full = Side::fill(bench, (jobs - wave.jobs).max(1)).await?;
    let mut base = Side::fill(bench, 1).await?;
    let mut pairs = BARS.map(|_| Pairs::default());
    for round in 0..bench.options.rounds {
        let late = full.measure(bench, wave).await?;
        let base_late = base.measure(bench, wave).await?;
        for ((name, part, _), pairs) in BARS.iter().zip(&mut pairs) {
            let (late, base_late) = (quantile(&late, *part), quantile(&base_late, *part));
            eprintln!("round {round}, {name}: {late:.1} ms, without the others {base_late:.1} ms");
            pairs.push(late, base_late);
        }
    }
    let all = full.far + wave.jobs;
    let figures = BARS.iter().zip(&pairs).map(|((name, _, bar), pairs)| {
        let what = format!("{} of {all} due, {name}", wave.jobs);
        let figure = Figure::of_pairs(what, pairs, "ms");
        match bar {
            Some(most) => figure.held_to(Bar::FigureAtMost(*most)),
            None => figure,
        }
    });
    Ok(figures.collect())
}

impl Side {
    async fn fill(bench: &Bench, far: i64) -> anyhow::Result<Self> {
        let database = bench.server.database().await?;
        let started = Instant::now();
        for (to, number) in inputs(0..1) {
            let job = clocked::job(to, number).delay(FAR);
            job.enqueue(database.pool()).await?;
        }
        schema::multiply(database.pool(), Table::Scheduled, far).await?;
        let took = started.elapsed().as_secs();
        eprintln!("{far} jobs that are not due, in {took} s");
        Ok(Self {
            database,
            far,
            done: 0,
        })
    }

    /// Returns by how many milliseconds each job of a wave began late.
    async fn measure(&mut self, bench: &Bench, wave: Wave) -> anyhow::Result<Vec<f64>> {
        let pool = self.database.pool();
        let mut connection = self.database.connect().await?;
        let begun = schema::now(&mut connection).await?;
        let first = begun + LEAD + wave.jobs * SECOND / LEAD_RATE;
        let window = wave.seconds * SECOND;
        schema::defer(pool, wave.jobs, first, window).await?;
        let due: HashMap<i64, Micros> = schema::due_before(pool, first + window)
            .await?
            .into_iter()
            .collect();
        ensure!(
            i64::try_from(due.len())? == wave.jobs,
            "{} of {} jobs are due in time",
            due.len(),
            wave.jobs
        );
        bench.server.checkpoint().await?;
        let mut worker = Watched::start(&self.database, Some(wave.concurrency)).await?;
        ensure!(
            worker.clock.now() < first,
            "the machine took longer to write the jobs than until the first was due"
        );
        worker.clock.sleep_until(first).await;
        let begins = worker.collect(wave.jobs).await?;
        worker.end().await?;

        // One more is the first job of the worker.
        self.done += wave.jobs + 1;
        let expected = Expected::at_once(self.done).leaving(self.far);
        expected.check(pool).await?;
        let ended = schema::times_above(pool, 0).await?;
        let late = lateness(&due, &begins, &ended)?;
        tell_slow_seconds(first, &due, &begins);
        Ok(late)
    }
}

/// Prints in which seconds jobs were due that began far too late: whether those are a few of the machine's,
/// or the worker cannot keep up.
fn tell_slow_seconds(first: Micros, due: &HashMap<i64, Micros>, begins: &[Begin]) {
    let mut slow = BTreeMap::new();
    for begin in begins {
        let Some(due) = due.get(&begin.job) else {
            continue;
        };
        if millis_after(*due, begin.at) > LATE_MAX_MS {
            *slow.entry((due - first) / SECOND).or_insert(0) += 1;
        }
    }
    let slow = slow
        .iter()
        .map(|(second, jobs)| format!(" {second}: {jobs}"));
    let slow: Vec<String> = slow.collect();
    if !slow.is_empty() {
        eprintln!(
            "later than {LATE_MAX_MS} ms, by the second of being due:{}",
            slow.join(",")
        );
    }
}

/// By how many milliseconds each job began late. Each that was due began once, none was claimed early,
/// and no other began.
fn lateness(
    due: &HashMap<i64, Micros>,
    begins: &[Begin],
    ended: &[Times],
) -> anyhow::Result<Vec<f64>> {
    for times in ended {
        let Some(due) = due.get(&times.job) else {
            // Of an earlier wave, or the first of a worker.
            continue;
        };
        ensure!(
            times.claimed_at >= *due,
            "job {} was claimed {:.3} ms before it was due",
            times.job,
            millis_after(times.claimed_at, *due)
        );
    }
    let mut left = due.clone();
    let late = begins.iter().map(|begin| {
        let due = left.remove(&begin.job);
        let due = due
            .with_context(|| format!("job {} began twice, or began and was not due", begin.job))?;
        Ok(millis_after(due, begin.at))
    });
    let late = late.collect();
    ensure!(
        left.is_empty(),
        "{} jobs that were due never began",
        left.len()
    );
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(jobs: &[(i64, Micros)]) -> Vec<Begin> {
        let begin = |(job, at): &(i64, Micros)| Begin {
            job: *job,
            number: 0,
            at: *at,
        };
        jobs.iter().map(begin).collect()
    }

    fn ended(jobs: &[(i64, Micros)]) -> Vec<Times> {
        let times = |(job, at): &(i64, Micros)| Times {
            job: *job,
            created_at: 0,
            claimed_at: *at,
        };
        jobs.iter().map(times).collect()
    }

    #[test]
    fn each_job_is_late_by_its_own_time() {
        let due = HashMap::from([(1, 1000), (2, 5000)]);

        let late = lateness(&due, &begins(&[(2, 9000), (1, 1500)]), &ended(&[(9, 0)]));

        let late = late.unwrap();
        assert_eq!(late.iter().sum::<f64>().to_bits(), 4.5_f64.to_bits());
    }

    #[test]
    fn jobs_that_were_lost_doubled_or_early_have_no_figure() {
        let due = HashMap::from([(1, 1000), (2, 5000)]);
        let right = [(1, 1000), (2, 5000)];
        let cases = [
            (begins(&[(1, 1000)]), ended(&right)),
            (begins(&[(1, 1000), (2, 5000), (2, 5001)]), ended(&right)),
            (begins(&[(1, 1000), (2, 5000), (3, 5001)]), ended(&right)),
            (begins(&right), ended(&[(1, 999), (2, 5000)])),
        ];

        for (begins, ended) in cases {
            let late = lateness(&due, &begins, &ended);
            assert!(late.is_err(), "{begins:?} {ended:?}");
        }
        assert!(lateness(&due, &begins(&right), &ended(&right)).is_ok());
    }
}
