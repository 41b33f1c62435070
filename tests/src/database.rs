//! A database for each test.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use pgq::Pgq;
use pgq::embedded::Cluster;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use tokio::sync::OnceCell;

/// Opts in to a server that somebody else started.
const TEST_DATABASE_URL: &str = "PGQ_TEST_DATABASE_URL";

/// The connections that the pool of one test may open.
const POOL_CONNECTIONS: u32 = 10;

/// The connections that the server allows: many tests run at once.
const SERVER_CONNECTIONS: &str = "300";

/// What an empty database is made from.
const EMPTY: &str = "template0";

/// What a migrated database is made from; made itself by the first test that needs it.
const MIGRATED: &str = "pgq_migrated";

/// The server of this process, started by the first test that needs it.
///
/// A static is never dropped; the cluster's watchdog stops the server when the process ends.
static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();

/// An empty database that is dropped at the end of the test.
///
/// It is on a cluster that this process starts, with `fsync` off, or on the server whose URL is in
/// `PGQ_TEST_DATABASE_URL`. `DATABASE_URL` is ignored: it may be somebody's production.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server: PgConnectOptions,
    url: String,
    pool: PgPool,
}

impl TestDatabase {
    /// Creates the database and a pool for it.
    ///
    /// # Errors
    ///
    /// Fails if there is no server or it refuses.
    pub async fn new() -> anyhow::Result<Self> {
        Self::from_template(EMPTY).await
    }

    /// Creates a database that pgq's migrations were applied to.
    ///
    /// # Errors
    ///
    /// Fails if there is no server or it refuses.
    pub async fn migrated() -> anyhow::Result<Self> {
        if is_foreign_server() {
            // Leaves no template behind on somebody's server.
            let database = Self::new().await?;
            Pgq::from_pool(database.pool().clone()).migrate().await?;
            return Ok(database);
        }
        static MADE: OnceCell<()> = OnceCell::const_new();
        MADE.get_or_try_init(make_migrated_template).await?;
        Self::from_template(MIGRATED).await
    }

    async fn from_template(template: &str) -> anyhow::Result<Self> {
        let server_url = server_url().await?;
        let server: PgConnectOptions = server_url.parse()?;
        let name = unique_name();

        let mut connection = PgConnection::connect_with(&server).await?;
        // The name is ours: letters, digits and underscores.
        let create = format!("create database {name} template {template}");
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut connection)
            .await?;
        connection.close().await?;

        let pool = PgPoolOptions::new()
            .max_connections(POOL_CONNECTIONS)
            .connect_lazy_with(server.clone().database(&name));
        Ok(Self {
            url: with_database(&server_url, &name),
            name,
            server,
            pool,
        })
    }

    /// Returns a pool with up to 10 connections, none of them open at first.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Returns the URL of the database, for code that opens its own connections.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    /// Drops the database with all connections to it; a failure is ignored, because the test may
    /// have stopped the server.
    fn drop(&mut self) {
        let server = self.server.clone();
        let drop_database = format!("drop database if exists {} with (force)", self.name);
        // A runtime cannot wait inside another one.
        let worker = thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&server).await?;
                sqlx::raw_sql(AssertSqlSafe(drop_database))
                    .execute(&mut connection)
                    .await?;
                connection.close().await?;
                Ok(())
            })
        });
        let _ = worker.join();
    }
}

async fn make_migrated_template() -> anyhow::Result<()> {
    let server_url = server_url().await?;
    let mut connection = PgConnection::connect(&server_url).await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "create database {MIGRATED} template {EMPTY}"
    )))
    .execute(&mut connection)
    .await?;
    connection.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(&with_database(&server_url, MIGRATED))
        .await?;
    Pgq::from_pool(pool.clone()).migrate().await?;
    // A database is no template while somebody is connected to it.
    pool.close().await;
    Ok(())
}

/// Whether the tests run on a server that somebody else started.
fn is_foreign_server() -> bool {
    std::env::var_os(TEST_DATABASE_URL).is_some()
}

/// Returns the URL of a database on the server that is nobody's in particular.
async fn server_url() -> anyhow::Result<String> {
    if let Ok(url) = std::env::var(TEST_DATABASE_URL) {
        return Ok(url);
    }
    tokio::task::spawn_blocking(|| shared_cluster().map(|cluster| cluster.url("postgres")))
        .await
        .context("the start of the server panicked")?
}

/// Returns the cluster of this process; blocks while it starts.
///
/// # Errors
///
/// Fails, each time, if it did not start.
pub fn shared_cluster() -> anyhow::Result<&'static Cluster> {
    CLUSTER
        .get_or_init(|| {
            Cluster::builder()
                .setting("max_connections", SERVER_CONNECTIONS)
                .on_notice(|line| eprintln!("{line}"))
                .start()
                .map_err(|error| format!("{:#}", anyhow::Error::from(error)))
        })
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

/// Returns a name that no other process has either: they may share a server.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanoseconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    format!("pgq_test_{}_{count}_{nanoseconds}", process::id())
}

/// Replaces the database in a URL and keeps its parameters.
fn with_database(url: &str, database: &str) -> String {
    let (base, parameters) = url
        .split_once('?')
        .map_or((url, None), |(base, rest)| (base, Some(rest)));
    let authority = base.find("://").map_or(0, |scheme| scheme + 3);
    let end = base[authority..]
        .find('/')
        .map_or(base.len(), |slash| authority + slash);
    let parameters = parameters
        .map(|rest| format!("?{rest}"))
        .unwrap_or_default();
    format!("{}/{database}{parameters}", &base[..end])
}
