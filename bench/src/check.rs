//! Whether every job was done exactly once. A figure of a run that lost or doubled one is worth
//! nothing.

use std::ops::RangeInclusive;

use anyhow::ensure;
use sqlx::PgPool;

use crate::schema::{self, Ended};

/// What the jobs of a database must have come to.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) jobs: i64,
    /// How often each was handed to a worker.
    pub(crate) deliveries: RangeInclusive<i32>,
    pub(crate) attempt: i16,
    /// How many others are still there.
    pub(crate) left_over: i64,
}

impl Expected {
    /// Jobs that completed at the first attempt.
    pub(crate) fn at_once(jobs: i64) -> Self {
        Self {
            jobs,
            deliveries: 1..=1,
            attempt: 1,
            left_over: 0,
        }
    }

    /// And so many others are left as they were.
    pub(crate) fn leaving(self, left_over: i64) -> Self {
        Self { left_over, ..self }
    }

    /// Checks that all jobs completed, none was lost, and none was handed out more often than
    /// expected; and that no other has ended.
    pub(crate) async fn check(self, pool: &PgPool) -> anyhow::Result<()> {
        let Self {
            jobs,
            deliveries,
            attempt,
            left_over,
        } = self;
        let ended = schema::ended(pool, deliveries, attempt).await?;
        let expected = Ended {
            rows: jobs,
            jobs,
            clean: jobs,
            left_over,
        };
        ensure!(
            ended == expected,
            "jobs were lost or done twice: expected {expected:?}, but found {ended:?}"
        );
        Ok(())
    }
}

/// Checks what one worker says it did, and that it began no job more often than it completed one.
pub(crate) fn worker(jobs: i64, report: pgq::Report, begun: i64) -> anyhow::Result<()> {
    ensure!(
        report.idle && report.completed == u64::try_from(jobs)?,
        "the worker did not complete {jobs} jobs: {report:?}"
    );
    ensure!(begun == jobs, "{jobs} jobs were begun {begun} times");
    Ok(())
}
