//! Rates by key: of each key so many jobs start in a time.

use std::time::Duration;

use pgq::driver::{Ask, Asked, Detail, End, Enqueue, KeyAsk, NewJob};
use pgq::{FleetRate, JobId};

use super::keys::jobs_of;
use super::{QUEUE, SHORT, Storage, TASK, Worker, conformance, ids, one};

conformance! {
    as_many_jobs_of_a_key_start_as_there_are_tokens,
    tokens_are_taken_in_all_workers_together,
    nobody_overtakes_who_waits_for_a_token,
    who_waits_for_a_token_keeps_its_place_in_an_order,
    who_waits_for_a_token_holds_no_permit,
    each_attempt_takes_a_token,
    jobs_that_wait_no_more_take_no_token,
    jobs_of_another_queue_hide_none_that_wait_for_a_token,
    a_rate_that_was_raised_counts_for_those_who_wait,
    jobs_go_on_that_wait_for_tokens_which_their_task_needs_no_more,
    many_keys_have_their_turn_at_once,
    jobs_with_both_keys_do_not_wait_for_each_other,
    who_waits_is_told_of_the_next_turn,
    a_rate_fills_the_buckets_of_its_own_task_only,
}

/// How long until the next of two tokens a second is there.
const TOKEN: Duration = Duration::from_millis(500);

const RATE: FleetRate = rate(2, Duration::from_secs(1), 2);

const fn rate(max: u32, per: Duration, burst: u32) -> FleetRate {
    FleetRate { max, per, burst }
}

/// So many jobs with these keys: of an order, of concurrency, and of a rate.
fn keyed(keys: [Option<i64>; 3], count: usize) -> Enqueue {
    let [order_key, concurrency_key, rate_key] = keys;
    let detail = Detail {
        order_key,
        concurrency_key,
        rate_key,
        ..Detail::default()
    };
    Enqueue {
        jobs: vec![NewJob::new(b"\x01".to_vec()).detail(detail); count],
        ..one()
    }
}

fn rated(key: i64, count: usize) -> Enqueue {
    keyed([None, None, Some(key)], count)
}

impl Worker<'_> {
    async fn ask_rate(
        &self,
        queue: &str,
        rate: Option<FleetRate>,
        ended: Option<&[JobId]>,
    ) -> anyhow::Result<Asked> {
        self.ask_task(TASK, queue, 1000, rate, ended).await
    }

    async fn ask_task(
        &self,
        task: &str,
        queue: &str,
        limit: usize,
        rate: Option<FleetRate>,
        ended: Option<&[JobId]>,
    ) -> anyhow::Result<Asked> {
        let mut claim = self.next_claim();
        claim.limit = limit;
        claim.queue = queue.into();
        claim.tasks = vec![[task.to_owned()].into()];
        let asked = self.storage.ask(Ask {
            claim,
            permits: Vec::new(),
            prefetch: 0,
            rate: None,
            keys: Some(KeyAsk {
                task: task.to_owned(),
                names: vec![task.to_owned()],
                running: Some(1),
                rate,
                ended: ended.unwrap_or_default().to_vec(),
                all: ended.is_none(),
            }),
        });
        Ok(asked.await?)
    }

    /// The jobs that may start at two a second.
    async fn start(&self) -> anyhow::Result<Vec<JobId>> {
        Ok(ids(&jobs_of(
            self.ask_rate(QUEUE, Some(RATE), Some(&[])).await?,
        )?))
    }
}

async fn as_many_jobs_of_a_key_start_as_there_are_tokens(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(rated(7, 4)).await?;
    let other = storage.enqueue(rated(8, 1)).await?;
    let worker = storage.worker().await?;

    let asked = worker.ask_rate(QUEUE, Some(RATE), Some(&[])).await?;

    let turn = asked.turn.unwrap_or_default();
    assert!(turn > Duration::ZERO && turn <= TOKEN, "{turn:?}");
    assert_eq!(ids(&jobs_of(asked)?), [jobs[0], jobs[1], other[0]]);
    for job in &jobs[2..] {
        storage.pass(TOKEN).await?;
        assert_eq!(worker.start().await?, [*job]);
    }
    assert_eq!(
        worker.ask_rate(QUEUE, Some(RATE), Some(&[])).await?.turn,
        None
    );
    Ok(())
}

async fn tokens_are_taken_in_all_workers_together(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(rated(7, 3)).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    assert_eq!(first.start().await?, jobs[..2]);

    let asked = second.ask_rate(QUEUE, Some(RATE), Some(&[])).await?;

    assert!(asked.turn.is_some());
    assert!(jobs_of(asked)?.is_empty());
    storage.pass(TOKEN).await?;
    assert_eq!(second.start().await?, jobs[2..]);
    Ok(())
}

async fn nobody_overtakes_who_waits_for_a_token(storage: &Storage) -> anyhow::Result<()> {
    let early = storage.enqueue(rated(7, 4)).await?;
    let worker = storage.worker().await?;
    assert_eq!(worker.start().await?, early[..2]);
    let late = storage.enqueue(rated(7, 1)).await?;

    storage.pass(TOKEN * 2).await?;
    assert_eq!(worker.start().await?, early[2..]);
    storage.pass(TOKEN).await?;
    assert_eq!(worker.start().await?, late);
    Ok(())
}

async fn who_waits_for_a_token_keeps_its_place_in_an_order(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.enqueue(rated(7, 2)).await?;
    assert_eq!(worker.start().await?.len(), 2);
    let first = storage.enqueue(keyed([Some(1), None, Some(7)], 1)).await?;
    let second = storage.enqueue(keyed([Some(1), None, None], 1)).await?;

    assert!(worker.start().await?.is_empty());
    storage.pass(TOKEN).await?;
    let asked = worker.ask_rate(QUEUE, Some(RATE), Some(&[])).await?;
    let running = jobs_of(asked)?;
    assert_eq!(ids(&running), first);
    worker.complete(&running[0]).await?;

    let asked = worker.ask_rate(QUEUE, Some(RATE), Some(&first)).await?;
    assert_eq!(ids(&jobs_of(asked)?), second);
    Ok(())
}

async fn who_waits_for_a_token_holds_no_permit(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.enqueue(rated(7, 2)).await?;
    assert_eq!(worker.start().await?.len(), 2);
    // One runs at a time.
    let waits = storage.enqueue(keyed([None, Some(1), Some(7)], 1)).await?;
    let starts = storage.enqueue(keyed([None, Some(1), None], 2)).await?;

    let running = jobs_of(worker.ask_rate(QUEUE, Some(RATE), Some(&[])).await?)?;
    assert_eq!(ids(&running), starts[..1]);
    storage.pass(TOKEN).await?;
    // It has its token and no permit.
    assert!(worker.start().await?.is_empty());
    worker.complete(&running[0]).await?;

    let asked = worker
        .ask_rate(QUEUE, Some(RATE), Some(&starts[..1]))
        .await?;
    let running = jobs_of(asked)?;
    assert_eq!(ids(&running), waits);
    worker.complete(&running[0]).await?;
    let asked = worker.ask_rate(QUEUE, Some(RATE), Some(&waits)).await?;
    assert_eq!(ids(&jobs_of(asked)?), starts[1..]);
    Ok(())
}

async fn each_attempt_takes_a_token(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(rated(7, 2)).await?;
    let worker = storage.worker().await?;
    let running = jobs_of(worker.ask_rate(QUEUE, Some(RATE), Some(&[])).await?)?;
    assert_eq!(ids(&running), jobs);

    worker
        .end(&running[0], End::Release(Duration::ZERO))
        .await?;

    assert!(worker.start().await?.is_empty());
    storage.pass(TOKEN).await?;
    assert_eq!(worker.start().await?, jobs[..1]);
    Ok(())
}

async fn jobs_that_wait_no_more_take_no_token(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(rated(7, 6)).await?;
    let worker = storage.worker().await?;
    assert_eq!(worker.start().await?, jobs[..2]);
    for job in &jobs[2..5] {
        storage.cancel(*job).await?;
    }

    storage.pass(TOKEN).await?;

    assert_eq!(worker.start().await?, jobs[5..]);
    assert_eq!(
        worker.ask_rate(QUEUE, Some(RATE), Some(&[])).await?.turn,
        None
    );
    Ok(())
}

async fn jobs_of_another_queue_hide_none_that_wait_for_a_token(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let elsewhere = Enqueue {
        queue: "elsewhere".into(),
        ..rated(7, 6)
    };
    let others = storage.enqueue(elsewhere).await?;
    let over_there = worker.ask_rate("elsewhere", Some(RATE), Some(&[])).await?;
    assert_eq!(ids(&jobs_of(over_there)?), others[..2]);
    let jobs = storage.enqueue(rated(7, 2)).await?;
    assert!(worker.start().await?.is_empty());

    for job in &jobs {
        storage.pass(TOKEN).await?;
        assert_eq!(worker.start().await?, [*job]);
    }

    // It waits for nothing there, whoever waits elsewhere.
    let asked = worker.ask_rate(QUEUE, Some(RATE), Some(&[])).await?;
    assert_eq!((asked.turn, asked.again), (None, None));
    storage.pass(TOKEN).await?;
    let over_there = worker.ask_rate("elsewhere", Some(RATE), Some(&[])).await?;
    assert_eq!(ids(&jobs_of(over_there)?), others[2..3]);
    Ok(())
}

async fn a_rate_that_was_raised_counts_for_those_who_wait(storage: &Storage) -> anyhow::Result<()> {
    let slow = rate(1, Duration::from_secs(3600), 1);
    let jobs = storage.enqueue(rated(7, 2)).await?;
    let worker = storage.worker().await?;
    let first = jobs_of(worker.ask_rate(QUEUE, Some(slow), Some(&[])).await?)?;
    assert_eq!(ids(&first), jobs[..1]);
    assert!(jobs_of(worker.ask_rate(QUEUE, Some(slow), None).await?)?.is_empty());

    storage.pass(SHORT).await?;
    let fast = rate(1000, Duration::from_secs(1), 1);
    let second = jobs_of(worker.ask_rate(QUEUE, Some(fast), None).await?)?;

    assert_eq!(ids(&second), jobs[1..]);
    Ok(())
}

async fn jobs_go_on_that_wait_for_tokens_which_their_task_needs_no_more(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(rated(7, 4)).await?;
    let worker = storage.worker().await?;
    assert_eq!(worker.start().await?, jobs[..2]);

    let rest = jobs_of(worker.ask_rate(QUEUE, None, None).await?)?;

    assert_eq!(ids(&rest), jobs[2..]);
    Ok(())
}

async fn many_keys_have_their_turn_at_once(storage: &Storage) -> anyhow::Result<()> {
    for key in 0..300 {
        storage.enqueue(rated(key, 3)).await?;
    }
    let worker = storage.worker().await?;
    assert_eq!(worker.start().await?.len(), 600);
    assert!(worker.start().await?.is_empty());

    storage.pass(TOKEN).await?;

    let mut found = 0;
    for _ in 0..3 {
        found += worker.start().await?.len();
    }
    assert_eq!(found, 300);
    Ok(())
}

async fn jobs_with_both_keys_do_not_wait_for_each_other(storage: &Storage) -> anyhow::Result<()> {
    let fast = rate(1000, Duration::from_secs(1), 1);
    let worker = storage.worker().await?;
    let mut ended = Vec::new();
    for room in [1, 2, 10] {
        let both = keyed([None, Some(1), Some(7)], 8);
        let mut left = storage.enqueue(both.clone()).await?;
        left.extend(storage.enqueue(both).await?);
        for _ in 0..1000 {
            let asked = worker.ask_task(TASK, QUEUE, room, Some(fast), Some(&ended));
            let jobs = jobs_of(asked.await?)?;
            let started = ids(&jobs);
            left.retain(|job| !started.contains(job));
            if !started.is_empty() {
                ended = started;
            }
            for job in &jobs {
                // The next ones have tokens before it has ended.
                storage.pass(Duration::from_millis(2)).await?;
                worker
                    .ask_task(TASK, QUEUE, room, Some(fast), Some(&[]))
                    .await?;
                worker.complete(job).await?;
            }
            if left.is_empty() {
                break;
            }
            storage.pass(Duration::from_millis(1)).await?;
        }
        assert_eq!(left, []);
    }
    Ok(())
}

async fn who_waits_is_told_of_the_next_turn(storage: &Storage) -> anyhow::Result<()> {
    let fast = Some(rate(200, Duration::from_secs(1), 1));
    let mut left = storage.enqueue(rated(7, 30)).await?;
    let worker = storage.worker().await?;
    while !left.is_empty() {
        let asked = worker.ask_rate(QUEUE, fast, Some(&[])).await?;
        let turn = asked.turn;
        let started = ids(&jobs_of(asked)?);
        left.retain(|job| !started.contains(job));
        if let Some(turn) = turn {
            storage.pass(turn).await?;
        }
        assert!(
            turn.is_some() || left.is_empty(),
            "{} wait still",
            left.len()
        );
    }
    Ok(())
}

async fn a_rate_fills_the_buckets_of_its_own_task_only(storage: &Storage) -> anyhow::Result<()> {
    let slow = Some(rate(1, Duration::from_secs(3600), 1));
    let jobs = storage.enqueue(rated(7, 2)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_rate(QUEUE, slow, Some(&[])).await?;
    assert_eq!(ids(&jobs_of(first)?), jobs[..1]);

    storage.pass(SHORT).await?;
    let fast = Some(rate(1000, Duration::from_secs(1), 1));
    let other = worker.ask_task("other", QUEUE, 1000, fast, None).await?;

    assert!(jobs_of(other)?.is_empty());
    let second = worker.ask_rate(QUEUE, slow, None).await?;
    assert!(jobs_of(second)?.is_empty());
    Ok(())
}
