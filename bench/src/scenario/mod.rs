//! What can be measured, a file each.

mod backlog;
mod deferred;
mod drain;
mod enqueue;
mod enqueue_one;
mod floor;
mod latency;
mod limit;
mod mixed;
mod pinned;
mod rescue;
mod schedule;
mod wal;

use clap::ValueEnum;

use crate::Bench;
use crate::report::Figure;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Enqueueing in batches of 1000.
    Enqueue,
    /// Enqueueing one job a transaction, from many clients.
    EnqueueOne,
    /// Running jobs that do nothing until none is left.
    Drain,
    /// Producers and a worker at once.
    Mixed,
    /// From the enqueue to the start, in a worker that waits.
    Latency,
    /// Draining under a limit of the whole fleet.
    Limit,
    /// Draining while an old snapshot is held open.
    Pinned,
    /// Claiming in front of, or behind, millions of jobs.
    Backlog,
    /// Running jobs that become due while millions of others do not.
    Deferred,
    /// Ticking on time, many schedules at once, and none.
    Schedule,
    /// The bytes that a job writes to the server's log.
    Wal,
    /// Rerunning the jobs of a worker that was killed.
    Rescue,
    /// What the server does without a queue.
    Floor,
    /// Everything, in one table at the end.
    All,
    /// The process of a worker; started by others.
    #[value(hide = true)]
    Worker,
}

/// What `all` is, in this order.
const ALL: &[Scenario] = &[
    Scenario::Floor,
    Scenario::Enqueue,
    Scenario::EnqueueOne,
    Scenario::Drain,
    Scenario::Mixed,
    Scenario::Latency,
    Scenario::Limit,
    Scenario::Wal,
    Scenario::Rescue,
    Scenario::Pinned,
    Scenario::Backlog,
    Scenario::Deferred,
    Scenario::Schedule,
];

impl Scenario {
    /// The scenarios to run one after the other.
    pub(crate) fn parts(self) -> Vec<Self> {
        match self {
            Self::All => ALL.to_vec(),
            one => vec![one],
        }
    }

    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::EnqueueOne => "enqueue-one",
            Self::Drain => "drain",
            Self::Mixed => "mixed",
            Self::Latency => "latency",
            Self::Limit => "limit",
            Self::Pinned => "pinned",
            Self::Backlog => "backlog",
            Self::Deferred => "deferred",
            Self::Schedule => "schedule",
            Self::Wal => "wal",
            Self::Rescue => "rescue",
            Self::Floor => "floor",
            Self::All => "all",
            Self::Worker => "worker",
        }
    }

    /// What is measured, and what the baseline is.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Enqueue => {
                "batches of 1000; baseline: the same rows into a bare table with the same indexes"
            }
            Self::EnqueueOne => "one job a transaction; baseline: the same insert without wake-up",
            Self::Drain => {
                "jobs that do nothing; baseline: deleting the same rows from a bare table, 4 \
                 connections"
            }
            Self::Mixed => {
                "batches of 100, enqueued and run at once; baseline: inserting and deleting the \
                 same rows, bare"
            }
            Self::Latency => {
                "from the enqueue to the start, worker idle; baseline: a bare insert and NOTIFY \
                 until it is received"
            }
            Self::Limit => {
                "drain under a limit of the fleet that is not reached; baseline: the same drain \
                 without"
            }
            Self::Pinned => {
                "drain with an old snapshot held open; baseline: the same drain without"
            }
            Self::Backlog => "claims of 100 jobs; baseline: the same claims with 1000 jobs there",
            Self::Deferred => {
                "from the due time to the start, behind millions of jobs that are not due; baseline: \
                 the same without those"
            }
            Self::Schedule => {
                "from the tick to the job; baselines: a timer, a bare insert and NOTIFY; as many rows \
                 into a bare table; a worker without schedules"
            }
            Self::Wal => "bytes of the server's log, inputs of 64 bytes, history kept",
            Self::Rescue => "from kill -9 of a worker to the next start of its jobs, defaults",
            Self::Floor => "bare rows as wide as jobs, with the same indexes, batches of 1000",
            Self::All | Self::Worker => "",
        }
    }

    /// Measures; fails without a figure if a job was lost or done twice.
    pub(crate) async fn run(self, bench: &Bench) -> anyhow::Result<Vec<Figure>> {
        match self {
            Self::Enqueue => Box::pin(enqueue::run(bench)).await,
            Self::EnqueueOne => Box::pin(enqueue_one::run(bench)).await,
            Self::Drain => Box::pin(drain::run(bench)).await,
            Self::Mixed => Box::pin(mixed::run(bench)).await,
            Self::Latency => Box::pin(latency::run(bench)).await,
            Self::Limit => Box::pin(limit::run(bench)).await,
            Self::Pinned => Box::pin(pinned::run(bench)).await,
            Self::Backlog => Box::pin(backlog::run(bench)).await,
            Self::Deferred => Box::pin(deferred::run(bench)).await,
            Self::Schedule => Box::pin(schedule::run(bench)).await,
            Self::Wal => Box::pin(wal::run(bench)).await,
            Self::Rescue => Box::pin(rescue::run(bench)).await,
            Self::Floor => Box::pin(floor::run(bench)).await,
            Self::All | Self::Worker => Ok(Vec::new()),
        }
    }
}
