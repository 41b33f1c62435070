//! Connections that are held for the statements of the hot path.
//!
//! A pool would test a connection each time it comes back, which is one more round trip per
//! statement.

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{Mutex, MutexGuard};

use super::connect::connect;
use crate::driver::DriverError;

/// A connection that is opened when it is first used, and again after it failed.
#[derive(Debug)]
pub(super) struct Session {
    options: PgConnectOptions,
    connection: Mutex<Option<PgConnection>>,
}

/// The right to use a [`Session`] for one statement.
///
/// The connection goes back only by [`keep`](Self::keep). Dropped without it, as happens to a
/// statement that failed or whose future was dropped half-way, it is closed.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    slot: MutexGuard<'a, Option<PgConnection>>,
    connection: PgConnection,
}

impl Session {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            connection: Mutex::new(None),
        }
    }

    /// Waits until no other statement uses the connection, and lends it.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, DriverError> {
        let mut slot = self.connection.lock().await;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        Ok(Lent { slot, connection })
    }

    /// Lends the connection if no other statement uses it.
    pub(super) async fn try_lend(&self) -> Option<Result<Lent<'_>, DriverError>> {
        let mut slot = self.connection.try_lock().ok()?;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => match connect(&self.options).await {
                Ok(connection) => connection,
                Err(error) => return Some(Err(error)),
            },
        };
        Some(Ok(Lent { slot, connection }))
    }
}

impl Lent<'_> {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(super) fn keep(mut self) {
        *self.slot = Some(self.connection);
    }
}
