//! Where `pgq::run()` finds its database.

use std::sync::Arc;

use crate::driver::{Driver, DriverError};
use crate::task::StateMap;

/// The database, as it was named.
#[derive(Clone, Debug, Default)]
pub(super) enum Source {
    /// `DATABASE_URL`.
    #[default]
    Environment,
    /// A URL.
    #[cfg(feature = "postgres")]
    Url(String),
    /// The database of a pool that the application has.
    #[cfg(feature = "postgres")]
    Pool(sqlx::PgPool),
    /// The database of another part of the application.
    #[cfg(feature = "postgres")]
    Pgq(Box<super::Pgq>),
    /// Any driver.
    Driver(Arc<dyn Driver>),
}

#[cfg(feature = "postgres")]
impl Source {
    /// Makes the worker's own driver: handlers that use up the application's pool do not keep it
    /// from completing jobs. Adds a pool for handlers to `state`, unless one is there, and what begins
    /// their transactions on it.
    pub(super) fn open(
        self,
        direct: Option<&str>,
        schema: &crate::postgres::Schema,
        state: &mut StateMap,
    ) -> Result<Arc<dyn Driver>, DriverError> {
        use crate::postgres::make_transactions;

        let driver = self.connect(direct, schema, state)?;
        if let Some(pool) = state.get::<sqlx::PgPool>() {
            let make = make_transactions(pool);
            state.insert(make);
        }
        Ok(driver)
    }

    fn connect(
        self,
        direct: Option<&str>,
        schema: &crate::postgres::Schema,
        state: &mut StateMap,
    ) -> Result<Arc<dyn Driver>, DriverError> {
        use crate::postgres::{PostgresDriver, Servers, database_url};
        use sqlx::PgPool;
        use sqlx::postgres::PgPoolOptions;
        use std::any::TypeId;

        let is_given = matches!(self, Self::Pool(_) | Self::Pgq(_));
        let servers = match &self {
            Self::Driver(driver) => return Ok(Arc::clone(driver)),
            Self::Environment => Servers::of_url(&database_url()?)?,
            Self::Url(url) => Servers::of_url(url)?,
            Self::Pool(pool) => Servers::one((*pool.connect_options()).clone()),
            Self::Pgq(pgq) => pgq.servers.clone(),
        };
        let direct = match (direct, &self) {
            (Some(url), _) => Some(Servers::of_url(url)?),
            (None, Self::Pgq(pgq)) => pgq.direct.clone(),
            (None, _) => None,
        };
        let pool = match self {
            Self::Pool(pool) => pool,
            Self::Pgq(pgq) => pgq.pool().clone(),
            _ => servers.pool(PgPoolOptions::new()),
        };
        let driver = PostgresDriver::own_pool(direct.as_ref().unwrap_or(&servers), schema);
        match state.contains(TypeId::of::<PgPool>()) {
            false => state.insert(pool.clone()),
            // Tasks use another one, perhaps on another database, and nobody this.
            true if !is_given => return Ok(Arc::new(driver)),
            true => {}
        }
        Ok(Arc::new(driver.with_application(pool, &servers)))
    }
}

#[cfg(not(feature = "postgres"))]
impl Source {
    pub(super) fn open(self, _: &mut StateMap) -> Result<Arc<dyn Driver>, DriverError> {
        use crate::driver::DriverErrorKind;

        match self {
            Self::Driver(driver) => Ok(driver),
            Self::Environment => Err(DriverError::new(
                DriverErrorKind::NoDatabaseUrl,
                "this build of pgq has no PostgreSQL driver",
            )
            .with_advice("enable the feature `postgres`, or pass a driver")),
        }
    }
}
