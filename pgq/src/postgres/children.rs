//! Jobs that attempts enqueue, fenced by their claim tokens.

use super::connection::Connection;
use super::enqueue::enqueue;
use super::error::{driver_error, lacks_partition};
use super::pool::Naming;
use super::sql::Statements;
use super::unique::enqueue_unique;
use super::{PostgresDriver, Statement};
use crate::driver::{
    Completion, CompletionWithin, DriverError, DriverErrorKind, Enqueue, KeyedJobs, WorkerId,
};
use crate::job::JobId;

impl PostgresDriver {
    pub(super) async fn enqueue_children(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        request: Enqueue,
    ) -> Result<Option<KeyedJobs>, DriverError> {
        let error = |error| driver_error("failed to enqueue jobs for an attempt", error);
        let mut transaction = self.pool.begin().await.map_err(error)?;
        let held: Option<i64> = sqlx::query_scalar(self.statements.lock_held.clone())
            .bind(worker.as_i64())
            .bind(job.as_i64())
            .bind(claim)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(error)?;
        if held.is_none() {
            transaction.rollback().await.map_err(error)?;
            return Ok(None);
        }
        let jobs = enqueue_any(&mut transaction, &self.statements, request).await?;
        transaction.commit().await.map_err(error)?;
        Ok(Some(jobs))
    }

    pub(super) async fn complete_with_children(
        &self,
        worker: WorkerId,
        completion: &Completion,
        children: &[Enqueue],
    ) -> Result<bool, DriverError> {
        let completion = CompletionWithin {
            schema: self.schema().as_str().to_owned(),
            worker,
            completion: completion.clone(),
            children: children.to_vec(),
        };
        let completed = self.try_with_children(&completion).await;
        if !completed.as_ref().is_err_and(lacks_partition) {
            return completed;
        }
        let retain = completion.completion.retain;
        self.make_partitions(&[retain]).await?;
        self.try_with_children(&completion).await
    }

    async fn try_with_children(&self, completion: &CompletionWithin) -> Result<bool, DriverError> {
        let error = |error| driver_error("failed to complete a job and enqueue others", error);
        let mut transaction = self.pool.begin().await.map_err(error)?;
        match complete_within(&mut transaction, &self.statements, completion).await {
            Ok(()) => {
                transaction.commit().await.map_err(error)?;
                Ok(true)
            }
            Err(refused) if refused.kind() == DriverErrorKind::Fenced => {
                transaction.rollback().await.map_err(error)?;
                Ok(false)
            }
            Err(failed) => Err(failed),
        }
    }
}

/// Completes a job in the transaction that `connection` is in, and enqueues others.
pub(super) async fn complete_within(
    connection: &mut impl Connection,
    statements: &Statements,
    completion: &CompletionWithin,
) -> Result<(), DriverError> {
    let done = &completion.completion;
    let statement = Statement::new(&statements.complete_within, "failed to complete the job")
        .with(completion.worker.as_i64())
        .with(done.job.as_i64())
        .with(done.claim)
        .with(done.retain.completed.hours())
        .with(done.result.clone())
        .with(done.retain.result.hours())
        .with(statements.schema.as_str())
        .unnamed();
    connection.run(statement).await?;
    // The connection is the application's, and may lead through a pooler.
    let mut connection = Naming::of(connection, true);
    for child in &completion.children {
        let mut child = child.clone();
        child.skip_conflicts();
        enqueue_any(&mut connection, statements, child).await?;
    }
    Ok(())
}

async fn enqueue_any(
    connection: &mut impl Connection,
    statements: &Statements,
    request: Enqueue,
) -> Result<KeyedJobs, DriverError> {
    match request.is_keyed() {
        true => enqueue_unique(connection, statements, request).await,
        false => Ok(KeyedJobs::new(
            enqueue(connection, statements, request).await?,
        )),
    }
}
