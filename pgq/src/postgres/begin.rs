//! Transactions that no dropped call leaves open.
//!
//! sqlx, up to its version 0.9.0, counts a transaction once the server has answered `begin`. Of a call that is dropped
//! before that nothing rolls it back: the pool lends the connection again, and whatever comes next on it would never
//! be committed.

use std::ops::{Deref, DerefMut};

use futures_util::FutureExt as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};

use super::connection::{Connection, fetch};
use super::statement::Statement;
use crate::driver::DriverError;

/// A transaction of pgq's on a connection, which is rolled back unless it is committed. sqlx does not know of it, so
/// that nobody else may begin one in it.
#[derive(Debug)]
pub(super) struct OpenTransaction<C: DerefMut<Target = PgConnection> = PoolConnection<Postgres>> {
    connection: C,
    is_open: bool,
}

impl OpenTransaction {
    /// On a connection of a pool.
    pub(super) async fn of(pool: &PgPool) -> sqlx::Result<Self> {
        Self::on(pool.acquire().await?).await
    }
}

impl<C: DerefMut<Target = PgConnection> + Send> OpenTransaction<C> {
    /// On a connection that is in no transaction.
    pub(super) async fn on(connection: C) -> sqlx::Result<Self> {
        // From here on it is rolled back, if it may have begun.
        let mut transaction = Self {
            connection,
            is_open: true,
        };
        transaction.run_raw("begin").await?;
        Ok(transaction)
    }

    pub(super) async fn commit(self) -> sqlx::Result<()> {
        self.end("commit").await
    }

    pub(super) async fn rollback(self) -> sqlx::Result<()> {
        self.end("rollback").await
    }

    async fn end(mut self, statement: &'static str) -> sqlx::Result<()> {
        self.run_raw(statement).await?;
        self.is_open = false;
        Ok(())
    }

    async fn run_raw(&mut self, statement: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(statement)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

impl<C: DerefMut<Target = PgConnection>> Drop for OpenTransaction<C> {
    fn drop(&mut self) {
        if self.is_open {
            // The first poll puts the statement behind what was sent; its answer is read by whoever comes next.
            let _ = self.connection.begin_with("rollback").now_or_never();
        }
    }
}

impl<C: DerefMut<Target = PgConnection>> Deref for OpenTransaction<C> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl<C: DerefMut<Target = PgConnection>> DerefMut for OpenTransaction<C> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl<C: DerefMut<Target = PgConnection> + Send> Connection for OpenTransaction<C> {
    type Row = PgRow;

    async fn run(&mut self, statement: Statement) -> Result<Vec<PgRow>, DriverError> {
        fetch(&mut self.connection, statement).await
    }
}

/// Begins a transaction of sqlx's, for somebody who may begin others in it. A call that is dropped lets it begin, and
/// be rolled back.
pub(super) async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin().await });
    begun
        .await
        .unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(sqlx::Error::WorkerCrashed),
        })
}
