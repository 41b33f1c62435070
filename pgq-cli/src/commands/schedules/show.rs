//! `pgq schedules show`.

use clap::Args;
use pgq::{Job, ScheduleInfo};
use serde::Serialize;

use super::info::{Line, show_missed, show_overlap, state};
use super::{Name, found};
use crate::error::Failure;
use crate::session::Session;
use crate::table::Table;
use crate::values::{Time, duration, or_dash};

/// Shows one schedule: all that is known of it, its next five ticks, and its last runs with their states.
///
/// The runs are those of its last ten jobs that are still kept, the newest first. While it is paused, its next
/// ticks are those that it would have. What is not said of its jobs is up to the task.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pgq schedules show report/7")]
pub(super) struct Show {
    #[command(flatten)]
    name: Name,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    info: Line<'a>,
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    id: i64,
    state: &'static str,
    created_at: Time,
    finished_at: Option<Time>,
    error: Option<&'a str>,
}

impl<'a> Run<'a> {
    fn of(job: &'a Job) -> Self {
        Self {
            id: job.id.as_i64(),
            state: job.state.as_str(),
            created_at: job.created_at.into(),
            finished_at: job.finished_at.map(Time),
            error: job.error.as_deref(),
        }
    }
}

impl Show {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let (handle, pgq) = (self.name.handle(), &session.pgq);
        let info = found(session, handle.get(pgq).await).await?;
        let jobs = found(session, handle.runs(pgq).await).await?;
        let shown = Shown {
            info: Line::of(&info),
            runs: jobs.iter().map(Run::of).collect(),
        };
        let text = format!("{}{}{}", fields(&info), ticks(&info), runs(&shown.runs));
        session.output.answer(&shown, &text)
    }
}

fn fields(info: &ScheduleInfo) -> String {
    const OF_TASK: &str = "that of the task";
    let of_task = |said: Option<String>| said.unwrap_or_else(|| OF_TASK.to_owned());
    let mut table = Table::of_one();
    table.field("schedule", &*info.name);
    table.field("task", &*info.task);
    table.field(
        "made by",
        match info.made_at_run_time {
            true => "somebody at run time",
            false => "the code of workers",
        },
    );
    table.field("state", state(info));
    if let Some(problem) = &info.problem {
        table.field("its input", &**problem);
    }
    if let Some(since) = info.requested_since {
        table.field("requested since", Time(since).to_string());
    }
    table.field("paused since", or_dash(info.paused_since.map(Time)));
    table.field("when", &*info.expression);
    table.field("zone", &*info.zone);
    table.field("starts at", or_dash(info.starts_at.map(Time)));
    table.field("ends at", or_dash(info.ends_at.map(Time)));
    table.field("missed", show_missed(info.missed));
    table.field("overlap", show_overlap(info.overlap));
    table.field("jitter", duration::show(info.jitter));
    table.field("queue", of_task(info.queue.clone()));
    table.field("priority", of_task(info.priority.map(|of| of.to_string())));
    table.field(
        "max attempts",
        of_task(info.max_attempts.map(|of| of.to_string())),
    );
    table.field("last tick", Time(info.last_tick).to_string());
    table.to_string()
}

fn ticks(info: &ScheduleInfo) -> String {
    let lines: Vec<String> = info
        .next
        .iter()
        .map(|&tick| format!("\n  {}", Time(tick)))
        .collect();
    match lines.is_empty() {
        true => "\n\nno tick is to come".to_owned(),
        false => format!("\n\nnext ticks{}", lines.concat()),
    }
}

fn runs(runs: &[Run<'_>]) -> String {
    if runs.is_empty() {
        return "\n\nno runs that are still kept".to_owned();
    }
    let mut table = Table::new(["run", "state", "enqueued", "ended", "error"]);
    for run in runs {
        table.row([
            run.id.to_string(),
            run.state.to_owned(),
            run.created_at.to_string(),
            or_dash(run.finished_at),
            run.error.unwrap_or_default().to_owned(),
        ]);
    }
    format!("\n\n{table}")
}
