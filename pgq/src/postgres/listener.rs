//! LISTEN, with reconnection.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::error::driver_error;
use super::schema::Schema;
use crate::driver::{DriverError, Listener, Wake};

/// How long to wait for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on the channel of one schema, on a connection of its own.
#[derive(Debug)]
pub(super) struct PostgresListener {
    inner: PgListener,
}

impl PostgresListener {
    pub(super) async fn connect(
        options: &PgConnectOptions,
        schema: &Schema,
    ) -> Result<Self, DriverError> {
        let error = |error| driver_error("failed to listen for wake-ups", error);
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(error)?;
        let mut inner = PgListener::connect_with(&pool).await.map_err(error)?;
        inner.ignore_pool_close_event(true);
        inner.listen(schema.as_str()).await.map_err(error)?;
        Ok(Self { inner })
    }
}

#[async_trait]
impl Listener for PostgresListener {
    async fn recv(&mut self) -> Result<Wake, DriverError> {
        loop {
            let notification = self
                .inner
                .try_recv()
                .await
                .map_err(|error| driver_error("lost the connection for wake-ups", error))?;
            let Some(notification) = notification else {
                return Ok(Wake::Reconnected);
            };
            if let Some(wake) = parse(notification.payload()) {
                return Ok(wake);
            }
        }
    }
}

/// Reads what the statements send. A newer version may send more, which is none of our business.
fn parse(payload: &str) -> Option<Wake> {
    match payload.split_once(' ') {
        Some(("ready", queue)) => Some(Wake::Ready(queue.to_owned())),
        None if payload == "scheduled" => Some(Wake::Scheduled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_and_unknown_ones_ignored() {
        assert_eq!(parse("ready mail"), Some(Wake::Ready("mail".to_owned())));
        assert_eq!(parse("scheduled"), Some(Wake::Scheduled));
        assert_eq!(parse(""), None);
        assert_eq!(parse("cancelled 17"), None);
    }
}
