//! [`Database`]: a database of its own for each test.

mod jobs;
mod server;

use std::error::Error as StdError;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use tokio::sync::OnceCell;

#[cfg(feature = "embedded")]
pub use self::server::shared_cluster;
use super::Fixture;
use super::inline::Inline;
use crate::app::Pgq;
use crate::driver::AttemptDriver;
use crate::postgres::{PostgresDriver, make_transactions};
use crate::task::Registry;
use crate::worker::declared_tasks;

/// The connections that the pool of one test may open.
const POOL_CONNECTIONS: u32 = 10;

/// What an empty database is made from.
const EMPTY: &str = "template0";

/// What a migrated database is made from; made itself by the first test that needs it.
const MIGRATED: &str = "pgq_migrated";

/// A database that is made for one test, and dropped at its end with every connection to it.
///
/// It is on a private server that the tests of a process share, without `fsync` (the feature
/// `embedded`), or on the server whose URL is in `PGQ_TEST_DATABASE_URL`, where it is made beside
/// what is there. `DATABASE_URL` is ignored: it may be somebody's production.
#[derive(Debug)]
pub struct Database {
    name: String,
    server: PgConnectOptions,
    url: String,
    pool: PgPool,
    driver: PostgresDriver,
    tasks: Inline,
}

/// Why there is no database for a test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// No server was named, and this build cannot start one.
    #[error(
        "no PostgreSQL server for tests; enable the feature `embedded` of pgq, or set \
         `PGQ_TEST_DATABASE_URL`"
    )]
    NoServer,
    /// The private server did not start.
    #[error("the PostgreSQL server for tests did not start")]
    NotStarted(#[source] Box<dyn StdError + Send + Sync>),
    /// The server refuses.
    #[error("the server did not make a database for the test")]
    Refused(#[from] sqlx::Error),
    /// The tables of pgq could not be made.
    #[error(transparent)]
    Pgq(#[from] crate::Error),
}

impl Database {
    /// Makes a database without anything in it.
    ///
    /// # Errors
    ///
    /// Fails if there is no server or it refuses.
    pub async fn empty() -> Result<Self, DatabaseError> {
        Self::from_template(EMPTY).await
    }

    /// Makes a database with the tables of pgq.
    ///
    /// # Errors
    ///
    /// Fails if there is no server or it refuses.
    pub async fn migrated() -> Result<Self, DatabaseError> {
        if server::is_foreign() {
            // Leaves no template behind on somebody's server.
            let database = Self::empty().await?;
            Pgq::from_pool(database.pool.clone()).migrate().await?;
            return Ok(database);
        }
        static MADE: OnceCell<()> = OnceCell::const_new();
        MADE.get_or_try_init(make_migrated_template).await?;
        Self::from_template(MIGRATED).await
    }

    async fn from_template(template: &str) -> Result<Self, DatabaseError> {
        let server_url = server::url().await?;
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
        let mut tasks = Inline::new(Registry::linked());
        tasks.give(pool.clone());
        tasks.give(make_transactions(&pool));
        Ok(Self {
            url: with_database(&server_url, &name),
            driver: PostgresDriver::new(pool.clone()),
            tasks,
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

/// With the tables of pgq, and every task that is linked into the test.
impl Fixture for Database {
    async fn open() -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let database = Self::migrated().await?;
        // As a worker that starts: what is tested may enqueue by name, as a trigger does.
        let tasks = declared_tasks(&database.tasks.registry);
        database.driver.declare_tasks(&tasks).await?;
        Ok(database)
    }
}

impl Drop for Database {
    /// Drops the database with all connections to it; a failure is ignored, because the test may
    /// have stopped the server.
    fn drop(&mut self) {
        let server = self.server.clone();
        let drop_database = format!("drop database if exists {} with (force)", self.name);
        // A runtime cannot wait inside another one.
        let worker = thread::spawn(move || -> Result<(), Box<dyn StdError + Send + Sync>> {
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

async fn make_migrated_template() -> Result<(), DatabaseError> {
    let server_url = server::url().await?;
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
