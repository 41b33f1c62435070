//! Partitions are made, detached and dropped under load, beside a dump and an old snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pgq::driver::Driver;
use pgq::{CancellationToken, JobId, Retain, Retention};
use sqlx::Executor;
use tokio::task::JoinSet;

use super::readers::{dump, impatient};
use super::{History, complete, jobs};

/// How many calls of each kind must have been made during each round.
const CALLS_MIN: u64 = 10;

/// Where the first partition that has expired begins, in hours from 1970.
const FIRST_EXPIRED: i64 = 600;

/// How many calls a session has made.
#[derive(Debug, Default)]
struct Calls(AtomicU64);

impl Calls {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn nobody_waits_for_the_history() -> anyhow::Result<()> {
    let history = History::new().await?;
    history
        .run(
            // An autovacuum that gives pages back makes others wait for longer than the limit.
            "alter table pgq_jobs.ready set (autovacuum_enabled = false);
             alter table pgq_jobs.running set (autovacuum_enabled = false)",
        )
        .await?;
    let first = history.completed().await?;
    let mut old = history.pool().acquire().await?;
    old.execute("begin isolation level repeatable read; select 1")
        .await?;
    let stop = CancellationToken::new();
    let (mut sessions, calls) = load(&history, first, &stop);

    for (round, step) in Retention::STEPS.into_iter().enumerate() {
        expire(&history, round).await?;
        let mut retain = Retain::DEFAULT;
        (retain.completed, retain.failed, retain.result) = (step, step, step);
        // Every other time there is something that must not be dropped yet.
        let reader = match round % 2 {
            0 => Some(dump(history.pool()).await?),
            _ => None,
        };
        let before = calls.each_ref().map(|calls| calls.count());
        let report = history.driver.maintain_history(&[retain]).await?;
        assert!(report.postponed > 0 || reader.is_none(), "{report:?}");
        pgq_tests::eventually("everybody goes on", async || {
            let mut counts = calls.iter().zip(&before);
            let go_on = counts.all(|(now, before)| now.count() >= before + CALLS_MIN);
            Ok(go_on || stop.is_cancelled())
        })
        .await?;
        if let Some(mut reader) = reader {
            reader.execute("commit").await?;
        }
        if stop.is_cancelled() {
            break;
        }
    }

    // One that somebody's snapshot has interrupted.
    old.execute("commit").await?;
    pgq_tests::eventually("all that has expired is dropped", async || {
        Ok(history.maintain().await?.postponed == 0)
    })
    .await?;
    stop.cancel();
    while let Some(ended) = sessions.join_next().await {
        ended??;
    }
    let left = pgq_tests::history::partitions(history.pool()).await?;
    let begins = left.iter().filter_map(|name| name.rsplit('_').next());
    let oldest = begins.filter_map(|begin| begin.parse::<i64>().ok()).min();
    assert!(oldest > Some(FIRST_EXPIRED + 100_000), "{left:?}");
    assert!(history.driver.find(first).await?.is_some());
    Ok(())
}

/// Sessions that fail if they wait for a lock: they enqueue, claim and complete, and read. The
/// first that ends stops the others.
fn load(
    history: &History,
    first: JobId,
    stop: &CancellationToken,
) -> (JoinSet<anyhow::Result<()>>, [Arc<Calls>; 3]) {
    let calls: [Arc<Calls>; 3] = Default::default();
    let mut sessions = JoinSet::new();

    let (driver, own) = (impatient(history), Arc::clone(&calls[0]));
    sessions.spawn(until(stop, async move {
        loop {
            driver.enqueue(jobs(20)).await?;
            own.add();
        }
    }));

    let (driver, own, worker) = (impatient(history), Arc::clone(&calls[1]), history.worker);
    sessions.spawn(until(stop, async move {
        for claim in 1_000_000.. {
            complete(&driver, worker, claim).await?;
            own.add();
        }
        Ok(())
    }));

    let (driver, own) = (impatient(history), Arc::clone(&calls[2]));
    sessions.spawn(until(stop, async move {
        while driver.find(first).await?.is_some() {
            own.add();
        }
        anyhow::bail!("a job that is kept was not found")
    }));
    (sessions, calls)
}

fn until<F>(
    stop: &CancellationToken,
    session: F,
) -> impl Future<Output = anyhow::Result<()>> + use<F>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let stop = stop.clone();
    async move {
        let ended = stop.run_until_cancelled(session).await;
        stop.cancel();
        ended.unwrap_or(Ok(()))
    }
}

/// Adds a partition to each table that has been kept for long enough.
async fn expire(history: &History, round: usize) -> anyhow::Result<()> {
    let begin = FIRST_EXPIRED + 84 * i64::try_from(round)?;
    for (parent, key, width, separated) in [
        ("finished", "1_24", 6, "1, 24"),
        ("result", "24", 6, "24"),
        ("failure", "336", 84, "336"),
    ] {
        let begin = begin - begin.rem_euclid(width);
        let (name, end) = (format!("pgq_jobs.{parent}_{key}_{begin}"), begin + width);
        history
            .run(&format!(
                "create table {name} (like pgq_jobs.{parent});
                 alter table pgq_jobs.{parent} attach partition {name}
                 for values from ({separated}, to_timestamp({begin}::bigint * 3600))
                 to ({separated}, to_timestamp({end}::bigint * 3600))",
            ))
            .await?;
    }
    Ok(())
}
