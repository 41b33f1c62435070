//! The storages under test: everything that only one driver needs.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use pgq::JobId;
use pgq::driver::{Driver, DriverError, Enqueue, KeyedJobs};
use pgq::memory::{ManualClock, MemoryDriver};
use pgq_tests::clients::Client;
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

/// Makes one test per driver out of each case: an async fn from `&Storage` to `anyhow::Result<()>`.
macro_rules! conformance {
    ($($case:ident),* $(,)?) => {
        $crate::conformance::fixture::conformance! { @driver memory $($case),* }
        $crate::conformance::fixture::conformance! { @driver postgres $($case),* }
    };
    (@driver $driver:ident $($case:ident),*) => {
        mod $driver {
            use $crate::conformance::fixture::Storage;

            $(
                #[tokio::test]
                async fn $case() -> anyhow::Result<()> {
                    let storage = Storage::$driver().await?;
                    super::$case(&storage).await
                }
            )*
        }
    };
}

/// Does the same for cases that enqueue, and once more for each other client that can, and for a producer.
macro_rules! enqueue_conformance {
    ($($case:ident),* $(,)?) => {
        $crate::conformance::fixture::conformance! { $($case),* }
        $crate::conformance::fixture::conformance! { @driver sqlx_connection $($case),* }
        $crate::conformance::fixture::conformance! { @driver tokio_postgres $($case),* }
        $crate::conformance::fixture::conformance! { @driver deadpool_postgres $($case),* }
        $crate::conformance::fixture::conformance! { @driver blocking_postgres $($case),* }
        $crate::conformance::fixture::conformance! { @driver producer $($case),* }
    };
}

pub(super) use {conformance, enqueue_conformance};

/// An empty storage, and a way to let its time pass.
#[derive(Debug)]
pub(crate) struct Storage {
    driver: Arc<dyn Driver>,
    /// What jobs are enqueued through, if that is not the driver.
    client: Option<Client>,
    time: Time,
    /// What must live as long as the driver is used.
    _kept: Box<dyn Any + Send + Sync>,
}

#[derive(Debug)]
enum Time {
    Manual(ManualClock),
    /// Passes by itself.
    Real(PgPool),
}

/// How often the clock of a server is looked at while time is to pass.
const LOOK_EVERY: Duration = Duration::from_millis(2);

impl Storage {
    pub(crate) async fn memory() -> anyhow::Result<Self> {
        let clock = ManualClock::default();
        let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::with_clock(clock.clone()));
        driver.migrate().await?;
        Ok(Self {
            driver,
            client: None,
            time: Time::Manual(clock),
            _kept: Box::new(()),
        })
    }

    pub(crate) async fn postgres() -> anyhow::Result<Self> {
        Self::on(TestDatabase::migrated().await?, None)
    }

    pub(crate) async fn sqlx_connection() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        let client = Client::sqlx(database.url()).await?;
        Self::on(database, Some(client))
    }

    pub(crate) async fn tokio_postgres() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        let client = Client::tokio(database.url()).await?;
        Self::on(database, Some(client))
    }

    pub(crate) async fn deadpool_postgres() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        let client = Client::deadpool(database.url())?;
        Self::on(database, Some(client))
    }

    pub(crate) async fn blocking_postgres() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        let client = Client::blocking(database.url()).await?;
        Self::on(database, Some(client))
    }

    /// Jobs are enqueued by a user who may do nothing else. On somebody's server the roles stay, with no rights left.
    pub(crate) async fn producer() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        pgq::Pgq::from_pool(database.pool().clone())
            .make_roles()
            .await?;
        let url = format!("{}?options=-c%20role%3Dpgq_jobs_producer", database.url());
        let client = Client::sqlx(&url).await?;
        Self::on(database, Some(client))
    }

    fn on(database: TestDatabase, client: Option<Client>) -> anyhow::Result<Self> {
        let driver: Arc<dyn Driver> =
            Arc::new(pgq::postgres::PostgresDriver::new(database.pool().clone()));
        Ok(Self {
            driver,
            client,
            time: Time::Real(database.pool().clone()),
            _kept: Box::new(database),
        })
    }

    /// In the place of the driver's own, so that a case enqueues through the client under test.
    pub(crate) async fn enqueue(&self, request: Enqueue) -> Result<Vec<JobId>, DriverError> {
        match &self.client {
            None => self.driver.enqueue(request).await,
            Some(client) => client.enqueue(request).await,
        }
    }

    /// As [`enqueue`](Self::enqueue).
    pub(crate) async fn enqueue_unique(&self, request: Enqueue) -> Result<KeyedJobs, DriverError> {
        match &self.client {
            None => self.driver.enqueue_unique(request).await,
            Some(client) => client.enqueue_unique(request).await,
        }
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    /// The connections of a server.
    pub(crate) fn pool(&self) -> Option<&PgPool> {
        match &self.time {
            Time::Manual(_) => None,
            Time::Real(pool) => Some(pool),
        }
    }

    /// Returns once `duration` has passed on the storage's clock.
    pub(crate) async fn pass(&self, duration: Duration) -> anyhow::Result<()> {
        if let Time::Manual(clock) = &self.time {
            clock.advance(duration);
            return Ok(());
        }
        let end = self.now().await? + duration;
        while self.now().await? <= end {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

impl Storage {
    /// Makes everything that has ended be that many hours older.
    pub(crate) async fn age_history(&self, hours: u32) -> anyhow::Result<()> {
        match &self.time {
            Time::Manual(clock) => clock.advance(Duration::from_secs(3600) * hours),
            Time::Real(pool) => pgq_tests::history::age(pool, hours.into()).await?,
        }
        Ok(())
    }
}

impl Deref for Storage {
    type Target = dyn Driver;

    fn deref(&self) -> &Self::Target {
        &*self.driver
    }
}
