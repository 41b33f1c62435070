use pgq::Pgq;
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

/// How many calls wait for the lock of the test.
async fn waiting(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select count(*) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_statement_on_the_server() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pgq = Pgq::connect(database.url()).await?;
    let mut holder = database.pool().begin().await?;
    sqlx::raw_sql("lock table pgq_jobs.worker in access exclusive mode")
        .execute(&mut *holder)
        .await?;
    let call = tokio::spawn({
        let pgq = pgq.clone();
        async move { pgq.workers().await }
    });
    eventually("the call waits", async || {
        Ok(waiting(database.pool()).await? == 1)
    })
    .await?;

    call.abort();

    eventually("nobody waits any more", async || {
        Ok(waiting(database.pool()).await? == 0)
    })
    .await?;
    holder.rollback().await?;
    assert!(pgq.workers().await?.is_empty());
    Ok(())
}
