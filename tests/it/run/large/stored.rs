//! Where large inputs are kept.

use std::time::Duration;

use pgq::{INPUT_INLINE_MAX, JobHandle};
use pgq_tests::database::TestDatabase;

use super::super::{DEADLINE, count, drain, worker};
use super::{MIB, beside_the_rows, hurry, measure, text, versions, weigh};

#[tokio::test]
async fn large_inputs_are_run_retried_and_scheduled_and_written_once() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let (one, sixteen) = (text(MIB), text(16 * MIB));
    let jobs = [
        weigh::enqueue(pool, one.clone(), 1).await?,
        weigh::enqueue(pool, one.clone(), 3).await?,
        weigh::enqueue(pool, sixteen, 3).await?,
        weigh::job(one, 1)
            .delay(Duration::from_secs(3600))
            .enqueue(pool)
            .await?,
    ];
    let written = versions(pool).await?;

    for _ in 0..3 {
        drain(worker::<weigh>(&database)).await?;
        hurry(pool).await?;
    }
    drain(worker::<weigh>(&database)).await?;

    let sizes = [MIB, MIB, 16 * MIB, MIB];
    let attempts = [1, 3, 3, 1];
    for ((job, size), attempt) in jobs.iter().zip(sizes).zip(attempts) {
        assert_eq!(job.wait_for(pool, DEADLINE).await?, size);
        assert_eq!(job.job(pool).await?.attempt, attempt);
    }
    assert_eq!(written.len(), 4);
    assert_eq!(versions(pool).await?, written);
    assert_eq!(beside_the_rows(pool).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_row_stays_small_whatever_its_input() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let largest = async |table: &str| -> anyhow::Result<i32> {
        let size = format!("select max(pg_column_size(job.*)) from pgq_jobs.{table} as job");
        Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(size))
            .fetch_one(pool)
            .await?)
    };

    let large = measure::enqueue(pool, text(MIB / 2)).await?;
    let ready = largest("ready").await?;
    drain(worker::<measure>(&database)).await?;
    let running = large.wait(pool).await?;
    let finished = largest("finished").await?;

    for size in [ready, running, finished] {
        assert!(size < 200, "{ready}, {running}, {finished}");
    }
    // The largest input that is not kept apart, beside the longest names.
    let name = "n".repeat(pgq::NAME_MAX);
    let inline = text(INPUT_INLINE_MAX - b"\x01\x81\xa4text\xda\x00\x00".len());
    measure::job(inline)
        .queue(name.clone())
        .enqueue(pool)
        .await?;
    let stored: i32 = sqlx::query_scalar("select octet_length(input) from pgq_jobs.ready")
        .fetch_one(pool)
        .await?;
    assert_eq!(usize::try_from(stored)?, INPUT_INLINE_MAX);
    let run = worker::<measure>(&database)
        .queue(name)
        .served_elsewhere("default");
    drain(run).await?;
    assert!(largest("finished").await? > 1536);
    assert_eq!(beside_the_rows(pool).await?, 0);
    assert_eq!(count(pool, "large_input").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_batch_of_small_and_large_inputs_keeps_its_order() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let sizes: Vec<usize> = (0..300).map(|n| (n * 7919) % 5000).collect();

    let jobs = weigh::enqueue_many(pool, sizes.iter().map(|size| (text(*size), 1))).await?;
    drain(worker::<weigh>(&database)).await?;

    assert!(jobs.is_sorted_by_key(JobHandle::id));
    for (job, size) in jobs.iter().zip(sizes) {
        assert_eq!(job.wait_for(pool, DEADLINE).await?, size);
    }
    Ok(())
}

#[tokio::test]
async fn the_view_shows_the_input_in_every_state() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let shown = async || -> anyhow::Result<Vec<(String, i32)>> {
        let sizes = "select state, octet_length(input) from pgq_jobs.job order by id";
        Ok(sqlx::query_as(sizes).fetch_all(pool).await?)
    };
    let size =
        i32::try_from(MIB + b"\x01\x82\xa4text\xdb\x00\x00\x00\x00\xaasucceed_at\x05".len())?;
    let state = |state: &str| (state.to_owned(), size);

    weigh::enqueue(pool, text(MIB), 5).await?;
    assert_eq!(shown().await?, [state("ready")]);
    drain(worker::<weigh>(&database)).await?;
    assert_eq!(shown().await?, [state("scheduled")]);
    for _ in 0..4 {
        hurry(pool).await?;
        drain(worker::<weigh>(&database)).await?;
    }
    assert_eq!(shown().await?, [state("completed")]);
    Ok(())
}
