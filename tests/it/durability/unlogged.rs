use std::time::Duration;

use pgq::driver::Driver as _;
use pgq::embedded::{Cluster, Shutdown};
use pgq::postgres::PostgresDriver;
use pgq::{Pgq, Registry, Retain, Retention, Run};
use pgq_tests::drain::{DEADLINE, drain};
use sqlx::PgPool;

#[pgq::task(name = "durability/scratch")]
async fn scratch(number: u32) -> anyhow::Result<u32> {
    Ok(number)
}

fn worker(pool: &PgPool) -> Run {
    Run::new(Registry::new())
        .task::<scratch>()
        .pool(pool.clone())
        .without_signals()
}

/// The tables of the schema that are logged, or are not.
async fn tables(pool: &PgPool, persistence: &str) -> anyhow::Result<Vec<String>> {
    let sql = "select relname::text from pg_class
               where relnamespace = 'pgq_jobs'::regnamespace and relkind = 'r'
                 and relpersistence::text = $1
               order by relname";
    let tables = sqlx::query_scalar(sql).bind(persistence);
    Ok(tables.fetch_all(pool).await?)
}

#[tokio::test]
async fn a_crash_empties_an_unlogged_schema_and_work_goes_on() -> anyhow::Result<()> {
    let cluster = tokio::task::spawn_blocking(|| Cluster::builder().durable().start()).await??;
    let pool = PgPool::connect(&cluster.url("postgres")).await?;
    let pgq = Pgq::from_pool(pool.clone());
    pgq.migrate().await?;
    pgq.make_unlogged().await?;
    // A worker makes partitions of its own, of rare retentions.
    let mut rare = Retain::DEFAULT;
    rare.completed = Retention::YEAR;
    let driver = PostgresDriver::new(pool.clone());
    driver.prepare_history(&[rare]).await?;
    scratch::enqueue(&pgq, 1).await?;
    drain(worker(&pool)).await?;
    scratch::enqueue(&pgq, 2).await?;
    scratch::job(3)
        .delay(Duration::from_secs(3600))
        .enqueue(&pgq)
        .await?;

    let logged = tables(&pool, "p").await?;
    let is_partition = |table: &String| table.contains(char::is_numeric);
    let partitions = tables(&pool, "u").await?.into_iter().filter(is_partition);

    let kept = [
        "fleet_limit",
        "input_question",
        "migration",
        "pause",
        "schedule",
        "schedule_deletion",
        "task",
    ];
    assert_eq!(logged, kept);
    assert!(partitions.count() > 3);
    // To do it again changes nothing.
    pgq.make_unlogged().await?;
    assert_eq!(tables(&pool, "p").await?, kept);
    let mut cluster = cluster;
    let _cluster = tokio::task::spawn_blocking(move || {
        cluster.restart(Shutdown::Kill)?;
        anyhow::Ok(cluster)
    })
    .await??;
    let pool = PgPool::connect_lazy_with((*pool.connect_options()).clone());
    let left: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.job")
        .fetch_one(&pool)
        .await?;
    assert_eq!(left, 0);
    let pgq = Pgq::from_pool(pool.clone());
    let job = scratch::enqueue(&pgq, 4).await?;
    drain(worker(&pool)).await?;
    assert_eq!(job.wait_for(&pgq, DEADLINE).await?, 4);
    Ok(())
}
