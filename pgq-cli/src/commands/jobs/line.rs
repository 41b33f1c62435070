//! A job as JSON.

use pgq::Job;
use serde::Serialize;

use crate::values::Time;

/// What is known of a job, but for its input, its result and its headers.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub(super) id: i64,
    pub(super) state: &'static str,
    pub(super) task: &'a str,
    pub(super) queue: &'a str,
    pub(super) priority: i16,
    pub(super) attempt: i16,
    pub(super) max_attempts: i16,
    pub(super) deliveries: i32,
    pub(super) deaths: i16,
    pub(super) created_at: Time,
    pub(super) run_at: Option<Time>,
    pub(super) claimed_at: Option<Time>,
    pub(super) finished_at: Option<Time>,
    pub(super) expires_at: Option<Time>,
    pub(super) parent: Option<i64>,
    pub(super) root: Option<i64>,
    pub(super) tags: &'a [String],
    pub(super) error: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn of(job: &'a Job) -> Self {
        let detail = job.detail.as_deref();
        Self {
            id: job.id.as_i64(),
            state: job.state.as_str(),
            task: &job.task,
            queue: &job.queue,
            priority: job.priority,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            deliveries: job.deliveries,
            deaths: job.deaths,
            created_at: job.created_at.into(),
            run_at: job.run_at.map(Time),
            claimed_at: job.claimed_at.map(Time),
            finished_at: job.finished_at.map(Time),
            expires_at: detail.and_then(|detail| detail.expires_at()).map(Time),
            parent: detail
                .and_then(|detail| detail.parent)
                .map(|id| id.as_i64()),
            root: detail.and_then(|detail| detail.root).map(|id| id.as_i64()),
            tags: detail.map_or(&[], |detail| &detail.tags),
            error: job.error.as_deref(),
        }
    }
}
