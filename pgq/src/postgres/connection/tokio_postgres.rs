//! Connections of tokio-postgres.
//!
//! Statements are sent with the types of their arguments and without a name, in one round trip, so that they
//! work through a pooler that gives each transaction another server connection.

use std::error::Error as _;
use std::io;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, GenericClient, Transaction};

use super::{Connection, Row, complete_through, enqueue_through, unreadable};
use crate::driver::{DriverError, DriverErrorKind};
use crate::postgres::error::{made, of_sqlstate};
use crate::postgres::{Argument, Statement};

impl Connection for &Client {
    type Row = tokio_postgres::Row;

    async fn run(&mut self, statement: Statement) -> Result<Vec<Self::Row>, DriverError> {
        run(*self, &statement).await
    }
}

impl Connection for &Transaction<'_> {
    type Row = tokio_postgres::Row;

    async fn run(&mut self, statement: Statement) -> Result<Vec<Self::Row>, DriverError> {
        run(*self, &statement).await
    }
}

async fn run(
    client: &(impl GenericClient + Sync),
    statement: &Statement,
) -> Result<Vec<tokio_postgres::Row>, DriverError> {
    client
        .query_typed(statement.sql(), &typed(statement))
        .await
        .map_err(|error| failed(statement, error))
}

/// An argument with its type.
type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

pub(super) fn typed(statement: &Statement) -> Vec<Typed<'_>> {
    statement.arguments().iter().map(typed_argument).collect()
}

fn typed_argument(argument: &Argument) -> Typed<'_> {
    match argument {
        Argument::SmallInt(value) => (value, Type::INT2),
        Argument::BigInt(value) => (value, Type::INT8),
        Argument::Text(value) => (value, Type::TEXT),
        Argument::Bytes(value) => (value, Type::BYTEA),
        Argument::Time(value) => (value, Type::TIMESTAMPTZ),
        Argument::SmallInts(values) => (values, Type::INT2_ARRAY),
        Argument::BigInts(values) => (values, Type::INT8_ARRAY),
        Argument::Texts(values) => (values, Type::TEXT_ARRAY),
        Argument::ByteStrings(values) => (values, Type::BYTEA_ARRAY),
    }
}

/// The error of a statement.
pub(super) fn failed(statement: &Statement, error: Error) -> DriverError {
    failure(statement.problem(), error)
}

/// The error of an operation. One that the server has not said is that of a connection which was lost, or of
/// something that is wrong in the program.
pub(super) fn failure(problem: &str, error: Error) -> DriverError {
    let kind = match error.as_db_error() {
        Some(refused) => of_sqlstate(refused.code().code(), refused.constraint()),
        None if is_lost(&error) => DriverErrorKind::Unavailable,
        None => DriverErrorKind::Other,
    };
    made(kind, problem, error)
}

fn is_lost(error: &Error) -> bool {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    error.is_closed() || cause.is_some_and(|cause| cause.kind() != io::ErrorKind::InvalidInput)
}

impl Row for tokio_postgres::Row {
    fn big_int(&self, column: usize) -> Result<Option<i64>, DriverError> {
        self.try_get(column)
            .map_err(|error| unreadable(column).with_source(error))
    }

    fn text(&self, column: usize) -> Result<&str, DriverError> {
        self.try_get(column)
            .map_err(|error| unreadable(column).with_source(error))
    }
}

enqueue_through!(&Client, &Transaction<'_>);
complete_through!(&Transaction<'_>);
