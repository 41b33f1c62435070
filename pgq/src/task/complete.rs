//! Completion inside a transaction of the task.

use std::any::TypeId;
use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::Serialize;

use super::Context;
use super::descriptor::TaskDescriptor;
use crate::driver::{Completion, CompletionWithin, DriverError, DriverErrorKind};
use crate::job::{EncodeError, JobId, encode_value};

/// An open transaction that an attempt can be completed in.
#[diagnostic::on_unimplemented(
    message = "an attempt cannot be completed in `{Self}`",
    label = "not an open transaction of pgq",
    note = "pass `&mut *transaction`"
)]
pub trait CompleteIn: Send {
    /// Ends the attempt in this transaction.
    ///
    /// # Errors
    ///
    /// Fails with [`DriverErrorKind::Fenced`] if the attempt does not hold its job any more. The
    /// server has refused a statement then, so that the transaction cannot commit.
    fn complete_in(
        self,
        completion: CompletionWithin,
    ) -> impl Future<Output = Result<(), DriverError>> + Send;
}

/// Why an attempt was not completed in a transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompleteError {
    /// The job was taken from the attempt: its worker was believed dead, or somebody has ended it.
    /// The server refuses to commit the transaction, and nothing else of the attempt is recorded.
    #[error("job {job} is not held by this attempt any more, so its transaction cannot commit")]
    Fenced {
        /// The job.
        job: JobId,
    },
    /// The result is not of the type that the task returns. Nothing was sent.
    #[error("the result of the task is `{expected}`, but it was completed with `{given}`")]
    Type {
        /// The name of the type that the task returns.
        expected: &'static str,
        /// The name of the type that was given.
        given: &'static str,
    },
    /// The result cannot be written. Nothing was sent.
    #[error("failed to encode the result")]
    Encode(#[source] EncodeError),
    /// The result is larger than the worker stores. Nothing was sent.
    #[error("the result has {size} bytes, but at most {limit} are allowed")]
    TooLarge {
        /// The size of the result, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// There is no job to complete, or no transaction that its storage shares.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The storage failed.
    #[error("failed to complete the job in the transaction")]
    Driver(#[source] DriverError),
}

const NO_JOB: &str =
    "this context is not of one job; it was made for a test, or for the option `batch`";
const NO_TRANSACTIONS: &str = "the storage of the worker has no transactions; run the task on \
                               PostgreSQL, in a test by `pgq::testing::Database`";

/// What a task has done about the completion of its own attempt.
#[derive(Debug, Default)]
pub(crate) struct Completing(AtomicU8);

const NOT_TRIED: u8 = 0;
const TRIED: u8 = 1;
const SENT: u8 = 2;

impl Completing {
    /// Whether a statement was sent that ends the attempt, whatever became of it.
    pub(crate) fn was_tried(&self) -> bool {
        self.0.load(Ordering::SeqCst) != NOT_TRIED
    }

    /// Whether the server has taken such a statement.
    pub(crate) fn was_sent(&self) -> bool {
        self.0.load(Ordering::SeqCst) == SENT
    }

    fn set(&self, state: u8) {
        self.0.fetch_max(state, Ordering::SeqCst);
    }
}

impl Context {
    /// Completes the job in a transaction of the task: what the transaction writes and the end of the
    /// job commit together, so the work is done exactly once.
    ///
    /// `result` is what the task returns. Commit the transaction yourself after this call, and then
    /// return the result, which is not stored once more: after this call pgq never completes the job
    /// itself. Where the transaction does not commit, the attempt has failed with "the completing
    /// transaction did not commit", even if the task returns a result. Where nobody knows whether it
    /// committed, because the connection was lost, the database is asked.
    ///
    /// A task whose worker was believed dead, and whose job runs elsewhere, is refused by the server:
    /// its transaction cannot commit then, even if the error of this call is ignored. (Unless the
    /// call was made after a savepoint that is rolled back.) From this call to the end of the
    /// transaction nobody else can take the job, so let it be the last statement before the commit,
    /// and commit at once: if nothing is sent for 60 seconds, the server ends the session, and the
    /// attempt has failed. (`idle_in_transaction_session_timeout` is set for this transaction, unless
    /// it is shorter.)
    ///
    /// A task that takes [`&JobTransaction`](crate::JobTransaction) needs neither the call nor the
    /// commit.
    ///
    /// ```
    /// # struct Receipt;
    /// #[pgq::task]
    /// async fn charge(ctx: &pgq::Context, db: &sqlx::PgPool, order: i64) -> anyhow::Result<u64> {
    ///     let mut tx = db.begin().await?;
    ///     sqlx::query("update orders set charged = true where id = $1")
    ///         .bind(order)
    ///         .execute(&mut *tx)
    ///         .await?;
    ///     let receipt = 17_u64;
    ///     ctx.complete_in(&mut *tx, &receipt).await?;
    ///     tx.commit().await?;
    ///     Ok(receipt)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`CompleteError`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a dropped call may or may not have completed the job in the transaction.
    pub async fn complete_in<R: Serialize + Sync + 'static>(
        &self,
        transaction: impl CompleteIn,
        result: &R,
    ) -> Result<(), CompleteError> {
        let task = self.task_descriptor();
        let task = task.ok_or(CompleteError::Unsupported(NO_JOB))?;
        let (expected, expected_name) = (task.output)();
        if expected != TypeId::of::<R>() {
            return Err(CompleteError::Type {
                expected: expected_name,
                given: std::any::type_name::<R>(),
            });
        }
        let unit = TypeId::of::<R>() == TypeId::of::<()>();
        let encoded = match unit {
            true => None,
            false => Some(encode_value(result).map_err(CompleteError::Encode)?),
        };
        self.complete_encoded(transaction, encoded).await
    }

    /// Completes the job in a transaction with a result that is encoded; `None` stands for `()`.
    pub(crate) async fn complete_encoded(
        &self,
        transaction: impl CompleteIn,
        result: Option<Vec<u8>>,
    ) -> Result<(), CompleteError> {
        let attempt = self.own();
        let (Some(host), Some(task)) = (&attempt.host, attempt.descriptor) else {
            return Err(CompleteError::Unsupported(NO_JOB));
        };
        let size = result.as_ref().map_or(0, Vec::len);
        let limit = host.result_max();
        if size > limit {
            return Err(CompleteError::TooLarge { size, limit });
        }
        let Some(schema) = host.driver().schema_name() else {
            return Err(CompleteError::Unsupported(NO_TRANSACTIONS));
        };
        let completion = CompletionWithin {
            schema: schema.to_owned(),
            worker: host.worker(),
            completion: Completion {
                job: attempt.job,
                claim: attempt.claim,
                result,
                retain: task.options.retain,
                durability: task.options.durability,
            },
            children: self.children(),
        };
        // After the commit the job is not the attempt's any more.
        self.flush_progress().await;
        attempt.completing.set(TRIED);
        host.completing(attempt.job, attempt.claim);
        match transaction.complete_in(completion).await {
            Ok(()) => {
                attempt.completing.set(SENT);
                Ok(())
            }
            Err(error) => {
                // A missing place in the history is made for the next attempt; it cannot be made
                // inside of the transaction, which is lost.
                if error.kind() == DriverErrorKind::Conflict {
                    let _ = host.driver().prepare_history(&[task.options.retain]).await;
                }
                Err(match error.kind() {
                    DriverErrorKind::Fenced => CompleteError::Fenced { job: attempt.job },
                    _ => CompleteError::Driver(error),
                })
            }
        }
    }

    fn task_descriptor(&self) -> Option<&TaskDescriptor> {
        self.own().descriptor.as_ref()
    }
}
