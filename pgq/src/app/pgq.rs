//! [`Pgq`]: pgq on a database, for enqueueing and looking.

use std::sync::Arc;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::config::CONCURRENCY;
use crate::client::{Enqueuer, INPUT_MAX_DEFAULT, Reader};
use crate::driver::{
    Driver, DriverError, Enqueue, EnqueueNamed, EnqueuedNamed, Finding, HealthCheck, HealthDriver,
    KeyedJobs, WorkerState,
};
use crate::error::Result;
use crate::job::{Enqueued, JobId};
use crate::middleware::{HookList, Hooks};
use crate::postgres::{Connection, PostgresDriver, Schema, Servers, database_url};

/// pgq on a database, where the defaults of a plain `&PgPool` do not do: with a schema or a limit
/// of its own.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pgq {
    pub(super) driver: PostgresDriver,
    pool: PgPool,
    /// Where the pool leads.
    pub(super) servers: Servers,
    /// Where sessions lead, if that is not where the pool does.
    pub(super) direct: Option<Servers>,
    input_max: usize,
    hooks: HookList,
}

/// Enqueues within a transaction, by the settings of a [`Pgq`].
#[derive(Debug)]
pub struct Within<'a, C> {
    pgq: &'a Pgq,
    connection: C,
}

impl Pgq {
    /// Connects to the database of `DATABASE_URL`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), or if the variable is not set.
    pub async fn from_env() -> Result<Self> {
        Self::connect(&database_url()?).await
    }

    /// Connects to the database of this URL, `postgres://user:password@host:port/database`. It may name several servers,
    /// of which one can be written to: see the [page about connections](crate::connections).
    ///
    /// # Errors
    ///
    /// Fails if the URL is not one, or if the database cannot be reached; the error says which
    /// part of it is wrong.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only opens connections.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::to_servers(Servers::of_url(url)?).await
    }

    /// Connects to the database that a program reaches through `tokio-postgres`, or `deadpool-postgres`: its servers,
    /// user, password, database, name of the application and options. The connections are its own, and of sqlx; jobs
    /// are enqueued through the program's as they are, [`within`](Self::within) their transactions. For a worker there
    /// is [`Run::pgq`](crate::Run::pgq).
    ///
    /// The configuration does not have what its connector does about TLS. With `sslmode=require` the certificate of
    /// the server has to be one that the [TLS of pgq](crate::tls) accepts, for the name of the host; where that takes
    /// files, use [`connect`](Self::connect) with a URL that names them. Time-outs, `load_balance_hosts` and
    /// `sslnegotiation` are left aside. What libpq reads from the environment for `options`, an
    /// `application_name` that is left out, and certificates, sqlx reads, too.
    ///
    /// ```no_run
    /// # async fn example() -> anyhow::Result<()> {
    /// let config: tokio_postgres::Config = "host=localhost user=till dbname=shop".parse()?;
    /// let pgq = pgq::Pgq::from_tokio_postgres(&config).await?;
    /// pgq::run().pgq(&pgq).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be reached; and if the configuration names no server or no user, wants servers that
    /// only read, requires channel binding, or addresses beside names whose certificates are required, has a password
    /// that is not UTF-8, or another number of ports than of servers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only opens connections.
    #[cfg(feature = "tokio-postgres")]
    pub async fn from_tokio_postgres(config: &tokio_postgres::Config) -> Result<Self> {
        Self::to_servers(Servers::of_tokio_postgres(config)?).await
    }

    /// Uses the connections of a pool.
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        let servers = Servers::one((*pool.connect_options()).clone());
        Self::of_servers(pool, servers)
    }

    async fn to_servers(servers: Servers) -> Result<Self> {
        servers.ping().await?;
        let pool = servers.pool(PgPoolOptions::new());
        Ok(Self::of_servers(pool, servers))
    }

    fn of_servers(pool: PgPool, servers: Servers) -> Self {
        Self {
            driver: PostgresDriver::of_pool(pool.clone(), &servers, &Schema::default()),
            pool,
            servers,
            direct: None,
            input_max: INPUT_MAX_DEFAULT,
            hooks: HookList::default(),
        }
    }

    /// Sets the schema of pgq's tables. Default: `pgq_jobs`.
    ///
    /// # Errors
    ///
    /// Fails if the name is not allowed; see [`Schema`].
    pub fn schema(mut self, schema: &str) -> Result<Self> {
        self.driver = self.driver.in_schema(&Schema::new(schema)?);
        Ok(self)
    }

    /// Names a URL that leads to the server itself, or through a pooler in session mode, where the pool leads through
    /// one in transaction mode. Sessions that pgq opens itself go there: migrations, and that of those who
    /// [wait](crate::JobHandle::wait) for jobs. The [page about poolers](crate::poolers) says what needs it.
    ///
    /// # Errors
    ///
    /// Fails if the URL is not one.
    pub fn direct_url(mut self, url: &str) -> Result<Self> {
        let direct = Servers::of_url(url)?;
        self.driver = self.driver.with_direct(&direct);
        self.direct = Some(direct);
        Ok(self)
    }

    /// Says that the pool leads through a pooler in transaction mode. What is enqueued through this handle and its
    /// clones, and [`within`](Self::within) transactions, is sent so that it cannot meet another client's statement:
    /// it takes more round trips, four and not one. Everything else is sent so in any case.
    ///
    /// A pooler that keeps track of prepared statements does not need it: PgBouncer since 1.21, unless
    /// `max_prepared_statements` is 0. The [page about poolers](crate::poolers) has the others.
    #[must_use]
    pub fn through_pooler(mut self) -> Self {
        self.driver = self.driver.through_pooler();
        self
    }

    /// Sets the largest input that may be enqueued, in bytes, for tasks that do not say so themselves.
    /// Up to [`INPUT_MAX`](crate::INPUT_MAX), which larger values count as. Default: 1 MiB.
    #[must_use]
    pub fn input_max(mut self, bytes: usize) -> Self {
        self.input_max = bytes;
        self
    }

    /// Tells these hooks what is enqueued through this handle and its clones, after those that were
    /// set before.
    #[must_use]
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks.add(hooks);
        self
    }

    /// The pool that was given or made.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Creates the schema, or brings it up to this version of pgq. `pgq::run()` does so by itself.
    ///
    /// # Errors
    ///
    /// See [`Driver::migrate`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a migration takes effect as a whole or not at all. A dropped call may have
    /// migrated.
    pub async fn migrate(&self) -> Result<()> {
        Ok(self.driver.migrate().await?)
    }

    /// Makes roles for those who own the schema, work, enqueue or read, or brings their rights up to date; see the
    /// [page about them](crate::roles). The tables are the first one's then. Call it after
    /// [`migrate`](Self::migrate), as a superuser or as the owner of the schema who may create roles and, in the
    /// database, schemas.
    ///
    /// # Errors
    ///
    /// Fails if the user may not do that, if somebody has a table locked for more than 5 s, if the schema has tables
    /// that are not pgq's, if there is a user who has the name of a role, or if the name of the schema is longer than
    /// 54 bytes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the roles are made as a whole or not at all. A dropped call may have made them.
    pub async fn make_roles(&self) -> Result<()> {
        Ok(self.driver.make_roles().await?)
    }

    /// Makes the tables of jobs unlogged, for throw-away work in a schema of its own. Call it after
    /// [`migrate`](Self::migrate), as the owner of the tables; to do it again changes nothing.
    ///
    /// Jobs cost a fraction then, since nothing of them is written to the log of the server. But a crash of the
    /// server empties the tables: jobs that wait, run or have ended are gone, with their results, and so are the
    /// entries of workers, which begin anew. What is declared stays: tasks, schedules, limits and pauses. Standbys do
    /// not have the jobs, and neither has the server after a failover. There is no way back but to drop the schema.
    /// The [page about durability](crate::durability) has the other choices.
    ///
    /// # Errors
    ///
    /// Fails if the user does not own the tables, or if somebody uses one of them for more than 5 s.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: all tables are changed, or none. A dropped call may have changed them.
    pub async fn make_unlogged(&self) -> Result<()> {
        Ok(self.driver.make_unlogged().await?)
    }

    /// Looks for whatever keeps jobs from being enqueued or run as promised: in the server, the database, the
    /// schema, the rights of the user and the connections. Returns all of it, errors first; none if all is well.
    ///
    /// Call it as the user that workers connect as: what they need is looked for. A worker does the same when
    /// it starts, and the [page about each finding](crate::troubleshooting) says what becomes of it then. The
    /// call notifies a session of its own to see that wake-ups are delivered, and waits for that up to 3 s.
    ///
    /// # Errors
    ///
    /// Fails only if the database cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn check_health(&self) -> Result<Vec<Finding>> {
        let check = HealthCheck::Start {
            migrates: false,
            listens: true,
            concurrency: CONCURRENCY,
        };
        Ok(self.driver.check_health(check).await?)
    }

    /// Closes the connections of the pool, once they are given back, and lets nobody have another: enqueues and looks
    /// fail from then on, also those of clones, and of whoever else has the pool. For a program that ends in order; a
    /// worker has connections of its own, and closes them when it stops.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may leave connections open, but lets nobody have one.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Lists the workers; see [`workers`](crate::workers()).
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn workers(&self) -> Result<Vec<WorkerState>> {
        Ok(self.driver.workers().await?)
    }

    /// Enqueues in the transaction that a connection is in, of whatever client: pass `&mut *transaction` of
    /// sqlx, or `&transaction` of `tokio-postgres`.
    #[must_use]
    pub fn within<C: Connection>(&self, connection: C) -> Within<'_, C> {
        Within {
            pgq: self,
            connection,
        }
    }
}

impl Pgq {
    /// Tells the hooks of a job that was enqueued by the name of its task.
    fn tell_of(&self, task: &str, added: &EnqueuedNamed) {
        if added.enqueued != Enqueued::Existing {
            self.hooks.enqueued(task, &added.queue, &[added.job]);
        }
    }
}

impl Enqueuer for &Pgq {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
        let jobs = Driver::enqueue(&self.driver, enqueue).await?;
        self.hooks.enqueued(&task, &queue, &jobs);
        Ok(jobs)
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
        let jobs = Driver::enqueue_unique(&self.driver, enqueue).await?;
        self.hooks.enqueued(&task, &queue, &jobs.added());
        Ok(jobs)
    }

    async fn enqueue_named(self, enqueue: EnqueueNamed) -> Result<EnqueuedNamed, DriverError> {
        let task = enqueue.task.clone();
        let added = self.driver.enqueue_named(enqueue).await?;
        self.tell_of(&task, &added);
        Ok(added)
    }

    fn input_max(&self) -> usize {
        self.input_max
    }
}

impl Reader for &Pgq {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(self.driver.clone())
    }
}

impl<C: Connection> Enqueuer for Within<'_, C> {
    async fn enqueue(mut self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
        let driver = &self.pgq.driver;
        let jobs = driver.enqueue_within(&mut self.connection, enqueue).await?;
        self.pgq.hooks.enqueued(&task, &queue, &jobs);
        Ok(jobs)
    }

    async fn enqueue_unique(mut self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
        let driver = &self.pgq.driver;
        let jobs = driver
            .enqueue_unique_within(&mut self.connection, enqueue)
            .await?;
        self.pgq.hooks.enqueued(&task, &queue, &jobs.added());
        Ok(jobs)
    }

    async fn enqueue_named(mut self, enqueue: EnqueueNamed) -> Result<EnqueuedNamed, DriverError> {
        let task = enqueue.task.clone();
        let driver = &self.pgq.driver;
        let added = driver
            .enqueue_named_within(&mut self.connection, enqueue)
            .await?;
        self.pgq.tell_of(&task, &added);
        Ok(added)
    }

    fn input_max(&self) -> usize {
        self.pgq.input_max
    }
}
