//! What a pool does with its connections, so that none of them is waited for without a limit.
//!
//! sqlx asks a connection whether it is alive when it is lent, and again when it comes back, and waits for the answer
//! for as long as the network does: where it has gone silent, a quarter of an hour. Then a few calls that were given up
//! are all connections of a worker.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Error, PgConnection};
use tokio::sync::watch;

use super::{Chosen, follow};
use crate::postgres::connect::settle;

/// How long a connection may take to say that it is alive, and that it has done what it was asked.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Who uses a pool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// A runtime: each connection has a session of its own.
    Own,
    /// An application: its connections may lead through a pooler.
    Application,
}

/// Sets the hooks of a pool of connections to the chosen one of several servers, or to the only one.
pub(super) fn set(
    options: PgPoolOptions,
    whose: Whose,
    each: &Arc<[PgConnectOptions]>,
    chosen: &Arc<watch::Sender<Chosen>>,
) -> PgPoolOptions {
    let (each, connected_to) = (Arc::clone(each), Arc::clone(chosen));
    let chosen = Arc::clone(chosen);
    options
        .after_connect(move |connection, _| {
            let server = connected_to.borrow().server;
            let each = Arc::clone(&each);
            Box::pin(async move {
                if whose == Whose::Own {
                    let settled = settle(connection, &each[server]).await;
                    settled.map_err(|error| Error::Configuration(error.into()))?;
                }
                match each.len() {
                    1 => Ok(()),
                    _ => follow::refuse_standby(connection).await,
                }
            })
        })
        .test_before_acquire(false)
        .before_acquire(move |connection, metadata| {
            let since = chosen.borrow().since;
            let is_current = since.is_none_or(|since| metadata.age < since.elapsed());
            Box::pin(async move {
                if is_current {
                    answer(connection).await?;
                }
                Ok(is_current)
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move { answer(connection).await.map(|()| true) })
        })
}

/// Whether a connection is alive and has nothing to do any more. On an error it is closed without a word.
async fn answer(connection: &mut PgConnection) -> sqlx::Result<()> {
    tokio::time::timeout(ANSWER_MAX, connection.ping())
        .await
        .unwrap_or_else(|_| {
            let problem = format!("it did not answer within {ANSWER_MAX:?}");
            Err(Error::Protocol(problem))
        })
}
