//! The arguments of the program.

use clap::{Args, Parser, value_parser};

use crate::scenario::Scenario;

/// Measures pgq, and checks that no job was lost or done twice.
///
/// Without `--database-url` it starts a PostgreSQL server of its own, with stock durability. Figures
/// go to stdout, everything else to stderr.
#[derive(Debug, Parser)]
#[command(name = "pgq-bench")]
pub(crate) struct Arguments {
    /// What to measure.
    pub(crate) scenario: Scenario,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Prints one JSON object a line for each figure, and nothing else on stdout.
    #[arg(long)]
    pub(crate) json: bool,

    /// The jobs of one measurement; each scenario has a number of its own.
    #[arg(long, value_parser = value_parser!(i64).range(1..))]
    jobs: Option<i64>,

    /// How often everything is measured; figures are medians.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// How many jobs a worker of a drain runs at once.
    #[arg(long, default_value_t = 1000)]
    pub(crate) concurrency: usize,

    /// How many clients enqueue one job at a time in `enqueue-one`.
    #[arg(long, default_value_t = 32)]
    pub(crate) clients: usize,

    /// The rows of the largest backlog in `backlog`.
    #[arg(long, default_value_t = 5_000_000, value_parser = value_parser!(i64).range(1..))]
    pub(crate) rows: i64,

    /// For how many seconds `schedule` ticks and idles, and jobs of `deferred` become due; each has a
    /// number of its own.
    #[arg(long, value_parser = value_parser!(i64).range(1..=3600))]
    seconds: Option<i64>,

    /// How many jobs of `deferred` become due in a second.
    #[arg(long, default_value_t = 6000, value_parser = value_parser!(i64).range(1..=1_000_000))]
    pub(crate) rate: i64,

    /// How many workers `rescue` kills.
    #[arg(long, default_value_t = 12)]
    pub(crate) kills: usize,

    /// A server to use instead of an own one. The program makes databases there and drops them.
    #[arg(long)]
    pub(crate) database_url: Option<String>,

    /// How many jobs the process of a worker runs at once; without it, pgq's default.
    #[arg(long, hide = true)]
    pub(crate) worker_concurrency: Option<usize>,
}

impl Options {
    /// The jobs of one measurement, `usual` unless the caller asked for another number.
    pub(crate) fn jobs(&self, usual: i64) -> i64 {
        self.jobs.unwrap_or(usual)
    }

    /// The seconds of one measurement, `usual` unless the caller asked for another number.
    pub(crate) fn seconds(&self, usual: i64) -> i64 {
        self.seconds.unwrap_or(usual)
    }
}
