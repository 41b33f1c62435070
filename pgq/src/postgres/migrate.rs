//! Applies the migrations: one transaction, one advisory lock, checksums, no table of anybody
//! else's.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::error::driver_error;
use super::schema::Schema;
use super::sql::{Statements, render};
use crate::driver::{DriverError, DriverErrorKind};

/// A file of `migrations/`.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
    /// The oldest version whose programs may go on running on the migrated schema.
    oldest_program: i32,
}

/// Every migration, oldest first. One that was released is never edited or removed.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "create_jobs",
        sql: include_str!("../../migrations/0001_create_jobs.sql"),
        oldest_program: 1,
    },
    Migration {
        version: 2,
        name: "create_functions",
        sql: include_str!("../../migrations/0002_create_functions.sql"),
        // Older ones would run jobs without the keys that they have yet to be given.
        oldest_program: 2,
    },
];

/// The version of the schema that this program is written for.
pub(super) const NEWEST: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// A row of the table of migrations.
struct Applied {
    version: i32,
    name: String,
    checksum: i64,
    oldest_program: i32,
}

/// Brings the schema up to this version, or checks that a newer one admits this program.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    statements: &Statements,
) -> Result<(), DriverError> {
    let error = |error| driver_error("failed to migrate the schema", error);
    let schema = &statements.schema;

    let mut transaction = connection.begin().await.map_err(error)?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('pgq:' || $1, 0))")
        .bind(schema.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(error)?;
    // Before anything of the schema is read, which may be what others have put there.
    become_owner(&mut transaction, schema.as_str()).await?;
    let applied = applied(&mut transaction, statements).await?;
    check(&applied, statements)?;

    let version = applied.last().map_or(0, |last| last.version);
    if version == 0 && !schema_exists(&mut transaction, schema.as_str()).await? {
        // The name of a `Schema` needs no escaping.
        sqlx::raw_sql(AssertSqlSafe(format!("create schema \"{schema}\"")))
            .execute(&mut *transaction)
            .await
            .map_err(|error| cannot_create(schema.as_str(), error))?;
    }
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version > version)
    {
        sqlx::raw_sql(render(migration.sql, schema))
            .execute(&mut *transaction)
            .await
            .map_err(|error| cannot_create(schema.as_str(), error))?;
        sqlx::query(statements.record_migration.clone())
            .bind(migration.version)
            .bind(migration.name)
            .bind(checksum(migration.sql))
            .bind(migration.oldest_program)
            .bind(schema.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(error)?;
    }
    transaction.commit().await.map_err(error)
}

/// The SQL that makes the schema from nothing, for whoever may create what the program may not: with
/// `psql`, one transaction that [`Pgq::migrate`](crate::Pgq::migrate) finds done.
///
/// Whoever owns the tables keeps the history in partitions, which workers make and drop. So the owner has to be
/// the user that the workers connect as: `set role` to it before the script is run, or pass the script to
/// `psql` as that user.
///
/// ```
/// use pgq::postgres::{Schema, migration_script};
///
/// let script = migration_script(&Schema::default());
/// assert!(script.contains("create schema \"pgq_jobs\";"));
/// ```
#[must_use]
pub fn migration_script(schema: &Schema) -> String {
    let mut script = format!(
        "-- The tables of pgq {version}, in the schema `{schema}`. Run this as the user that the workers\n\
         -- connect as, or `set role` to it before: the owner of the tables keeps the history.\n\
         begin;\n\
         set local search_path = pg_catalog, pg_temp;\n\
         select pg_advisory_xact_lock(hashtextextended('pgq:{schema}', 0));\n\
         -- Who has been given the schema need not be allowed to create any.\n\
         do $$\n\
         begin\n    \
             if not exists (select from pg_catalog.pg_namespace where nspname = '{schema}') then\n        \
                 create schema \"{schema}\";\n    \
             end if;\n\
         end\n\
         $$;\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    for migration in MIGRATIONS {
        let Migration {
            version,
            name,
            sql,
            oldest_program,
        } = migration;
        let (sql, checksum) = (render(sql, schema), checksum(sql));
        script += &format!(
            "\n-- Migration {version}: {name}\n\n{sql}\n\
             insert into \"{schema}\".migration (version, name, checksum, oldest_program)\n\
             values ({version}, '{name}', {checksum}, {oldest_program});\n",
            sql = sql.as_str(),
        );
    }
    script += "\ncommit;\n";
    script
}

/// Which version of the schema there is.
pub(super) struct Version {
    /// Whether this program can use it as it is.
    pub(super) usable: Result<(), DriverError>,
    /// Whether it is the one that this program is written for.
    pub(super) is_current: bool,
}

/// Checks that this program can use the schema as it is.
pub(super) async fn check_schema(
    connection: &mut PgConnection,
    statements: &Statements,
) -> Result<(), DriverError> {
    read_version(connection, statements).await?.usable
}

/// Reads the version of the schema, and whether this program can use it as it is.
pub(super) async fn read_version(
    connection: &mut PgConnection,
    statements: &Statements,
) -> Result<Version, DriverError> {
    let applied = applied(connection, statements).await?;
    let newest = applied.last().map(|last| last.version);
    Ok(Version {
        usable: check(&applied, statements).and_then(|()| is_up_to_date(newest, statements)),
        is_current: newest == Some(NEWEST),
    })
}

fn is_up_to_date(version: Option<i32>, statements: &Statements) -> Result<(), DriverError> {
    let schema = &statements.schema;
    match version {
        None => Err(DriverError::new(
            DriverErrorKind::SchemaMissing,
            format!("the database has no pgq schema `{schema}`"),
        )
        .with_advice("let pgq create it, which `pgq::run()` does unless told not to")),
        Some(version) if version < NEWEST => Err(DriverError::new(
            DriverErrorKind::SchemaOlder,
            format!("the schema `{schema}` has version {version}, but this program needs {NEWEST}"),
        )
        .with_advice("migrate it before this program starts, or let `pgq::run()` do so")),
        Some(_) => Ok(()),
    }
}

/// What must hold of the applied migrations before this program goes on.
fn check(applied: &[Applied], statements: &Statements) -> Result<(), DriverError> {
    let schema = &statements.schema;
    if let Some(newer) = applied
        .iter()
        .find(|applied| applied.version > NEWEST && applied.oldest_program > NEWEST)
    {
        let problem = format!(
            "the schema `{schema}` has version {}, which programs for version {NEWEST} cannot use",
            newer.version,
        );
        return Err(DriverError::new(DriverErrorKind::SchemaNewer, problem)
            .with_advice("deploy a program with a newer version of pgq"));
    }
    for migration in MIGRATIONS {
        let changed = applied.iter().any(|applied| {
            applied.version == migration.version
                && (applied.name != migration.name || applied.checksum != checksum(migration.sql))
        });
        if changed {
            let problem = format!(
                "migration {} of the schema `{schema}` is not the one that this program knows",
                migration.version,
            );
            return Err(DriverError::new(DriverErrorKind::SchemaNewer, problem).with_advice(
                "use another schema, or drop this one if it was made by a version that was never \
                 released and holds nothing of value",
            ));
        }
    }
    Ok(())
}

async fn applied(
    connection: &mut PgConnection,
    statements: &Statements,
) -> Result<Vec<Applied>, DriverError> {
    let error = |error| driver_error("failed to read the version of the schema", error);
    let table = format!("\"{}\".migration", statements.schema);
    let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(table)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(error)?;
    if !exists {
        return Ok(Vec::new());
    }
    sqlx::query(statements.applied_migrations.clone())
        .persistent(false)
        .fetch_all(connection)
        .await
        .and_then(|rows| rows.iter().map(applied_row).collect())
        .map_err(error)
}

fn applied_row(row: &sqlx::postgres::PgRow) -> sqlx::Result<Applied> {
    Ok(Applied {
        version: row.try_get("version")?,
        name: row.try_get("name")?,
        checksum: row.try_get("checksum")?,
        oldest_program: row.try_get("oldest_program")?,
    })
}

async fn schema_exists(connection: &mut PgConnection, schema: &str) -> Result<bool, DriverError> {
    sqlx::query_scalar("select to_regnamespace(quote_ident($1)) is not null")
        .bind(schema)
        .fetch_one(connection)
        .await
        .map_err(|error| driver_error("failed to look for the schema", error))
}

/// What a migration makes is the owner's of what there is, if the user is a member: else other members could neither
/// change it later, nor drop it.
async fn become_owner(connection: &mut PgConnection, schema: &str) -> Result<(), DriverError> {
    // That of the schema `public` is nobody. Since version 16 a member need not be able to become what it is of.
    let become_owner = "select set_config('role'::text, rolname::text, true)
        from pg_namespace
        left join pg_class on relnamespace = pg_namespace.oid and relname = 'migration' and relkind = 'r'
        join pg_roles on pg_roles.oid = coalesce(relowner, nspowner)
        where nspname = $1
          and rolname <> current_user
          and rolname not like 'pg\\_%'
          and pg_has_role(pg_roles.oid, 'usage'::text)
          and case
              when current_setting('server_version_num'::text)::int < 160000 then true
              else pg_has_role(pg_roles.oid, 'set'::text)
          end";
    sqlx::query(become_owner)
        .bind(schema)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| driver_error("failed to become the owner of the schema", error))
}

fn cannot_create(schema: &str, error: sqlx::Error) -> DriverError {
    let error = driver_error("failed to create or migrate the schema", error);
    if error.kind() != DriverErrorKind::PermissionDenied {
        return error;
    }
    DriverError::new(
        DriverErrorKind::PermissionDenied,
        format!("the user may not create the schema `{schema}` or its tables"),
    )
    .with_advice(format!(
        "as the owner of the database, run `grant create on database … to …`, or \
         `create schema {schema} authorization …`",
    ))
    .with_source(error)
}

/// FNV-1a, 64 bits (Fowler, Noll and Vo), as PostgreSQL's signed number.
fn checksum(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}
