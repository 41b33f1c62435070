//! Roles with no more rights than they need.

use sqlx::postgres::PgDatabaseError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::error::driver_error;
use super::health::relations;
use super::schema::Schema;
use crate::driver::{DriverError, DriverErrorKind};

/// The roles of a schema, and their rights.
const ROLES: &str = include_str!("roles.sql");

/// The longest name of a role, in bytes: PostgreSQL's limit of a name.
const ROLE_MAX: usize = 63;

/// The longest of what is appended to the name of a schema.
const SUFFIX_MAX: usize = "_producer".len();

/// The SQL that makes the roles of a schema and grants them their rights: for `psql`, one transaction that can be
/// run again.
///
/// They are named after the schema: `pgq_jobs_owner`, `pgq_jobs_worker`, `pgq_jobs_producer` and
/// `pgq_jobs_reader`. The [page about roles](crate::roles) says what each may do.
///
/// ```
/// use pgq::postgres::{Schema, roles_script};
///
/// let script = roles_script(&Schema::default())?;
/// assert!(script.contains("to pgq_jobs_producer;"));
/// # Ok::<(), pgq::driver::DriverError>(())
/// ```
///
/// # Errors
///
/// Fails with [`DriverErrorKind::Rejected`] if the name of the schema is too long to name roles after it.
pub fn roles_script(schema: &Schema) -> Result<String, DriverError> {
    Ok(format!("begin;\n{}commit;\n", roles(schema)?))
}

fn roles(schema: &Schema) -> Result<String, DriverError> {
    let room = ROLE_MAX - SUFFIX_MAX;
    if schema.as_str().len() > room {
        let problem =
            format!("the name of the schema `{schema}` is too long to name roles after it");
        let advice = format!("use a schema whose name has {room} bytes at most");
        return Err(DriverError::new(DriverErrorKind::Rejected, problem).with_advice(advice));
    }
    let ours: Vec<String> = relations().iter().map(|name| format!("'{name}'")).collect();
    // The name of a `Schema` needs no escaping.
    Ok(ROLES
        .replace("{schema}", schema.as_str())
        .replace("{relations}", &format!("array [{}]", ours.join(", "))))
}

/// Makes the roles of a schema, or brings their rights up to date.
pub(super) async fn make_roles(
    connection: &mut PgConnection,
    schema: &Schema,
) -> Result<(), DriverError> {
    let roles = roles(schema)?;
    let made = async {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(roles))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    };
    made.await.map_err(|error| {
        let database = error.as_database_error();
        let hint = database
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
            .and_then(PgDatabaseError::hint)
            .map(str::to_owned);
        let error = driver_error("failed to make the roles", error);
        match (error.kind(), hint) {
            (DriverErrorKind::PermissionDenied, _) => error.with_advice(
                "connect as a superuser, or as a user that may create roles, owns the schema, and may create \
                 schemas in the database",
            ),
            (_, Some(hint)) => error.with_advice(hint),
            (_, None) => error,
        }
    })
}
