//! Transactions that complete jobs: those of users, and [`JobTransaction`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::begin::begin;
use super::error::driver_error;
use crate::driver::{DriverError, DriverErrorKind};
use crate::task::{AttemptTransaction, Committed, Context, MakeTransaction};

/// A transaction that commits together with the job of the task that takes it.
///
/// A task takes it as `&pgq::JobTransaction`. It begins when [`connection`](Self::connection) is
/// first called, on the pool that tasks are given as `&PgPool`. When the task returns a result, the
/// job is completed in it and it commits: everything that was written through it, and the end of the
/// job, at once. When the task fails, panics, or runs out of time, it is rolled back. So what it
/// writes happens exactly once, however often the task runs. Where a
/// [layer](crate::middleware::Execution) runs the task more than once, each run has its own, and that one
/// commits whose result the layer returns.
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
    /// Who may use it: one of the constants below, which only grows.
    gate: AtomicU8,
    stage: Mutex<Stage>,
}

/// The task runs.
const OPEN: u8 = 0;
/// The run is over: nobody is given the connection any more.
const CLOSED: u8 = 1;
/// The run does not count: whoever uses it last rolls it back.
const VOID: u8 = 2;

enum Stage {
    Unused,
    Open(Begun),
    Ended,
}

/// A transaction, which is rolled back when this is dropped, on whatever thread that is.
struct Begun {
    transaction: Option<Transaction<'static, Postgres>>,
    runtime: Handle,
}

/// The connection of a [`JobTransaction`]: `&mut *connection` is a `&mut PgConnection` that is in the
/// transaction. While one is there, no other can be had.
#[derive(Debug)]
pub struct JobConnection<'a> {
    connection: MappedMutexGuard<'a, PgConnection>,
    /// Dropped after the connection.
    _leave: Leave<'a>,
}

/// Rolls the transaction back if that is due, and could not be done because it was in use.
#[derive(Debug)]
struct Leave<'a>(&'a JobTransaction);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.0.gate.load(Ordering::SeqCst) == VOID {
            drop(self.0.take());
        }
    }
}

impl JobTransaction {
    fn new(pool: PgPool) -> Self {
        Self {
            pool,
            gate: AtomicU8::new(OPEN),
            stage: Mutex::new(Stage::Unused),
        }
    }

    /// The connection, in the transaction; the first call begins it. Waits while another
    /// [`JobConnection`] of the transaction is there.
    ///
    /// # Errors
    ///
    /// Fails if the pool has no connection to give, and once the task has returned or nobody waits for it
    /// any more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped call has at most begun the transaction.
    pub async fn connection(&self) -> Result<JobConnection<'_>, DriverError> {
        let leave = Leave(self);
        let mut stage = self.stage.lock().await;
        self.check()?;
        if let Stage::Unused = *stage {
            let begun = begin(&self.pool).await;
            let error = |error| driver_error("failed to begin the transaction of the job", error);
            let begun = Begun {
                transaction: Some(begun.map_err(error)?),
                runtime: Handle::current(),
            };
            self.check()?;
            *stage = Stage::Open(begun);
        }
        let open = MutexGuard::try_map(stage, |stage| match stage {
            Stage::Open(begun) => begun.transaction.as_deref_mut(),
            Stage::Unused | Stage::Ended => None,
        });
        Ok(JobConnection {
            connection: open.map_err(|_| ended())?,
            _leave: leave,
        })
    }

    fn check(&self) -> Result<(), DriverError> {
        match self.gate.load(Ordering::SeqCst) {
            OPEN => Ok(()),
            _ => Err(ended()),
        }
    }

    /// Ends the stage, if nobody uses it.
    fn take(&self) -> Option<Begun> {
        let mut stage = self.stage.try_lock().ok()?;
        match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Open(begun) => Some(begun),
            Stage::Unused | Stage::Ended => None,
        }
    }
}

fn ended() -> DriverError {
    let problem = "the transaction of the job has ended, because the run of its task has";
    DriverError::new(DriverErrorKind::Other, problem)
}

impl Begun {
    async fn roll_back(mut self) {
        if let Some(transaction) = self.transaction.take() {
            // A connection that is lost has done it.
            let _ = transaction.rollback().await;
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // The pool takes a connection back on a runtime.
        let _runtime = self.runtime.enter();
        drop(self.transaction.take());
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
            let open = match std::mem::replace(&mut *stage, Stage::Ended) {
                Stage::Open(mut begun) => begun.transaction.take(),
                Stage::Unused | Stage::Ended => None,
            };
            let Some(mut transaction) = open else {
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

    fn close(&self) {
        self.gate.fetch_max(CLOSED, Ordering::SeqCst);
    }

    fn roll_back(&self) -> BoxFuture<'static, ()> {
        self.gate.fetch_max(VOID, Ordering::SeqCst);
        let begun = self.take();
        Box::pin(async move {
            if let Some(begun) = begun {
                begun.roll_back().await;
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
        &self.connection
    }
}

impl DerefMut for JobConnection<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
