//! Limits of the whole fleet.

use std::time::Duration;

use pgq::driver::{Ask, Asked, Claimed, Keep, PermitAsk};
use pgq::{FleetLimit, FleetRate, Limited};

use super::{LONG, Storage, TASK, Worker, conformance, jobs, one};

conformance! {
    workers_together_have_no_more_permits_than_the_limit,
    a_worker_keeps_permits_for_the_jobs_it_found,
    a_worker_that_gets_no_permits_is_told_whether_jobs_wait,
    what_one_worker_gives_back_another_gets,
    an_older_call_does_not_change_the_permits_of_a_newer_one,
    one_call_may_change_its_permits_twice,
    the_permits_of_a_worker_that_is_gone_are_free,
    nobody_gets_permits_while_there_are_more_than_a_lowered_limit,
    a_raised_limit_is_there_at_once,
    more_jobs_than_permits_come_only_as_prefetch,
    a_worker_that_is_short_gets_its_part,
    a_limit_that_is_set_at_run_time_comes_before_the_declared_one,
    a_limit_that_is_not_declared_any_more_is_gone,
    as_many_jobs_start_as_there_are_tokens,
    tokens_that_no_job_was_found_for_are_not_taken,
    tokens_come_with_time_up_to_the_burst,
    a_worker_that_lost_its_lease_gets_no_permits,
}

fn limit() -> Limited {
    Limited::Task(TASK.to_owned())
}

async fn declare(storage: &Storage, running: Option<u32>) -> anyhow::Result<()> {
    let limit = FleetLimit::new(limit()).running(running);
    Ok(storage.declare_limits(&[limit]).await?)
}

async fn declare_rate(storage: &Storage, rate: FleetRate) -> anyhow::Result<()> {
    let limit = FleetLimit::new(limit()).rate(Some(rate));
    Ok(storage.declare_limits(&[limit]).await?)
}

/// Far apart, so that none comes while a case runs.
fn slow(burst: u32) -> FleetRate {
    FleetRate {
        max: 1,
        per: LONG,
        burst,
    }
}

impl Worker<'_> {
    /// Asks for permits for all it wants, of which it uses some.
    async fn ask(&self, in_use: u32, wants: u32) -> anyhow::Result<Asked> {
        let mut claim = self.next_claim();
        claim.limit = usize::try_from(wants - in_use)?;
        let ask = PermitAsk {
            limit: limit(),
            in_use,
            waiting: 0,
            wants,
        };
        let asked = self.storage.ask(Ask {
            claim,
            permits: vec![ask],
            prefetch: 0,
            rate: None,
            keys: None,
        });
        Ok(asked.await?)
    }

    /// Asks for so many jobs, each with a token.
    async fn ask_tokens(&self, limit: usize) -> anyhow::Result<Asked> {
        let mut claim = self.next_claim();
        claim.limit = limit;
        let asked = self.storage.ask(Ask {
            claim,
            permits: Vec::new(),
            prefetch: 0,
            rate: Some(TASK.to_owned()),
            keys: None,
        });
        Ok(asked.await?)
    }

    async fn keep(&self, permits: u32, wants: u32) -> anyhow::Result<()> {
        let number = self.next_claim().number;
        self.keep_as(number, permits, wants).await
    }

    async fn keep_as(&self, number: i64, permits: u32, wants: u32) -> anyhow::Result<()> {
        let kept = Keep {
            limit: limit(),
            permits,
            wants,
        };
        Ok(self.storage.keep(self.id, number, &[kept]).await?)
    }
}

fn found(asked: &Asked) -> usize {
    match &asked.claimed {
        Claimed::Jobs(jobs) => jobs.len(),
        other => panic!("{other:?}"),
    }
}

async fn workers_together_have_no_more_permits_than_the_limit(
    storage: &Storage,
) -> anyhow::Result<()> {
    declare(storage, Some(5)).await?;
    storage.enqueue(jobs([b"\x01"; 20])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);

    let asked = first.ask(0, 3).await?;
    assert_eq!((found(&asked), &asked.permits[..]), (3, &[3][..]));
    let asked = second.ask(0, 9).await?;
    assert_eq!((found(&asked), &asked.permits[..]), (2, &[2][..]));
    assert!(asked.again.is_some());
    assert_eq!(found(&first.ask(3, 9).await?), 0);
    Ok(())
}

async fn a_worker_keeps_permits_for_the_jobs_it_found(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(5)).await?;
    storage.put(one()).await?;
    let worker = storage.worker().await?;

    let asked = worker.ask(0, 5).await?;

    assert_eq!((found(&asked), &asked.permits[..]), (1, &[1][..]));
    assert_eq!(asked.again, None);
    Ok(())
}

async fn a_worker_that_gets_no_permits_is_told_whether_jobs_wait(
    storage: &Storage,
) -> anyhow::Result<()> {
    declare(storage, Some(1)).await?;
    storage.put(one()).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    assert_eq!(found(&first.ask(0, 1).await?), 1);

    let without = second.ask(0, 1).await?;
    storage.put(one()).await?;
    let with = second.ask(0, 1).await?;

    assert_eq!((found(&without), without.again), (0, None));
    assert_eq!(found(&with), 0);
    assert!(with.again.is_some());
    Ok(())
}

async fn what_one_worker_gives_back_another_gets(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(3)).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    assert_eq!(found(&first.ask(0, 3).await?), 3);
    assert_eq!(found(&second.ask(0, 3).await?), 0);

    first.keep(1, 1).await?;
    let asked = second.ask(0, 3).await?;

    assert_eq!(asked.permits, [2]);
    // What it keeps is not more than it has.
    first.keep(3, 1).await?;
    second.keep(0, 0).await?;
    assert_eq!(second.ask(0, 3).await?.permits, [2]);
    Ok(())
}

async fn an_older_call_does_not_change_the_permits_of_a_newer_one(
    storage: &Storage,
) -> anyhow::Result<()> {
    declare(storage, Some(3)).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    let late = first.next_claim().number;
    assert_eq!(first.ask(0, 3).await?.permits, [3]);

    first.keep_as(late, 0, 0).await?;

    assert_eq!(second.ask(0, 3).await?.permits, [0]);
    Ok(())
}

async fn one_call_may_change_its_permits_twice(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(5)).await?;
    let worker = storage.worker().await?;
    storage.enqueue(jobs([b"\x01"; 3])).await?;
    worker.ask(0, 3).await?;
    let claim = worker.next_claim();
    let twice = async |in_use| {
        let ask = PermitAsk {
            limit: limit(),
            in_use,
            waiting: 0,
            wants: 5,
        };
        storage
            .ask(Ask {
                claim: claim.clone(),
                permits: vec![ask],
                prefetch: 0,
                rate: None,
                keys: None,
            })
            .await
    };

    assert_eq!(twice(1).await?.permits, [1]);
    storage.put(one()).await?;
    let asked = twice(1).await?;

    assert_eq!((found(&asked), &asked.permits[..]), (1, &[2][..]));
    Ok(())
}

async fn the_permits_of_a_worker_that_is_gone_are_free(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(4)).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    let third = storage.worker().await?;
    assert_eq!(first.ask(0, 2).await?.permits, [2]);
    assert_eq!(second.ask(0, 2).await?.permits, [2]);
    assert_eq!(third.ask(0, 4).await?.permits, [0]);

    storage.deregister_worker(first.id).await?;
    assert_eq!(third.ask(0, 4).await?.permits, [2]);
    second.die().await?;
    storage.rescue(5).await?;
    assert_eq!(third.ask(2, 4).await?.permits, [4]);
    Ok(())
}

async fn nobody_gets_permits_while_there_are_more_than_a_lowered_limit(
    storage: &Storage,
) -> anyhow::Result<()> {
    declare(storage, Some(4)).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    assert_eq!(first.ask(0, 4).await?.permits, [4]);

    storage.override_running(&limit(), Some(2)).await?;
    assert_eq!(second.ask(0, 4).await?.permits, [0]);
    first.keep(2, 2).await?;
    assert_eq!(second.ask(0, 4).await?.permits, [0]);
    // What it uses is not taken from it, but it gets no more.
    assert_eq!(first.ask(2, 4).await?.permits, [2]);
    first.keep(1, 1).await?;
    assert_eq!(second.ask(0, 4).await?.permits, [1]);
    Ok(())
}

async fn a_raised_limit_is_there_at_once(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(1)).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let worker = storage.worker().await?;
    assert_eq!(worker.ask(0, 4).await?.permits, [1]);

    storage.override_running(&limit(), Some(3)).await?;

    assert_eq!(worker.ask(1, 4).await?.permits, [3]);
    Ok(())
}

async fn more_jobs_than_permits_come_only_as_prefetch(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(2)).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let worker = storage.worker().await?;
    let ask = PermitAsk {
        limit: limit(),
        in_use: 0,
        waiting: 0,
        wants: 9,
    };

    let asked = storage
        .ask(Ask {
            claim: worker.next_claim(),
            permits: vec![ask],
            prefetch: 3,
            rate: None,
            keys: None,
        })
        .await?;

    assert_eq!((found(&asked), &asked.permits[..]), (5, &[2][..]));
    Ok(())
}

async fn a_worker_that_is_short_gets_its_part(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(4)).await?;
    storage.enqueue(jobs([b"\x01"; 20])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    assert_eq!(first.ask(0, 9).await?.permits, [4]);
    assert_eq!(second.ask(0, 9).await?.permits, [0]);

    let allotments = storage.allotments(first.id, &[limit()]).await?;
    assert_eq!(allotments[0].max, Some(4));
    assert_eq!(allotments[0].others, [(0, 9)]);
    // As its jobs end, it may not have more than a half again.
    assert_eq!(first.ask(1, 9).await?.permits, [2]);
    assert_eq!(second.ask(0, 9).await?.permits, [2]);
    Ok(())
}

async fn a_limit_that_is_set_at_run_time_comes_before_the_declared_one(
    storage: &Storage,
) -> anyhow::Result<()> {
    let rate = slow(3);
    let declared = FleetLimit::new(limit()).running(Some(4)).rate(Some(rate));
    storage
        .declare_limits(std::slice::from_ref(&declared))
        .await?;
    assert_eq!(storage.limits().await?, std::slice::from_ref(&declared));

    storage.override_running(&limit(), Some(2)).await?;
    storage
        .declare_limits(std::slice::from_ref(&declared))
        .await?;
    let queue = Limited::Queue("mail".to_owned());
    storage.override_running(&queue, Some(7)).await?;
    assert_eq!(
        storage.limits().await?,
        [
            FleetLimit::new(queue.clone()).running(Some(7)),
            declared.clone().running(Some(2)),
        ]
    );

    storage.override_running(&limit(), None).await?;
    storage.override_running(&queue, None).await?;
    storage.override_rate(TASK, Some(slow(9))).await?;
    assert_eq!(
        storage.limits().await?,
        [declared.clone().rate(Some(slow(9)))]
    );
    storage.override_rate(TASK, None).await?;
    assert_eq!(storage.limits().await?, [declared]);
    Ok(())
}

async fn a_limit_that_is_not_declared_any_more_is_gone(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(1)).await?;
    declare(storage, None).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let worker = storage.worker().await?;

    assert!(storage.limits().await?.is_empty());
    // Who does not know it yet gets what it asks for.
    assert_eq!(found(&worker.ask(0, 5).await?), 5);
    Ok(())
}

async fn as_many_jobs_start_as_there_are_tokens(storage: &Storage) -> anyhow::Result<()> {
    declare_rate(storage, slow(4)).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);

    assert_eq!(found(&first.ask_tokens(3).await?), 3);
    let asked = second.ask_tokens(3).await?;
    assert_eq!(found(&asked), 1);
    let again = asked.again.expect("jobs wait");
    assert!(again > LONG / 2 && again <= LONG, "{again:?}");
    let asked = first.ask_tokens(3).await?;
    assert_eq!(found(&asked), 0);
    assert!(asked.again.is_some());
    Ok(())
}

async fn tokens_that_no_job_was_found_for_are_not_taken(storage: &Storage) -> anyhow::Result<()> {
    declare_rate(storage, slow(4)).await?;
    let worker = storage.worker().await?;
    let none = worker.ask_tokens(4).await?;
    assert_eq!((found(&none), none.again), (0, None));
    storage.put(one()).await?;
    assert_eq!(found(&worker.ask_tokens(4).await?), 1);
    storage.enqueue(jobs([b"\x01"; 9])).await?;

    assert_eq!(found(&worker.ask_tokens(9).await?), 3);
    Ok(())
}

async fn tokens_come_with_time_up_to_the_burst(storage: &Storage) -> anyhow::Result<()> {
    let rate = FleetRate {
        max: 1,
        per: Duration::from_millis(50),
        burst: 2,
    };
    declare_rate(storage, rate).await?;
    storage.enqueue(jobs([b"\x01"; 9])).await?;
    let worker = storage.worker().await?;
    assert_eq!(found(&worker.ask_tokens(2).await?), 2);

    storage.pass(Duration::from_millis(500)).await?;

    assert_eq!(found(&worker.ask_tokens(2).await?), 2);
    Ok(())
}

async fn a_worker_that_lost_its_lease_gets_no_permits(storage: &Storage) -> anyhow::Result<()> {
    declare(storage, Some(1)).await?;
    storage.put(one()).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    first.die().await?;

    let asked = first.ask(0, 1).await?;

    assert!(matches!(asked.claimed, Claimed::LeaseLost), "{asked:?}");
    storage.rescue(5).await?;
    assert_eq!(second.ask(0, 1).await?.permits, [1]);
    Ok(())
}
