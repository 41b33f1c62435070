//! Connections of the blocking client `postgres`.

use sync_postgres::GenericClient;

use super::Connection;
use super::tokio_postgres::{failed, typed};
use crate::client::{BlockingEnqueuer, Enqueuer};
use crate::driver::DriverError;
use crate::postgres::{Statement, through};

/// Runs each statement while it is polled, so that what awaits it never waits.
struct Blocking<'a, C>(&'a mut C);

impl<C: GenericClient + Send> Connection for Blocking<'_, C> {
    type Row = sync_postgres::Row;

    async fn run(&mut self, statement: Statement) -> Result<Vec<Self::Row>, DriverError> {
        self.0
            .query_typed(statement.sql(), &typed(&statement))
            .map_err(|error| failed(&statement, error))
    }
}

impl<C: GenericClient + Send> BlockingEnqueuer for &mut C {
    fn enqueuer(self) -> impl Enqueuer {
        through(Blocking(self))
    }
}
