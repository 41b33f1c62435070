//! `pgq paused`.

use clap::Args;
use pgq::driver::Pausable;
use serde::Serialize;

use crate::error::Failure;
use crate::output::Output;
use crate::session::Session;
use crate::table::Table;
use crate::values::Time;

/// Lists the queues and tasks that are paused, and since when.
///
/// Schedules have pauses of their own: `pgq schedules list` shows them.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pgq paused --json")]
pub(crate) struct Paused {}

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    name: String,
    since: Time,
}

/// What became of a pause.
#[derive(Serialize)]
struct Answer<'a> {
    kind: &'static str,
    name: &'a str,
    paused: bool,
    changed: bool,
}

/// Says what became of a queue, a task or a schedule that was to be paused, or resumed.
pub(crate) fn answer(
    output: Output,
    (kind, name): (&'static str, &str),
    paused: bool,
    changed: bool,
) -> Result<(), Failure> {
    let line = match (paused, changed) {
        (true, true) => format!("{kind} `{name}` is paused"),
        (true, false) => format!("{kind} `{name}` was paused already"),
        (false, true) => format!("{kind} `{name}` goes on"),
        (false, false) => format!("{kind} `{name}` was not paused"),
    };
    let answer = Answer {
        kind,
        name,
        paused,
        changed,
    };
    output.answer(&answer, &line)
}

impl Paused {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let mut table = Table::new(["kind", "name", "paused since"]);
        let mut lines = Vec::new();
        for pause in session.pgq.paused().await? {
            let (kind, name) = match pause.what {
                Pausable::Queue(name) => ("queue", name),
                Pausable::Task(name) => ("task", name),
                _ => continue,
            };
            let since = Time(pause.since);
            table.row([kind.to_owned(), name.clone(), since.to_string()]);
            lines.push(Line { kind, name, since });
        }
        if lines.is_empty() {
            session.output.note("nothing is paused");
        }
        session.output.list(&lines, &table)
    }
}
