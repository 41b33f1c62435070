//! Transactions that complete jobs: those of users, and [`JobTransaction`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::children::complete_within;
use super::error::driver_error;
use super::schema::Schema;
use super::sql::Statements;
use crate::driver::{CompletionWithin, DriverError, DriverErrorKind};
use crate::task::{AttemptTransaction, Committed, CompleteIn, Context, MakeTransaction};

/// A transaction that commits together with the job of the task that takes it.
///
/// A task takes it as `&pgq::JobTransaction`. It begins when [`connection`](Self::connection) is
/// first called, on the pool that tasks are given as `&PgPool`. When the task returns a result, the
/// job is completed in it and it commits: everything that was written through it, and the end of the
/// job, at once. When the task fails, panics, or runs out of time, it is rolled back. So what it
/// writes happens exactly once, however often the task runs.
///
/// A worker that was believed dead, and whose job runs elsewhere, cannot commit. If nobody knows
/// whether the commit has arrived, because the connection was lost, the database is asked.
///
/// To choose the moment of the commit, begin a transaction yourself and end it with
/// [`Context::complete_in`].
///
/// ```
/// #[pgq::task]
/// async fn charge(tx: &pgq::JobTransaction, order: i64) -> anyhow::Result<()> {
///     let mut db = tx.connection().await?;
///     sqlx::query("update orders set charged = true where id = $1")
///         .bind(order)
///         .execute(&mut *db)
///         .await?;
///     Ok(())
/// }
/// ```
pub struct JobTransaction {
    pool: PgPool,
    /// Whether the transaction that is open is to be rolled back.
    is_void: AtomicBool,
    stage: Mutex<Stage>,
}

enum Stage {
    Unused,
    Open(Transaction<'static, Postgres>),
    Ended,
}

/// The connection of a [`JobTransaction`]: `&mut *connection` is a `&mut PgConnection` that is in the
/// transaction. While one is there, no other can be had.
#[derive(Debug)]
pub struct JobConnection<'a>(MappedMutexGuard<'a, PgConnection>);

impl JobTransaction {
    fn new(pool: PgPool) -> Self {
        Self {
            pool,
            is_void: AtomicBool::new(false),
            stage: Mutex::new(Stage::Unused),
        }
    }

    /// The connection, in the transaction; the first call begins it. Waits while another
    /// [`JobConnection`] of the transaction is there.
    ///
    /// # Errors
    ///
    /// Fails if the pool has no connection to give, and once the task has returned.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped call has at most begun the transaction.
    pub async fn connection(&self) -> Result<JobConnection<'_>, DriverError> {
        let mut stage = self.stage.lock().await;
        self.clear(&mut stage).await;
        if let Stage::Unused = *stage {
            let begun = self.pool.begin().await;
            let error = |error| driver_error("failed to begin the transaction of the job", error);
            *stage = Stage::Open(begun.map_err(error)?);
        }
        let open = MutexGuard::try_map(stage, |stage| match stage {
            Stage::Open(transaction) => Some(&mut **transaction),
            Stage::Unused | Stage::Ended => None,
        });
        open.map(JobConnection).map_err(|_| {
            let problem = "the transaction of the job has ended, because its task has returned";
            DriverError::new(DriverErrorKind::Other, problem)
        })
    }
}

impl JobTransaction {
    /// Rolls back what is void.
    async fn clear(&self, stage: &mut Stage) {
        if !self.is_void.swap(false, Ordering::SeqCst) {
            return;
        }
        if !matches!(stage, Stage::Open(_)) {
            return;
        }
        if let Stage::Open(transaction) = std::mem::replace(stage, Stage::Unused) {
            // A connection that is lost has done it.
            let _ = transaction.rollback().await;
        }
    }
}

/// What makes the transactions of tasks that run on the connections of `pool`.
pub(crate) fn make_transactions(pool: &PgPool) -> MakeTransaction {
    let pool = pool.clone();
    MakeTransaction::new(move || JobTransaction::new(pool.clone()))
}

impl AttemptTransaction for JobTransaction {
    fn commit<'a>(
        &'a self,
        context: &'a Context,
        result: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Committed> {
        Box::pin(async move {
            let Ok(mut stage) = self.stage.try_lock() else {
                return Committed::InUse;
            };
            self.clear(&mut stage).await;
            let Stage::Open(mut transaction) = std::mem::replace(&mut *stage, Stage::Ended) else {
                return Committed::Unused(result);
            };
            if let Err(error) = context.complete_encoded(&mut *transaction, result).await {
                // At once, so that the job can run again at once.
                let _ = transaction.rollback().await;
                return Committed::Refused(error);
            }
            match transaction.commit().await {
                Ok(()) => Committed::Sent(None),
                Err(error) => Committed::Sent(Some(error.to_string())),
            }
        })
    }

    fn forget(&self) {
        self.is_void.store(true, Ordering::SeqCst);
    }

    fn roll_back(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Ok(mut stage) = self.stage.try_lock()
                && let Stage::Open(transaction) = std::mem::replace(&mut *stage, Stage::Ended)
            {
                // A connection that is lost has done it.
                let _ = transaction.rollback().await;
            }
        })
    }
}

impl fmt::Debug for JobTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobTransaction").finish_non_exhaustive()
    }
}

impl Deref for JobConnection<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for JobConnection<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl CompleteIn for &mut PgConnection {
    async fn complete_in(self, completion: CompletionWithin) -> Result<(), DriverError> {
        let statements = Statements::of(&Schema::new(&completion.schema)?);
        complete_within(self, &statements, &completion).await
    }
}

impl CompleteIn for &mut PoolConnection<Postgres> {
    async fn complete_in(self, completion: CompletionWithin) -> Result<(), DriverError> {
        (&mut **self).complete_in(completion).await
    }
}

impl CompleteIn for &mut Transaction<'_, Postgres> {
    async fn complete_in(self, completion: CompletionWithin) -> Result<(), DriverError> {
        (&mut **self).complete_in(completion).await
    }
}
