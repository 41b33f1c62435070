//! Jobs of which one is enough, enqueued by many at once in transactions that commit and roll back,
//! and run by several workers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use pgq::{Conflict, EnqueueError, Enqueued, JobHandle, JobId};
use pgq_tests::fleet::tasks::{self, Ran};
use sqlx::{PgPool, Postgres, Row as _, Transaction};
use tokio::task::JoinSet;

use super::{assert_completed, fleet, seeded};

const ENQUEUERS: usize = 6;
const TRANSACTIONS: usize = 40;
/// So few that enqueuers meet.
const ACCOUNTS: u32 = 6;

/// What the transactions of one enqueuer did.
#[derive(Debug, Default)]
struct Done {
    /// The jobs that were added for good.
    added: Vec<JobId>,
    /// The jobs that were met, or replaced.
    met: BTreeSet<JobId>,
}

/// What one transaction did so far.
type Calls = Vec<JobHandle<Ran>>;

#[tokio::test]
async fn of_a_key_one_job_at_most_has_not_ended_and_none_is_lost() -> anyhow::Result<()> {
    let mut random = seeded()?;
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let workers = [fleet.worker().start()?, fleet.worker().start()?];
    let stop = Arc::new(AtomicBool::new(false));
    let auditor = tokio::spawn(audit(pool.clone(), Arc::clone(&stop)));
    let mut enqueuers = JoinSet::new();
    for _ in 0..ENQUEUERS {
        enqueuers.spawn(enqueue_some(database.url().to_owned(), random.fork()));
    }
    let mut done = Done::default();
    while let Some(one) = enqueuers.join_next().await {
        let one = one??;
        done.added.extend(one.added);
        done.met.extend(one.met);
    }

    assert_completed(pool, &done.added).await?;
    stop.store(true, Ordering::Relaxed);
    let looks = auditor.await??;
    ensure!(looks > 0, "nothing was audited");
    let added: BTreeSet<JobId> = done.added.iter().copied().collect();
    let strangers: Vec<_> = done.met.difference(&added).collect();
    ensure!(
        strangers.is_empty(),
        "met jobs that never were: {strangers:?}"
    );
    ensure!(!done.met.is_empty(), "no two enqueues have met");
    for account in 0..ACCOUNTS {
        let job = tasks::settle::enqueue(pool, account, 0).await?;
        ensure!(job.is_new(), "the key of account {account} is not free");
    }
    drop(workers);
    Ok(())
}

/// Looks again and again, at one moment each, whether exactly the jobs that have not ended hold keys,
/// each another one.
async fn audit(pool: PgPool, stop: Arc<AtomicBool>) -> anyhow::Result<usize> {
    let mut looks = 0;
    while !stop.load(Ordering::Relaxed) {
        let rows = sqlx::query(
            "select job.id, job.input, held.job as holder
             from (
                 select id, input from pgq_jobs.job
                 where state in ('scheduled', 'ready', 'running')
             ) as job
             full join pgq_jobs.unique_key as held on held.job = job.id",
        )
        .fetch_all(&pool)
        .await?;
        let mut accounts = HashMap::new();
        for row in rows {
            let (id, holder): (Option<i64>, Option<i64>) =
                (row.try_get("id")?, row.try_get("holder")?);
            ensure!(
                id == holder,
                "job {id:?} has not ended, and {holder:?} has a key"
            );
            let input: Vec<u8> = row.try_get("input")?;
            let input: HashMap<String, u32> = rmp_serde::from_slice(&input[1..])?;
            let other = accounts.insert(input["account"], id);
            ensure!(other.is_none(), "{id:?} and {other:?} are the same");
        }
        looks += 1;
    }
    Ok(looks)
}

/// Enqueues in transactions on a connection of its own.
async fn enqueue_some(url: String, mut random: fastrand::Rng) -> anyhow::Result<Done> {
    let pool = PgPool::connect(&url).await?;
    let mut done = Done::default();
    for number in 0..TRANSACTIONS {
        let mut transaction = pool.begin().await?;
        let accounts: BTreeSet<u32> = (0..random.usize(1..4))
            .map(|_| random.u32(..ACCOUNTS))
            .collect();
        let change = u32::try_from(number)?;
        let calls = if random.bool() {
            // One account in several calls: with several, transactions may wait in a circle.
            let account = random.u32(..ACCOUNTS);
            enqueue_some_times(&mut transaction, account, change, &mut random).await?
        } else {
            // Each of them twice.
            let inputs = accounts
                .iter()
                .chain(&accounts)
                .map(|account| (*account, change));
            tasks::settle::enqueue_many(&mut transaction, inputs).await?
        };
        if random.u8(..3) == 0 {
            transaction.rollback().await?;
            continue;
        }
        transaction.commit().await?;
        for job in calls {
            match job.enqueued() {
                Enqueued::New => done.added.push(job.id()),
                Enqueued::Replaced | Enqueued::Existing => {
                    done.met.insert(job.id());
                }
            }
        }
    }
    Ok(done)
}

async fn enqueue_some_times(
    transaction: &mut Transaction<'_, Postgres>,
    account: u32,
    change: u32,
    random: &mut fastrand::Rng,
) -> anyhow::Result<Calls> {
    let mut calls = Calls::new();
    for _ in 0..2 {
        let conflicts = [Conflict::Skip, Conflict::Replace, Conflict::Raise];
        let delay = Duration::from_millis(random.u64(..20));
        let job = tasks::settle::job(account, change)
            .on_conflict(conflicts[random.usize(..3)])
            .delay(delay);
        match job.enqueue(&mut *transaction).await {
            Ok(job) => calls.push(job),
            // The transaction goes on.
            Err(EnqueueError::Conflict { job, .. }) => {
                ensure!(job.is_some(), "one job is the same as itself");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(calls)
}
