//! The pool deadpool-postgres, and its connections.

use deadpool_postgres::{Client, Pool, PoolError, Transaction};

use super::tokio_postgres::failure;
use super::{Connection, complete_through, enqueue_through};
use crate::client::Enqueuer;
use crate::driver::{
    DriverError, DriverErrorKind, Enqueue, EnqueueNamed, EnqueuedNamed, KeyedJobs,
};
use crate::job::JobId;
use crate::postgres::Statement;
use crate::postgres::error::made;

impl Connection for &Client {
    type Row = tokio_postgres::Row;

    async fn run(&mut self, statement: Statement) -> Result<Vec<Self::Row>, DriverError> {
        let mut client: &tokio_postgres::Client = self;
        client.run(statement).await
    }
}

impl Connection for &Transaction<'_> {
    type Row = tokio_postgres::Row;

    async fn run(&mut self, statement: Statement) -> Result<Vec<Self::Row>, DriverError> {
        let mut transaction: &tokio_postgres::Transaction<'_> = self;
        transaction.run(statement).await
    }
}

enqueue_through!(&Client, &Transaction<'_>);
complete_through!(&Transaction<'_>);

/// One statement, so it commits by itself.
impl Enqueuer for &Pool {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let client = get(self).await?;
        (&client).enqueue(enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        let client = get(self).await?;
        (&client).enqueue_unique(enqueue).await
    }

    async fn enqueue_named(self, enqueue: EnqueueNamed) -> Result<EnqueuedNamed, DriverError> {
        let client = get(self).await?;
        (&client).enqueue_named(enqueue).await
    }
}

async fn get(pool: &Pool) -> Result<Client, DriverError> {
    let problem = "no connection to enqueue through";
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => failure(problem, error),
        PoolError::Timeout(_) => made(DriverErrorKind::Unavailable, problem, error),
        error => made(DriverErrorKind::Other, problem, error),
    })
}
