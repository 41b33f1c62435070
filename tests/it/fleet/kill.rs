//! Workers that die.

use std::time::Duration;

use anyhow::ensure;
use pgq::JobState;
use pgq_tests::eventually;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::process::Worker;
use pgq_tests::fleet::tasks::{self, End, Ran};

use super::{
    assert_completed, count, enqueue_notes, find, finished, fleet, ran, seeded, starts, until,
    until_finished, until_started,
};

/// How many jobs the workers that are killed have to do.
const JOBS: u32 = 50_000;

/// How many workers run at a time.
const WORKERS: usize = 3;

/// How many of them are killed.
const KILLS: usize = 6;

/// Short, so that the jobs of a dead worker need not wait for long.
const LEASE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn no_job_is_lost_or_done_twice_by_workers_that_are_killed() -> anyhow::Result<()> {
    let mut random = seeded()?;
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let jobs = enqueue_notes(pool, JOBS).await?;
    let start = |fleet: &Fleet| fleet.worker().lease(LEASE).concurrency(50).start();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(start(&fleet)?);
    }

    // Each dies when so many jobs have finished.
    let mut moments: Vec<usize> = (0..KILLS)
        .map(|_| random.usize(500..jobs.len() * 9 / 10))
        .collect();
    moments.sort_unstable();
    for moment in moments {
        until_finished(pool, moment).await?;
        let victim = &mut workers[random.usize(..WORKERS)];
        victim.kill()?;
        *victim = start(&fleet)?;
    }
    until_finished(pool, jobs.len()).await?;

    let finished = assert_completed(pool, &jobs).await?;
    let starts = starts(&fleet.records()?);
    for (job, row) in &finished {
        let result = ran(row.result.as_deref())?;
        ensure!(
            result.deliveries == row.deliveries,
            "{row:?} completed with the result of another delivery: {result:?}"
        );
        let starts = starts.get(job).map(Vec::as_slice).unwrap_or_default();
        let last: Vec<_> = starts
            .iter()
            .filter(|start| start.deliveries == row.deliveries)
            .collect();
        ensure!(
            matches!(last.as_slice(), [only] if only.worker == result.worker),
            "{row:?} has the result {result:?}, but its last delivery was run as {last:?}"
        );
        let executions = i32::try_from(starts.len())?;
        ensure!(
            executions <= row.deliveries,
            "{row:?} was begun {executions} times: {starts:?}"
        );
        ensure!(row.attempt == 1, "a death took an attempt: {row:?}");
    }
    let again = finished.values().filter(|row| row.deliveries > 1).count();
    ensure!(again > 0, "no worker held a job when it died");
    Ok(())
}

#[tokio::test]
async fn the_jobs_of_a_dead_worker_run_again_at_no_cost_to_them() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let job = tasks::gated::enqueue(pool, gate.clone(), End::Complete).await?;
        jobs.push(job.id());
    }
    let mut victim = fleet.worker().lease(Duration::from_secs(1)).start()?;
    for job in &jobs {
        until_started(&fleet, *job, victim.number()).await?;
    }

    victim.kill()?;
    let heir = fleet.worker().start()?;
    for job in &jobs {
        until_started(&fleet, *job, heir.number()).await?;
    }
    fleet.open(&gate)?;

    let finished = assert_completed(pool, &jobs).await?;
    for row in finished.values() {
        let expected = Ran {
            worker: heir.number(),
            deliveries: 2,
        };
        assert_eq!(ran(row.result.as_deref())?, expected, "{row:?}");
        assert_eq!((row.attempt, row.deaths), (1, 1), "{row:?}");
    }
    let deaths = "select count(*) from pgq_jobs.failure where error = 'the worker died'";
    assert_eq!(count(pool, deaths).await?, jobs.len());
    Ok(())
}

#[tokio::test]
async fn large_inputs_of_a_dead_worker_are_read_again() -> anyhow::Result<()> {
    const MIB: usize = 1024 * 1024;
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let mut jobs = Vec::new();
    for size in [MIB, 16 * MIB] {
        jobs.push(tasks::haul::enqueue(pool, gate.clone(), "x".repeat(size)).await?);
    }
    let mut victim = fleet.worker().lease(Duration::from_secs(1)).start()?;
    for job in &jobs {
        until_started(&fleet, job.id(), victim.number()).await?;
    }

    victim.kill()?;
    let heir = fleet.worker().start()?;
    for job in &jobs {
        until_started(&fleet, job.id(), heir.number()).await?;
    }
    fleet.open(&gate)?;

    for (job, size) in jobs.iter().zip([MIB, 16 * MIB]) {
        assert_eq!(job.wait_for(pool, pgq_tests::PATIENCE).await?, size);
        let row = find(pool, job.id()).await?;
        assert_eq!((row.attempt, row.deaths, row.deliveries), (1, 1, 2));
    }
    Ok(())
}

#[tokio::test]
async fn a_job_that_kills_each_of_its_workers_is_a_dead_letter_in_the_end() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let poison = tasks::crash::enqueue(pool).await?.id();
    // Long enough that no worker which lives is taken for dead, however busy the disk is: that would be
    // a death that no crash accounts for.
    let start = || fleet.worker().lease(Duration::from_secs(4)).start();
    let mut workers = vec![start()?, start()?];

    let mut crashes = 0;
    let mut others = Vec::new();
    while find(pool, poison).await?.state != JobState::Failed {
        let dead = replace_the_dead(&mut workers, start)?;
        if dead > 0 {
            // Held beside the poison they die with it too.
            others.extend(enqueue_notes(pool, 50).await?);
        }
        crashes += dead;
        ensure!(crashes <= 4, "the job has killed {crashes} workers");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    // One may have died since they were looked at.
    crashes += replace_the_dead(&mut workers, start)?;
    let dead = until(pool, poison, JobState::Failed).await?;
    // The first was to blame on it alone; in one more it may have been one of many.
    assert_eq!(dead.deaths, i16::try_from(crashes)?, "{dead:?}");
    let error = dead.error.unwrap_or_default();
    assert_eq!(error, "3 workers died of this job");
    let begun = starts(&fleet.records()?);
    assert_eq!(begun.get(&poison).map(Vec::len), Some(crashes));
    eventually("the others have completed", async || {
        let finished = finished(pool).await?;
        Ok(others.iter().all(|job| {
            finished
                .get(job)
                .is_some_and(|row| (row.state, row.attempt) == (1, 1))
        }))
    })
    .await
}

/// Lets a claim wait in the middle for as long as somebody has the lock.
const SLOW_CLAIMS: &str = "
    create function wait_within_claim() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(1);
        return new;
    end $$;
    create trigger wait_within_claim before insert on pgq_jobs.running
        for each row execute function wait_within_claim();
";

#[tokio::test]
async fn a_claim_that_ends_after_its_worker_is_rescued_too() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    sqlx::raw_sql(SLOW_CLAIMS).execute(pool).await?;
    let mut lock = pool.acquire().await?;
    sqlx::query("select pg_advisory_lock(1)")
        .execute(&mut *lock)
        .await?;
    let job = tasks::note::enqueue(pool, 1).await?.id();
    let mut victim = fleet.worker().lease(Duration::from_secs(1)).start()?;
    let id = victim.registered(pool).await?;
    eventually("a claim waits", async || {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event = 'advisory'";
        Ok(count(pool, waiting).await? == 1)
    })
    .await?;

    victim.kill()?;
    let heir = fleet.worker().lease(Duration::from_secs(1)).start()?;
    let heir_id = heir.registered(pool).await?;
    // It has looked for dead workers several times after the lease of the victim.
    eventually("the heir has outlived the victim by far", async || {
        let sql = "select max(lease_until) filter (where id = $1)
                        > coalesce(max(lease_until) filter (where id = $2), 'epoch')
                          + interval '3 seconds'
                   from pgq_jobs.worker";
        Ok(sqlx::query_scalar(sql)
            .bind(heir_id)
            .bind(id)
            .fetch_one(pool)
            .await?)
    })
    .await?;
    // The claim goes on and commits, though nobody waits for its answer.
    lock.close().await?;

    let done = until(pool, job, JobState::Completed).await?;
    assert_eq!(ran(done.result.as_deref())?.worker, heir.number());
    assert_eq!(done.attempt, 1);
    Ok(())
}

/// Starts a worker for each one that has died, and returns how many that were.
fn replace_the_dead(
    workers: &mut [Worker],
    start: impl Fn() -> anyhow::Result<Worker>,
) -> anyhow::Result<usize> {
    let mut dead = 0;
    for worker in workers {
        if worker.ended()?.is_some() {
            *worker = start()?;
            dead += 1;
        }
    }
    Ok(dead)
}
