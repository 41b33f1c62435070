//! `pgq schedules`.

mod create;
mod delete;
mod edit;
mod info;
mod list;
mod pause;
mod show;
mod times;
mod trigger;

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use pgq::{ScheduleError, ScheduleHandle};

use crate::commands::workers::known_tasks;
use crate::error::Failure;
use crate::names::did_you_mean;
use crate::session::Session;
use crate::values::duration;

/// How many schedules are looked at for a name that is like one that does not exist.
const LOOKED_AT: usize = 1000;

/// Lists, shows and changes schedules.
///
/// A schedule is declared by the code of workers, or was made at run time. Of one that code declares, the times
/// and the jobs are changed there; it can be paused, resumed and triggered.
#[derive(Args, Debug)]
pub(crate) struct Schedules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Create(create::Create),
    Edit(edit::Edit),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Trigger(trigger::Trigger),
    Delete(delete::Delete),
}

impl Schedules {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        match &self.command {
            Command::List(list) => list.run(session).await,
            Command::Show(show) => show.run(session).await,
            Command::Create(create) => create.run(session).await,
            Command::Edit(edit) => edit.run(session).await,
            Command::Pause(pause) => pause.run(session).await,
            Command::Resume(resume) => resume.run(session).await,
            Command::Trigger(trigger) => trigger.run(session).await,
            Command::Delete(delete) => delete.run(session).await,
        }
    }
}

/// Which schedule.
#[derive(Args, Debug)]
struct Name {
    /// The name of the schedule.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
}

impl Name {
    fn handle(&self) -> ScheduleHandle {
        ScheduleHandle::named(&self.name)
    }
}

/// What becomes of an input that the task may not take.
#[derive(Args, Debug)]
struct Check {
    /// Do it without asking a worker whether its task takes the input, also if none knows the task: the schedule
    /// ticks once one does, and takes it.
    #[arg(long)]
    allow_unknown_task: bool,
    /// For how long a worker is waited for that reads the input; after that nothing has changed, and the exit code
    /// is 1.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration::parse)]
    timeout: Duration,
}

/// What a call on a schedule returned; of one that does not exist, or of a task that nobody knows, with the names
/// that are like its own.
async fn found<T>(session: &Session, result: Result<T, ScheduleError>) -> Result<T, Failure> {
    let error = match result {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    match &error {
        ScheduleError::NotFound { schedule } => {
            let page = pgq::Schedules::all().limit(LOOKED_AT);
            let known = page.list(&session.pgq).await?.schedules;
            let meant = did_you_mean(schedule, known.iter().map(|known| &*known.name));
            Err(Failure::new(format!("{error}{meant}")))
        }
        ScheduleError::UnknownTask { task, .. } => {
            let known = known_tasks(&session.pgq).await?;
            let meant = did_you_mean(task, known.iter().map(|known| &**known));
            Err(Failure::new(format!(
                "no worker that lives knows the task `{task}`{meant}; correct its name, start a worker that knows \
                 it, or add `--allow-unknown-task`"
            )))
        }
        _ => Err(error.into()),
    }
}
