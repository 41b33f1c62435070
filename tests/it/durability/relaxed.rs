use std::time::Duration;

use pgq::Durability;
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{drain, worker};

use crate::commits::watch;

#[pgq::task(name = "durability/relaxed", durability = "relaxed")]
async fn relaxed() {}

#[pgq::task(name = "durability/durable")]
async fn durable() {}

/// Which tables jobs have come into since the last look, and whether that waited for the disk.
async fn noted(database: &TestDatabase) -> anyhow::Result<Vec<String>> {
    let sql = "with seen as (delete from noted returning place, waits)
               select distinct place || ' ' || waits from seen where place <> 'running' order by 1";
    Ok(sqlx::query_scalar(sql).fetch_all(database.pool()).await?)
}

#[tokio::test]
async fn enqueues_and_ends_of_a_relaxed_task_do_not_wait_for_the_disk() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    watch(&database).await?;

    relaxed::enqueue(pool).await?;
    relaxed::job().unique("once").enqueue(pool).await?;
    relaxed::job()
        .tag("with-a-row-beside")
        .enqueue(pool)
        .await?;
    assert_eq!(noted(&database).await?, ["ready off"]);
    let later = Duration::from_millis(1);
    relaxed::job().delay(later).enqueue(pool).await?;
    relaxed::job()
        .delay(later)
        .tag("tagged")
        .enqueue(pool)
        .await?;
    assert_eq!(noted(&database).await?, ["scheduled off"]);
    // What is due is moved by a statement for all tasks.
    drain(worker::<relaxed>(&database)).await?;
    assert_eq!(noted(&database).await?, ["finished off", "ready on"]);
    Ok(())
}

#[tokio::test]
async fn an_enqueue_may_be_other_than_its_task() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    watch(&database).await?;

    durable::enqueue(pool).await?;
    let job = relaxed::job().durability(Durability::Durable);
    job.enqueue(pool).await?;
    assert_eq!(noted(&database).await?, ["ready on"]);
    let job = durable::job().durability(Durability::Relaxed);
    job.enqueue(pool).await?;
    assert_eq!(noted(&database).await?, ["ready off"]);
    drain(worker::<durable>(&database)).await?;
    assert_eq!(noted(&database).await?, ["finished on"]);
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_somebody_elses_stays_as_durable_as_it_is() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pgq = pgq::Pgq::from_pool(database.pool().clone());
    watch(&database).await?;

    let mut transaction = database.pool().begin().await?;
    relaxed::enqueue(&mut transaction).await?;
    relaxed::enqueue(pgq.within(&mut *transaction)).await?;
    relaxed::job()
        .unique("once")
        .enqueue(&mut transaction)
        .await?;
    let waits: String = sqlx::query_scalar("show synchronous_commit")
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;

    assert_eq!(waits, "on");
    assert_eq!(noted(&database).await?, ["ready on"]);
    Ok(())
}
