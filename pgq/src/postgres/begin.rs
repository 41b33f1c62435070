//! Beginning a transaction so that no dropped call leaves it open.
//!
//! sqlx, up to its version 0.9.0, counts a transaction once the server has answered `begin`. Of a call that is dropped
//! before that nothing rolls it back: the pool lends the connection again, and whatever comes next on it would never
//! be committed.

use futures_util::FutureExt as _;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};

use super::servers::Servers;

/// Begins a transaction on a connection of a pool. A call that is dropped lets it begin, and be rolled back; but not for
/// longer than the term of the connection lasts, after which the pool of such `servers` closes it.
pub(super) async fn begin(
    pool: &PgPool,
    servers: Option<&Servers>,
) -> sqlx::Result<Transaction<'static, Postgres>> {
    let (pool, servers) = (pool.clone(), servers.cloned());
    let ended = async move {
        match servers {
            Some(servers) => servers.term_ended().await,
            None => std::future::pending().await,
        }
    };
    let begun = tokio::spawn(async move {
        tokio::select! {
            begun = pool.begin() => begun,
            () = ended => Err(sqlx::Error::PoolTimedOut),
        }
    });
    begun
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed))
}

/// A connection of somebody else's on which a transaction begins. Dropped before it has, it rolls the transaction back.
pub(super) struct Beginning<'a> {
    connection: &'a mut PgConnection,
    is_begun: bool,
}

impl<'a> Beginning<'a> {
    /// On a connection that is in no transaction.
    pub(super) fn on(connection: &'a mut PgConnection) -> Self {
        Self {
            connection,
            is_begun: false,
        }
    }

    pub(super) async fn begin(&mut self) -> sqlx::Result<Transaction<'_, Postgres>> {
        let transaction = self.connection.begin().await?;
        self.is_begun = true;
        Ok(transaction)
    }
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        if !self.is_begun {
            // The first poll puts the statement behind what was sent; its answer is read by whoever comes next.
            let _ = self.connection.begin_with("rollback").now_or_never();
        }
    }
}
