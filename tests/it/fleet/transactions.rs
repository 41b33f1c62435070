//! Jobs that become visible late, or never.

use anyhow::ensure;
use pgq::JobId;
use pgq_tests::fleet::tasks;
use sqlx::{Postgres, Transaction};

use super::{assert_completed, enqueue_notes, fleet, starts, until_finished};

/// How many times both enqueuers have a transaction.
const ROUNDS: usize = 6;

/// How many jobs are enqueued and done while the transactions are open.
const MEANWHILE: u32 = 300;

/// Enqueues some jobs in a transaction that stays open.
async fn enqueue_within(transaction: &mut Transaction<'_, Postgres>) -> anyhow::Result<Vec<JobId>> {
    let handles = tasks::note::enqueue_many(transaction, 0..20).await?;
    Ok(handles.iter().map(pgq::JobHandle::id).collect())
}

#[tokio::test]
async fn jobs_of_a_transaction_run_when_it_commits_and_never_when_it_does_not() -> anyhow::Result<()>
{
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let workers = [fleet.worker().start()?, fleet.worker().start()?];
    let (mut committed, mut rolled_back) = (Vec::new(), Vec::new());

    for round in 0..ROUNDS {
        let (mut first, mut second) = (pool.begin().await?, pool.begin().await?);
        let early = enqueue_within(&mut first).await?;
        let between = enqueue_within(&mut second).await?;
        // The workers claim far beyond the numbers of what they cannot see.
        committed.extend(enqueue_notes(pool, MEANWHILE).await?);
        until_finished(pool, committed.len()).await?;
        let late = enqueue_within(&mut second).await?;
        committed.extend(early);
        if round % 2 == 0 {
            first.commit().await?;
            second.rollback().await?;
            rolled_back.extend(between.into_iter().chain(late));
        } else {
            second.commit().await?;
            first.commit().await?;
            committed.extend(between.into_iter().chain(late));
        }
        until_finished(pool, committed.len()).await?;
    }

    assert_completed(pool, &committed).await?;
    let starts = starts(&fleet.records()?);
    for job in &rolled_back {
        ensure!(!starts.contains_key(job), "a job ran that never was");
    }
    ensure!(starts.len() == committed.len(), "not each job ran");
    drop(workers);
    Ok(())
}
