//! What is read for the health checks.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::clock;
use crate::driver::DriverError;
use crate::postgres::error::driver_error;
use crate::postgres::sql::Statements;

/// A session, and what changes while a server runs.
#[derive(Clone, Debug)]
pub(super) struct SessionState {
    pub(super) is_in_transaction: bool,
    /// Whether the settings of the runtime's sessions are in force.
    pub(super) has_settings: bool,
    pub(super) isolation: String,
    pub(super) is_read_only: bool,
    pub(super) is_standby: bool,
    /// Those of statements, idle transactions, idle sessions and transactions, in milliseconds; 0 for none.
    pub(super) timeouts: [i64; 4],
    /// By how many microseconds the clock of the server is ahead of that of this process, at least.
    pub(super) clock_ahead: i64,
    /// How full the queue of notifications is, from 0 to 1.
    pub(super) queue_usage: f64,
    pub(super) connections: Vec<Connections>,
}

/// How many connections there may be, and are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connections {
    pub(super) of: &'static str,
    pub(super) max: i64,
    pub(super) used: i64,
}

/// The schema, and what the user may do with it.
#[derive(Clone, Debug, Default)]
pub(super) struct SchemaState {
    pub(super) database: String,
    pub(super) user: String,
    pub(super) is_template: bool,
    pub(super) encoding: String,
    /// Whether the table of migrations is there.
    pub(super) has_migrations: bool,
    pub(super) may_use: bool,
    pub(super) may_create: bool,
    pub(super) may_read_version: bool,
    /// Who owns what the user would have to own.
    pub(super) foreign_owner: Option<String>,
    /// A privilege and a table each.
    pub(super) missing_grants: Vec<String>,
    /// What there is, as `structure.txt` has it.
    pub(super) structure: Vec<String>,
    pub(super) other_schemas: Vec<String>,
}

impl SessionState {
    pub(super) async fn read(
        connection: &mut PgConnection,
        statements: &Statements,
    ) -> Result<Self, DriverError> {
        let before = clock::now();
        sqlx::raw_sql(statements.session_health.clone())
            .fetch_one(connection)
            .await
            .and_then(|row| Self::of(&row, (before, clock::now())))
            .map_err(|error| driver_error("failed to check the session", error))
    }

    /// `asked` is when the answer was asked for, and when it was there.
    fn of(row: &PgRow, asked: (i64, i64)) -> sqlx::Result<Self> {
        let timeouts: Vec<i64> = row.try_get("timeouts")?;
        let server: i64 = row.try_get("clock")?;
        Ok(Self {
            is_in_transaction: row.try_get("is_in_transaction")?,
            has_settings: row.try_get("has_settings")?,
            isolation: row.try_get("isolation")?,
            is_read_only: row.try_get("is_read_only")?,
            is_standby: row.try_get("is_standby")?,
            timeouts: timeouts.try_into().unwrap_or_default(),
            clock_ahead: ahead(server, asked),
            queue_usage: row.try_get("queue_usage")?,
            connections: connections(row)?,
        })
    }
}

/// By how much the server is ahead at least, whatever part of the time the way there has taken.
fn ahead(server: i64, (before, after): (i64, i64)) -> i64 {
    match (server > after, server < before) {
        (true, _) => server - after,
        (_, true) => server - before,
        _ => 0,
    }
}

fn connections(row: &PgRow) -> sqlx::Result<Vec<Connections>> {
    let limit = |of, max: &str, used: &str| -> sqlx::Result<Connections> {
        let max = i64::from(row.try_get::<i32, _>(max)?);
        let used = row.try_get(used)?;
        Ok(Connections { of, max, used })
    };
    let mut limits = vec![limit("the server", "connections_max", "connections")?];
    // The limits of a user and a database do not count for a superuser.
    if !row.try_get::<bool, _>("is_superuser")? {
        limits.push(limit("the database", "of_database_max", "of_database")?);
        limits.push(limit("the user", "of_role_max", "of_role")?);
    }
    // -1 is no limit.
    limits.retain(|limit| limit.max >= 0);
    Ok(limits)
}

impl SchemaState {
    pub(super) async fn read(
        connection: &mut PgConnection,
        statements: &Statements,
    ) -> Result<Self, DriverError> {
        sqlx::query(statements.schema_health.clone())
            .bind(statements.schema.as_str())
            // Once in the life of a connection.
            .persistent(false)
            .fetch_one(connection)
            .await
            .and_then(|row| Self::of(&row))
            .map_err(|error| driver_error("failed to check the schema", error))
    }

    fn of(row: &PgRow) -> sqlx::Result<Self> {
        let may = |name| {
            row.try_get::<Option<bool>, _>(name)
                .map(Option::unwrap_or_default)
        };
        Ok(Self {
            database: row.try_get("database")?,
            user: row.try_get("user_name")?,
            is_template: row.try_get("is_template")?,
            encoding: row.try_get("encoding")?,
            has_migrations: row
                .try_get::<Option<bool>, _>("may_read_version")?
                .is_some(),
            may_use: may("may_use")?,
            may_create: may("may_create")?,
            may_read_version: may("may_read_version")?,
            foreign_owner: row.try_get("foreign_owner")?,
            missing_grants: row.try_get("missing_grants")?,
            structure: row.try_get("structure")?,
            other_schemas: row.try_get("other_schemas")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ahead;

    #[test]
    fn a_slow_answer_is_no_difference_of_the_clocks() {
        assert_eq!(ahead(5, (0, 10)), 0);
        assert_eq!(ahead(15, (0, 10)), 5);
        assert_eq!(ahead(-5, (0, 10)), -5);
    }
}
