//! `pgq queues`: pause and resume.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use pgq::Reader as _;

use crate::commands::paused::answer;
use crate::error::Failure;
use crate::names::did_you_mean;
use crate::session::Session;

/// Pauses and resumes queues.
#[derive(Args, Debug)]
pub(crate) struct Queues {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lets workers start no more jobs of a queue.
    ///
    /// It holds for every worker, those that start later included, until it is ended. Jobs are enqueued and wait
    /// as before, and those that run go on. A queue need not have jobs, or be served.
    #[command(after_help = "Example:\n  pgq queues pause mail")]
    Pause(Name),
    /// Lets workers start the jobs of a queue again.
    #[command(after_help = "Example:\n  pgq queues resume mail")]
    Resume(Name),
}

#[derive(Args, Debug)]
struct Name {
    /// The name of the queue.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
}

impl Queues {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let pgq = &session.pgq;
        let (queue, paused, changed) = match &self.command {
            Command::Pause(Name { name }) => {
                warn_of_unserved(session, name).await?;
                (&**name, true, pgq.pause_queue(name).await?)
            }
            Command::Resume(Name { name }) => (&**name, false, pgq.resume_queue(name).await?),
        };
        answer(session.output, ("queue", queue), paused, changed)
    }
}

/// Says that a name may be a mistake; it need not be one.
pub(crate) async fn warn_of_unserved(session: &Session, queue: &str) -> Result<(), Failure> {
    let workers = (&session.pgq).driver().workers().await?;
    let alive = workers.iter().filter(|worker| worker.is_alive);
    let served: Vec<&str> = alive
        .flat_map(|worker| &worker.queues)
        .map(|queue| &**queue)
        .collect();
    if !served.contains(&queue) {
        let meant = did_you_mean(queue, served);
        let note = format!("note: no worker that lives serves the queue `{queue}`{meant}");
        session.output.note(&note);
    }
    Ok(())
}
