//! What every driver promises about jobs that are the same and come at once, by many connections.

use std::collections::BTreeSet;
use std::sync::Arc;

use pgq::driver::{Enqueue, KeyedJobs};
use pgq::{Conflict, Enqueued};
use tokio::task::JoinSet;

use super::unique::{SKIP, claimed, job, key, of};
use super::{Storage, conformance, one};

conformance! {
    of_many_enqueues_at_once_one_adds_its_job,
    many_batches_at_once_do_not_block_each_other,
}

async fn of_many_enqueues_at_once_one_adds_its_job(storage: &Storage) -> anyhow::Result<()> {
    for conflict in [SKIP, Conflict::Replace, Conflict::Raise] {
        let name = format!("{conflict:?}");
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let driver = Arc::clone(storage.driver());
            let enqueue = of([job("x", key(&name, conflict))]);
            calls.spawn(async move { driver.enqueue_unique(enqueue).await });
        }
        let (mut new, mut jobs) = (0, BTreeSet::new());
        while let Some(call) = calls.join_next().await {
            match call?? {
                KeyedJobs::Enqueued(enqueued) => {
                    new += usize::from(enqueued[0].1 == Enqueued::New);
                    jobs.insert(enqueued[0].0);
                }
                KeyedJobs::Refused(job) => jobs.extend(job),
            }
        }
        assert_eq!((new, jobs.len()), (1, 1), "{conflict:?}");
    }
    assert_eq!(claimed(storage).await?.len(), 3);
    Ok(())
}

async fn many_batches_at_once_do_not_block_each_other(storage: &Storage) -> anyhow::Result<()> {
    const KEYS: usize = 20;

    let mut calls = JoinSet::new();
    for call in 0..8 {
        let driver = Arc::clone(storage.driver());
        // Each in another order.
        let jobs =
            (0..KEYS).map(|at| job("x", key(&format!("{}", (at * 7 + call * 3) % KEYS), SKIP)));
        let enqueue = Enqueue {
            jobs: jobs.collect(),
            ..one()
        };
        calls.spawn(async move { driver.enqueue_unique(enqueue).await });
    }
    let mut new = 0;
    while let Some(call) = calls.join_next().await {
        new += call??.added().len();
    }

    assert_eq!(new, KEYS);
    assert_eq!(claimed(storage).await?.len(), KEYS);
    Ok(())
}
