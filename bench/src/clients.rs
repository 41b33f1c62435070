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
        let mut clients = Clients::connect(database, self.clients).await?;
        clients.share(self.step, 0..self.rows, self.batch).await
    }
}

/// Clients that stay connected from one piece of work to the next.
#[derive(Debug)]
pub(crate) struct Clients {
    connections: Vec<PgConnection>,
}

impl Clients {
    pub(crate) async fn connect(database: &Database, count: usize) -> anyhow::Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..count {
            connections.push(database.connect().await?);
        }
        Ok(Self { connections })
    }

    /// Shares the rows in batches, and returns how long they took.
    pub(crate) async fn share(
        &mut self,
        step: Step,
        rows: Range<i64>,
        batch: i64,
    ) -> anyhow::Result<Duration> {
        let next = Arc::new(AtomicI64::new(rows.start));
        let mut clients = JoinSet::new();
        let started = Instant::now();
        for mut connection in self.connections.drain(..) {
            let next = Arc::clone(&next);
            clients.spawn(async move {
                loop {
                    let first = next.fetch_add(batch, Ordering::Relaxed);
                    if first >= rows.end {
                        return anyhow::Ok(connection);
                    }
                    let part = first..rows.end.min(first + batch);
                    step.run(&mut connection, part).await?;
                }
            });
        }
        while let Some(client) = clients.join_next().await {
            self.connections.push(client??);
        }
        Ok(started.elapsed())
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
