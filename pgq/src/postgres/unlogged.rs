//! Schemas whose jobs a crash of the server may take.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::error::driver_error;
use super::schema::Schema;
use crate::driver::{DriverError, DriverErrorKind};

const UNLOGGED: &str = include_str!("unlogged.sql");

/// The SQL that makes the tables of jobs of a schema unlogged: for `psql`, one transaction that can be run again.
///
/// [`Pgq::make_unlogged`](crate::Pgq::make_unlogged) tells what that means.
///
/// ```
/// use pgq::postgres::{Schema, unlogged_script};
///
/// assert!(unlogged_script(&Schema::new("scratch_jobs")?).contains("set unlogged"));
/// # Ok::<(), pgq::driver::DriverError>(())
/// ```
#[must_use]
pub fn unlogged_script(schema: &Schema) -> String {
    format!("begin;\n{}commit;\n", script(schema))
}

/// The name of a [`Schema`] needs no escaping.
fn script(schema: &Schema) -> String {
    UNLOGGED.replace("{schema}", schema.as_str())
}

/// Makes the tables of jobs of a schema unlogged.
pub(super) async fn make_unlogged(
    connection: &mut PgConnection,
    schema: &Schema,
) -> Result<(), DriverError> {
    let made = async {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(script(schema)))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    };
    made.await.map_err(|error| {
        let error = driver_error("failed to make the tables unlogged", error);
        match error.kind() {
            DriverErrorKind::PermissionDenied => {
                error.with_advice("connect as the owner of the tables")
            }
            DriverErrorKind::Conflict => error.with_advice(
                "somebody uses a table for longer than 5 s: stop the workers, and try again",
            ),
            _ => error,
        }
    })
}
