//! Clients that do the same thing at once, each on a connection of its own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use sqlx::PgConnection;
use tokio::task::JoinSet;

use crate::enqueuer::{Bare, WithoutWakeUp};
use crate::schema;
use crate::server::Database;
use crate::task::{inputs, noop};

/// The rows of one statement where many are handled at once: what pgq's users are told to take.
pub(crate) const BATCH: i64 = 1000;

/// What is done with a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Enqueues jobs, as an application does.
    Enqueue,
    /// Inserts the same rows into the same table, and wakes nobody.
    InsertWithoutWakeUp,
    /// Inserts rows like those of jobs into a bare table.
    InsertBare,
    /// Deletes them.
    DeleteBare,
    /// Does both.
    InsertAndDeleteBare,
}

/// Work to be shared by clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) step: Step,
    pub(crate) rows: i64,
    pub(crate) batch: i64,
    pub(crate) clients: usize,
}

impl Load {
    /// Does the work, and returns how long that took, without the time to connect.
    pub(crate) async fn run(self, database: &Database) -> anyhow::Result<Duration> {
        let mut connections = Vec::new();
        for _ in 0..self.clients {
            connections.push(database.connect().await?);
        }
        let next = Arc::new(AtomicI64::new(0));
        let mut clients = JoinSet::new();
        let started = Instant::now();
        for connection in connections {
            clients.spawn(self.client(connection, Arc::clone(&next)));
        }
        while let Some(client) = clients.join_next().await {
            client??;
        }
        Ok(started.elapsed())
    }

    async fn client(
        self,
        mut connection: PgConnection,
        next: Arc<AtomicI64>,
    ) -> anyhow::Result<()> {
        loop {
            let first = next.fetch_add(self.batch, Ordering::Relaxed);
            if first >= self.rows {
                return Ok(());
            }
            let rows = first..self.rows.min(first + self.batch);
            self.step.run(&mut connection, rows).await?;
        }
    }
}

impl Step {
    async fn run(self, connection: &mut PgConnection, rows: Range<i64>) -> anyhow::Result<()> {
        let count = rows.end - rows.start;
        let done = match self {
            Self::Enqueue if count == 1 => {
                for (to, number) in inputs(rows) {
                    noop::enqueue(&mut *connection, to, number).await?;
                }
                1
            }
            Self::Enqueue => noop::enqueue_many(connection, inputs(rows)).await?.len(),
            Self::InsertWithoutWakeUp => {
                let enqueuer = WithoutWakeUp(connection);
                noop::enqueue_many(enqueuer, inputs(rows)).await?.len()
            }
            Self::InsertBare => {
                let after = rows.start;
                let enqueuer = Bare { connection, after };
                noop::enqueue_many(enqueuer, inputs(rows)).await?.len()
            }
            Self::DeleteBare => delete_bare(connection, &rows).await?,
            Self::InsertAndDeleteBare => {
                let bare = Bare {
                    connection: &mut *connection,
                    after: rows.start,
                };
                noop::enqueue_many(bare, inputs(rows.clone())).await?;
                delete_bare(connection, &rows).await?
            }
        };
        ensure!(
            i64::try_from(done)? == count,
            "{self:?} of {count} rows has done {done}"
        );
        Ok(())
    }
}

async fn delete_bare(connection: &mut PgConnection, rows: &Range<i64>) -> anyhow::Result<usize> {
    let deleted = sqlx::query(schema::DELETE_BARE)
        .bind(rows.start)
        .bind(rows.end)
        .execute(connection)
        .await?;
    Ok(usize::try_from(deleted.rows_affected())?)
}

/// Makes the bare table.
pub(crate) async fn create_bare(database: &Database) -> sqlx::Result<()> {
    sqlx::raw_sql(schema::CREATE_BARE)
        .execute(database.pool())
        .await?;
    Ok(())
}
