//! A certificate or a password that goes bad under a worker.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgq::{CancellationToken, JobState, Pgq, Registry, Run};
use pgq_tests::eventually;
use pgq_tests::subscriber::subscribe;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::Semaphore;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use super::authority::{Authority, Identity, Validity};
use super::{PASSWORD, Server, double, tls, worker};

/// How often a call may fail before its answer counts as lost, unless the server cannot be reached.
const FAILURES: usize = 7;

const ANY: &[&str] = &["host all all 127.0.0.1/32 trust"];

/// What workers have warned of: the message, and the error.
#[derive(Clone, Debug, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// How often both words were in one warning.
    fn count(&self, [one, other]: [&str; 2]) -> usize {
        let warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let both = |warning: &&String| warning.contains(one) && warning.contains(other);
        warnings.iter().filter(both).count()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::WARN {
            let mut text = Text::default();
            event.record(&mut text);
            let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            warnings.push(text.0);
        }
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{value:?} "));
    }
}

/// Ends every session but the one that asks, and those that begin, which version 18 shows.
async fn end_sessions(pool: &PgPool) -> anyhow::Result<()> {
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
               where backend_type = 'client backend' and pid <> pg_backend_pid()
               and state is distinct from 'starting'";
    sqlx::query(end).execute(pool).await?;
    Ok(())
}

/// Whether a job is done by now.
async fn is_done(pgq: &Pgq, number: u32) -> anyhow::Result<()> {
    let job = double::enqueue(pgq, number).await?;
    eventually("a job is done", || async {
        Ok(job.status(pgq).await? == JobState::Completed)
    })
    .await
}

/// Makes a certificate that the server is given.
type Bad = fn(&Authority) -> anyhow::Result<Identity>;

/// Replaces the certificate of a server under a worker by a bad one, of which the worker warns in
/// these words, and by a good one again.
async fn survive(bad: Bad, words: &str) -> anyhow::Result<()> {
    let warnings = Warnings::default();
    let _subscribed = subscribe(tracing_subscriber::Registry::default().with(warnings.clone()));
    let server = Server::start(ANY).await?;
    // It does not look at the certificate.
    let pgq = Pgq::connect(&server.url("require")).await?;
    pgq.migrate().await?;
    let stop = CancellationToken::new();
    let run = worker(&server.url(&format!("verify-full&{}", server.trust())));
    let running = tokio::spawn(run.stop_on(stop.clone()).into_future());
    is_done(&pgq, 1).await?;

    server
        .cluster
        .renew_tls(&tls(&server.authority, &bad(&server.authority)?))?;
    eventually("the worker warns of the cause", || async {
        end_sessions(pgq.pool()).await?;
        Ok(warnings.count([words, ""]) > 0)
    })
    .await?;
    let waiting = double::enqueue(&pgq, 2).await?;
    assert!(!running.is_finished(), "the worker has ended");
    let good = server.authority.server(&["127.0.0.1"], Validity::Valid)?;
    server.cluster.renew_tls(&tls(&server.authority, &good))?;

    eventually("the job is done that was enqueued meanwhile", || async {
        Ok(waiting.status(&pgq).await? == JobState::Completed)
    })
    .await?;
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_worker_waits_until_a_certificate_that_has_expired_is_renewed() -> anyhow::Result<()> {
    let bad = |authority: &Authority| authority.server(&["127.0.0.1"], Validity::Expired);
    let words = "the server's certificate has expired; renew it";
    survive(bad, words).await
}

#[tokio::test]
async fn a_worker_waits_until_its_own_ca_signs_again() -> anyhow::Result<()> {
    let bad =
        |_: &Authority| Authority::new("somebody else's")?.server(&["127.0.0.1"], Validity::Valid);
    let words = "the server's certificate is not of a CA that is trusted here; set `sslrootcert`";
    survive(bad, words).await
}

/// Runs until it is allowed to end.
#[pgq::task(name = "tls/hold_result")]
async fn hold(gate: &Arc<Semaphore>) -> anyhow::Result<u32> {
    gate.acquire().await?.forget();
    Ok(7)
}

/// Lets a job end while nobody is let in, of which the worker warns in these words; its result is to
/// be kept until somebody is.
async fn keep(
    server: &Server,
    lock: impl AsyncFn(&PgPool) -> anyhow::Result<()>,
    unlock: impl AsyncFn(&PgPool) -> anyhow::Result<()>,
    words: &str,
) -> anyhow::Result<()> {
    let warnings = Warnings::default();
    let _subscribed = subscribe(tracing_subscriber::Registry::default().with(warnings.clone()));
    let pgq = Pgq::connect(&server.url("require")).await?;
    pgq.migrate().await?;
    // Its only connection is there before, and stays.
    let admin = PgPoolOptions::new().max_connections(1);
    let admin = admin.connect(&server.url("require")).await?;
    let (gate, stop) = (Arc::new(Semaphore::new(0)), CancellationToken::new());
    let run = Run::new(Registry::new())
        .task::<hold>()
        .url(server.url(&format!("verify-full&{}", server.trust())))
        .state(Arc::clone(&gate))
        // Longer than it is locked out: the worker must not give its job up.
        .lease(Duration::from_secs(120))
        .without_signals()
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let job = hold::enqueue(&pgq).await?;
    eventually("the job runs", || async {
        Ok(job.status(&pgq).await? == JobState::Running)
    })
    .await?;

    lock(&admin).await?;
    eventually("the worker is locked out", || async {
        end_sessions(&admin).await?;
        Ok(warnings.count([words, ""]) > 0)
    })
    .await?;
    gate.add_permits(1);
    eventually("its result is not taken", || async {
        Ok(warnings.count([words, "trying again"]) >= FAILURES)
    })
    .await?;
    unlock(&admin).await?;

    eventually("it is taken", || async {
        Ok(job.status(&pgq).await? == JobState::Completed)
    })
    .await?;
    let stored = job.job(&pgq).await?;
    assert_eq!((stored.attempt, stored.deliveries), (1, 1));
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_result_is_kept_until_the_certificate_is_renewed() -> anyhow::Result<()> {
    let server = Server::start(ANY).await?;
    let give = async |validity| {
        let identity = server.authority.server(&["127.0.0.1"], validity)?;
        Ok(server
            .cluster
            .renew_tls(&tls(&server.authority, &identity))?)
    };

    let lock = async |_: &PgPool| give(Validity::Expired).await;
    let unlock = async |_: &PgPool| give(Validity::Valid).await;

    keep(
        &server,
        lock,
        unlock,
        "the server's certificate has expired",
    )
    .await
}

#[tokio::test]
async fn a_result_is_kept_until_the_password_is_right_again() -> anyhow::Result<()> {
    let server = Server::start(&["host all all 127.0.0.1/32 scram-sha-256"]).await?;
    let alter = async |admin: &PgPool, password: &str| {
        let password = password.replace('\'', "''");
        let alter = format!("alter role postgres password '{password}'");
        sqlx::raw_sql(AssertSqlSafe(alter)).execute(admin).await?;
        anyhow::Ok(())
    };

    let lock = async |admin: &PgPool| alter(admin, "another").await;
    let unlock = async |admin: &PgPool| alter(admin, PASSWORD).await;

    keep(&server, lock, unlock, "the password is wrong").await
}
