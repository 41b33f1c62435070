//! The pool of a driver, and how a pooler between it and the server is met.
//!
//! sqlx sends a statement in two requests: one to parse it, and one to run it with its arguments. A pooler in
//! transaction mode may give the second one another session of the server, in which some other client has just
//! parsed a statement of its own, and that is what would run. So what is sent through an application's pool goes in a
//! transaction, which keeps its session, and without a name, which some other session might know for another
//! statement. Only enqueues, which are many, are sent in one request unless the application says that there is such
//! a pooler.

use std::future::Future;
use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow};
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::{Decode, Executor as _, FromRow, PgConnection, PgPool, Postgres, Type};

use super::Statement;
use super::begin::OpenTransaction;
use super::connection::{Connection, fetch};
use super::enqueue::NOT_TAKEN;
use super::error::driver_error;
use super::servers::Servers;
use crate::driver::DriverError;

/// The pool of a driver.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    connections: PgPool,
    whose: Whose,
    /// Where connections of the driver's lead.
    servers: Option<Servers>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The driver's: none of its connections shares its session.
    Own,
    /// The application's, which may lead through a pooler.
    Application,
    /// The application's, which says that it leads through a pooler in transaction mode.
    Pooled,
}

impl Pool {
    pub(super) fn own(connections: PgPool, servers: &Servers) -> Self {
        Self {
            connections,
            whose: Whose::Own,
            servers: Some(servers.clone()),
        }
    }

    pub(super) fn of_application(connections: PgPool) -> Self {
        Self {
            connections,
            whose: Whose::Application,
            servers: None,
        }
    }

    /// The same pool of an application, through a pooler in transaction mode.
    pub(super) fn pooled(self) -> Self {
        let whose = Whose::Pooled;
        Self { whose, ..self }
    }

    /// Whether enqueues have to be in transactions, and without names.
    pub(super) fn is_pooled(&self) -> bool {
        self.whose == Whose::Pooled
    }

    pub(super) fn connections(&self) -> &PgPool {
        &self.connections
    }

    /// The connections, to the server that is the one to use now.
    fn led(&self) -> &PgPool {
        if let Some(servers) = &self.servers {
            servers.lead(&self.connections);
        }
        &self.connections
    }

    /// For statements that are not an enqueue, and must meet one session.
    pub(super) async fn exchange(&self) -> sqlx::Result<Exchange> {
        Exchange::begin(self.led(), self.whose != Whose::Own).await
    }

    /// For an enqueue.
    pub(super) async fn enqueue(&self) -> Result<Exchange, DriverError> {
        let begun = Exchange::begin(self.led(), self.is_pooled()).await;
        begun.map_err(|error| driver_error("no connection to enqueue through", error))
    }

    pub(super) async fn begin(&self) -> sqlx::Result<OpenTransaction> {
        OpenTransaction::of(self.led()).await
    }
}

/// What meets one session of the server, whatever is in between: a connection of the driver's own, or a transaction.
/// Unless it is [`done`](Self::done), a transaction is rolled back.
#[derive(Debug)]
pub(super) enum Exchange {
    Connection(PoolConnection<Postgres>),
    Transaction(OpenTransaction),
}

impl Exchange {
    async fn begin(connections: &PgPool, is_shared: bool) -> sqlx::Result<Self> {
        Ok(match is_shared {
            true => Self::Transaction(OpenTransaction::of(connections).await?),
            false => Self::Connection(connections.acquire().await?),
        })
    }

    /// As [`done`](Self::done), of an enqueue.
    pub(super) async fn enqueued(self) -> Result<(), DriverError> {
        let done = self.done().await;
        done.map_err(|error| driver_error(NOT_TAKEN, error))
    }

    pub(super) async fn done(self) -> sqlx::Result<()> {
        match self {
            Self::Connection(_) => Ok(()),
            Self::Transaction(transaction) => transaction.commit().await,
        }
    }
}

impl Deref for Exchange {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for Exchange {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl Connection for Exchange {
    type Row = PgRow;

    async fn run(&mut self, statement: Statement) -> Result<Vec<PgRow>, DriverError> {
        match self {
            Self::Connection(connection) => fetch(connection, statement).await,
            Self::Transaction(transaction) => transaction.run(statement.unnamed()).await,
        }
    }
}

/// A connection that is sent statements without names, if that is asked for.
pub(super) struct Naming<'a, C> {
    connection: &'a mut C,
    unnamed: bool,
}

impl<'a, C: Connection> Naming<'a, C> {
    pub(super) fn of(connection: &'a mut C, unnamed: bool) -> Self {
        Self {
            connection,
            unnamed,
        }
    }
}

impl<C: Connection> Connection for Naming<'_, C> {
    type Row = C::Row;

    fn run(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<C::Row>, DriverError>> + Send {
        self.connection.run(match self.unnamed {
            true => statement.unnamed(),
            false => statement,
        })
    }
}

/// Queries that are sent through a [`Pool`]. It is no `Executor`: what that trait asks for depends on the features of
/// sqlx, which users choose.
pub(super) trait OnPool: Sized {
    /// What a row is read as.
    type Row;

    fn done_on(self, pool: &Pool) -> impl Future<Output = sqlx::Result<PgQueryResult>> + Send;

    fn all_on(self, pool: &Pool) -> impl Future<Output = sqlx::Result<Vec<Self::Row>>> + Send;

    fn one_on(self, pool: &Pool) -> impl Future<Output = sqlx::Result<Self::Row>> + Send;

    fn optional_on(
        self,
        pool: &Pool,
    ) -> impl Future<Output = sqlx::Result<Option<Self::Row>>> + Send;
}

macro_rules! on_pool {
    ($query:ident [$($of:ident: $($bound:tt)*)?] => $row:ty) => {
        impl<'q $(, $of: $($bound)* + Send + Unpin)?> OnPool for $query<'q, Postgres $(, $of)?, PgArguments> {
            type Row = $row;

            async fn done_on(self, pool: &Pool) -> sqlx::Result<PgQueryResult> {
                let mut exchange = pool.exchange().await?;
                let query = self.persistent_in(&exchange);
                let done = exchange.execute(query).await?;
                exchange.done().await?;
                Ok(done)
            }

            async fn all_on(self, pool: &Pool) -> sqlx::Result<Vec<$row>> {
                let mut exchange = pool.exchange().await?;
                let query = self.persistent_in(&exchange);
                let rows = query.fetch_all(&mut *exchange).await?;
                exchange.done().await?;
                Ok(rows)
            }

            async fn one_on(self, pool: &Pool) -> sqlx::Result<$row> {
                let row = self.optional_on(pool).await?;
                row.ok_or(sqlx::Error::RowNotFound)
            }

            async fn optional_on(self, pool: &Pool) -> sqlx::Result<Option<$row>> {
                let mut exchange = pool.exchange().await?;
                let query = self.persistent_in(&exchange);
                let row = query.fetch_optional(&mut *exchange).await?;
                exchange.done().await?;
                Ok(row)
            }
        }

        impl<'q $(, $of)?> PersistentIn for $query<'q, Postgres $(, $of)?, PgArguments> {
            fn persistent_in(self, exchange: &Exchange) -> Self {
                match exchange {
                    Exchange::Connection(_) => self,
                    Exchange::Transaction(_) => self.persistent(false),
                }
            }
        }
    };
}

/// Queries whose statement has no name where another client could have the session next.
trait PersistentIn {
    fn persistent_in(self, exchange: &Exchange) -> Self;
}

on_pool!(Query [] => PgRow);
on_pool!(QueryAs [O: for<'r> FromRow<'r, PgRow>] => O);
on_pool!(QueryScalar [O: for<'r> Decode<'r, Postgres> + Type<Postgres>] => O);
