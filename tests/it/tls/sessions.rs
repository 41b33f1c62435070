//! Whatever a worker opens is encrypted.

use std::fs;
use std::sync::Arc;

use pgq::{CancellationToken, INPUT_INLINE_MAX, Pgq, Registry, Run};
use pgq_tests::eventually;
use tokio::sync::Semaphore;

use super::Server;

/// Runs until it is allowed to end.
#[pgq::task(name = "tls/hold")]
async fn hold(text: String, gate: &Arc<Semaphore>) -> anyhow::Result<usize> {
    gate.acquire().await?.forget();
    Ok(text.len())
}

#[tokio::test]
async fn every_session_of_a_worker_is_encrypted() -> anyhow::Result<()> {
    // It would let in who is not.
    let server = Server::start(&["host all all 127.0.0.1/32 scram-sha-256"]).await?;
    let url = server.url(&format!("verify-full&{}", server.trust()));
    let pgq = Pgq::connect(&url).await?;
    pgq.migrate().await?;
    let gate = Arc::new(Semaphore::new(0));
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<hold>()
        .url(&url)
        .state(Arc::clone(&gate))
        .without_signals()
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    // Large ones are read by sessions of their own.
    let small = hold::enqueue(&pgq, "small".to_owned()).await?;
    let large = hold::enqueue(&pgq, "x".repeat(2 * INPUT_INLINE_MAX)).await?;

    eventually("the worker listens, and runs both", || async {
        let listening = "select count(*) from pg_stat_activity
                         where query ilike 'listen %' or query like '%advisory%'";
        let listening: i64 = sqlx::query_scalar(listening).fetch_one(pgq.pool()).await?;
        let running = "select count(*) from pgq_jobs.running";
        let running: i64 = sqlx::query_scalar(running).fetch_one(pgq.pool()).await?;
        Ok(listening > 0 && running == 2)
    })
    .await?;
    let plain = "select count(*) from pg_stat_activity join pg_stat_ssl using (pid)
                 where backend_type = 'client backend' and not ssl";
    let plain: i64 = sqlx::query_scalar(plain).fetch_one(pgq.pool()).await?;
    gate.add_permits(2);
    assert_eq!(small.wait(&pgq).await?, 5);
    assert_eq!(large.wait(&pgq).await?, 2 * INPUT_INLINE_MAX);
    stop.cancel();
    running.await??;

    assert_eq!(plain, 0);
    // Those that have ended, too.
    let log = fs::read_to_string(server.cluster.log_file())?;
    let mut sessions = log
        .lines()
        .filter(|line| line.contains("connection authorized:"));
    let plain = sessions.clone().find(|line| !line.contains("SSL enabled"));
    assert_eq!(plain, None);
    assert!(sessions.by_ref().count() >= 5, "{log}");
    Ok(())
}
