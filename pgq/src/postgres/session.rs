//! Connections that are held for the statements of the hot path.
//!
//! A pool would test a connection each time it comes back, which is one more round trip per
//! statement.

use sqlx::PgConnection;
use tokio::sync::{Mutex, MutexGuard};

use super::servers::{Servers, Term};
use crate::driver::DriverError;

/// A connection that is opened when it is first used, and again after it failed.
#[derive(Debug)]
pub(super) struct Session {
    servers: Servers,
    connection: Mutex<Option<Kept>>,
}

/// A connection with the term that it was opened in.
type Kept = (Term, PgConnection);

/// The right to use a [`Session`] for one statement.
///
/// The connection goes back only by [`keep`](Self::keep). Dropped without it, as happens to a
/// statement that failed or whose future was dropped half-way, it is closed.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    slot: MutexGuard<'a, Option<Kept>>,
    term: Term,
    connection: PgConnection,
    is_new: bool,
}

impl Session {
    pub(super) fn new(servers: Servers) -> Self {
        Self {
            servers,
            connection: Mutex::new(None),
        }
    }

    /// Waits until no other statement uses the connection, and lends it.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, DriverError> {
        self.lend_slot(self.connection.lock().await).await
    }

    /// Lends the connection if no other statement uses it.
    pub(super) async fn try_lend(&self) -> Option<Result<Lent<'_>, DriverError>> {
        let slot = self.connection.try_lock().ok()?;
        Some(self.lend_slot(slot).await)
    }

    async fn lend_slot<'a>(
        &self,
        mut slot: MutexGuard<'a, Option<Kept>>,
    ) -> Result<Lent<'a>, DriverError> {
        let term = self.servers.term();
        let kept = slot.take().filter(|(opened_in, _)| *opened_in == term);
        let (connection, is_new) = match kept {
            Some((_, connection)) => (connection, false),
            None => (self.servers.connect().await?, true),
        };
        Ok(Lent {
            slot,
            term,
            connection,
            is_new,
        })
    }
}

impl Lent<'_> {
    /// Whether the connection was opened just now.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(super) fn keep(mut self) {
        *self.slot = Some((self.term, self.connection));
    }
}
