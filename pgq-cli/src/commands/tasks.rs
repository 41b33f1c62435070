//! `pgq tasks`: pause and resume.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use crate::commands::paused::answer;
use crate::commands::workers::known_tasks;
use crate::error::Failure;
use crate::names::did_you_mean;
use crate::session::Session;

/// Pauses and resumes tasks.
#[derive(Args, Debug)]
pub(crate) struct Tasks {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lets workers start no more jobs of a task, in whatever queue they are.
    ///
    /// It holds for every worker, those that start later included, until it is ended. Jobs are enqueued and wait
    /// as before, and those that run go on.
    #[command(after_help = "Example:\n  pgq tasks pause send_email")]
    Pause(Name),
    /// Lets workers start the jobs of a task again.
    #[command(after_help = "Example:\n  pgq tasks resume send_email")]
    Resume(Name),
}

#[derive(Args, Debug)]
struct Name {
    /// The name of the task, not an alias.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
}

impl Tasks {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let pgq = &session.pgq;
        let (task, paused, changed) = match &self.command {
            Command::Pause(Name { name }) => {
                warn_of_unknown(session, name).await?;
                (&**name, true, pgq.pause_task(name).await?)
            }
            Command::Resume(Name { name }) => (&**name, false, pgq.resume_task(name).await?),
        };
        answer(session.output, ("task", task), paused, changed)
    }
}

/// Says that a name may be a mistake; it need not be one.
pub(crate) async fn warn_of_unknown(session: &Session, task: &str) -> Result<(), Failure> {
    let known = known_tasks(&session.pgq).await?;
    if !known.iter().any(|known| known == task) {
        let meant = did_you_mean(task, known.iter().map(|known| &**known));
        let note = format!("note: no worker that lives knows the task `{task}`{meant}");
        session.output.note(&note);
    }
    Ok(())
}
