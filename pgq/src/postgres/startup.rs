//! What a session of pgq's own begins with, also where a pooler does not pass that on.
//!
//! Its settings are in the startup parameter `options`, and one of them is a mark. A session without the mark is one
//! that a pooler has opened. In session mode nobody else has it, and the settings are made by a statement. In
//! transaction mode any client may have it next: with whatever was set, locked or listened for in it. So nothing is,
//! and the connection is refused.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::connect::open;
use super::error::driver_error;
use crate::driver::{DriverError, DriverErrorKind, Finding, FindingCode};

/// The setting that nobody else makes.
const MARK: &str = "pgq.process";

/// How often two connections are asked which session they have. A pooler lends the session that was used last, so
/// that mostly the first answer tells; where many clients are busy each answer is as good as drawn by lot.
const ROUNDS: usize = 16;

/// How long the answers may take. A pooler lets a client wait that has no session.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it is remembered that sessions are not shared: a pooler may be set to another mode.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The mark of the sessions of this process.
pub(super) fn mark() -> (&'static str, &'static str) {
    static OURS: LazyLock<String> = LazyLock::new(|| format!("{:016x}", fastrand::u64(..)));
    (MARK, &OURS)
}

/// Makes sure that a connection has a session of its own, with the settings of `options`.
pub(super) async fn settle(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<(), DriverError> {
    let error = |error| driver_error("failed to look at the settings of a session", error);
    if is_marked(connection).await.map_err(error)? {
        return Ok(());
    }
    if !is_known(options) {
        let asking = is_shared(connection, options);
        let shared = tokio::time::timeout(ASK_TIMEOUT, asking).await;
        if shared.unwrap_or_else(|_| Err(error(sqlx::Error::PoolTimedOut)))? {
            return Err(refused());
        }
        remember(options);
    }
    set(connection, options.get_options().unwrap_or_default())
        .await
        .map_err(error)
}

/// Whether a connection was refused because others have its session.
pub(super) fn is_refused(error: &DriverError) -> bool {
    let mut findings = error.findings().iter();
    findings.any(|finding| finding.code == FindingCode::SharedSession)
}

fn refused() -> DriverError {
    let finding = Finding::new(
        FindingCode::SharedSession,
        "several connections are one session of the server, as through a pooler in transaction mode",
        "connect to the server directly, or through a pooler in session mode; `direct_url`, or `--direct-url`, names \
         a URL for what needs that beside the one of a pooler",
    );
    DriverError::of_findings(&[finding])
        .unwrap_or_else(|| DriverError::new(DriverErrorKind::Configuration, "a session is shared"))
}

async fn is_marked(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let (name, mark) = mark();
    let marked = format!("select coalesce(current_setting('{name}', true), '') = '{mark}'");
    read(connection, marked).await
}

/// Reads one value by the simple protocol, which is one request.
async fn read<T>(connection: &mut PgConnection, sql: String) -> sqlx::Result<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let row = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await?;
    sqlx::Row::try_get(&row, 0)
}

/// Whether connections are lent sessions for a transaction only: then one of two has that of the other, or another
/// one than before.
async fn is_shared(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<bool, DriverError> {
    let error = |error| driver_error("failed to look whether sessions are shared", error);
    let mut other = open(options).await?;
    let mut sessions = None;
    for _ in 0..ROUNDS {
        let this = pid(connection).await.map_err(error)?;
        let that = pid(&mut other).await.map_err(error)?;
        if this == that || *sessions.get_or_insert((this, that)) != (this, that) {
            return Ok(true);
        }
    }
    let _ = other.close().await;
    Ok(false)
}

async fn pid(connection: &mut PgConnection) -> sqlx::Result<i32> {
    read(connection, "select pg_backend_pid()".to_owned()).await
}

/// Where sessions were found not to be shared, and when.
static KNOWN: LazyLock<Mutex<HashMap<String, Instant>>> = LazyLock::new(Mutex::default);

fn is_known(options: &PgConnectOptions) -> bool {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known.get(&place(options));
    found.is_some_and(|found| found.elapsed() < REMEMBERED)
}

fn remember(options: &PgConnectOptions) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|_, found| found.elapsed() < REMEMBERED);
    known.insert(place(options), Instant::now());
}

fn place(options: &PgConnectOptions) -> String {
    let (host, port) = (options.get_host(), options.get_port());
    let (socket, user) = (options.get_socket(), options.get_username());
    let database = options.get_database();
    format!("{host} {port} {socket:?} {user} {database:?}")
}

/// Makes the settings of a startup parameter, in one request.
async fn set(connection: &mut PgConnection, options: &str) -> sqlx::Result<()> {
    let literal = |text: &str| format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let calls: Vec<String> = settings(options)
        .iter()
        .map(|(name, value)| format!("set_config({}, {}, false)", literal(name), literal(value)))
        .collect();
    if calls.is_empty() {
        return Ok(());
    }
    let set = format!("select {}", calls.join(", "));
    sqlx::raw_sql(AssertSqlSafe(set))
        .execute(connection)
        .await
        .map(|_| ())
}

/// The settings of a startup parameter `-c name=value …`, in which a backslash takes its meaning from a space.
fn settings(options: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match (character, words.last_mut()) {
            ('\\', Some(word)) => word.extend(characters.next()),
            (' ', _) => words.push(String::new()),
            (character, Some(word)) => word.push(character),
            (_, None) => {}
        }
    }
    let settings = words.iter().filter_map(|word| {
        let word = word.strip_prefix("-c").unwrap_or(word);
        let (name, value) = word.strip_prefix("--").unwrap_or(word).split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_the_server_reads_them() {
        let options = PgConnectOptions::new()
            .options([("statement_timeout", "0")])
            .options([("search_path", "pg_catalog, pg_temp"), ("pgq.a", r"a\b")]);
        let options = format!(
            "-cjit=off --work_mem=4MB {}",
            options.get_options().unwrap()
        );

        let settings = settings(&options);

        let settings: Vec<_> = settings.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(
            settings,
            [
                ("jit", "off"),
                ("work_mem", "4MB"),
                ("statement_timeout", "0"),
                ("search_path", "pg_catalog, pg_temp"),
                ("pgq.a", r"a\b"),
            ]
        );
    }
}
