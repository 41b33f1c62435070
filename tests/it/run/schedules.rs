//! Schedules: each tick is one job.

use pgq::{Registration, ScheduleDescriptor, Source, Task};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use tokio_util::sync::CancellationToken;

use super::{count, worker};

#[pgq::cron("* * * * * *", priority = 3)]
async fn each_second(context: &pgq::Context) -> anyhow::Result<i64> {
    Ok(context.job_id().as_i64())
}

/// What the macro submits for the linked schedules, for a worker of this one only.
fn schedule(expression: &'static str) -> Registration {
    let input = || {
        let empty = pgq::__private::InputWriter::new(0);
        empty.finish()
    };
    Registration::Schedule(ScheduleDescriptor::of::<each_second>(
        expression,
        input,
        Source::caller(),
    ))
}

#[tokio::test]
async fn each_tick_is_one_job_of_its_task_however_many_workers_there_are() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let run = worker::<each_second>(&database)
                .register(schedule("* * * * * *"))
                .stop_on(stop.clone());
            tokio::spawn(run.into_future())
        })
        .collect();

    eventually("three ticks have run", || async {
        Ok(count(pool, "finished").await? >= 3)
    })
    .await?;
    stop.cancel();
    for worker in workers {
        worker.await??;
    }

    let (jobs, ticks, state): (i64, i64, i64) = sqlx::query_as(
        "select count(*), count(distinct date_trunc('second', created_at)), min(state)::bigint
         from pgq_jobs.finished where task = 'each_second' and priority = 3",
    )
    .fetch_one(pool)
    .await?;
    assert_eq!((jobs, state), (ticks, 1));
    assert_eq!(count(pool, "schedule").await?, 1);
    Ok(())
}

#[tokio::test]
async fn ticks_that_were_missed_count_as_one() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let run = || worker::<each_second>(&database).register(schedule("0 * * * *"));
    run().once().deadline(super::DEADLINE).await?;
    assert_eq!(count(pool, "finished").await?, 0);

    // Nobody ran for three days.
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '3 days'")
        .execute(pool)
        .await?;
    run().once().deadline(super::DEADLINE).await?;
    run().once().deadline(super::DEADLINE).await?;

    assert_eq!(count(pool, "finished").await?, 1);
    let late: bool = sqlx::query_scalar(
        "select last_tick = date_trunc('hour', last_tick) and now() - last_tick < interval '61 min'
         from pgq_jobs.schedule",
    )
    .fetch_one(pool)
    .await?;
    assert!(late);
    Ok(())
}

#[tokio::test]
async fn a_schedule_whose_expression_changed_does_not_fire_for_the_past() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let run = |expression| worker::<each_second>(&database).register(schedule(expression));

    run("0 0 29 2 *").once().deadline(super::DEADLINE).await?;
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '3 days'")
        .execute(pool)
        .await?;
    run("0 * * * *").once().deadline(super::DEADLINE).await?;

    let stored: String = sqlx::query_scalar("select expression from pgq_jobs.schedule")
        .fetch_one(pool)
        .await?;
    assert_eq!(stored, "0 * * * *");
    assert_eq!(count(pool, "finished").await?, 0);
    assert_eq!(each_second::NAME, "each_second");
    Ok(())
}
