//! The PostgreSQL driver, over sqlx.

mod aside;
mod attempt_driver;
mod attempts;
mod begin;
mod change;
mod children;
mod claim;
mod connect;
mod connection;
mod control;
mod cursor;
mod declared;
mod detail;
mod driver;
mod enqueue;
mod error;
mod expire;
mod finish;
mod fleet;
mod health;
mod history;
mod keys;
mod large_input;
mod limit;
mod limits;
mod list;
mod listener;
mod logs;
mod migrate;
mod named;
mod pool;
mod progress;
mod promote;
mod refusal;
mod relaxed;
mod roles;
mod row;
mod schedule;
mod schema;
mod servers;
mod session;
mod sql;
mod startup;
mod statement;
mod time_cursor;
mod transaction;
mod turns;
mod unique;
mod unlogged;
mod worker;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use sqlx::{Connection as _, PgPool};

use self::aside::Sweeps;
use self::connect::{input_options, migration_options, runtime_options, runtime_pool};
use self::cursor::Cursors;
use self::pool::{Naming, Pool};
use self::session::Session;
use self::sql::Statements;
use self::time_cursor::TimeCursor;
use crate::driver::{DriverError, Enqueue, EnqueueNamed, EnqueuedNamed, KeyedJobs, WorkerId};
use crate::job::JobId;

pub use self::connect::DATABASE_URL;
#[doc(hidden)]
pub use self::connect::SESSION_SETTINGS;
pub(crate) use self::connect::database_url;
pub use self::connection::{Connection, Row, Through, through};
#[doc(hidden)]
pub use self::health::STRUCTURE;
pub use self::migrate::migration_script;
pub use self::roles::roles_script;
pub use self::schema::{DEFAULT_SCHEMA, Schema};
pub(crate) use self::servers::Servers;
#[doc(hidden)]
pub use self::sql::STATEMENTS;
pub use self::statement::{Argument, Statement};
pub(crate) use self::transaction::make_transactions;
pub use self::transaction::{JobConnection, JobTransaction};
pub use self::unlogged::unlogged_script;

/// How many batches of endings may be on their way at once.
const FINISH_SESSIONS: usize = 2;

/// How many batches of large inputs may be.
const INPUT_SESSIONS: usize = 2;

/// Jobs in PostgreSQL.
///
/// Claims, completions and reads of large inputs hold connections of their own, which are opened
/// when they are first used; everything else goes through the pool.
#[derive(Clone)]
pub struct PostgresDriver {
    pool: Pool,
    /// What enqueues, where that is not the runtime; for the health checks only.
    application: Option<PgPool>,
    /// Where that leads to: one of several servers is followed for as long as this is there.
    application_servers: Option<Servers>,
    /// Where sessions are opened.
    servers: Servers,
    statements: Arc<Statements>,
    claims: Arc<Session>,
    cursors: Arc<Mutex<Cursors>>,
    sweeps: Arc<Mutex<Sweeps>>,
    promoted: Arc<Mutex<TimeCursor>>,
    expired: Arc<Mutex<TimeCursor>>,
    finishes: Arc<[Session]>,
    inputs: Arc<[Session]>,
}

impl PostgresDriver {
    /// Uses the connections of `pool`, and the schema [`DEFAULT_SCHEMA`].
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self::with_schema(pool, &Schema::default())
    }

    /// Uses the connections of `pool`, and another schema.
    #[must_use]
    pub fn with_schema(pool: PgPool, schema: &Schema) -> Self {
        let servers = Servers::one((*pool.connect_options()).clone());
        Self::of_pool(pool, &servers, schema)
    }

    /// Uses the connections of a pool, and opens others to the servers that it leads to.
    pub(crate) fn of_pool(pool: PgPool, servers: &Servers, schema: &Schema) -> Self {
        let own = servers.map(runtime_options);
        let statements = Statements::of(schema);
        let driver = Self::build(Pool::of_application(pool.clone()), own, statements);
        driver.with_application(pool, servers)
    }

    /// A driver with a small pool of its own, for a runtime that must not wait for connections
    /// that others hold. It connects when it is first used.
    pub(crate) fn own_pool(servers: &Servers, schema: &Schema) -> Self {
        let servers = servers.map(runtime_options);
        let pool = Pool::own(servers.own_pool(runtime_pool()), &servers);
        Self::build(pool, servers, Statements::of(schema))
    }

    /// The same in another schema.
    pub(crate) fn in_schema(self, schema: &Schema) -> Self {
        let servers = self.servers.clone();
        self.rebuilt(servers, Statements::of(schema))
    }

    /// The same, but its own sessions lead elsewhere than the pool does.
    pub(crate) fn with_direct(self, direct: &Servers) -> Self {
        let statements = Arc::clone(&self.statements);
        self.rebuilt(direct.map(runtime_options), statements)
    }

    /// The same, but the pool leads through a pooler in transaction mode.
    pub(crate) fn through_pooler(mut self) -> Self {
        self.pool = self.pool.pooled();
        self
    }

    fn rebuilt(self, servers: Servers, statements: Arc<Statements>) -> Self {
        Self {
            application: self.application,
            application_servers: self.application_servers,
            ..Self::build(self.pool, servers, statements)
        }
    }

    /// Checks a pool of the application with its own health.
    pub(crate) fn with_application(mut self, pool: PgPool, servers: &Servers) -> Self {
        self.application = Some(pool);
        self.application_servers = Some(servers.clone());
        self
    }

    fn build(pool: Pool, servers: Servers, statements: Arc<Statements>) -> Self {
        Self {
            pool,
            application: None,
            application_servers: None,
            claims: Arc::new(Session::new(servers.clone())),
            cursors: Arc::new(Mutex::new(Cursors::new(
                WorkerId::from_i64(0),
                Instant::now(),
            ))),
            sweeps: Arc::default(),
            promoted: Arc::default(),
            expired: Arc::default(),
            finishes: (0..FINISH_SESSIONS)
                .map(|_| Session::new(servers.clone()))
                .collect(),
            inputs: (0..INPUT_SESSIONS)
                .map(|_| Session::new(servers.map(input_options)))
                .collect(),
            servers,
            statements,
        }
    }

    /// Makes the roles of the schema, or brings their rights up to date.
    pub(crate) async fn make_roles(&self) -> Result<(), DriverError> {
        let mut connection = self.servers.connect().await?;
        let made = roles::make_roles(&mut connection, self.schema()).await;
        let _ = connection.close().await;
        made
    }

    /// Makes the tables of jobs unlogged.
    pub(crate) async fn make_unlogged(&self) -> Result<(), DriverError> {
        let servers = self.servers.map(migration_options);
        let mut connection = servers.connect().await?;
        let made = unlogged::make_unlogged(&mut connection, self.schema()).await;
        let _ = connection.close().await;
        made
    }

    /// Adds one job for each input, in the transaction that `connection` is in.
    pub(crate) async fn enqueue_within(
        &self,
        connection: &mut impl Connection,
        enqueue: Enqueue,
    ) -> Result<Vec<JobId>, DriverError> {
        let mut connection = Naming::of(connection, self.pool.is_pooled());
        enqueue::enqueue(&mut connection, &self.statements, enqueue).await
    }

    pub(crate) async fn enqueue_unique_within(
        &self,
        connection: &mut impl Connection,
        enqueue: Enqueue,
    ) -> Result<KeyedJobs, DriverError> {
        let mut connection = Naming::of(connection, self.pool.is_pooled());
        unique::enqueue_unique(&mut connection, &self.statements, enqueue).await
    }

    pub(crate) async fn enqueue_named_within(
        &self,
        connection: &mut impl Connection,
        enqueue: EnqueueNamed,
    ) -> Result<EnqueuedNamed, DriverError> {
        let mut connection = Naming::of(connection, self.pool.is_pooled());
        named::enqueue_named(&mut connection, &self.statements, enqueue).await
    }

    pub(crate) async fn enqueue_named(
        &self,
        request: EnqueueNamed,
    ) -> Result<EnqueuedNamed, DriverError> {
        let mut exchange = self.pool.enqueue().await?;
        let added = named::enqueue_named(&mut exchange, &self.statements, request).await?;
        exchange.enqueued().await?;
        Ok(added)
    }

    /// The schema that the jobs are in.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.statements.schema
    }
}

impl fmt::Debug for PostgresDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDriver")
            .field("schema", self.schema())
            .finish_non_exhaustive()
    }
}
