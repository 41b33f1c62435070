//! LISTEN, with reconnection, and the locks that say who listens.
//!
//! The locks are held by the session that listens: when it ends, however it ends, they are gone.
//! So its connection must not go through a pooler.
//!
//! A transaction that adds jobs locks their table before it looks whether somebody is parked. So
//! those that may have seen nobody are among the ones that have the table open for writing after
//! the session has parked. When the last of these has ended, the topic has settled; transactions
//! that come later need not be waited for. Locks are released after the jobs are visible.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlStr;
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::error::driver_error;
use super::servers::{Servers, Term};
use super::sql::Statements;
use super::startup;
use crate::driver::{DriverError, DriverErrorKind, Listener, Parked, Topic, Wake};

/// How long to wait for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for the lock that says that somebody listens, in milliseconds. Others hold it
/// for microseconds, unless a session was left with it.
const LOCK_TIMEOUT: &str = "250";

/// Listens on the channel of one schema, on a connection of its own.
#[derive(Debug)]
pub(super) struct PostgresListener {
    servers: Servers,
    /// The term of the connection.
    term: Term,
    /// Whether the server was asked for something and has not answered yet.
    is_asking: bool,
    statements: Arc<Statements>,
    /// `None` while the connection is lost.
    inner: Option<PgListener>,
    /// The topics whose lock this session holds, with the transactions that may have seen nobody.
    parked: HashMap<Topic, HashSet<String>>,
}

impl PostgresListener {
    pub(super) async fn connect(
        servers: &Servers,
        statements: &Arc<Statements>,
    ) -> Result<Self, DriverError> {
        let servers =
            servers.map(|options| options.clone().options([("lock_timeout", LOCK_TIMEOUT)]));
        let (inner, term) = listen(&servers, statements).await?;
        Ok(Self {
            inner: Some(inner),
            servers,
            term,
            is_asking: false,
            statements: Arc::clone(statements),
            parked: HashMap::new(),
        })
    }

    async fn park_topic(&mut self, topic: &Topic) -> Result<Parked, DriverError> {
        let silent = match self.parked.get(topic).cloned() {
            Some(silent) if silent.is_empty() => silent,
            Some(silent) => &self.writers(topic).await? & &silent,
            None => {
                self.ask(self.statements.park.clone(), topic).await?;
                self.writers(topic).await?
            }
        };
        let parked = match silent.is_empty() {
            true => Parked::Settled,
            false => Parked::Unsettled,
        };
        self.parked.insert(topic.clone(), silent);
        Ok(parked)
    }

    /// Asks for one value about a topic.
    async fn ask(&mut self, sql: SqlStr, topic: &Topic) -> Result<bool, DriverError> {
        sqlx::query_scalar(sql)
            .bind(self.statements.schema.as_str().to_owned())
            .bind(payload(topic))
            .fetch_one(self.inner()?)
            .await
            .map_err(|error| driver_error("failed to say who waits for wake-ups", error))
    }

    async fn read_backlog(&mut self) -> Result<f64, DriverError> {
        sqlx::query_scalar(self.statements.wake_backlog.clone())
            .fetch_one(self.inner()?)
            .await
            .map_err(|error| driver_error("failed to ask for the backlog of wake-ups", error))
    }

    /// The transactions that have the table of a topic open for writing.
    async fn writers(&mut self, topic: &Topic) -> Result<HashSet<String>, DriverError> {
        let sql = match topic {
            Topic::Ready(_) => self.statements.open_writers.clone(),
            Topic::Scheduled => self.statements.open_schedulers.clone(),
            Topic::Finished => self.statements.open_finishers.clone(),
        };
        let writers: Vec<String> = sqlx::query_scalar(sql)
            .fetch_all(self.inner()?)
            .await
            .map_err(|error| driver_error("failed to look for open transactions", error))?;
        Ok(writers.into_iter().collect())
    }

    fn inner(&mut self) -> Result<&mut PgListener, DriverError> {
        let lost = || {
            let problem = "the connection for wake-ups is lost";
            DriverError::new(DriverErrorKind::Unavailable, problem)
        };
        self.inner.as_mut().ok_or_else(lost)
    }
}

/// Opens a connection that listens, and returns its term.
async fn listen(
    servers: &Servers,
    statements: &Statements,
) -> Result<(PgListener, Term), DriverError> {
    let term = servers.term();
    let options = servers.options().await?;
    let settled = options.clone();
    let error = |error| driver_error("failed to listen for wake-ups", error);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(error)?;
    // Before it listens: in a shared session it would be others that hear, and locks would stay.
    let mut connection = pool.acquire().await.map_err(error)?;
    startup::settle(&mut connection, &settled).await?;
    drop(connection);
    let mut inner = PgListener::connect_with(&pool).await.map_err(error)?;
    inner.ignore_pool_close_event(true);
    // A connection that it makes by itself would hold no locks, and be lost if the call is dropped.
    inner.eager_reconnect(false);
    inner
        .listen(statements.schema.as_str())
        .await
        .map_err(error)?;
    Ok((inner, servers.answered(term)))
}

/// If its caller has given up a call, others need not wait for their connections as long as he did.
impl Drop for PostgresListener {
    fn drop(&mut self) {
        if self.is_asking {
            self.servers.suspect();
        }
    }
}

#[async_trait]
impl Listener for PostgresListener {
    async fn recv(&mut self) -> Result<Wake, DriverError> {
        loop {
            let Some(inner) = &mut self.inner else {
                let (inner, term) = listen(&self.servers, &self.statements).await?;
                (self.inner, self.term) = (Some(inner), term);
                return Ok(Wake::Reconnected);
            };
            let notification = inner
                .try_recv()
                .await
                .map_err(|error| driver_error("lost the connection for wake-ups", error))?;
            let Some(notification) = notification else {
                self.inner = None;
                self.parked.clear();
                continue;
            };
            if let Some(wake) = parse(notification.payload()) {
                return Ok(wake);
            }
        }
    }

    async fn park(&mut self, topic: &Topic) -> Result<Parked, DriverError> {
        self.is_asking = true;
        let parked = self.park_topic(topic).await;
        self.is_asking = false;
        parked
    }

    async fn unpark(&mut self, topic: &Topic) -> Result<(), DriverError> {
        if self.parked.remove(topic).is_some() {
            self.is_asking = true;
            let unparked = self.ask(self.statements.unpark.clone(), topic).await;
            self.is_asking = false;
            unparked?;
        }
        Ok(())
    }

    async fn backlog(&mut self) -> Result<f64, DriverError> {
        if self.term != self.servers.term() {
            let problem = "the connection for wake-ups was given up";
            return Err(DriverError::new(DriverErrorKind::Unavailable, problem));
        }
        self.is_asking = true;
        let backlog = self.read_backlog().await;
        self.is_asking = false;
        backlog
    }
}

/// What the statements send about a topic.
fn payload(topic: &Topic) -> String {
    match topic {
        Topic::Ready(queue) => format!("ready {queue}"),
        Topic::Scheduled => "scheduled".to_owned(),
        Topic::Finished => "finished".to_owned(),
    }
}

/// Reads what the statements send. A newer version may send more, which is none of our business.
fn parse(payload: &str) -> Option<Wake> {
    match payload.split_once(' ') {
        Some(("ready", queue)) => Some(Wake::Ready(queue.to_owned())),
        None if payload == "scheduled" => Some(Wake::Scheduled),
        None if payload == "finished" => Some(Wake::Finished),
        None if payload == "directives" => Some(Wake::Directives),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_and_unknown_ones_ignored() {
        let mail = Topic::Ready(Arc::from("my mail"));
        assert_eq!(
            parse(&payload(&mail)),
            Some(Wake::Ready("my mail".to_owned()))
        );
        assert_eq!(parse(&payload(&Topic::Scheduled)), Some(Wake::Scheduled));
        assert_eq!(parse(&payload(&Topic::Finished)), Some(Wake::Finished));
        assert_eq!(parse("directives"), Some(Wake::Directives));
        assert_eq!(parse(""), None);
        assert_eq!(parse("cancelled 17"), None);
    }
}
