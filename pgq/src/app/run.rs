//! [`Run`]: what `pgq::run()` returns.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tower_layer::Layer;
use tower_service::Service;

use super::bounded::{Bounded, Report};
use super::config::{Config, Queue};
use super::handle::WorkerHandle;
use super::serve::serve;
use super::source::Source as Database;
use crate::contract::{self, Lock};
use crate::driver::Driver;
use crate::error::Result;
use crate::middleware::{Completed, Execution, HookList, Hooks, TaskService};
use crate::task::{IntoTaskError, Problem, Problems, Registration, Registry, StateMap, Task};
use crate::worker::config::Mode;

/// Runs every task and schedule that is linked into this binary, until SIGINT or SIGTERM.
///
/// The database is the one of `DATABASE_URL`, unless [`Run::url`], [`Run::pool`], [`Run::pgq`] or [`Run::driver`]
/// names another. What is wrong with the tasks and the settings is reported at once, before
/// anything is claimed.
///
/// # Examples
///
/// ```no_run
/// #[tokio::main]
/// async fn main() -> pgq::Result<()> {
///     pgq::run().concurrency(50).await
/// }
/// ```
pub fn run() -> Run {
    Run::new(Registry::linked())
}

/// A worker that is about to start; await it.
///
/// # Errors
///
/// Awaiting it fails if something is wrong with the tasks or the settings, or if the database
/// cannot be used when it starts: there is a [page about what may be wrong](crate::troubleshooting). Once it
/// runs, it waits out every outage of the database.
///
/// # Cancel safety
///
/// Not cancel safe: if it is dropped, its jobs run again once its lease has ended, as after a
/// crash. Use [`Run::stop_on`] to end it.
#[derive(Debug)]
#[must_use = "a worker does nothing unless awaited"]
pub struct Run {
    pub(super) source: Database,
    #[cfg(feature = "postgres")]
    pub(super) direct: Option<String>,
    #[cfg(feature = "postgres")]
    pub(super) schema: Option<String>,
    pub(super) registry: Registry,
    pub(super) contracts: Option<String>,
    pub(super) state: StateMap,
    pub(super) layers: TaskService,
    pub(super) hooks: HookList,
    pub(super) config: Config,
    pub(super) migrate: bool,
    pub(super) signals: bool,
    pub(super) stop: Option<CancellationToken>,
    pub(super) handle: WorkerHandle,
}

impl Run {
    /// A worker of the tasks in `registry`, whether or not they are linked through the macros.
    pub fn new(registry: Registry) -> Self {
        Self {
            source: Database::default(),
            #[cfg(feature = "postgres")]
            direct: None,
            #[cfg(feature = "postgres")]
            schema: None,
            registry,
            contracts: None,
            state: StateMap::default(),
            layers: TaskService::task(),
            hooks: HookList::default(),
            config: Config::default(),
            migrate: true,
            signals: true,
            stop: None,
            handle: WorkerHandle::default(),
        }
    }

    /// Uses the database of this URL, `postgres://user:password@host:port/database`.
    #[cfg(feature = "postgres")]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.source = Database::Url(url.into());
        self
    }

    /// Uses the database of this pool. The worker opens connections of its own to it; tasks that
    /// take `&PgPool` are given this pool.
    #[cfg(feature = "postgres")]
    pub fn pool(mut self, pool: sqlx::PgPool) -> Self {
        self.source = Database::Pool(pool);
        self
    }

    /// Uses the database of a [`Pgq`](super::Pgq): its servers, its schema, and the direct URL if it has one. The worker opens
    /// connections of its own; tasks that take `&Pgq` are given this one, to enqueue by its settings, and those that
    /// take `&PgPool` its pool. Another database that is named later takes its place, but for the schema.
    #[cfg(feature = "postgres")]
    pub fn pgq(mut self, pgq: &super::Pgq) -> Self {
        self.source = Database::Pgq(Box::new(pgq.clone()));
        self.state(pgq.clone()).schema(pgq.driver.schema().as_str())
    }

    /// Names a URL that leads to the server itself, or through a pooler in session mode, where the other URL or the
    /// pool leads through one in transaction mode. The worker's own sessions go there; tasks that take `&PgPool`, or
    /// [`JobTransaction`](crate::JobTransaction), go through the pooler. The [page about poolers](crate::poolers) says
    /// what needs it. A [`driver`](Self::driver) has its own connections.
    #[cfg(feature = "postgres")]
    pub fn direct_url(mut self, url: impl Into<String>) -> Self {
        self.direct = Some(url.into());
        self
    }

    /// Uses any driver, for instance the one in memory.
    pub fn driver(mut self, driver: Arc<dyn Driver>) -> Self {
        self.source = Database::Driver(driver);
        self
    }

    /// Sets the schema of pgq's tables. Default: `pgq_jobs`.
    #[cfg(feature = "postgres")]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Leaves the schema as it is. By default it is created and migrated at the start.
    pub fn without_migration(mut self) -> Self {
        self.migrate = false;
        self
    }

    /// Shares a value with every task that takes `&T`, in the place of an earlier one of its type.
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.state.insert(value);
        self
    }

    /// Puts a layer of `tower` around every task, and around the layers that were added before it; see
    /// [`middleware`](crate::middleware).
    ///
    /// It runs within the time limit of the task, and a panic in it is one of the task. It may fail
    /// with any error that a task may return, and what that says of the job is done.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # async fn example() -> pgq::Result<()> {
    /// // Attempts that take longer fail, whatever their task.
    /// let limit = tower::timeout::TimeoutLayer::new(Duration::from_secs(60));
    /// pgq::run().layer(limit).await
    /// # }
    /// ```
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<TaskService>,
        L::Service: Service<Execution, Response = Completed> + Clone + Send + Sync + 'static,
        <L::Service as Service<Execution>>::Error: IntoTaskError,
        <L::Service as Service<Execution>>::Future: Send + 'static,
    {
        self.layers = self.layers.layer(&layer);
        self
    }

    /// Tells these hooks what the worker does, after those that were set before.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks.add(hooks);
        self
    }

    /// Adds a task that the macros did not register; for those who want no code before `main`, and
    /// with [`Run::new`] and an empty [`Registry`] for workers of some tasks only.
    #[track_caller]
    pub fn task<T: Task>(mut self) -> Self {
        self.registry = self.registry.with::<T>();
        self
    }

    /// Adds a task or a schedule that the macros did not register.
    pub fn register(mut self, registration: Registration) -> Self {
        self.registry.add(registration);
        self
    }

    /// Takes only jobs whose input is among the contracts of this lock file, the text of `pgq.lock`;
    /// see [`contract`](crate::contract). A job whose enqueuer did not know the fingerprint is taken
    /// in any case.
    ///
    /// Without it a worker takes every job of its tasks. One of another build's input runs if it
    /// decodes, and is given back for a minute if it does not, at no cost to its attempts.
    ///
    /// ```no_run
    /// # const LOCK: &str = "";
    /// # async fn example() -> pgq::Result<()> {
    /// // const LOCK: &str = include_str!("../pgq.lock");
    /// pgq::run().contracts(LOCK).await
    /// # }
    /// ```
    pub fn contracts(mut self, lock: impl Into<String>) -> Self {
        self.contracts = Some(lock.into());
        self
    }

    /// Serves this queue: a name, or a [`Queue`] with a limit of its own. May be called several
    /// times. Default: every queue of the tasks of this binary.
    pub fn queue(mut self, queue: impl Into<Queue>) -> Self {
        self.config.queues.push(queue.into());
        self
    }

    /// Says that another worker serves this queue, so that a task in it is no mistake.
    pub fn served_elsewhere(mut self, queue: impl Into<String>) -> Self {
        self.config.elsewhere.insert(queue.into());
        self
    }

    /// Sets how many jobs run at once in this worker, at least 1. Default: 100.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.config.concurrency = concurrency;
        self
    }

    /// Sets how long a lost wake-up may delay a job; longer than zero. Default: 1 s.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.config.poll = interval;
        self
    }

    /// Sets how long the worker keeps its jobs without a heartbeat; it sends four in that time.
    /// At least 1 s. Default: 10 s, so that the jobs of a worker that died run again within 15 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// Sets how long running jobs may take to end after a signal, before they are cancelled and
    /// given back. Default: 30 s. `run()` returns at most 1 s later.
    pub fn drain_deadline(mut self, deadline: Duration) -> Self {
        self.config.drain_deadline = deadline;
        self
    }

    /// Sets how long an attempt may take to end by itself once its job is cancelled, by
    /// [`JobHandle::cancel`](crate::JobHandle::cancel) for instance; then it is dropped at its next
    /// `await`. Default: 5 s.
    pub fn cancel_grace(mut self, grace: Duration) -> Self {
        self.config.cancel_grace = grace;
        self
    }

    /// Sets the largest result that is stored, in bytes, up to [`INPUT_MAX`](crate::INPUT_MAX).
    /// Default: 1 MiB. A job with a larger one fails.
    pub fn result_max(mut self, bytes: usize) -> Self {
        self.config.result_max = bytes;
        self
    }

    /// Sets how many bytes of large inputs may be in this worker at once. Default: 256 MiB.
    ///
    /// Inputs above [`INPUT_INLINE_MAX`](crate::INPUT_INLINE_MAX) are read when their job is about to
    /// start, and count by their stored size until it has ended. A job that finds no memory left
    /// waits; jobs with small inputs start past it. After 2 s it goes back, so that another worker may
    /// have it. One that is larger than all of the memory runs alone.
    ///
    /// While its input is decoded, an attempt takes about twice its size, the stored form and the
    /// decoded one; then what the decoded form takes. Results do not count; those that wait for the
    /// database are bounded to 64 MiB, and beyond that each by its slot and by
    /// [`result_max`](Self::result_max).
    pub fn input_memory(mut self, bytes: usize) -> Self {
        self.config.input_memory = bytes;
        self
    }

    /// Says which version of the application this worker is, for people who look at
    /// [`workers`](crate::workers()). Default: none.
    ///
    /// ```no_run
    /// # async fn example() -> pgq::Result<()> {
    /// pgq::run().version(env!("CARGO_PKG_VERSION")).await
    /// # }
    /// ```
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.config.app_version = Some(version.into());
        self
    }

    /// Installs no handlers for SIGINT and SIGTERM.
    pub fn without_signals(mut self) -> Self {
        self.signals = false;
        self
    }

    /// Drains when `token` is cancelled.
    pub fn stop_on(mut self, token: CancellationToken) -> Self {
        self.stop = Some(token);
        self
    }

    /// Returns what this worker is told through what to do while it runs: to drain or stop, and which
    /// queues to serve.
    #[must_use]
    pub fn handle(&self) -> WorkerHandle {
        self.handle.clone()
    }

    /// Runs what is due when it starts, each job at most once, and returns. Jobs that become due
    /// later, retries included, are left. Those that wait for a permit or a token of their limits are due,
    /// and waited for.
    ///
    /// Ticks that are due when it starts are among it. A schedule that is new is added; one that another
    /// build has declared otherwise is left as it is, with a warning: only workers that go on change it.
    pub fn once(self) -> Bounded {
        Bounded::new(self, Mode::Once)
    }

    /// Runs until nothing is due any more, and returns. Jobs that are not yet due are left. Schedules are
    /// as in [`once`](Self::once).
    ///
    /// A job that waits for a permit or a token of its limits is due: this runs until it has one, which with
    /// a rate of `1/d` takes a day.
    pub fn until_idle(self) -> Bounded {
        Bounded::new(self, Mode::UntilIdle)
    }

    /// Checks everything that can be checked without a database, as the start does; for a unit
    /// test.
    ///
    /// # Errors
    ///
    /// Returns every problem at once.
    pub fn check(&self) -> Result<(), Problems> {
        let mut given = BTreeSet::new();
        // The start adds a pool for handlers unless one was given.
        #[cfg(feature = "postgres")]
        if !matches!(self.source, Database::Driver(_)) {
            given.insert(std::any::TypeId::of::<sqlx::PgPool>());
        }
        given.extend(self.state.type_ids());
        #[cfg(feature = "postgres")]
        let of_one_job = Some(std::any::TypeId::of::<crate::postgres::JobTransaction>());
        #[cfg(not(feature = "postgres"))]
        let of_one_job = None;
        #[cfg(feature = "postgres")]
        if given.contains(&std::any::TypeId::of::<sqlx::PgPool>()) {
            given.extend(of_one_job);
        }
        let served = |queue: &str| self.config.is_served(queue);
        let mut problems = self.config.problems();
        if let Err(error) = self.fingerprints() {
            problems.push(Problem::InvalidSetting {
                setting: "contracts".to_owned(),
                problem: error.to_string(),
            });
        }
        self.registry.check(&given, of_one_job, served, problems)
    }

    /// The fingerprints of the input that is claimed; `None` if any is.
    pub(super) fn fingerprints(&self) -> Result<Option<Vec<i64>>, contract::Error> {
        let Some(text) = &self.contracts else {
            return Ok(None);
        };
        let lock = Lock::parse(text)?;
        lock.check_current(&self.registry)?;
        Ok(Some(lock.fingerprints()))
    }
}

impl IntoFuture for Run {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'static, Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let _: Report = serve(self, Mode::Forever, None).await?;
            Ok(())
        })
    }
}
