//! From a URL to connections, with errors that name the cause.

use std::env;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection};

use super::error::{driver_error, refused};
use super::refusal::{Asked, Refusal};
use super::startup;
use crate::driver::{DriverError, DriverErrorKind};

/// Where the URL of the database comes from if nothing else says so.
pub const DATABASE_URL: &str = "DATABASE_URL";

/// How long a statement of the runtime may take on the server.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The planner's settings of the connections that the runtime opens.
///
/// The tables of jobs fill and empty within seconds, and a plan is kept for as long as the
/// connection. One that was made while a table was empty scans it, and sorts it, also when it has
/// grown to a million rows, or to as many dead ones. So the only plan is the one by the indexes,
/// made once.
#[doc(hidden)]
pub const SESSION_SETTINGS: &[(&str, &str)] = &[
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    // A scan that cannot be avoided now looks so expensive that it would be compiled.
    ("jit", "off"),
];

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The most connections of the runtime's own pool; it has a few others beside it, for claims,
/// completions, wake-ups and heartbeats.
const POOL_MAX: u32 = 3;

/// Reads `DATABASE_URL`.
pub(crate) fn database_url() -> Result<String, DriverError> {
    match env::var(DATABASE_URL) {
        Ok(url) if !url.trim().is_empty() => Ok(url),
        Ok(_) | Err(env::VarError::NotPresent) => Err(DriverError::new(
            DriverErrorKind::NoDatabaseUrl,
            "`DATABASE_URL` is not set",
        )
        .with_advice(
            "set it to `postgres://user:password@host:5432/database`, or pass a pool or a \
                     URL",
        )),
        Err(env::VarError::NotUnicode(_)) => Err(DriverError::new(
            DriverErrorKind::InvalidDatabaseUrl,
            "`DATABASE_URL` is not valid UTF-8",
        )
        .with_advice("percent-encode the bytes that are not")),
    }
}

/// The options of the connections that the runtime opens itself.
pub(super) fn runtime_options(options: &PgConnectOptions) -> PgConnectOptions {
    let limit = STATEMENT_TIMEOUT.as_millis().to_string();
    options
        .clone()
        .application_name(options.get_application_name().unwrap_or("pgq"))
        .options([startup::mark()])
        .options([("statement_timeout", limit)])
        .options(SESSION_SETTINGS.iter().copied())
}

/// The options of the connections that read large inputs: how long one takes depends on the network,
/// so that only the client, who knows their size, limits the time.
pub(super) fn input_options(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([("statement_timeout", "0")])
}

/// The options of the connection that migrates. A migration may take longer than a statement of the runtime. And whoever
/// runs it may do more than others: names that those may have put into `public` mean nothing to it.
pub(super) fn migration_options(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([
        ("statement_timeout", "0"),
        ("search_path", "pg_catalog, pg_temp"),
    ])
}

/// Lets the server end what a connection asked for soon after it has lost the client, which would wait for locks else, or
/// go on, for as long as a statement may. A server on Windows cannot do so.
const WATCH_CLIENT: &str = "\
    select set_config('client_connection_check_interval', '2s', false)
    where version() !~* 'mingw|windows|visual c|msvc'";

/// Makes sure that a connection that was opened just now has a session of its own, with the settings of the options.
pub(super) async fn settle(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<(), DriverError> {
    startup::settle(connection, options).await?;
    match sqlx::raw_sql(WATCH_CLIENT).execute(connection).await {
        // There are servers that have no such setting, and do without.
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(cannot_connect(options, error)),
    }
}

/// Opens one connection that has a session of its own, with the settings of the options.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, DriverError> {
    let mut connection = open(options).await?;
    let settled = tokio::time::timeout(CONNECT_TIMEOUT, settle(&mut connection, options)).await;
    settled.unwrap_or_else(|_| Err(cannot_connect(options, sqlx::Error::PoolTimedOut)))?;
    Ok(connection)
}

/// Opens one connection, whatever it leads through.
pub(super) async fn open(options: &PgConnectOptions) -> Result<PgConnection, DriverError> {
    let connecting = PgConnection::connect_with(options);
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|error| cannot_connect(options, error)),
        Err(_) => Err(cannot_connect(options, sqlx::Error::PoolTimedOut)),
    }
}

/// The size of the runtime's own pool.
pub(super) fn runtime_pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(POOL_MAX)
        .acquire_timeout(CONNECT_TIMEOUT)
}

/// Where a server is, in errors.
pub(super) fn place(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    match options.get_socket() {
        Some(directory) => format!("{}/.s.PGSQL.{port}", directory.display()),
        None => format!("{}:{port}", options.get_host()),
    }
}

fn cannot_connect(options: &PgConnectOptions, error: sqlx::Error) -> DriverError {
    let place = place(options);
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    let problem = format!("cannot connect to database `{database}` at {place} as `{user}`");
    match Refusal::of(&error, Some(&Asked::of(options))) {
        Some(refusal) => refused(&problem, refusal, error),
        None => driver_error(&problem, error),
    }
}
