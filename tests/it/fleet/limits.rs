//! Limits and order, while workers are killed and stopped.

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use pgq::Pgq;
use pgq_tests::audit::{self, Away, Kind};
use pgq_tests::eventually;
use pgq_tests::fleet::process::{Signal, Worker};
use pgq_tests::fleet::{Fleet, tasks};
use sqlx::PgPool;

use super::{COUNT_EVERY, count, fleet, seeded, unfinished, until_finished};

/// Short enough to wait for, and long enough that nobody loses it who is not stopped.
const LEASE: Duration = Duration::from_secs(3);

/// How often something happens to a worker.
const ROUNDS: usize = 4;

/// What a worker says when its lease is over, and all of its attempts have ended.
const AGAIN: &str = "starting again as another worker";

fn start(fleet: &Fleet) -> anyhow::Result<Worker> {
    fleet.worker().lease(LEASE).concurrency(6).start()
}

/// Waits until some more jobs have ended.
async fn until_more(pool: &PgPool) -> anyhow::Result<()> {
    let ends = "select count(*) from ledger where kind = 'end'";
    let before = count(pool, ends).await?;
    eventually("more jobs have ended", async || {
        let more = count(pool, ends).await? > before + 10;
        Ok(more || unfinished(pool).await? == 0)
    })
    .await
}

/// Waits until a worker's row is gone, and returns when it was there last.
async fn until_rescued(pool: &PgPool, worker: i64) -> anyhow::Result<i64> {
    let seen = Cell::new(i64::MIN);
    eventually("the worker is rescued", async || {
        let now = audit::now(pool).await?;
        let known: Option<i64> = sqlx::query_scalar("select id from pgq_jobs.worker where id = $1")
            .bind(worker)
            .fetch_optional(pool)
            .await?;
        if known.is_some() {
            seen.set(now);
        }
        Ok(known.is_none())
    })
    .await?;
    Ok(seen.get())
}

#[tokio::test]
async fn limits_and_order_hold_while_workers_are_killed_and_stopped() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    audit::create(pool).await?;
    let mut random = seeded()?;
    let limited = tasks::fleet_limited::enqueue_many(pool, 0..400).await?;
    let mut ordered = Vec::new();
    for number in 0..20 {
        for account in 0..6 {
            ordered.push(tasks::fleet_ordered::enqueue(pool, account, number).await?);
        }
    }
    let mut workers = [start(&fleet)?, start(&fleet)?, start(&fleet)?];
    let mut gone = Vec::new();

    for _ in 0..ROUNDS {
        until_more(pool).await?;
        let at = random.usize(..workers.len());
        if random.bool() {
            let process = workers[at].process();
            workers[at].kill()?;
            let from = audit::now(pool).await?;
            gone.push(Away {
                process,
                from,
                ran_until: from,
                until: i64::MAX,
            });
            workers[at] = start(&fleet)?;
        } else {
            let worker = &workers[at];
            let id = worker.registered(pool).await?;
            worker.signal(Signal::Stop)?;
            let from = audit::now(pool).await?;
            let ran_until = until_rescued(pool, id).await?.max(from);
            let before = worker.times_said(AGAIN);
            worker.signal(Signal::Continue)?;
            // Until it knows, what it was about to start may start beside what others run.
            eventually("it starts again", async || {
                Ok(worker.times_said(AGAIN) > before)
            })
            .await?;
            gone.push(Away {
                process: worker.process(),
                from,
                ran_until,
                until: audit::now(pool).await?,
            });
        }
    }
    until_finished(pool, limited.len() + ordered.len()).await?;

    let mut ledger = audit::read(pool).await?;
    for away in gone {
        audit::process_is_gone(&mut ledger, away);
    }
    let (of_task, of_keys): (Vec<_>, Vec<_>) = ledger
        .iter()
        .cloned()
        .partition(|entry| entry.key == "fleet_limited");
    assert_eq!(audit::limit(&of_task, 3)?, 3);
    audit::order(&of_keys)?;
    // What is broken on purpose is found.
    let mut broken = of_keys;
    broken.retain(|entry| entry.kind == Kind::Start);
    assert!(audit::order(&broken).is_err());
    assert!(audit::limit(&of_task, 2).is_err());
    Ok(())
}

/// Jobs under a limit, which are never all done while the test waits for what the workers make of it.
#[derive(Default)]
struct Supply {
    /// How many there are by now. What is under way when the supply ends may be there, or not.
    count: Cell<usize>,
}

impl Supply {
    /// Enqueues more before those that are there are done.
    async fn keep_up(&self, pool: &PgPool) -> anyhow::Result<Infallible> {
        loop {
            if unfinished(pool).await? < 500 {
                let jobs = tasks::fleet_limited::enqueue_many(pool, 0..500).await?;
                self.count.set(self.count.get() + jobs.len());
            }
            tokio::time::sleep(COUNT_EVERY).await;
        }
    }
}

async fn until_permits(pool: &PgPool, wanted: impl Fn(i64) -> bool) -> anyhow::Result<()> {
    eventually("the workers have that many permits", async || {
        let permits =
            sqlx::query_scalar("select coalesce(sum(permits), 0) from pgq_jobs.allotment")
                .fetch_one(pool)
                .await?;
        Ok(wanted(permits))
    })
    .await
}

#[tokio::test]
async fn a_limit_that_is_changed_holds_in_every_process() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    audit::create(pool).await?;
    let pgq = Pgq::from_pool(pool.clone());
    let supply = Supply::default();
    let mut workers = [start(&fleet)?, start(&fleet)?, start(&fleet)?];
    let change = async {
        until_permits(pool, |permits| permits == 3).await?;
        pgq.limit_task("fleet_limited", 1).await?;
        until_permits(pool, |permits| permits <= 1).await?;
        let lowered = audit::now(pool).await?;
        until_more(pool).await?;
        let raised = audit::now(pool).await?;
        pgq.limit_task("fleet_limited", 6).await?;
        until_permits(pool, |permits| permits > 3).await?;
        until_more(pool).await?;
        anyhow::Ok((lowered, raised))
    };
    let (lowered, raised) = tokio::select! {
        changed = change => changed?,
        failed = supply.keep_up(pool) => match failed? {},
    };
    // What a worker that is gone has is nobody else's until it is rescued.
    let killed = workers[0].process();
    workers[0].kill()?;
    let from = audit::now(pool).await?;
    until_finished(pool, supply.count.get()).await?;

    let mut ledger = audit::read(pool).await?;
    audit::process_is_gone(
        &mut ledger,
        Away {
            process: killed,
            from,
            ran_until: from,
            until: i64::MAX,
        },
    );
    let ended = |entry: &&audit::Entry| entry.kind == Kind::End && entry.at < lowered;
    let before: Vec<i64> = ledger.iter().filter(ended).map(|entry| entry.run).collect();
    let during: Vec<_> = ledger
        .iter()
        .filter(|entry| entry.at < raised && !before.contains(&entry.run))
        .cloned()
        .collect();
    assert_eq!(audit::limit(&during, 1)?, 1);
    assert!(audit::limit(&ledger, 6)? > 3);
    Ok(())
}
