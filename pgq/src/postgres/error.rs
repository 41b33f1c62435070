//! From sqlx's errors to [`DriverError`], by SQLSTATE.

use std::error::Error as StdError;

use sqlx::Error;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::refusal::Refusal;
use crate::driver::{DriverError, DriverErrorKind};

/// Makes the error of an operation; `problem` says which one failed.
pub(super) fn driver_error(problem: &str, error: Error) -> DriverError {
    // A pool connects when it likes.
    if let Some(refusal) = Refusal::of(&error, None) {
        return refused(problem, refusal, error);
    }
    let refuses_startup = refuses_startup(&error);
    let made = made(kind(&error), problem, error);
    match refuses_startup {
        true => made.with_advice(STARTUP_ADVICE),
        false => made,
    }
}

/// The error of an operation for which there is no connection.
pub(super) fn refused(problem: &str, refusal: Refusal, error: Error) -> DriverError {
    DriverError::new(refusal.kind, format!("{problem}: {}", refusal.cause))
        .with_advice(refusal.advice)
        .with_source(error)
}

/// PgBouncer knows few parameters, and names the one that it refuses.
const STARTUP_ADVICE: &str = "the pooler refuses the startup parameter that the cause names: set \
    `ignore_startup_parameters = extra_float_digits,options` in its configuration; workers, migrations and \
    whatever waits for jobs need the server itself, whose URL `direct_url` names, or a pooler in session mode";

fn refuses_startup(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|refused| refused.message().contains("unsupported startup parameter"))
}

/// The error of an operation of whatever client.
pub(super) fn made(
    kind: DriverErrorKind,
    problem: &str,
    error: impl StdError + Send + Sync + 'static,
) -> DriverError {
    let made = DriverError::new(kind, problem);
    let made = match advice(kind) {
        Some(advice) => made.with_advice(advice),
        None => made,
    };
    made.with_source(error)
}

fn kind(error: &Error) -> DriverErrorKind {
    match error {
        Error::Database(_) if refuses_startup(error) => DriverErrorKind::Configuration,
        Error::Database(database) if met_another(&**database) => DriverErrorKind::SharedSession,
        Error::Database(database) => database.code().map_or(DriverErrorKind::Other, |code| {
            of_sqlstate(&code, database.constraint())
        }),
        Error::Io(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::Protocol(_) => DriverErrorKind::Unavailable,
        Error::Configuration(_) => DriverErrorKind::InvalidDatabaseUrl,
        Error::Encode(_) => DriverErrorKind::Rejected,
        _ => DriverErrorKind::Other,
    }
}

/// Whether the arguments of a statement do not fit the one that the server has run in its place. Poolers end a
/// connection with the first of the codes, and a server refuses a statement.
fn met_another(refused: &dyn DatabaseError) -> bool {
    let refused = refused.try_downcast_ref::<PgDatabaseError>();
    refused.is_some_and(|refused| match refused.code() {
        "08P01" => refused.severity() == PgSeverity::Error,
        "22P03" => true,
        "42804" => refused.routine() == Some("array_recv"),
        _ => false,
    })
}

/// Whether an operation failed because a row has no partition to go to.
pub(super) fn lacks_partition(error: &DriverError) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<Error>())
        .is_some_and(is_missing_partition)
}

/// The code is that of a violated check constraint, but
/// no constraint is named.
fn is_missing_partition(error: &Error) -> bool {
    error.as_database_error().is_some_and(|database| {
        database.code().as_deref() == Some(CHECK_VIOLATION) && database.constraint().is_none()
    })
}

const CHECK_VIOLATION: &str = "23514";

/// The codes of PostgreSQL's appendix "Error Codes".
pub(super) fn of_sqlstate(code: &str, constraint: Option<&str>) -> DriverErrorKind {
    match code {
        // Rows of the batch are fine; the partition that they go to is not there yet.
        CHECK_VIOLATION if constraint.is_none() => DriverErrorKind::Conflict,
        "28000" | "28P01" => DriverErrorKind::Authentication,
        "3D000" => DriverErrorKind::DatabaseMissing,
        "42501" => DriverErrorKind::PermissionDenied,
        "3F000" | "42P01" => DriverErrorKind::SchemaMissing,
        // `column` or `function` that this version does not know.
        "42703" | "42883" => DriverErrorKind::SchemaOlder,
        "40001" | "40P01" | "55P03" => DriverErrorKind::Conflict,
        // The name of a statement that was prepared is there already, or is not there.
        "42P05" | "26000" => DriverErrorKind::SharedSession,
        "57014" => DriverErrorKind::Timeout,
        // Raised by `refuse_completion`.
        "PGQ01" => DriverErrorKind::Fenced,
        // Raised by the functions for other languages, which an enqueue by name is one of.
        "PGQ02" => DriverErrorKind::UnknownTask,
        "PGQ03" | "PGQ04" => DriverErrorKind::Rejected,
        // Shutdown, crash, start-up; too many connections; out of disk or memory. A server that
        // only reads is one that is not yet, or no more, the primary.
        // A session that was ended because it was idle can be opened again.
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" | "25P04" | "25006" => {
            DriverErrorKind::Unavailable
        }
        _ => match code.get(..2) {
            Some("08" | "53" | "58") => DriverErrorKind::Unavailable,
            Some("22" | "23" | "54") => DriverErrorKind::Rejected,
            _ => DriverErrorKind::Other,
        },
    }
}

fn advice(kind: DriverErrorKind) -> Option<&'static str> {
    match kind {
        DriverErrorKind::Unavailable => {
            Some("check that the server runs and that host and port of the URL are right")
        }
        DriverErrorKind::Authentication => {
            Some("check the user and the password of the URL, and `pg_hba.conf` on the server")
        }
        DriverErrorKind::DatabaseMissing => {
            Some("create the database, or correct its name in the URL")
        }
        DriverErrorKind::PermissionDenied => Some("grant the user what the cause names"),
        DriverErrorKind::SchemaMissing => {
            Some("migrate first: `Pgq::migrate` does so, and `pgq::run()` unless told not to")
        }
        DriverErrorKind::SchemaOlder => Some("migrate the schema to this version of pgq"),
        DriverErrorKind::SharedSession => Some(
            "a pooler in transaction mode has lent the session to another client: enqueue through \
             `Pgq::through_pooler`, or let the pooler keep track of prepared statements (PgBouncer 1.21 or newer, \
             `max_prepared_statements`)",
        ),
        _ => None,
    }
}
