//! What pgq counts and measures, through the facade of the crate [`metrics`](https://docs.rs/metrics).
//!
//! With the feature `metrics`, workers and enqueues write the metrics below to the recorder that the
//! program has installed, for instance that of `metrics-exporter-prometheus`. Install it before
//! `pgq::run()`: a worker keeps the recorder that it has found when it started. Without the feature
//! nothing is measured.
//!
//! | metric | kind | labels | meaning |
//! |---|---|---|---|
//! | `pgq_jobs_enqueued_total` | counter | `task`, `queue` | jobs that this process enqueued; those of schedules too, and those of `Context::then` when their job completes |
//! | `pgq_jobs_claimed_total` | counter | `queue` | jobs that the worker claimed |
//! | `pgq_claim_jobs` | histogram | `queue` | jobs of one claim; claims that found none are left out |
//! | `pgq_claim_duration_seconds` | histogram | `queue` | how long a claim took, with jobs or without |
//! | `pgq_claim_errors_total` | counter | `queue` | claims that failed |
//! | `pgq_job_wait_seconds` | histogram | `task` | from the enqueue to the claim, by the clock of the database; of jobs that were due at their enqueue, at their first claim |
//! | `pgq_attempts_started_total` | counter | `task` | attempts whose task was run |
//! | `pgq_attempts_completed_total` | counter | `task` | attempts that ended with a result |
//! | `pgq_attempts_retried_total` | counter | `task` | attempts that failed, and after which the job runs again |
//! | `pgq_attempts_failed_total` | counter | `task` | attempts that failed, and after which the job is a dead letter |
//! | `pgq_attempts_cancelled_total` | counter | `task` | attempts that ended with their job cancelled |
//! | `pgq_attempts_released_total` | counter | `task` | attempts that do not count: snoozed, given back by a worker that stops, or of another build's input |
//! | `pgq_attempts_fenced_total` | counter | | attempts of which nothing was recorded, because another worker had their jobs by then |
//! | `pgq_attempt_duration_seconds` | histogram | `task` | how long an attempt ran, however it ended |
//! | `pgq_attempts_running` | gauge | | attempts that run in this worker |
//! | `pgq_concurrency` | gauge | | how many attempts may run in this worker at once |
//! | `pgq_finish_jobs` | histogram | | attempts whose end was written by one statement |
//! | `pgq_finish_duration_seconds` | histogram | | how long that took, tries that failed included |
//! | `pgq_jobs_promoted_total` | counter | | scheduled jobs that the worker made ready |
//! | `pgq_workers_rescued_total` | counter | | workers that died, and whose jobs this one has taken from them |
//! | `pgq_jobs_rescued_total` | counter | | jobs of such workers that run again |
//! | `pgq_jobs_dead_total` | counter | | jobs of such workers that are dead letters: too many workers died of them |
//! | `pgq_heartbeats_total` | counter | | renewals of the lease |
//! | `pgq_heartbeat_errors_total` | counter | | renewals that failed |
//! | `pgq_leases_lost_total` | counter | | leases that ended while the worker ran |
//! | `pgq_wakeups_total` | counter | | wake-ups that the worker received |
//! | `pgq_ticks_total` | counter | `schedule` | ticks of schedules that this process enqueued a job for |
//!
//! Attempts are counted when their task has ended, before the storage is told; those that were fenced
//! off are among them.

mod handle;
mod meters;

pub(crate) use self::meters::{Meters, Outcome, add, count_enqueued, count_tick};

/// One of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// It only goes up.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It has a distribution.
    Histogram,
}

/// Declares the metrics, and lists them.
macro_rules! metrics {
    ($($(#[$doc:meta])* $constant:ident = $kind:ident $name:literal [$($label:literal),*];)*) => {
        $(
            $(#[$doc])*
            pub const $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
            };
        )*

        /// Every metric.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    /// Jobs that were enqueued.
    JOBS_ENQUEUED = Counter "pgq_jobs_enqueued_total" ["task", "queue"];
    /// Jobs that were claimed.
    JOBS_CLAIMED = Counter "pgq_jobs_claimed_total" ["queue"];
    /// The sizes of claims.
    CLAIM_JOBS = Histogram "pgq_claim_jobs" ["queue"];
    /// The durations of claims.
    CLAIM_DURATION = Histogram "pgq_claim_duration_seconds" ["queue"];
    /// Claims that failed.
    CLAIM_ERRORS = Counter "pgq_claim_errors_total" ["queue"];
    /// How long jobs waited for their first claim.
    JOB_WAIT = Histogram "pgq_job_wait_seconds" ["task"];
    /// Attempts that were started.
    ATTEMPTS_STARTED = Counter "pgq_attempts_started_total" ["task"];
    /// Attempts with a result.
    ATTEMPTS_COMPLETED = Counter "pgq_attempts_completed_total" ["task"];
    /// Attempts that are followed by another one.
    ATTEMPTS_RETRIED = Counter "pgq_attempts_retried_total" ["task"];
    /// Attempts that left a dead letter.
    ATTEMPTS_FAILED = Counter "pgq_attempts_failed_total" ["task"];
    /// Attempts that cancelled their job.
    ATTEMPTS_CANCELLED = Counter "pgq_attempts_cancelled_total" ["task"];
    /// Attempts that do not count.
    ATTEMPTS_RELEASED = Counter "pgq_attempts_released_total" ["task"];
    /// Attempts of which nothing was recorded.
    ATTEMPTS_FENCED = Counter "pgq_attempts_fenced_total" [];
    /// The durations of attempts.
    ATTEMPT_DURATION = Histogram "pgq_attempt_duration_seconds" ["task"];
    /// Attempts that run.
    ATTEMPTS_RUNNING = Gauge "pgq_attempts_running" [];
    /// Attempts that may run at once.
    CONCURRENCY = Gauge "pgq_concurrency" [];
    /// Ends that were written at once.
    FINISH_JOBS = Histogram "pgq_finish_jobs" [];
    /// How long it took to write them.
    FINISH_DURATION = Histogram "pgq_finish_duration_seconds" [];
    /// Scheduled jobs that were made ready.
    JOBS_PROMOTED = Counter "pgq_jobs_promoted_total" [];
    /// Workers that died.
    WORKERS_RESCUED = Counter "pgq_workers_rescued_total" [];
    /// Their jobs that run again.
    JOBS_RESCUED = Counter "pgq_jobs_rescued_total" [];
    /// Their jobs that are dead letters.
    JOBS_DEAD = Counter "pgq_jobs_dead_total" [];
    /// Renewals of the lease.
    HEARTBEATS = Counter "pgq_heartbeats_total" [];
    /// Renewals of the lease that failed.
    HEARTBEAT_ERRORS = Counter "pgq_heartbeat_errors_total" [];
    /// Leases that ended too early.
    LEASES_LOST = Counter "pgq_leases_lost_total" [];
    /// Wake-ups that were received.
    WAKEUPS = Counter "pgq_wakeups_total" [];
    /// Ticks that have a job. Those of schedules that were made at run time are together `run-time`.
    TICKS = Counter "pgq_ticks_total" ["schedule"];
}
