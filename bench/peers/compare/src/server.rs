//! The server that all are measured on.

use std::cell::Cell;

use anyhow::ensure;
use pgq::embedded::Cluster;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// What must be as PostgreSQL ships it for the figures to mean anything.
const DURABILITY: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// How large an unlogged table may be, in bytes; a thousand jobs are larger.
const UNLOGGED_MOST: i64 = 64 * 1024;

/// A private server with stock settings.
#[derive(Debug)]
pub(crate) struct Server {
    cluster: Cluster,
    databases: Cell<u32>,
}

impl Server {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let start = || Cluster::builder().durable().start();
        let cluster = tokio::task::spawn_blocking(start).await??;
        eprintln!("PostgreSQL {}", cluster.version());
        let databases = Cell::new(0);
        Ok(Self { cluster, databases })
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.cluster.url(database)
    }

    /// Makes an empty database on a server that has nothing to write.
    pub(crate) async fn database(&self) -> anyhow::Result<String> {
        let number = self.databases.get() + 1;
        self.databases.set(number);
        let database = format!("compare_{number}");
        self.execute(format!("create database {database}")).await?;
        self.execute("checkpoint".to_owned()).await?;
        Ok(database)
    }

    pub(crate) async fn drop(&self, database: &str) -> anyhow::Result<()> {
        let drop = format!("drop database if exists {database} with (force)");
        self.execute(drop).await
    }

    /// Fails if what ran in the database can have been faster at the cost of committed jobs.
    pub(crate) async fn check_durability(&self, database: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url(database)).await?;
        for name in DURABILITY {
            let value: String = sqlx::query_scalar("select current_setting($1)")
                .bind(name)
                .fetch_one(&mut connection)
                .await?;
            ensure!(value == "on", "{name} is {value}");
        }
        // Some have small ones for who leads, or whom to notify.
        let unlogged: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class
             where relpersistence = 'u' and pg_relation_size(oid) > $1",
        )
        .bind(UNLOGGED_MOST)
        .fetch_all(&mut connection)
        .await?;
        ensure!(unlogged.is_empty(), "{unlogged:?} are unlogged");
        connection.close().await?;
        Ok(())
    }

    async fn execute(&self, statement: String) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(())
    }
}
