//! Running, and asking for, the jobs in the database of a test.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Database;
use crate::client::{Enqueuer, Reader};
use crate::driver::{
    Driver, DriverError, DriverErrorKind, Enqueue, EnqueueNamed, EnqueuedNamed, KeyedJobs,
};
use crate::job::JobId;
use crate::task::Task;
use crate::testing::Report;
use crate::testing::assertions::Unfinished;
use crate::testing::inline::Storage;

/// A call that takes longer has lost its jobs to nobody: no worker rescues them meanwhile.
const LEASE: Duration = Duration::from_secs(3600);

const NEXT_QUEUE: &str = "select queue from pgq_jobs.ready where task = any ($1)
                          order by priority desc, seq limit 1";
const READY_TASKS: &str = "select distinct task from pgq_jobs.ready order by task";
const UNFINISHED: &str = "select id, input from pgq_jobs.job
                          where state in ('scheduled', 'ready', 'running') order by id";
const ADVANCE: &str =
    "update pgq_jobs.scheduled set run_at = run_at - $1 * interval '1 microsecond'";

impl Database {
    /// Gives tasks the value that they take as `&T`, in the place of an earlier one of its type.
    /// They have the pool of this database as `&PgPool`.
    ///
    /// Only the tasks that run need their values.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.tasks.give(value);
        self
    }

    /// Lets jobs be due earlier by `duration`, as if so much time had passed. Runs nothing.
    ///
    /// # Errors
    ///
    /// Fails if the database does.
    pub async fn advance(&self, duration: Duration) -> Result<(), sqlx::Error> {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        sqlx::query(ADVANCE)
            .bind(micros)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Runs every job that is due, one after another, until nothing is due: as
    /// [`Harness::run_due`](crate::testing::Harness::run_due), but on PostgreSQL.
    ///
    /// For a worker as in production, give the pool to [`Run::pool`](crate::Run::pool).
    ///
    /// # Panics
    ///
    /// If a task that is due has a problem that the start of a worker would report, as state that
    /// was not given; after [`RUNS_MAX`](crate::testing::RUNS_MAX) attempts; or if the database
    /// fails. Not if a task fails or panics: the [`Report`] tells.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the job of a dropped call stays in the state `running`.
    #[track_caller]
    pub fn run_due(&self) -> impl Future<Output = Report> + Send + '_ {
        let caller = Location::caller();
        async move {
            match self.tasks.run_due(self).await {
                Ok(report) => report,
                Err(stop) => panic!("`run_due` at {caller} cannot go on: {stop}"),
            }
        }
    }

    /// The inputs of the jobs of `T` that have not ended, in the order in which they were
    /// enqueued.
    ///
    /// # Panics
    ///
    /// If the database fails, or an input does not decode, as none that this build enqueued should.
    pub async fn enqueued<T: Task>(&self) -> Vec<T::Input> {
        self.unfinished().await.inputs::<T>()
    }

    /// Asserts that a job of `T` that has not ended has an input that `expected` accepts.
    ///
    /// # Panics
    ///
    /// If there is none, or the database fails. The message lists every job that has not ended.
    pub async fn assert_enqueued<T: Task>(&self, expected: impl Fn(&T::Input) -> bool) {
        self.unfinished().await.assert_some::<T>(expected);
    }

    /// Asserts that no job of `T` that has not ended has an input that `unexpected` accepts.
    ///
    /// # Panics
    ///
    /// If there is one, or the database fails. The message lists every job that has not ended.
    pub async fn assert_not_enqueued<T: Task>(&self, unexpected: impl Fn(&T::Input) -> bool) {
        self.unfinished().await.assert_none::<T>(unexpected);
    }

    async fn unfinished(&self) -> Unfinished<'_> {
        let read = async {
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(UNFINISHED)
                .fetch_all(self.pool())
                .await
                .map_err(failed)?;
            let mut jobs = Vec::with_capacity(rows.len());
            for (id, input) in rows {
                // One that has ended meanwhile is left out.
                if let Some(job) = self.driver.find(JobId::from_i64(id)).await? {
                    jobs.push((job, input));
                }
            }
            Ok::<_, DriverError>(jobs)
        };
        match read.await {
            Ok(jobs) => Unfinished {
                jobs,
                registry: &self.tasks.registry,
            },
            Err(error) => panic!("the jobs of the test cannot be read: {error}"),
        }
    }
}

#[async_trait]
impl Storage for Database {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(self.driver.clone())
    }

    fn lease(&self) -> Duration {
        LEASE
    }

    async fn next_queue(&self, tasks: &[String]) -> Result<Option<String>, DriverError> {
        sqlx::query_scalar(NEXT_QUEUE)
            .bind(tasks)
            .fetch_optional(self.pool())
            .await
            .map_err(failed)
    }

    async fn ready_tasks(&self) -> Result<Vec<String>, DriverError> {
        sqlx::query_scalar(READY_TASKS)
            .fetch_all(self.pool())
            .await
            .map_err(failed)
    }
}

fn failed(error: sqlx::Error) -> DriverError {
    DriverError::new(DriverErrorKind::Other, "failed to look at the jobs").with_source(error)
}

impl Enqueuer for &Database {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        Enqueuer::enqueue(self.pool(), enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        Enqueuer::enqueue_unique(self.pool(), enqueue).await
    }

    async fn enqueue_named(self, enqueue: EnqueueNamed) -> Result<EnqueuedNamed, DriverError> {
        Enqueuer::enqueue_named(self.pool(), enqueue).await
    }
}

impl Reader for &Database {
    fn driver(&self) -> Arc<dyn Driver> {
        Reader::driver(&self.pool())
    }
}
