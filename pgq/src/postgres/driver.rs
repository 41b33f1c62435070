//! [`Driver`] for PostgreSQL: each method binds, runs and maps; there is no logic here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::postgres::PgConnectOptions;

use super::PostgresDriver;
use super::connect::{migration_options, place};
use super::enqueue::{enqueue_alone, micros};
use super::error::driver_error;
use super::listener::PostgresListener;
use super::pool::OnPool;
use super::{history, migrate, row, unique};
use crate::driver::{
    Allotment, Ask, Asked, Attempt, Cancellation, Claim, Claimed, Completion, Directives, Driver,
    DriverError, Ending, Enqueue, HistoryReport, JobCounts, Keep, Kept, KeyedJobs, ListedJobs,
    Listener, Listing, NewLog, Pausable, Pause, Promoted, QueuedInput, Rescued, Start, WorkerId,
    WorkerInfo, WorkerState,
};
use crate::job::{Job, JobId, Retain};
use crate::limit::{FleetLimit, FleetRate, Limited};
use crate::logs::AttemptLog;

#[async_trait]
impl Driver for PostgresDriver {
    async fn migrate(&self) -> Result<(), DriverError> {
        let servers = self.servers.map(migration_options);
        let mut connection = servers.connect().await?;
        let mut migrated = migrate::migrate(&mut connection, &self.statements).await;
        if migrated.is_ok() {
            migrated = history::make(&mut connection, &self.statements, &[Retain::DEFAULT]).await;
        }
        // Politely: a template database must have no connection left.
        let _ = connection.close().await;
        migrated
    }

    async fn check_schema(&self) -> Result<(), DriverError> {
        let error = |error| driver_error("no connection to check the schema through", error);
        let mut exchange = self.pool.exchange().await.map_err(error)?;
        migrate::check_schema(&mut exchange, &self.statements).await
    }

    async fn prepare_history(&self, retains: &[Retain]) -> Result<(), DriverError> {
        self.make_partitions(retains).await
    }

    async fn maintain_history(&self, retains: &[Retain]) -> Result<HistoryReport, DriverError> {
        self.keep_history(retains).await
    }

    async fn enqueue(&self, request: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let mut exchange = self.pool.enqueue().await?;
        let jobs = enqueue_alone(&mut exchange, &self.statements, request).await?;
        exchange.enqueued().await?;
        Ok(jobs)
    }

    async fn enqueue_unique(&self, request: Enqueue) -> Result<KeyedJobs, DriverError> {
        let mut exchange = self.pool.enqueue().await?;
        let jobs = unique::enqueue_unique_alone(&mut exchange, &self.statements, request).await?;
        exchange.enqueued().await?;
        Ok(jobs)
    }

    async fn find(&self, job: JobId) -> Result<Option<Job>, DriverError> {
        sqlx::query(self.statements.find_job.clone())
            .bind(job.as_i64())
            // The pool may be the application's, without the settings that make a kept plan safe.
            .persistent(false)
            .optional_on(&self.pool)
            .await
            .and_then(|found| found.as_ref().map(row::job).transpose())
            .map_err(|error| driver_error("failed to look for a job", error))
    }

    async fn input(&self, job: JobId) -> Result<Option<Vec<u8>>, DriverError> {
        self.servers.within_term(self.find_input(job)).await
    }

    async fn attempts(&self, job: JobId) -> Result<Vec<Attempt>, DriverError> {
        self.find_attempts(job).await
    }

    async fn finished(&self, jobs: &[JobId]) -> Result<Vec<JobId>, DriverError> {
        self.find_finished(jobs).await
    }

    async fn list(&self, listing: &Listing) -> Result<ListedJobs, DriverError> {
        self.list_jobs(listing).await
    }

    async fn count(&self) -> Result<JobCounts, DriverError> {
        self.count_jobs().await
    }

    async fn requeue(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
        self.requeue_jobs(jobs).await
    }

    async fn delete(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
        self.delete_jobs(jobs).await
    }

    async fn reschedule(&self, jobs: &[Job], start: Start) -> Result<Vec<JobId>, DriverError> {
        self.reschedule_jobs(jobs, start).await
    }

    async fn register_worker(&self, worker: WorkerInfo) -> Result<bool, DriverError> {
        self.insert_worker(worker).await
    }

    async fn serve_queues(&self, worker: WorkerId, queues: &[String]) -> Result<(), DriverError> {
        sqlx::query(self.statements.serve_queues.clone())
            .bind(worker.as_i64())
            .bind(queues)
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to say which queues are served", error))
    }

    async fn heartbeat(
        &self,
        worker: WorkerId,
        lease: Duration,
        running: usize,
    ) -> Result<bool, DriverError> {
        sqlx::query(self.statements.heartbeat.clone())
            .bind(worker.as_i64())
            .bind(micros(lease))
            .bind(i32::try_from(running).unwrap_or(i32::MAX))
            .done_on(&self.pool)
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(|error| driver_error("failed to renew the lease", error))
    }

    async fn workers(&self) -> Result<Vec<WorkerState>, DriverError> {
        self.list_workers().await
    }

    async fn deregister_worker(&self, worker: WorkerId) -> Result<(), DriverError> {
        self.return_jobs(worker).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, DriverError> {
        self.servers.within_term(self.claim_jobs(&claim)).await
    }

    async fn ask(&self, ask: Ask) -> Result<Asked, DriverError> {
        self.servers.within_term(self.ask_for(&ask)).await
    }

    async fn allotments(
        &self,
        worker: WorkerId,
        limits: &[Limited],
    ) -> Result<Vec<Allotment>, DriverError> {
        self.read_allotments(worker, limits).await
    }

    async fn keep(&self, worker: WorkerId, number: i64, kept: &[Keep]) -> Result<(), DriverError> {
        self.keep_permits(worker, number, kept).await
    }

    async fn declare_limits(&self, limits: &[FleetLimit]) -> Result<(), DriverError> {
        self.declare_all_limits(limits).await
    }

    async fn put_back(&self, tasks: &[String], after: i64) -> Result<Option<i64>, DriverError> {
        self.put_some_back(tasks, after).await
    }

    async fn override_running(
        &self,
        what: &Limited,
        running: Option<u32>,
    ) -> Result<(), DriverError> {
        self.set_running(what, running).await
    }

    async fn override_rate(&self, task: &str, rate: Option<FleetRate>) -> Result<(), DriverError> {
        self.set_rate(task, rate).await
    }

    async fn limits(&self) -> Result<Vec<FleetLimit>, DriverError> {
        self.list_limits().await
    }

    async fn complete(
        &self,
        worker: WorkerId,
        completions: &[Completion],
    ) -> Result<usize, DriverError> {
        self.servers
            .within_term(self.complete_jobs(worker, completions))
            .await
    }

    async fn end(&self, worker: WorkerId, endings: &[Ending]) -> Result<usize, DriverError> {
        self.servers
            .within_term(self.end_jobs(worker, endings))
            .await
    }

    async fn keep_logs(&self, worker: WorkerId, logs: &[NewLog]) -> Result<(), DriverError> {
        self.servers
            .within_term(self.store_logs(worker, logs))
            .await
    }

    async fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, DriverError> {
        self.read_logs(job).await
    }

    async fn rescue(&self, blame_max: i16) -> Result<Rescued, DriverError> {
        self.servers.within_term(self.rescue_jobs(blame_max)).await
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, DriverError> {
        self.servers.within_term(self.promote_jobs(limit)).await
    }

    async fn expire(&self, limit: usize, kept: &Kept) -> Result<usize, DriverError> {
        self.servers
            .within_term(self.expire_jobs(limit, kept))
            .await
    }

    async fn horizon(&self) -> Result<i64, DriverError> {
        sqlx::query_scalar(self.statements.horizon.clone())
            .one_on(&self.pool)
            .await
            .map_err(|error| driver_error("failed to read the newest job number", error))
    }

    async fn unknown_task(
        &self,
        queue: &str,
        tasks: &[String],
    ) -> Result<Option<String>, DriverError> {
        sqlx::query_scalar(self.statements.unknown_task.clone())
            .bind(queue)
            .bind(tasks)
            .optional_on(&self.pool)
            .await
            .map_err(|error| driver_error("failed to look for unknown tasks", error))
    }

    async fn unknown_input(
        &self,
        queue: &str,
        tasks: &[String],
        fingerprints: &[i64],
    ) -> Result<Option<(String, i64)>, DriverError> {
        sqlx::query_as(self.statements.unknown_input.clone())
            .bind(queue)
            .bind(tasks)
            .bind(fingerprints)
            .optional_on(&self.pool)
            .await
            .map_err(|error| driver_error("failed to look for unknown input", error))
    }

    async fn queued_inputs(&self, limit: usize) -> Result<Vec<QueuedInput>, DriverError> {
        self.count_inputs(limit).await
    }

    async fn pause(&self, what: &Pausable) -> Result<bool, DriverError> {
        self.pause_jobs(what).await
    }

    async fn resume(&self, what: &Pausable) -> Result<bool, DriverError> {
        self.resume_jobs(what).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, DriverError> {
        self.list_pauses().await
    }

    async fn cancel(&self, job: JobId) -> Result<Option<Cancellation>, DriverError> {
        self.cancel_job(job).await
    }

    async fn directives(&self, worker: WorkerId) -> Result<Directives, DriverError> {
        self.read_directives(worker).await
    }

    async fn listen(&self) -> Result<Box<dyn Listener>, DriverError> {
        let listener = PostgresListener::connect(&self.servers, &self.statements).await?;
        Ok(Box::new(listener))
    }

    fn schema_name(&self) -> Option<&str> {
        Some(self.schema().as_str())
    }

    fn identity(&self) -> String {
        let servers: Vec<_> = self.servers.each().iter().map(identity).collect();
        format!("{} {}", servers.join(" "), self.schema())
    }

    fn detached(&self) -> Arc<dyn Driver> {
        Arc::new(Self::own_pool(&self.servers, self.schema()))
    }
}

fn identity(options: &PgConnectOptions) -> String {
    let (user, database) = (options.get_username(), options.get_database());
    format!("{} {user} {database:?}", place(options))
}

/// A `count(*)`.
pub(super) fn count(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}
