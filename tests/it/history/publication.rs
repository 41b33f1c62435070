//! A database whose changes are copied elsewhere: a publication of all tables.

use std::time::Duration;

use pgq::{JobState, Jobs};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{DEADLINE, drain, worker};
use pgq_tests::eventually;

use super::run;

#[pgq::task(
    name = "history/published",
    max_attempts = 2,
    backoff(fixed = "1ms"),
    expires = "1h",
    unique(by = [number])
)]
async fn published(number: u32, padding: String) -> anyhow::Result<usize> {
    anyhow::ensure!(number != 1, "no luck");
    Ok(padding.len())
}

#[tokio::test]
async fn jobs_live_and_end_where_all_tables_are_published() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    run(pool, "create publication copied for all tables").await?;
    let padding = "x".repeat(10_000);
    let good = published::enqueue(pool, 0, padding.clone()).await?;
    let bad = published::enqueue(pool, 1, padding.clone()).await?;
    let off = published::job(2, padding.clone())
        .delay(DEADLINE)
        .enqueue(pool)
        .await?;
    let soon = published::job(3, padding.clone())
        .delay(Duration::from_millis(1))
        .enqueue(pool)
        .await?;
    off.cancel(pool).await?;

    drain(worker::<published>(&database)).await?;
    eventually("both have ended", async || {
        drain(worker::<published>(&database)).await?;
        Ok(soon.status(pool).await?.is_finished() && bad.status(pool).await?.is_finished())
    })
    .await?;
    assert_eq!(good.wait(pool).await?, padding.len());
    assert_eq!(bad.status(pool).await?, JobState::Failed);
    let again = Jobs::in_state(JobState::Failed).requeue(pool).await?;
    assert_eq!(again.changed, 1);
    eventually("it has ended again", async || {
        drain(worker::<published>(&database)).await?;
        Ok(bad.status(pool).await?.is_finished())
    })
    .await?;
    for (state, count) in [
        (JobState::Completed, 2),
        (JobState::Failed, 1),
        (JobState::Cancelled, 1),
    ] {
        let deleted = Jobs::in_state(state).delete(pool).await?;
        assert_eq!(deleted.changed, count, "{state:?}");
    }

    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from pgq_jobs.finished) + (select count(*) from pgq_jobs.result)
              + (select count(*) from pgq_jobs.ready) + (select count(*) from pgq_jobs.large_input)",
    )
    .fetch_one(pool)
    .await?;
    assert_eq!(left, 0);
    // Nor is there any other that the server would let nobody delete from.
    let unnamed: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class
         where relnamespace = 'pgq_jobs'::regnamespace and relkind in ('r', 'p') and relreplident = 'd'
           and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)",
    )
    .fetch_all(pool)
    .await?;
    assert!(unnamed.is_empty(), "{unnamed:?}");
    Ok(())
}
