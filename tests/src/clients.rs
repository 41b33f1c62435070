//! Every client that jobs can be enqueued through, as one type.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use futures_util::FutureExt as _;
use pgq::driver::{DriverError, DriverErrorKind, Enqueue, KeyedJobs};
use pgq::{BlockingEnqueuer, Enqueuer, JobId};
use sqlx::{Connection as _, PgConnection};

/// A connection, or a pool, of one of the clients.
pub enum Client {
    /// One connection of sqlx.
    Sqlx(tokio::sync::Mutex<PgConnection>),
    /// One connection of tokio-postgres.
    Tokio(tokio_postgres::Client),
    /// A pool of deadpool-postgres.
    Deadpool(deadpool_postgres::Pool),
    /// One connection of the blocking client.
    Blocking(Blocking),
}

/// A connection whose calls block, for async tests.
#[derive(Clone)]
pub struct Blocking(Arc<Mutex<Option<sync_postgres::Client>>>);

/// Connects tokio-postgres, whose connection is driven in the background.
///
/// # Errors
///
/// Fails if the database cannot be reached.
pub async fn tokio_postgres(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    // Its errors are those of the client, too.
    drop(tokio::spawn(connection));
    Ok(client)
}

/// A pool of a few connections.
///
/// # Errors
///
/// Fails if the URL is not one.
pub fn deadpool(url: &str) -> anyhow::Result<deadpool_postgres::Pool> {
    let config: tokio_postgres::Config = url.parse()?;
    let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
    Ok(deadpool_postgres::Pool::builder(manager)
        .max_size(3)
        .build()?)
}

impl Client {
    /// One connection of sqlx.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be reached, as do the others.
    pub async fn sqlx(url: &str) -> anyhow::Result<Self> {
        Ok(Self::Sqlx(PgConnection::connect(url).await?.into()))
    }

    /// One connection of tokio-postgres.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be reached.
    pub async fn tokio(url: &str) -> anyhow::Result<Self> {
        Ok(Self::Tokio(tokio_postgres(url).await?))
    }

    /// A pool of deadpool-postgres.
    ///
    /// # Errors
    ///
    /// Fails if the URL is not one.
    pub fn deadpool(url: &str) -> anyhow::Result<Self> {
        Ok(Self::Deadpool(deadpool(url)?))
    }

    /// One connection of the blocking client.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be reached.
    pub async fn blocking(url: &str) -> anyhow::Result<Self> {
        Ok(Self::Blocking(Blocking::connect(url).await?))
    }

    /// Adds jobs.
    ///
    /// # Errors
    ///
    /// As [`Enqueuer::enqueue`].
    pub async fn enqueue(&self, request: Enqueue) -> Result<Vec<JobId>, DriverError> {
        match self {
            Self::Sqlx(connection) => (&mut *connection.lock().await).enqueue(request).await,
            Self::Tokio(client) => client.enqueue(request).await,
            Self::Deadpool(pool) => pool.enqueue(request).await,
            Self::Blocking(client) => {
                let added = client.call(|client| {
                    let added = client.enqueuer().enqueue(request).now_or_never();
                    added.unwrap_or_else(|| Err(waits()))
                });
                added.await.unwrap_or_else(|| Err(waits()))
            }
        }
    }

    /// Adds jobs that have keys.
    ///
    /// # Errors
    ///
    /// As [`Enqueuer::enqueue_unique`].
    pub async fn enqueue_unique(&self, request: Enqueue) -> Result<KeyedJobs, DriverError> {
        match self {
            Self::Sqlx(connection) => {
                (&mut *connection.lock().await)
                    .enqueue_unique(request)
                    .await
            }
            Self::Tokio(client) => client.enqueue_unique(request).await,
            Self::Deadpool(pool) => pool.enqueue_unique(request).await,
            Self::Blocking(client) => {
                let added = client.call(|client| {
                    let added = client.enqueuer().enqueue_unique(request).now_or_never();
                    added.unwrap_or_else(|| Err(waits()))
                });
                added.await.unwrap_or_else(|| Err(waits()))
            }
        }
    }
}

fn waits() -> DriverError {
    DriverError::new(DriverErrorKind::Other, "the blocking client did not answer")
}

impl Blocking {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be reached.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let url = url.to_owned();
        let connect = move || sync_postgres::Client::connect(&url, sync_postgres::NoTls);
        let client = tokio::task::spawn_blocking(connect).await??;
        Ok(Self(Arc::new(Mutex::new(Some(client)))))
    }

    /// Runs something on a thread that may be blocked; `None` if it panicked.
    pub async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut sync_postgres::Client) -> T + Send + 'static,
    ) -> Option<T> {
        let client = Arc::clone(&self.0);
        let called = tokio::task::spawn_blocking(move || {
            let mut client = client.lock().unwrap_or_else(PoisonError::into_inner);
            client.as_mut().map(call)
        });
        called.await.ok().flatten()
    }

    /// As [`call`](Self::call), of something that may fail.
    ///
    /// # Errors
    ///
    /// That of the call, or that it panicked.
    pub async fn try_call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut sync_postgres::Client) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.call(call).await.context("the call has panicked")?
    }
}

/// The connection ends in a call that blocks.
impl Drop for Blocking {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) > 1 {
            return;
        }
        let client = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic there is not of this test.
        let _ = std::thread::spawn(move || drop(client)).join();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlx(_) => "sqlx",
            Self::Tokio(_) => "tokio-postgres",
            Self::Deadpool(_) => "deadpool-postgres",
            Self::Blocking(_) => "postgres",
        })
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocking")
    }
}
