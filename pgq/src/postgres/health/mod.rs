//! What is wrong with the server, the database, the schema, the user or the connections, all of it at once.
//!
//! `read.rs` reads it on a session of the runtime and on one of the application, and `echo.rs` sees whether
//! wake-ups are delivered. `session.rs`, `schema.rs` and `structure.rs` are the policy: what was read in, findings
//! out.

mod clock;
mod echo;
mod read;
mod schema;
mod session;
mod structure;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};

use self::echo::Echo;
use self::read::{SchemaState, SessionState};
use super::PostgresDriver;
use super::connect::open;
use super::error::driver_error;
use super::migrate::read_version;
use super::startup;
use crate::driver::{DriverError, Finding, FindingCode, HealthCheck, HealthDriver};

#[doc(hidden)]
pub use self::structure::STRUCTURE;
pub(super) use self::structure::relations;

/// How long to wait for a connection of the application, whose pool may be as busy as it likes.
const APPLICATION_TIMEOUT: Duration = Duration::from_secs(2);

#[async_trait]
impl HealthDriver for PostgresDriver {
    async fn check_health(&self, check: HealthCheck) -> Result<Vec<Finding>, DriverError> {
        let mut findings = match check {
            HealthCheck::Running => self.check_running().await?,
            HealthCheck::Start {
                migrates,
                listens,
                concurrency,
            } => {
                let mut findings = self.check_start(listens, concurrency).await?;
                let migrated = [FindingCode::SchemaMissing, FindingCode::SchemaOlder];
                findings.retain(|finding| !(migrates && migrated.contains(&finding.code)));
                findings
            }
        };
        findings.sort_by_key(|finding| (finding.severity, finding.code));
        Ok(findings)
    }
}

impl PostgresDriver {
    async fn check_running(&self) -> Result<Vec<Finding>, DriverError> {
        let error = |error| driver_error("no connection to check the database through", error);
        let mut connection = self.pool.connections().acquire().await.map_err(error)?;
        let state = SessionState::read(&mut connection, &self.statements).await?;
        Ok(session::changing(&state))
    }

    async fn check_start(
        &self,
        listens: bool,
        concurrency: usize,
    ) -> Result<Vec<Finding>, DriverError> {
        // A connection that completions go on with, so that the start opens none of its own for this.
        let mut own = match self.finishes[0].lend().await {
            Err(refused) if startup::is_refused(&refused) => {
                return self.check_shared(refused.findings()).await;
            }
            own => own?,
        };
        let application = self.application_connection();
        let echo = Echo::listen(&self.servers, listens);
        let (application, echo) = tokio::join!(application, echo);
        if let Some(too_old) = session::version(own.connection().server_version_num()) {
            // It may not even know what is read below.
            return Ok(vec![too_old]);
        }

        let state = SessionState::read(own.connection(), &self.statements).await?;
        let mut findings = session::runtime(&state);
        if let Some(mut connection) = application
            && let Ok(read) = SessionState::read(&mut connection, &self.statements).await
        {
            findings.extend(session::application(&state, &read));
        }
        if let Some(pool) = &self.application {
            let connections = pool.options().get_max_connections();
            findings.extend(session::pool(connections, concurrency));
        }
        findings.extend(self.check_tables(own.connection()).await?);
        match echo {
            Some(echo) => findings.extend(echo.check(own).await),
            None => own.keep(),
        }
        Ok(findings)
    }

    /// What else is to be said of sessions that are shared, in which nothing may be left behind.
    async fn check_shared(&self, shared: &[Finding]) -> Result<Vec<Finding>, DriverError> {
        let mut connection = open(&self.servers.options().await?).await?;
        let state = SessionState::read(&mut connection, &self.statements).await?;
        let findings = shared.iter().cloned();
        Ok(findings.chain(session::runtime(&state)).collect())
    }

    /// A connection of what enqueues, unless all of them are in use.
    async fn application_connection(&self) -> Option<PoolConnection<Postgres>> {
        let pool = self.application.as_ref()?;
        if pool.num_idle() == 0 && pool.size() >= pool.options().get_max_connections() {
            return None;
        }
        let acquired = tokio::time::timeout(APPLICATION_TIMEOUT, pool.acquire()).await;
        acquired.ok()?.ok()
    }

    async fn check_tables(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Finding>, DriverError> {
        let schema = self.schema();
        let state = SchemaState::read(connection, &self.statements).await?;
        let mut findings = schema::database(&state);
        if !state.has_migrations && !structure::is_ours(&state.structure) {
            findings.push(schema::absent(&state, schema));
            return Ok(findings);
        }
        findings.extend(schema::rights(&state, schema));
        let mut is_current = (state.may_use && state.may_read_version) || !state.has_migrations;
        if state.may_use && state.may_read_version {
            match read_version(connection, &self.statements).await {
                Ok(version) => {
                    is_current = version.is_current;
                    findings.extend(version.usable.err().as_ref().and_then(schema::version));
                }
                Err(error) if error.is_transient() => return Err(error),
                // The table itself is not as it was made, which is said below.
                Err(_) => {}
            }
        }
        // What another version has made is none of our business.
        if is_current {
            let mut altered = schema::structure(&state, schema);
            if !altered.is_empty() {
                // It may have been migrated since the first look, which was before that at the version.
                let state = SchemaState::read(connection, &self.statements).await?;
                altered = schema::structure(&state, schema);
            }
            findings.extend(altered);
        }
        Ok(findings)
    }
}
