//! Runs a case on the PostgreSQL driver and on the one in memory.

use std::any::Any;
use std::sync::Arc;

use pgq::driver::Driver;
use pgq::memory::MemoryDriver;
use pgq::postgres::PostgresDriver;
use pgq::{Registry, Run, Task};
use pgq_tests::database::TestDatabase;

/// Makes one test per driver out of each case: an async fn from `&Place` to `anyhow::Result<()>`.
macro_rules! on_both_drivers {
    ($($case:ident),* $(,)?) => {
        on_both_drivers! { @driver memory $($case),* }
        on_both_drivers! { @driver postgres $($case),* }
    };
    (@driver $driver:ident $($case:ident),*) => {
        mod $driver {
            $(
                #[tokio::test]
                async fn $case() -> anyhow::Result<()> {
                    let place = $crate::run::both::Place::$driver().await?;
                    super::$case(&place).await
                }
            )*
        }
    };
}

pub(super) use on_both_drivers;

/// An empty storage.
pub(super) struct Place {
    pub(super) driver: Arc<dyn Driver>,
    /// What must live as long as the driver is used.
    _kept: Box<dyn Any + Send + Sync>,
}

impl Place {
    pub(super) async fn memory() -> anyhow::Result<Self> {
        Ok(Self {
            driver: Arc::new(MemoryDriver::new()),
            _kept: Box::new(()),
        })
    }

    pub(super) async fn postgres() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        Ok(Self {
            driver: Arc::new(PostgresDriver::new(database.pool().clone())),
            _kept: Box::new(database),
        })
    }

    /// A worker of one task.
    #[track_caller]
    pub(super) fn worker<T: Task>(&self) -> Run {
        Run::new(Registry::new())
            .task::<T>()
            .driver(Arc::clone(&self.driver))
            .without_signals()
    }
}
