//! Limits by key, and order by key.

use std::time::Duration;

use pgq::driver::{Ask, Asked, Claimed, ClaimedJob, Detail, End, Enqueue, KeyAsk, NewJob, Start};
use pgq::{Conflict, JobId};

use super::unique::{self, key};
use super::{LONG, SHORT, Storage, TASK, Worker, conformance, ids, one};

conformance! {
    jobs_of_one_order_key_come_one_at_a_time_in_their_order,
    a_job_keeps_its_order_key_through_its_attempts,
    jobs_of_one_concurrency_key_come_as_many_as_it_allows,
    a_key_holds_up_no_other,
    jobs_without_keys_come_beside_those_with_keys,
    nobody_overtakes_who_waits_for_a_key,
    the_keys_of_a_worker_that_is_gone_are_free,
    a_job_that_waits_for_one_key_keeps_its_place_by_another,
    many_jobs_that_wait_for_a_key_are_passed,
    a_job_that_goes_back_comes_again_before_the_others,
    a_replaced_job_gives_up_the_key_that_it_was_claimed_for,
    a_job_that_is_put_off_before_it_started_lets_others_start,
    a_job_that_is_put_off_between_its_attempts_keeps_its_place,
    jobs_that_wait_no_more_are_passed,
}

/// Jobs of these keys: for the order, and for how many run at once.
pub(super) fn keyed(order: Option<i64>, concurrency: Option<i64>, count: usize) -> Enqueue {
    let detail = Detail {
        order_key: order,
        concurrency_key: concurrency,
        ..Detail::default()
    };
    Enqueue {
        jobs: vec![NewJob::new(b"\x01".to_vec()).detail(detail); count],
        ..one()
    }
}

pub(super) fn jobs_of(asked: Asked) -> anyhow::Result<Vec<ClaimedJob>> {
    match asked.claimed {
        Claimed::Jobs(jobs) => Ok(jobs),
        Claimed::Contended => Ok(Vec::new()),
        Claimed::LeaseLost => anyhow::bail!("the lease was lost"),
    }
}

impl Worker<'_> {
    /// Asks for up to `limit` jobs, of which two of a concurrency key may run at once, until it is told
    /// that there are no more. `ended` may hold keys no more; `None`: any job may.
    pub(super) async fn ask_keys(
        &self,
        limit: usize,
        ended: Option<&[JobId]>,
    ) -> anyhow::Result<Vec<ClaimedJob>> {
        let mut found = Vec::new();
        let mut keys = KeyAsk {
            task: TASK.to_owned(),
            names: vec![TASK.to_owned()],
            running: Some(2),
            rate: None,
            ended: ended.unwrap_or_default().to_vec(),
            all: ended.is_none(),
        };
        loop {
            let mut claim = self.next_claim();
            claim.limit = limit - found.len();
            let asked = self.storage.ask(Ask {
                claim,
                permits: Vec::new(),
                prefetch: 0,
                rate: None,
                keys: Some(keys.clone()),
            });
            let asked = asked.await?;
            let again = asked.again == Some(Duration::ZERO);
            found.extend(jobs_of(asked)?);
            if !again || found.len() == limit {
                return Ok(found);
            }
            keys.ended.clear();
            keys.all = false;
        }
    }

    /// Claims the one that is next, and gives it back before it has begun.
    async fn call(&self) -> anyhow::Result<()> {
        let next = self.ask_keys(1, None).await?;
        anyhow::ensure!(next.len() == 1, "{next:?}");
        self.end(&next[0], End::Unstarted(Duration::ZERO)).await?;
        Ok(())
    }
}

async fn jobs_of_one_order_key_come_one_at_a_time_in_their_order(
    storage: &Storage,
) -> anyhow::Result<()> {
    let expected = storage.enqueue(keyed(Some(7), None, 4)).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    let mut order = Vec::new();

    for worker in [&first, &second, &first, &second] {
        let jobs = worker.ask_keys(10, None).await?;
        assert_eq!(jobs.len(), 1);
        let other = if worker.id == first.id {
            &second
        } else {
            &first
        };
        assert!(other.ask_keys(10, None).await?.is_empty());
        worker.complete(&jobs[0]).await?;
        order.push(jobs[0].id);
    }

    assert_eq!(order, expected);
    Ok(())
}

async fn a_job_keeps_its_order_key_through_its_attempts(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 2)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&first), jobs[..1]);

    worker.end(&first[0], End::Retry(SHORT)).await?;
    assert!(worker.ask_keys(10, None).await?.is_empty());
    storage.pass(SHORT).await?;
    assert_eq!(storage.promote(10).await?.jobs, 1);
    let again = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&again), jobs[..1]);
    assert_eq!(again[0].attempt, 2);
    worker.end(&again[0], End::Failed).await?;

    assert_eq!(
        ids(&worker.ask_keys(10, Some(&jobs[..1])).await?),
        jobs[1..]
    );
    Ok(())
}

async fn jobs_of_one_concurrency_key_come_as_many_as_it_allows(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(None, Some(7), 5)).await?;
    let worker = storage.worker().await?;

    let running = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&running), jobs[..2]);
    assert!(worker.ask_keys(10, None).await?.is_empty());

    worker.complete(&running[1]).await?;
    let next = worker.ask_keys(10, Some(&[running[1].id])).await?;
    assert_eq!(ids(&next), jobs[2..3]);
    worker.end(&running[0], End::Retry(LONG)).await?;
    let next = worker.ask_keys(10, Some(&[running[0].id])).await?;
    assert_eq!(ids(&next), jobs[3..4]);
    Ok(())
}

async fn a_key_holds_up_no_other(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(keyed(Some(7), None, 20)).await?;
    let other = storage.enqueue(keyed(Some(8), None, 1)).await?;
    let worker = storage.worker().await?;

    let jobs = worker.ask_keys(2, None).await?;

    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[1].id, other[0]);
    Ok(())
}

async fn jobs_without_keys_come_beside_those_with_keys(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(keyed(Some(7), None, 2)).await?;
    let other = storage.put(one()).await?;
    let worker = storage.worker().await?;

    let jobs = worker.ask_keys(10, None).await?;

    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[1].id, other);
    Ok(())
}

async fn nobody_overtakes_who_waits_for_a_key(storage: &Storage) -> anyhow::Result<()> {
    let early = storage.enqueue(keyed(Some(7), None, 2)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;
    let late = storage.enqueue(keyed(Some(7), None, 1)).await?;
    assert!(worker.ask_keys(10, None).await?.is_empty());

    worker.complete(&first[0]).await?;

    let second = worker.ask_keys(10, Some(&early[..1])).await?;
    assert_eq!(ids(&second), early[1..]);
    worker.complete(&second[0]).await?;
    assert_eq!(ids(&worker.ask_keys(10, None).await?), late);
    Ok(())
}

async fn the_keys_of_a_worker_that_is_gone_are_free(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), Some(9), 3)).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    assert_eq!(ids(&first.ask_keys(10, None).await?), jobs[..1]);
    assert!(second.ask_keys(10, None).await?.is_empty());

    first.die().await?;
    storage.rescue(5).await?;

    // The job that it had comes first: it holds the key.
    assert_eq!(ids(&second.ask_keys(10, None).await?), jobs[..1]);
    storage.deregister_worker(second.id).await?;
    let third = storage.worker().await?;
    assert_eq!(ids(&third.ask_keys(10, None).await?), jobs[..1]);
    Ok(())
}

async fn a_job_that_waits_for_one_key_keeps_its_place_by_another(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.enqueue(keyed(None, Some(9), 2)).await?;
    let full = worker.ask_keys(10, None).await?;
    assert_eq!(full.len(), 2);
    let jobs = storage.enqueue(keyed(Some(7), Some(9), 1)).await?;
    let behind = storage.enqueue(keyed(Some(7), None, 1)).await?;

    assert!(worker.ask_keys(10, None).await?.is_empty());
    worker.complete(&full[0]).await?;
    let next = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&next), jobs);
    worker.complete(&next[0]).await?;
    assert_eq!(ids(&worker.ask_keys(10, None).await?), behind);
    Ok(())
}

async fn many_jobs_that_wait_for_a_key_are_passed(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(keyed(Some(7), None, 1500)).await?;
    let others = storage.enqueue(keyed(None, None, 3)).await?;
    let worker = storage.worker().await?;

    let jobs = worker.ask_keys(2, None).await?;

    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[1].id, others[0]);
    let rest = worker.ask_keys(10, Some(&[])).await?;
    assert_eq!(ids(&rest), others[1..]);
    Ok(())
}

async fn a_job_that_goes_back_comes_again_before_the_others(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 2)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;

    worker.end(&first[0], End::Release(Duration::ZERO)).await?;

    let again = worker.ask_keys(10, Some(&[jobs[0]])).await?;
    assert_eq!(ids(&again), jobs[..1]);
    assert_eq!(again[0].attempt, 1);
    Ok(())
}

async fn a_replaced_job_gives_up_the_key_that_it_was_claimed_for(
    storage: &Storage,
) -> anyhow::Result<()> {
    let replace = |order, start| {
        let mut enqueue = keyed(Some(order), None, 1);
        let new = enqueue.jobs[0].clone();
        enqueue.jobs[0] = new.key(key("k", Conflict::Replace));
        enqueue.start = start;
        enqueue
    };
    let worker = storage.worker().await?;
    // The first of one key, and two of another.
    storage.enqueue(keyed(Some(7), None, 1)).await?;
    storage.enqueue(keyed(Some(8), None, 1)).await?;
    let [_] = unique::enqueue(storage, replace(7, Start::Now)).await?;
    let behind = storage.enqueue(keyed(Some(7), None, 1)).await?;
    let running = worker.ask_keys(10, None).await?;
    assert_eq!(running.len(), 2);

    // It is claimed and given back, and before anybody takes it another is put in its place.
    worker.complete(&running[0]).await?;
    worker.call().await?;
    let [later] = unique::enqueue(storage, replace(8, Start::After(LONG))).await?;

    assert_eq!(later.1, pgq::Enqueued::Replaced);
    let second = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&second), behind);

    // The same, if it waits for the other key from then on.
    let [_] = unique::enqueue(storage, replace(7, Start::Now)).await?;
    let last = storage.enqueue(keyed(Some(7), None, 1)).await?;
    assert!(worker.ask_keys(10, None).await?.is_empty());
    worker.complete(&second[0]).await?;
    worker.call().await?;
    let [_] = unique::enqueue(storage, replace(8, Start::Now)).await?;
    let mut found = worker.ask_keys(10, None).await?;
    found.extend(worker.ask_keys(10, None).await?);
    assert_eq!(ids(&found), last);
    Ok(())
}

async fn a_job_that_is_put_off_before_it_started_lets_others_start(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 3)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;

    // The second is claimed, given back, and put off.
    worker.complete(&first[0]).await?;
    worker.call().await?;
    let second = storage.job(jobs[1]).await?;
    let moved = storage.reschedule(&[second], Start::After(LONG)).await?;

    assert_eq!(moved, jobs[1..2]);
    assert_eq!(ids(&worker.ask_keys(10, None).await?), jobs[2..]);
    Ok(())
}

async fn a_job_that_is_put_off_between_its_attempts_keeps_its_place(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 2)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;
    worker.end(&first[0], End::Release(LONG)).await?;

    let waiting = storage.job(jobs[0]).await?;
    storage
        .reschedule(&[waiting], Start::After(2 * LONG))
        .await?;

    assert!(worker.ask_keys(10, None).await?.is_empty());
    Ok(())
}

async fn jobs_that_wait_no_more_are_passed(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 5)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&first), jobs[..1]);

    storage.cancel(jobs[1]).await?;
    let deleted = storage.job(jobs[2]).await?;
    storage.delete(&[deleted]).await?;
    let put_off = storage.job(jobs[3]).await?;
    storage.reschedule(&[put_off], Start::After(LONG)).await?;
    worker.complete(&first[0]).await?;

    let next = worker.ask_keys(10, Some(&jobs[..1])).await?;
    assert_eq!(ids(&next), jobs[4..]);
    Ok(())
}
