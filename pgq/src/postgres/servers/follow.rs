//! Looks which of several servers can be written to, for as long as somebody connects to them.

use std::error::Error as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, Row as _};

use super::Servers;
use crate::driver::{DriverError, DriverErrorKind};
use crate::postgres::connect::{open, place};
use crate::postgres::error::driver_error;

/// How often it is looked whether the server is still the primary.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long it may take to answer that.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The pause between two searches.
const SEARCH_EVERY: Duration = Duration::from_millis(500);

/// Whether whoever is connected could write, as libpq asks it for `target_session_attrs=read-write`: it is off on a
/// standby, and where it was set so.
const IS_READ_ONLY: &str =
    "select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean";

/// Chooses a server, and another one whenever the chosen one is lost.
pub(super) async fn run(servers: Servers) {
    let mut is_said = false;
    loop {
        match servers.find().await {
            Ok(connection) => {
                is_said = false;
                let lost = stay(connection).await;
                tracing::warn!(error = %in_full(&lost), "lost the server; looking for the primary");
            }
            Err(error) if !is_said => {
                is_said = true;
                tracing::warn!(%error, "there is no primary; looking further");
            }
            Err(_) => {}
        }
        tokio::time::sleep(SEARCH_EVERY).await;
    }
}

impl Servers {
    /// Tries the servers, unless one was found meanwhile.
    pub(super) async fn find_first(&self) -> Result<(), DriverError> {
        let _one = self.choice.finding.lock().await;
        if !self.choice.chosen().is_found {
            let _ = self.try_each().await?.close().await;
        }
        Ok(())
    }

    /// Tries the servers, first the one that was chosen last, and chooses one that can be written to.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong with each of them.
    pub(super) async fn find(&self) -> Result<PgConnection, DriverError> {
        let _one = self.choice.finding.lock().await;
        self.try_each().await
    }

    async fn try_each(&self) -> Result<PgConnection, DriverError> {
        let chosen = self.choice.chosen().server;
        let mut refusals = Vec::new();
        for server in (chosen..self.each.len()).chain(0..chosen) {
            let options = &self.each[server];
            match connect_to_primary(options).await {
                Ok(connection) => {
                    if self.choice.choose(server) {
                        let place = place(options);
                        tracing::warn!("connections go to the server at {place} from now on");
                    }
                    return Ok(connection);
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(none(&refusals))
    }
}

async fn connect_to_primary(options: &PgConnectOptions) -> Result<PgConnection, DriverError> {
    let mut connection = open(options).await?;
    if is_read_only(&mut connection).await? {
        let _ = connection.close().await;
        let problem = format!("the server at {} cannot be written to", place(options));
        return Err(DriverError::new(DriverErrorKind::Unavailable, problem));
    }
    Ok(connection)
}

/// The error of all servers. It may pass by itself if that of one of them may.
fn none(refusals: &[DriverError]) -> DriverError {
    let transient = refusals.iter().find(|refusal| refusal.is_transient());
    let kind = transient.or(refusals.first()).map(DriverError::kind);
    let reasons: Vec<_> = refusals.iter().map(in_full).collect();
    let problem = format!("no server of the URL can be used: {}", reasons.join("; "));
    DriverError::new(kind.unwrap_or(DriverErrorKind::Unavailable), problem)
        .with_advice("check that one of them runs and is not a standby")
}

/// An error with its causes.
fn in_full(error: &DriverError) -> String {
    let mut text = error.problem().to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// For the connections of a pool.
pub(super) async fn refuse_standby(connection: &mut PgConnection) -> sqlx::Result<()> {
    match ask(connection).await? {
        true => Err(sqlx::Error::Protocol(
            "the server cannot be written to".to_owned(),
        )),
        false => Ok(()),
    }
}

async fn is_read_only(connection: &mut PgConnection) -> Result<bool, DriverError> {
    let answered = tokio::time::timeout(ANSWER_MAX, ask(connection))
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut));
    answered.map_err(|error| driver_error("failed to ask whether the server is a standby", error))
}

/// In one request, whatever the connection leads through.
async fn ask(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::raw_sql(IS_READ_ONLY)
        .fetch_one(connection)
        .await?
        .try_get(0)
}

/// Returns when the server cannot be written to any more, with the reason.
async fn stay(mut connection: PgConnection) -> DriverError {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match is_read_only(&mut connection).await {
            Ok(false) => {}
            Ok(true) => {
                let problem = "the server has become a standby";
                return DriverError::new(DriverErrorKind::Unavailable, problem);
            }
            Err(error) => return error,
        }
    }
}
