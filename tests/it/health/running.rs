//! What changes while a worker runs.

use std::future::IntoFuture as _;
use std::time::Duration;

use pgq::CancellationToken;
use pgq::driver::FindingCode;
use pgq::embedded::Shutdown;
use pgq_tests::eventually;
use pgq_tests::subscriber::subscribe;
use sqlx::{Connection as _, PgConnection};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Said, nothing, own_server, worker};

/// The shortest lease: a worker looks every six.
const LEASE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_server_that_becomes_a_standby_is_said_once_and_waited_for() -> anyhow::Result<()> {
    let said = Said::default();
    let _subscribed = subscribe(Registry::default().with(said.clone()));
    let (mut cluster, pool) = own_server(&[]).await?;
    let stop = CancellationToken::new();
    let run = worker(&pool).lease(LEASE).stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let count = |sql: &'static str| {
        let pool = pool.clone();
        async move { Ok(sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await?) }
    };
    eventually("the worker lives", async || {
        let workers: anyhow::Result<i64> = count("select count(*) from pgq_jobs.worker").await;
        Ok(workers? == 1)
    })
    .await?;

    let signal = cluster.data_directory().join("standby.signal");
    let written = signal.clone();
    let mut cluster = tokio::task::spawn_blocking(move || {
        cluster.halt(Shutdown::Fast)?;
        std::fs::write(written, "")?;
        cluster.resume()?;
        anyhow::Ok(cluster)
    })
    .await??;
    eventually("it is said", async || {
        anyhow::ensure!(!running.is_finished(), "the worker has ended");
        Ok(said.times(FindingCode::Standby) > 0)
    })
    .await?;
    let cluster = tokio::task::spawn_blocking(move || {
        cluster.halt(Shutdown::Fast)?;
        std::fs::remove_file(signal)?;
        cluster.resume()?;
        anyhow::Ok(cluster)
    })
    .await??;
    let enqueued = async || {
        let mut connection = PgConnection::connect(&cluster.url("postgres")).await?;
        anyhow::Ok(nothing::enqueue(&mut connection).await.is_ok())
    };
    eventually("a job is enqueued", async || Ok(enqueued().await?)).await?;
    eventually("it runs", async || {
        let finished: anyhow::Result<i64> = count("select count(*) from pgq_jobs.finished").await;
        Ok(finished.is_ok_and(|finished| finished > 0))
    })
    .await?;

    stop.cancel();
    running.await??;
    assert_eq!(said.times(FindingCode::Standby), 1);
    Ok(())
}
