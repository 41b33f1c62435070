//! Connections of sqlx.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, SqlSafeStr as _, Transaction,
};

use super::{Connection, Row, complete_through, enqueue_through, unreadable};
use crate::client::Enqueuer;
use crate::driver::{DriverError, Enqueue, EnqueueNamed, EnqueuedNamed, KeyedJobs};
use crate::job::JobId;
use crate::postgres::begin::OpenTransaction;
use crate::postgres::enqueue::enqueue_alone;
use crate::postgres::error::driver_error;
use crate::postgres::sql::Statements;
use crate::postgres::unique::enqueue_unique_alone;
use crate::postgres::{Argument, Schema, Statement};

// References only: a transaction that is given away would be rolled back at the end of the call.

impl Connection for &mut PgConnection {
    type Row = PgRow;

    async fn run(&mut self, statement: Statement) -> Result<Vec<PgRow>, DriverError> {
        let problem = statement.problem();
        let error = |error| driver_error(problem, error);
        if statement.is_kept() || is_begun(self).await.map_err(error)? {
            return fetch(self, statement).await;
        }
        // Without a name it is parsed in one request and run in another, which must meet the same session.
        let mut transaction = OpenTransaction::on(&mut **self).await.map_err(error)?;
        let rows = transaction.run(statement).await?;
        transaction.commit().await.map_err(error)?;
        Ok(rows)
    }
}

impl Connection for &mut PoolConnection<Postgres> {
    type Row = PgRow;

    async fn run(&mut self, statement: Statement) -> Result<Vec<PgRow>, DriverError> {
        let mut connection: &mut PgConnection = self;
        connection.run(statement).await
    }
}

impl Connection for &mut Transaction<'_, Postgres> {
    type Row = PgRow;

    async fn run(&mut self, statement: Statement) -> Result<Vec<PgRow>, DriverError> {
        let mut connection: &mut PgConnection = self;
        connection.run(statement).await
    }
}

/// Whether a connection is in a transaction, which may be one that a statement has begun.
async fn is_begun(connection: &mut PgConnection) -> sqlx::Result<bool> {
    if connection.is_in_transaction() {
        return Ok(true);
    }
    let row = sqlx::raw_sql("select now() <> statement_timestamp()")
        .fetch_one(connection)
        .await?;
    sqlx::Row::try_get(&row, 0)
}

/// Runs a statement as it is.
pub(in crate::postgres) async fn fetch(
    connection: &mut PgConnection,
    statement: Statement,
) -> Result<Vec<PgRow>, DriverError> {
    let problem = statement.problem();
    let rows = bind(statement).fetch_all(connection).await;
    rows.map_err(|error| driver_error(problem, error))
}

fn bind(statement: Statement) -> Query<'static, Postgres, PgArguments> {
    let is_kept = statement.is_kept();
    let (sql, arguments) = statement.into_parts();
    // A text of its own: one that the connection has kept would be run by its name.
    let sql = match is_kept {
        true => sql,
        false => AssertSqlSafe(format!("/* unnamed */ {}", sql.as_str())).into_sql_str(),
    };
    let query = sqlx::query(sql).persistent(is_kept);
    arguments
        .into_iter()
        .fold(query, |query, argument| match argument {
            Argument::SmallInt(value) => query.bind(value),
            Argument::BigInt(value) => query.bind(value),
            Argument::Text(value) => query.bind(value),
            Argument::Bytes(value) => query.bind(value),
            Argument::Time(value) => query.bind(value),
            Argument::SmallInts(values) => query.bind(values),
            Argument::BigInts(values) => query.bind(values),
            Argument::Texts(values) => query.bind(values),
            Argument::ByteStrings(values) => query.bind(values),
        })
}

impl Row for PgRow {
    fn big_int(&self, column: usize) -> Result<Option<i64>, DriverError> {
        sqlx::Row::try_get(self, column).map_err(|error| unreadable(column).with_source(error))
    }

    fn text(&self, column: usize) -> Result<&str, DriverError> {
        sqlx::Row::try_get(self, column).map_err(|error| unreadable(column).with_source(error))
    }
}

enqueue_through!(
    &mut PgConnection,
    &mut PoolConnection<Postgres>,
    &mut Transaction<'_, Postgres>,
);

complete_through!(
    &mut PgConnection,
    &mut PoolConnection<Postgres>,
    &mut Transaction<'_, Postgres>,
);

/// One statement, so it commits by itself.
impl Enqueuer for &PgPool {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let mut connection = acquire(self).await?;
        let statements = Statements::of(&Schema::default());
        enqueue_alone(&mut &mut connection, &statements, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        let mut connection = acquire(self).await?;
        let statements = Statements::of(&Schema::default());
        enqueue_unique_alone(&mut &mut connection, &statements, enqueue).await
    }

    async fn enqueue_named(self, enqueue: EnqueueNamed) -> Result<EnqueuedNamed, DriverError> {
        let mut connection = acquire(self).await?;
        (&mut connection).enqueue_named(enqueue).await
    }
}

async fn acquire(pool: &PgPool) -> Result<PoolConnection<Postgres>, DriverError> {
    let error = |error| driver_error("no connection to enqueue through", error);
    pool.acquire().await.map_err(error)
}
