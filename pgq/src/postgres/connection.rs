//! [`Connection`]: what the statements of an enqueue run on.

#[cfg(feature = "sync-postgres")]
mod blocking;
#[cfg(feature = "deadpool-postgres")]
mod deadpool;
mod sqlx;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;

use std::future::Future;

pub(super) use self::sqlx::fetch;
use super::Statement;
use super::children::complete_within;
use super::enqueue::enqueue;
use super::named::enqueue_named;
use super::schema::Schema;
use super::sql::Statements;
use super::unique::enqueue_unique;
use crate::client::Enqueuer;
use crate::driver::{
    CompletionWithin, DriverError, DriverErrorKind, Enqueue, EnqueueNamed, EnqueuedNamed, KeyedJobs,
};
use crate::job::JobId;
use crate::task::CompleteIn;

/// A connection to PostgreSQL, which may be in a transaction, or the transaction itself: what jobs can be
/// enqueued through whatever the client is.
///
/// Those of sqlx are, and with the features named so those of `tokio-postgres`, `deadpool-postgres` and, as
/// `sync-postgres`, the blocking client `postgres`. For another client implement it for a type of your own
/// that holds one, and pass [`through`] of that, or [`Pgq::within`](crate::Pgq::within), to `enqueue`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection that pgq knows",
    label = "not a connection or transaction",
    note = "pass `&mut *connection` or `&mut *transaction` of sqlx; `tokio-postgres`, `deadpool-postgres` and \
            `postgres` need the features `tokio-postgres`, `deadpool-postgres` and `sync-postgres` of pgq"
)]
pub trait Connection: Send {
    /// A row of an answer.
    type Row: Row;

    /// Runs a statement in the transaction that the connection is in, and returns all rows of its answer.
    ///
    /// # Errors
    ///
    /// Make the error by [`Statement::refused`] or [`Statement::lost`].
    fn run(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<Self::Row>, DriverError>> + Send;
}

/// A row of the answer to a [`Statement`]. Columns are counted from 0.
pub trait Row: Send {
    /// What is in a column of the type `bigint`.
    ///
    /// # Errors
    ///
    /// Fails if the column is not there, or not such a number.
    fn big_int(&self, column: usize) -> Result<Option<i64>, DriverError>;

    /// What is in a column of the type `text`, which is not null.
    ///
    /// # Errors
    ///
    /// Fails if the column is not there, or not text.
    fn text(&self, column: usize) -> Result<&str, DriverError>;
}

impl<C: Connection> Connection for &mut C {
    type Row = C::Row;

    fn run(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<C::Row>, DriverError>> + Send {
        (**self).run(statement)
    }
}

/// Enqueues through a connection, in the schema [`DEFAULT_SCHEMA`](super::DEFAULT_SCHEMA).
///
/// Only a [`Connection`] of your own needs this; the others can be passed as they are.
pub fn through<C: Connection>(connection: C) -> Through<C> {
    Through(connection)
}

/// See [`through`].
#[derive(Debug)]
pub struct Through<C>(C);

impl<C: Connection> Enqueuer for Through<C> {
    async fn enqueue(mut self, request: Enqueue) -> Result<Vec<JobId>, DriverError> {
        enqueue(&mut self.0, &Statements::of(&Schema::default()), request).await
    }

    async fn enqueue_unique(mut self, request: Enqueue) -> Result<KeyedJobs, DriverError> {
        enqueue_unique(&mut self.0, &Statements::of(&Schema::default()), request).await
    }

    async fn enqueue_named(mut self, request: EnqueueNamed) -> Result<EnqueuedNamed, DriverError> {
        enqueue_named(&mut self.0, &Statements::of(&Schema::default()), request).await
    }
}

impl<C: Connection> CompleteIn for Through<C> {
    async fn complete_in(mut self, completion: CompletionWithin) -> Result<(), DriverError> {
        let statements = Statements::of(&Schema::new(&completion.schema)?);
        complete_within(&mut self.0, &statements, &completion).await
    }
}

/// Lets connections be passed to `enqueue` as they are.
macro_rules! enqueue_through {
    ($($connection:ty),* $(,)?) => {
        $(impl $crate::client::Enqueuer for $connection {
            async fn enqueue(
                self,
                enqueue: $crate::driver::Enqueue,
            ) -> Result<Vec<$crate::job::JobId>, $crate::driver::DriverError> {
                $crate::client::Enqueuer::enqueue($crate::postgres::through(self), enqueue).await
            }

            async fn enqueue_unique(
                self,
                enqueue: $crate::driver::Enqueue,
            ) -> Result<$crate::driver::KeyedJobs, $crate::driver::DriverError> {
                $crate::client::Enqueuer::enqueue_unique($crate::postgres::through(self), enqueue).await
            }

            async fn enqueue_named(
                self,
                enqueue: $crate::driver::EnqueueNamed,
            ) -> Result<$crate::driver::EnqueuedNamed, $crate::driver::DriverError> {
                $crate::client::Enqueuer::enqueue_named($crate::postgres::through(self), enqueue).await
            }
        })*
    };
}
use enqueue_through;

/// Lets attempts be completed in the transactions that connections are in.
macro_rules! complete_through {
    ($($connection:ty),* $(,)?) => {
        $(impl $crate::task::CompleteIn for $connection {
            async fn complete_in(
                self,
                completion: $crate::driver::CompletionWithin,
            ) -> Result<(), $crate::driver::DriverError> {
                $crate::task::CompleteIn::complete_in($crate::postgres::through(self), completion).await
            }
        })*
    };
}
use complete_through;

/// The error of an answer that is not what was asked for.
fn unreadable(column: usize) -> DriverError {
    let problem =
        format!("the answer of the database has no such column {column} as was asked for");
    DriverError::new(DriverErrorKind::Other, problem)
}
