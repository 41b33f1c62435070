//! What is wrong with a database, provoked on a real server, and what becomes of it.

mod connections;
mod database;
mod listen;
mod page;
mod rights;
mod running;
mod schema;
mod sessions;
mod start;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgq::driver::{Finding, FindingCode, Severity};
use pgq::embedded::Cluster;
use pgq::{Pgq, Registry, Run};
use pgq_tests::database::TestDatabase;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How long a run may take. Only a test that fails takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

#[pgq::task(name = "health/nothing")]
async fn nothing() {}

fn worker(pool: &PgPool) -> Run {
    Run::new(Registry::new())
        .task::<nothing>()
        .pool(pool.clone())
        .without_signals()
}

/// Runs statements one after the other.
async fn run(pool: &PgPool, sql: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await?;
    Ok(())
}

/// What is found through new connections of these options.
async fn check(options: &PgConnectOptions) -> anyhow::Result<Vec<Finding>> {
    let pool = PgPoolOptions::new().connect_lazy_with(options.clone());
    let found = Pgq::from_pool(pool.clone()).check_health().await;
    pool.close().await;
    Ok(found?)
}

/// The only thing that is found through new connections to the database of a test.
async fn only(database: &TestDatabase) -> anyhow::Result<Finding> {
    let mut found = check(&database.url().parse()?).await?;
    anyhow::ensure!(found.len() == 1, "{found:?}");
    Ok(found.remove(0))
}

#[track_caller]
fn assert_finding(found: &Finding, (code, severity): (FindingCode, Severity), words: &[&str]) {
    assert_eq!((found.code, found.severity), (code, severity), "{found}");
    for word in words {
        let text = found.to_string();
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

fn codes(found: &[Finding]) -> Vec<FindingCode> {
    found.iter().map(|finding| finding.code).collect()
}

/// A user of the server, who can log in and do nothing else; on a server of the tests' own he stays.
struct Guest {
    name: String,
    options: PgConnectOptions,
}

impl Guest {
    async fn of(database: &TestDatabase) -> anyhow::Result<Self> {
        let name = format!("{}_guest", database.name());
        run(database.pool(), &format!("create role {name} login")).await?;
        let options: PgConnectOptions = database.url().parse()?;
        Ok(Self {
            options: options.username(&name),
            name,
        })
    }

    async fn check(&self) -> anyhow::Result<Vec<Finding>> {
        check(&self.options).await
    }

    async fn leave(self, database: &TestDatabase) -> anyhow::Result<()> {
        let name = self.name;
        run(
            database.pool(),
            &format!("drop owned by {name}; drop role {name}"),
        )
        .await
    }
}

/// A server of the test's own, with the tables of pgq.
async fn own_server(settings: &[(&str, &str)]) -> anyhow::Result<(Cluster, PgPool)> {
    let mut builder = Cluster::builder();
    for &(name, value) in settings {
        builder = builder.setting(name, value);
    }
    let cluster = tokio::task::spawn_blocking(move || builder.start()).await??;
    let pool = PgPoolOptions::new()
        .connect(&cluster.url("postgres"))
        .await?;
    Pgq::from_pool(pool.clone()).migrate().await?;
    Ok((cluster, pool))
}

/// The codes that workers have logged.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn codes(&self) -> Vec<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }

    fn times(&self, code: FindingCode) -> usize {
        let said = self.codes();
        said.iter().filter(|said| **said == code.as_str()).count()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Said {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::WARN {
            event.record(&mut Code(self));
        }
    }
}

struct Code<'a>(&'a Said);

impl Visit for Code<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "code" {
            let mut said = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
            said.push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
