//! A transaction of somebody else.

use std::mem;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

/// A connection, and the transaction that may be open on it.
pub(super) struct Other {
    pub(super) connection: PgConnection,
    is_open: bool,
    /// What the transaction has added, or taken.
    pub(super) jobs: Vec<i64>,
}

impl Other {
    pub(super) async fn connect(options: &PgConnectOptions) -> anyhow::Result<Self> {
        Ok(Self {
            connection: PgConnection::connect_with(options).await?,
            is_open: false,
            jobs: Vec::new(),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Begins a transaction, unless one is open.
    pub(super) async fn begin(&mut self) -> anyhow::Result<()> {
        if !self.is_open {
            self.run("begin").await?;
        }
        self.is_open = true;
        Ok(())
    }

    /// Ends the transaction, if there is one; returns the jobs that this concerns.
    pub(super) async fn end(&mut self, commits: bool) -> anyhow::Result<Vec<i64>> {
        if self.is_open {
            let end = if commits { "commit" } else { "rollback" };
            self.run(end).await?;
        }
        self.is_open = false;
        Ok(mem::take(&mut self.jobs))
    }

    async fn run(&mut self, sql: &'static str) -> anyhow::Result<()> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await?;
        Ok(())
    }
}
