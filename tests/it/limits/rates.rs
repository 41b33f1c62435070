//! How many jobs start in a time.

use std::time::Duration;

use pgq::{CancellationToken, Context, Pgq, Rate, Run};
use pgq_tests::audit;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{database, drain, work, worker};

#[pgq::task(rate(max = "50/s", burst = 10))]
async fn paced(context: &Context, pool: &PgPool, _number: u32) -> anyhow::Result<()> {
    work(context, pool, "paced", Duration::ZERO).await
}

#[pgq::task(rate(max = "20/s", burst = 4, by = [tenant]), max_attempts = 2)]
async fn paced_by_tenant(
    context: &Context,
    pool: &PgPool,
    tenant: u32,
    _number: u32,
) -> anyhow::Result<()> {
    work(context, pool, &tenant.to_string(), Duration::ZERO).await
}

#[pgq::task(rate(max = "4/s", burst = 1, by = [tenant]))]
async fn slow_by_tenant(tenant: u32, _number: u32) {
    let _ = tenant;
}

#[pgq::task]
async fn unpaced(context: &Context, pool: &PgPool, _number: u32) -> anyhow::Result<()> {
    work(context, pool, "unpaced", Duration::ZERO).await
}

/// How late a start may be written, in microseconds: the machine is shared.
const LATE: i64 = 400_000;

#[tokio::test]
async fn no_more_jobs_start_than_there_are_tokens_in_all_workers() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    paced::enqueue_many(pool, 0..60).await?;

    let workers = (0..3).map(|_| worker::<paced>(&database).concurrency(5));
    assert_eq!(drain(workers).await?, 60);

    let ledger = audit::read(pool).await?;
    audit::rate(&ledger, 50, 1_000_000, 10, LATE)?;
    // 50 of them had to wait for a token each.
    let starts: Vec<i64> = ledger.iter().map(|entry| entry.at).collect();
    let took = starts.iter().max().unwrap() - starts.iter().min().unwrap();
    assert!(took >= 1_000_000 - LATE, "{took} µs");
    Ok(())
}

#[tokio::test]
async fn each_key_has_the_rate_for_itself_in_all_workers() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    for number in 0..20 {
        for tenant in 0..3 {
            paced_by_tenant::enqueue(pool, tenant, number).await?;
        }
    }

    let workers = (0..3).map(|_| worker::<paced_by_tenant>(&database).concurrency(5));
    assert_eq!(drain(workers).await?, 60);

    let ledger = audit::read(pool).await?;
    for tenant in 0..3 {
        let of_tenant = ledger
            .iter()
            .filter(|entry| entry.key == tenant.to_string());
        let of_tenant: Vec<_> = of_tenant.cloned().collect();
        assert_eq!(of_tenant.len(), 40);
        audit::rate(&of_tenant, 20, 1_000_000, 4, LATE)?;
    }
    assert_eq!(super::count(pool, "set_aside").await?, 0);
    assert_eq!(super::count(pool, "key_turn").await?, 0);
    Ok(())
}

#[tokio::test]
async fn jobs_that_wait_for_a_rate_in_several_queues_are_found_without_their_turns()
-> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    let queues = ["a", "b", "c", "d"];
    for queue in queues {
        for number in 0..4 {
            let job = slow_by_tenant::job(1, number).queue(queue);
            job.enqueue(pool).await?;
        }
    }
    let run = |queues: &[&'static str]| {
        let run = worker::<slow_by_tenant>(&database).served_elsewhere("default");
        queues.iter().copied().fold(run, Run::queue)
    };
    let stop = CancellationToken::new();
    let first = tokio::spawn(run(&queues).stop_on(stop.clone()).into_future());
    eventually("jobs of each queue wait", async || {
        let lines = "select count(distinct line) from pgq_jobs.set_aside";
        Ok(sqlx::query_scalar::<_, i64>(lines).fetch_one(pool).await? == 4)
    })
    .await?;
    stop.cancel();
    first.await??;
    let lost = sqlx::query("delete from pgq_jobs.key_turn").execute(pool);
    assert!(lost.await?.rows_affected() > 0);

    // Nobody serves the first and the last of them any more.
    drain([run(&queues[1..3])]).await?;

    let finished = "select count(*) from pgq_jobs.finished where queue in ('b', 'c')";
    let finished: i64 = sqlx::query_scalar(finished).fetch_one(pool).await?;
    assert_eq!(finished, 8);
    Ok(())
}

#[tokio::test]
async fn a_rate_can_be_set_at_run_time() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    let rate = Rate::new(20, Duration::from_secs(1)).burst(1);
    Pgq::from_pool(pool.clone())
        .rate_task("unpaced", rate)
        .await?;
    unpaced::enqueue_many(pool, 0..21).await?;

    assert_eq!(drain([worker::<unpaced>(&database)]).await?, 21);

    audit::rate(&audit::read(pool).await?, 20, 1_000_000, 1, LATE)?;
    Ok(())
}
