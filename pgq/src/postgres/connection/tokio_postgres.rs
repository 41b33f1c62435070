//! Connections of tokio-postgres.
//!
//! Statements are sent with the types of their arguments and without a name, in one round trip, so that they
//! work through a pooler that gives each transaction another server connection.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, GenericClient, Transaction};

use super::{Connection, Row, complete_through, enqueue_through, unreadable};
use crate::driver::{DriverError, DriverErrorKind};
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

/// The error of a statement. One without a code is that of a lost connection: arguments have the types that
/// are said.
pub(super) fn failed(statement: &Statement, error: Error) -> DriverError {
    // No constraint is named: the row has no partition to go to yet.
    let lacks_partition = error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::CHECK_VIOLATION && error.constraint().is_none()
    });
    if lacks_partition {
        let kind = DriverErrorKind::Conflict;
        return DriverError::new(kind, statement.problem()).with_source(error);
    }
    let code = error.code().map(|code| code.code().to_owned());
    statement.failed(code.as_deref(), error)
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
