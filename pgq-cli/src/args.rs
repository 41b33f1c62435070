//! What is written on the command line.

use clap::{Args, Parser, Subcommand};

use crate::commands::{doctor, jobs, limits, migrate, paused, queues, schedules, tasks, workers};

/// Operates the jobs and schedules of pgq in a PostgreSQL database.
#[derive(Debug, Parser)]
#[command(
    name = "pgq",
    bin_name = "pgq",
    version,
    arg_required_else_help = true,
    after_help = "\
Times are written and read in UTC, as 2026-01-31T08:00:00Z. Durations are written as 500ms, 90s, 15m, 6h, 2d or \
1h30m.

The exit code is 0 if the command did what it was to do, 1 if it was refused or failed, and 2 if the arguments are \
wrong.

Example:
  DATABASE_URL=postgres://shop@localhost/shop pgq jobs list --state failed"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The database, as `postgres://user:password@host:5432/database`; by default the environment's `DATABASE_URL`.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// A way to the server itself, if the database's URL leads through a pooler in transaction mode; by default the
    /// environment's `DIRECT_DATABASE_URL`. Migrations and the doctor's look go there.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) direct_url: Option<String>,
    /// The schema of pgq's tables.
    #[arg(long, global = true, value_name = "NAME", default_value = pgq::postgres::DEFAULT_SCHEMA)]
    pub(crate) schema: String,
    /// Print one JSON object per line instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Jobs(jobs::Jobs),
    Schedules(schedules::Schedules),
    Queues(queues::Queues),
    Tasks(tasks::Tasks),
    Paused(paused::Paused),
    Workers(workers::Workers),
    Limits(limits::Limits),
}
