//! The commands, one file each.

pub(crate) mod doctor;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod migrate;
pub(crate) mod paused;
pub(crate) mod queues;
pub(crate) mod schedules;
pub(crate) mod tasks;
pub(crate) mod workers;

use crate::args::{Cli, Command};
use crate::error::Failure;
use crate::output::Output;
use crate::session::Session;

/// Does what a command says.
pub(crate) async fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    // There may be no tables yet.
    match &command {
        Command::Doctor(doctor) => return doctor.run(&global, output).await,
        Command::Migrate(migrate) => return migrate.run(&global, output).await,
        _ => {}
    }
    let session = Session::open(&global, output).await?;
    match command {
        Command::Doctor(_) | Command::Migrate(_) => Ok(()),
        Command::Jobs(jobs) => jobs.run(&session).await,
        Command::Schedules(schedules) => schedules.run(&session).await,
        Command::Queues(queues) => queues.run(&session).await,
        Command::Tasks(tasks) => tasks.run(&session).await,
        Command::Paused(paused) => paused.run(&session).await,
        Command::Workers(workers) => workers.run(&session).await,
        Command::Limits(limits) => limits.run(&session).await,
    }
}
