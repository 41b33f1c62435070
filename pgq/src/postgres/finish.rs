//! The statements that end attempts.

use std::collections::BTreeMap;

use sqlx::{Connection, PgConnection, Row};

use super::PostgresDriver;
use super::driver::count;
use super::enqueue::micros;
use super::error::{driver_error, lacks_partition};
use super::pool::OnPool;
use super::relaxed::OFF;
use super::session::Lent;
use crate::driver::{Completion, DriverError, End, Ending, Hold, WorkerId};
use crate::job::{JobId, Retain, Retention};

impl PostgresDriver {
    /// Lends a session that is free; waits for the first one if none is.
    async fn finish_session(&self) -> Result<Lent<'_>, DriverError> {
        for session in &*self.finishes {
            if let Some(lent) = session.try_lend().await {
                return lent;
            }
        }
        self.finishes[0].lend().await
    }

    pub(super) async fn complete_jobs(
        &self,
        worker: WorkerId,
        completions: &[Completion],
    ) -> Result<usize, DriverError> {
        let completed = self.try_complete(worker, completions).await;
        if !completed.as_ref().is_err_and(lacks_partition) {
            return completed;
        }
        let retains: Vec<Retain> = completions.iter().map(|done| done.retain).collect();
        self.make_partitions(&retains).await?;
        self.try_complete(worker, completions).await
    }

    /// One statement for all that are kept for the same time, which is nearly always all.
    async fn try_complete(
        &self,
        worker: WorkerId,
        completions: &[Completion],
    ) -> Result<usize, DriverError> {
        let error = |error| driver_error("failed to complete jobs", error);
        let mut groups: BTreeMap<Retention, Vec<&Completion>> = BTreeMap::new();
        for completion in completions {
            let group = groups.entry(completion.retain.completed).or_default();
            group.push(completion);
        }

        // One transaction: it waits if one of them is to be waited for.
        let is_relaxed = completions.iter().all(|done| done.durability.is_relaxed());
        let mut session = self.finish_session().await?;
        let ended = match groups.first_key_value() {
            Some((retention, group)) if groups.len() == 1 => self
                .complete_group(session.connection(), is_relaxed, worker, *retention, group)
                .await
                .map_err(error)?,
            _ => {
                let mut ended = 0;
                let mut transaction = session.connection().begin().await.map_err(error)?;
                for (retention, group) in &groups {
                    ended += self
                        .complete_group(&mut transaction, is_relaxed, worker, *retention, group)
                        .await
                        .map_err(error)?;
                }
                transaction.commit().await.map_err(error)?;
                ended
            }
        };
        session.keep();
        Ok(ended)
    }

    async fn complete_group(
        &self,
        connection: &mut PgConnection,
        is_relaxed: bool,
        worker: WorkerId,
        retention: Retention,
        completions: &[&Completion],
    ) -> sqlx::Result<usize> {
        let jobs: Vec<i64> = completions.iter().map(|done| done.job.as_i64()).collect();
        let claims: Vec<i64> = completions.iter().map(|done| done.claim).collect();
        let (mut with_result, mut result_claims) = (Vec::new(), Vec::new());
        let (mut results, mut retentions) = (Vec::new(), Vec::new());
        for done in completions {
            if let Some(result) = &done.result {
                with_result.push(done.job.as_i64());
                result_claims.push(done.claim);
                results.push(result.as_slice());
                retentions.push(done.retain.result.hours());
            }
        }
        let statement = match is_relaxed {
            true => &self.statements.relaxed.complete_jobs,
            false => &self.statements.complete_jobs,
        };
        let query = sqlx::query(statement.clone())
            .bind(worker.as_i64())
            .bind(jobs)
            .bind(claims)
            .bind(retention.hours())
            .bind(with_result)
            .bind(result_claims)
            .bind(results)
            .bind(retentions)
            .bind(self.schema().as_str());
        let query = match is_relaxed {
            true => query.bind(OFF),
            false => query,
        };
        query
            .execute(connection)
            .await
            .map(|done| usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }

    pub(super) async fn end_jobs(
        &self,
        worker: WorkerId,
        endings: &[Ending],
    ) -> Result<usize, DriverError> {
        let ended = self.try_end(worker, endings).await;
        if !ended.as_ref().is_err_and(lacks_partition) {
            return ended;
        }
        let retains: Vec<Retain> = endings.iter().map(retain).collect();
        self.make_partitions(&retains).await?;
        self.try_end(worker, endings).await
    }

    pub(super) async fn read_hold(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
    ) -> Result<Hold, DriverError> {
        sqlx::query_scalar(self.statements.hold.clone())
            .bind(worker.as_i64())
            .bind(job.as_i64())
            .bind(claim)
            .one_on(&self.pool)
            .await
            .map(|hold: String| match hold.as_str() {
                "held" => Hold::Held,
                "gone" => Hold::Gone,
                _ => Hold::InDoubt,
            })
            .map_err(|error| driver_error("failed to look whether the job is held", error))
    }

    async fn try_end(&self, worker: WorkerId, endings: &[Ending]) -> Result<usize, DriverError> {
        let error = |error| driver_error("failed to end attempts", error);
        let jobs: Vec<i64> = endings.iter().map(|ending| ending.job.as_i64()).collect();
        let claims: Vec<i64> = endings.iter().map(|ending| ending.claim).collect();
        let (kinds, delays): (Vec<&str>, Vec<i64>) =
            endings.iter().map(|ending| kind(ending.end)).unzip();
        let errors: Vec<Option<&str>> = endings
            .iter()
            .map(|ending| ending.error.as_deref())
            .collect();

        let retentions: Vec<i16> = endings
            .iter()
            .map(|ending| ending.retention.hours())
            .collect();

        let mut session = self.finish_session().await?;
        let row = sqlx::query(self.statements.end_jobs.clone())
            .bind(worker.as_i64())
            .bind(jobs)
            .bind(claims)
            .bind(kinds)
            .bind(delays)
            .bind(errors)
            .bind(retentions)
            .bind(self.schema().as_str())
            .bind(Retain::DEFAULT.completed.hours())
            .fetch_one(session.connection())
            .await
            .map_err(error)?;
        session.keep();
        row.try_get("ended").map(count).map_err(error)
    }
}

/// What is needed to keep what an ending leaves behind.
fn retain(ending: &Ending) -> Retain {
    match ending.end {
        End::Cancelled | End::Expired => Retain {
            completed: ending.retention,
            failed: ending.retention,
            ..Retain::DEFAULT
        },
        End::Failed | End::Retry(_) | End::Release(_) | End::Unstarted(_) => Retain {
            failed: ending.retention,
            ..Retain::DEFAULT
        },
    }
}

/// How the statement names an end, and its delay.
fn kind(end: End) -> (&'static str, i64) {
    match end {
        End::Failed => ("failed", 0),
        End::Cancelled => ("cancelled", 0),
        End::Expired => ("expired", 0),
        End::Retry(delay) => ("retry", micros(delay)),
        End::Release(delay) => ("release", micros(delay)),
        End::Unstarted(delay) => ("unstarted", micros(delay)),
    }
}
