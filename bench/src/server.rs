//! The server, and a fresh database for each measurement.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use pgq::embedded::Cluster;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool};

/// What the databases are named; process and number follow.
const PREFIX: &str = "pgq_bench";

/// The connections that the pool of a database may open.
const POOL_CONNECTIONS: u32 = 8;

/// The settings that figures depend on.
const SETTINGS: &[&str] = &[
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "wal_sync_method",
    "wal_compression",
    "data_checksums",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum",
    "max_connections",
    "max_prepared_transactions",
];

/// A server with stock durability, or somebody's.
#[derive(Debug)]
pub(crate) struct Server {
    options: PgConnectOptions,
    made: Mutex<Vec<String>>,
    count: AtomicU32,
    /// Ends with this value; `None` if it is somebody's.
    cluster: Option<Cluster>,
}

/// A database of this program.
#[derive(Debug)]
pub(crate) struct Database {
    name: String,
    options: PgConnectOptions,
    pool: PgPool,
}

impl Server {
    /// Starts a server, or takes the one of a URL.
    pub(crate) async fn start(url: Option<&str>) -> anyhow::Result<Self> {
        let cluster = match url {
            Some(_) => None,
            None => Some(tokio::task::spawn_blocking(start_cluster).await??),
        };
        let own = cluster.as_ref().map(|cluster| cluster.url("postgres"));
        let url = url.or(own.as_deref()).context("no server")?;
        Ok(Self {
            options: PgConnectOptions::from_str(url).context("cannot read the URL")?,
            made: Mutex::default(),
            count: AtomicU32::new(0),
            cluster,
        })
    }

    /// Whether its processes are children of this one.
    pub(crate) fn is_own(&self) -> bool {
        self.cluster.is_some()
    }

    /// Prints what the server is, and how it is set.
    pub(crate) async fn describe(&self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let version: String = sqlx::query_scalar("select version()")
            .fetch_one(&mut connection)
            .await?;
        eprintln!("server = {version}");
        for name in SETTINGS {
            let value: Option<String> = sqlx::query_scalar("select current_setting($1, true)")
                .bind(name)
                .fetch_one(&mut connection)
                .await?;
            eprintln!("{name} = {}", value.as_deref().unwrap_or("-"));
        }
        connection.close().await?;
        Ok(())
    }

    /// Makes an empty database.
    pub(crate) async fn empty(&self) -> anyhow::Result<Database> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}_{}_{number}", std::process::id());
        let mut connection = self.connect().await?;
        // The name is ours: letters, digits and underscores.
        let create = format!("create database {name} template template0");
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut connection)
            .await
            .context("cannot create a database")?;
        connection.close().await?;
        self.made().push(name.clone());
        Ok(Database::new(name, &self.options))
    }

    /// Makes a database with the tables of pgq, and writes a checkpoint, so that none falls into
    /// what is measured and each measurement begins alike.
    pub(crate) async fn database(&self) -> anyhow::Result<Database> {
        let database = self.empty().await?;
        pgq::Pgq::from_pool(database.pool.clone()).migrate().await?;
        self.checkpoint().await?;
        Ok(database)
    }

    /// Writes a checkpoint, if that is allowed.
    pub(crate) async fn checkpoint(&self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        if sqlx::raw_sql("checkpoint")
            .execute(&mut connection)
            .await
            .is_err()
        {
            eprintln!("no checkpoint: the user may not write one");
        }
        connection.close().await?;
        Ok(())
    }

    /// Drops a database.
    pub(crate) async fn drop(&self, database: Database) -> anyhow::Result<()> {
        database.pool.close().await;
        self.drop_named(&database.name).await?;
        self.made().retain(|made| *made != database.name);
        Ok(())
    }

    /// Drops every database that was made and is still there.
    pub(crate) async fn clean(&self) -> anyhow::Result<()> {
        let made = std::mem::take(&mut *self.made());
        for name in made {
            let database = Database::new(name, &self.options);
            // Where a measurement has failed one may be left, which would keep the database.
            let _ = database.roll_back_prepared().await;
            database.pool.close().await;
            self.drop_named(&database.name).await?;
        }
        Ok(())
    }

    async fn drop_named(&self, name: &str) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let drop = format!("drop database if exists {name} with (force)");
        sqlx::raw_sql(AssertSqlSafe(drop))
            .execute(&mut connection)
            .await
            .with_context(|| format!("cannot drop the database {name}"))?;
        connection.close().await?;
        Ok(())
    }

    /// Connects to the database of the URL.
    pub(crate) async fn connect(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect_with(&self.options)
            .await
            .context("cannot connect to the server")
    }

    fn made(&self) -> MutexGuard<'_, Vec<String>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start_cluster() -> anyhow::Result<Cluster> {
    Ok(Cluster::builder()
        .durable()
        // Stock is none, and one scenario prepares one.
        .setting("max_prepared_transactions", "10")
        .on_notice(|line| eprintln!("{line}"))
        .start()?)
}

impl Database {
    fn new(name: String, server: &PgConnectOptions) -> Self {
        let options = server.clone().database(&name);
        let pool = PgPoolOptions::new()
            .max_connections(POOL_CONNECTIONS)
            .connect_lazy_with(options.clone());
        Self {
            name,
            options,
            pool,
        }
    }

    /// Also the name of a transaction that is prepared in it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The URL of the database, for another process.
    pub(crate) fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// Rolls back the transaction that was prepared in it.
    pub(crate) async fn roll_back_prepared(&self) -> sqlx::Result<()> {
        let end = format!("rollback prepared '{}'", self.name);
        sqlx::raw_sql(AssertSqlSafe(end))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Opens a connection that no pool looks after.
    pub(crate) async fn connect(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect_with(&self.options)
            .await
            .context("cannot connect to the database")
    }
}
