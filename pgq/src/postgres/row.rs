//! From rows to pgq's own types.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::cursor::LANES;
use super::detail;
use super::large_input::claimed_input;
use crate::driver::{Claim, ClaimedJob};
use crate::job::{Job, JobId, JobState, Marks};

/// A row of `find_job`.
pub(super) fn job(row: &PgRow) -> sqlx::Result<Job> {
    let state: &str = row.try_get("state")?;
    let state = JobState::from_name(state)
        .ok_or_else(|| sqlx::Error::Decode(format!("unknown job state `{state}`").into()))?;
    Ok(Job {
        id: JobId::from_i64(row.try_get("id")?),
        state,
        task: row.try_get("task")?,
        queue: row.try_get("queue")?,
        priority: row.try_get("priority")?,
        attempt: row.try_get("attempt")?,
        max_attempts: row.try_get("max_attempts")?,
        deliveries: row.try_get("deliveries")?,
        deaths: row.try_get("deaths")?,
        created_at: row.try_get("created_at")?,
        run_at: row.try_get("run_at")?,
        claimed_at: row.try_get("claimed_at")?,
        finished_at: row.try_get("finished_at")?,
        result: row.try_get("result")?,
        error: row.try_get("error")?,
        detail: detail::read(row.try_get("detail")?)?,
    })
}

/// The first row of `claim_jobs`, by position: whether the lease is alive, and the first row that
/// is visible in each lane.
pub(super) fn claim_head(row: &PgRow) -> sqlx::Result<(bool, [Option<i64>; LANES])> {
    let seqs: Vec<Option<i64>> = row.try_get(1)?;
    let seqs = seqs
        .try_into()
        .map_err(|_| sqlx::Error::Decode("not one number for each lane".into()))?;
    Ok((row.try_get(0)?, seqs))
}

/// Reads the other rows of `claim_jobs`, by position.
///
/// Types are not compared with those of the columns, which the statement has fixed: for a claim of
/// a thousand jobs that costs as much as to read the values.
pub(super) struct ClaimedJobs<'a> {
    claim: &'a Claim,
    /// The task of the job before, which most have in common.
    task: Option<Arc<str>>,
}

impl<'a> ClaimedJobs<'a> {
    pub(super) fn of(claim: &'a Claim) -> Self {
        Self { claim, task: None }
    }

    /// A job, and where it stood among the ready ones.
    pub(super) fn read(&mut self, row: &PgRow) -> sqlx::Result<(i64, ClaimedJob)> {
        let (detail, expired) = detail::claimed(row.try_get_unchecked(12)?)?;
        let job = ClaimedJob {
            id: JobId::from_i64(row.try_get_unchecked(3)?),
            claim: self.claim.number,
            task: self.task(row.try_get_unchecked(4)?),
            queue: Arc::clone(&self.claim.queue),
            priority: row.try_get_unchecked(5)?,
            attempt: row.try_get_unchecked(6)?,
            max_attempts: row.try_get_unchecked(7)?,
            deliveries: row.try_get_unchecked(8)?,
            fingerprint: row.try_get_unchecked(9)?,
            input: claimed_input(row.try_get_unchecked(10)?),
            marks: Marks::from_i16(row.try_get_unchecked(11)?),
            detail,
            expired,
            waited: waited(row.try_get_unchecked(13)?),
        };
        Ok((row.try_get_unchecked(2)?, job))
    }

    fn task(&mut self, name: &str) -> Arc<str> {
        match &self.task {
            Some(task) if **task == *name => Arc::clone(task),
            _ => Arc::clone(self.task.insert(Arc::from(name))),
        }
    }
}

/// A time that is not negative, from seconds: the clock of the server may have been set back.
fn waited(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}
