//! Enqueues without `async`, through a client that blocks its thread.

use futures_util::FutureExt as _;

use super::builder::enqueue_many;
use super::{EnqueueError, Enqueuer, JobBuilder, JobHandle, NamedError, NamedJob};
use crate::driver::{DriverError, DriverErrorKind};
use crate::task::Task;

/// A connection or transaction of a client that blocks its thread, such as `&mut postgres::Client` and
/// `&mut postgres::Transaction`. See [`JobBuilder::enqueue_blocking`].
#[diagnostic::on_unimplemented(
    message = "jobs cannot be enqueued through `{Self}` by a call that blocks",
    label = "not a client of the crate `postgres`",
    note = "pass `&mut client` or `&mut transaction` of the crate `postgres`; for others there is `enqueue`, which is async"
)]
pub trait BlockingEnqueuer {
    /// What enqueues through it, in futures that are ready when they are first polled.
    fn enqueuer(self) -> impl Enqueuer;
}

impl<T: Task> JobBuilder<T> {
    /// Enqueues the job through a client of the crate `postgres`, whose calls block the thread: pass
    /// `&mut client`, or `&mut transaction` to enqueue it when, and only when, that commits.
    ///
    /// Like each call of that client it panics in async code. In `tokio::task::spawn_blocking` it does not.
    ///
    /// ```no_run
    /// # use sync_postgres as postgres;
    /// # #[pgq::task]
    /// # async fn charge(invoice: u64) {}
    /// # fn example(client: &mut postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = client.transaction()?;
    /// transaction.execute("insert into invoice (id) values ($1)", &[&7_i64])?;
    /// charge::job(7).enqueue_blocking(&mut transaction)?;
    /// transaction.commit()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub fn enqueue_blocking(
        self,
        enqueuer: impl BlockingEnqueuer,
    ) -> Result<JobHandle<T::Output>, EnqueueError> {
        let enqueued = self.enqueue(enqueuer.enqueuer()).now_or_never();
        enqueued.unwrap_or_else(|| Err(did_not_block::<T>()))
    }
}

impl<T> NamedJob<T> {
    /// Enqueues the job as [`JobBuilder::enqueue_blocking`] does.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub fn enqueue_blocking(
        self,
        enqueuer: impl BlockingEnqueuer,
    ) -> Result<JobHandle<T>, NamedError> {
        let task = self.task().to_owned();
        let enqueued = self.enqueue(enqueuer.enqueuer()).now_or_never();
        enqueued.unwrap_or_else(|| {
            let source = waits();
            Err(NamedError::Driver { task, source })
        })
    }
}

/// Enqueues one job of `T` for each input through a client whose calls block the thread, in one statement.
///
/// ```no_run
/// # use sync_postgres as postgres;
/// # #[pgq::task]
/// # async fn charge(invoice: u64) {}
/// # fn example(client: &mut postgres::Client) -> Result<(), pgq::EnqueueError> {
/// let inputs = [7, 8, 9].map(|invoice| charge::job(invoice).into_input());
/// pgq::enqueue_many_blocking::<charge>(client, inputs)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`enqueue_many`]; on an error none is enqueued.
pub fn enqueue_many_blocking<T: Task>(
    enqueuer: impl BlockingEnqueuer,
    inputs: impl IntoIterator<Item = T::Input>,
) -> Result<Vec<JobHandle<T::Output>>, EnqueueError> {
    let enqueued = enqueue_many::<T>(enqueuer.enqueuer(), inputs).now_or_never();
    enqueued.unwrap_or_else(|| Err(did_not_block::<T>()))
}

fn did_not_block<T: Task>() -> EnqueueError {
    EnqueueError::Driver {
        task: T::NAME,
        source: waits(),
    }
}

fn waits() -> DriverError {
    let problem = "the enqueuer waits in the place of blocking its thread";
    DriverError::new(DriverErrorKind::Other, problem)
}
