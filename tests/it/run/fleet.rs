//! What a worker tells of itself.

use std::time::Duration;

use pgq::{CancellationToken, Pgq};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::{DEADLINE, worker};

/// Runs for as long as the table is there.
#[pgq::task(name = "fleet/linger")]
async fn linger(pool: &PgPool) -> anyhow::Result<()> {
    loop {
        let is_there: bool = sqlx::query_scalar("select to_regclass('linger') is not null")
            .fetch_one(pool)
            .await?;
        if !is_there {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_worker_tells_what_it_is_and_how_much_it_has_to_do() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    sqlx::query("create table linger ()").execute(pool).await?;
    linger::enqueue_many(pool, [(); 2]).await?;
    let stop = CancellationToken::new();
    let running = worker::<linger>(&database)
        .concurrency(5)
        .version("4.5.6")
        .lease(Duration::from_secs(1))
        .stop_on(stop.clone());
    let running = tokio::spawn(async move { running.await });

    let pgq = Pgq::from_pool(pool.clone());
    let busy = async {
        loop {
            let workers = pgq.workers().await?;
            if workers.iter().any(|worker| worker.running == 2) {
                return anyhow::Ok(workers);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let workers = tokio::time::timeout(DEADLINE, busy).await??;
    let [state] = &workers[..] else {
        panic!("{workers:?}");
    };
    assert_eq!(state.pid, std::process::id());
    assert_eq!(state.queues, ["default"]);
    assert_eq!((state.concurrency, state.is_alive), (5, true));
    assert_eq!(state.build.app_version.as_deref(), Some("4.5.6"));
    let tasks: Vec<_> = state.build.tasks.iter().map(|task| &*task.name).collect();
    assert_eq!(tasks, ["fleet/linger"]);
    let fingerprint: i64 = sqlx::query_scalar("select fingerprint from pgq_jobs.running limit 1")
        .fetch_one(pool)
        .await?;
    assert_eq!(state.build.tasks[0].fingerprint, fingerprint);
    let shown: (i32, String) =
        sqlx::query_as("select running, app_version from pgq_jobs.fleet where alive")
            .fetch_one(pool)
            .await?;
    assert_eq!(shown, (2, "4.5.6".to_owned()));

    sqlx::query("drop table linger").execute(pool).await?;
    stop.cancel();
    running.await??;
    assert!(pgq.workers().await?.is_empty());
    Ok(())
}
