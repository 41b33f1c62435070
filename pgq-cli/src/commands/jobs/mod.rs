//! `pgq jobs`.

mod change;
mod count;
mod filter;
mod line;
mod list;
mod reschedule;
mod show;
mod wait;

use clap::{Args, Subcommand};
use pgq::JobId;

use crate::error::Failure;
use crate::session::Session;

/// Lists, shows, counts and changes jobs, and waits for them.
#[derive(Args, Debug)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Count(count::Count),
    Cancel(change::Cancel),
    Requeue(change::Requeue),
    Delete(change::Delete),
    Reschedule(reschedule::Reschedule),
    Wait(wait::Wait),
}

impl Jobs {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        match &self.command {
            Command::List(list) => list.run(session).await,
            Command::Show(show) => show.run(session).await,
            Command::Count(count) => count.run(session).await,
            Command::Cancel(cancel) => cancel.run(session).await,
            Command::Requeue(requeue) => requeue.run(session).await,
            Command::Delete(delete) => delete.run(session).await,
            Command::Reschedule(reschedule) => reschedule.run(session).await,
            Command::Wait(wait) => wait.run(session).await,
        }
    }
}

/// Reads the id of a job.
fn read_id(text: &str) -> Result<JobId, String> {
    let number = text.parse().ok().filter(|&number: &i64| number > 0);
    number
        .map(JobId::from_i64)
        .ok_or_else(|| "the id of a job is a whole number, as `pgq jobs list` shows it".to_owned())
}
