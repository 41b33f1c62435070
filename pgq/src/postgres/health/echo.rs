//! Whether wake-ups are delivered: a notification on a channel of its own, from one session to another.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::driver::{Finding, FindingCode};
use crate::postgres::servers::Servers;
use crate::postgres::session::Lent;

/// How long a notification may take. A server that is so slow is as bad as none that delivers.
const ECHO_TIMEOUT: Duration = Duration::from_secs(3);

/// A session that listens.
///
/// It is not the one that notifies: a pooler in transaction mode would mostly lend both the same session of the
/// server, which hears itself.
pub(super) struct Echo {
    listener: PgListener,
    /// Known to nobody else, so that no worker is woken.
    channel: String,
}

impl Echo {
    /// Begins to listen. `None` if it cannot, or need not: a worker that does not get that far says so itself.
    pub(super) async fn listen(servers: &Servers, wanted: bool) -> Option<Self> {
        if !wanted {
            return None;
        }
        let channel = format!("pgq_echo_{:016x}", fastrand::u64(..));
        let options = servers.options().await.ok()?;
        let listening = async {
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .connect_with(options)
                .await?;
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.ignore_pool_close_event(true);
            listener.listen(&channel).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        let listener = tokio::time::timeout(ECHO_TIMEOUT, listening).await;
        let listener = listener.ok()?.ok()?;
        Some(Self { listener, channel })
    }

    /// Notifies through another session, and waits.
    pub(super) async fn check(mut self, mut other: Lent<'_>) -> Option<Finding> {
        // The name is ours, and needs no escaping.
        let notify = sqlx::raw_sql(AssertSqlSafe(format!("notify {}", self.channel)));
        match notify.execute(other.connection()).await {
            Ok(_) => {}
            // The server refuses, as a standby does, which is another finding.
            Err(sqlx::Error::Database(_)) => return None,
            // It has heard itself, which it did not ask for, and is of no more use.
            Err(_) => return Some(not_listening()),
        }
        other.keep();
        let heard = tokio::time::timeout(ECHO_TIMEOUT, self.listener.recv()).await;
        heard.is_err().then(not_listening)
    }
}

fn not_listening() -> Finding {
    Finding::new(
        FindingCode::NotListening,
        format!("a notification is not delivered, or not within {ECHO_TIMEOUT:?}"),
        "connect to the server directly, or through a pooler in session mode; meanwhile jobs wait \
         for the poll interval",
    )
}
