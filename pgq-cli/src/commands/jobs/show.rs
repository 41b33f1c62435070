//! `pgq jobs show`.

use std::collections::BTreeMap;

use clap::Args;
use pgq::driver::Progress;
use pgq::logs::AttemptLog;
use pgq::{Attempt, AttemptOutcome, Job, JobHandle, JobId, JobState};
use serde::Serialize;

use super::line::Line;
use super::read_id;
use crate::error::Failure;
use crate::session::Session;
use crate::table::Table;
use crate::values::{Json, Time, duration, or_dash};

/// Shows one job: its state, how far it is, each attempt with its error, and its result.
///
/// Its input, and the values of its headers, are shown with --input only. They may hold secrets: what the task
/// marks as secret is stored as everything else is, and nothing that is stored says which of the values are.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq jobs show 1234
  pgq jobs show 1234 --input --logs
  pgq jobs show 1234 --json | jq .attempts")]
pub(super) struct Show {
    /// The id of the job.
    #[arg(value_parser = read_id)]
    id: JobId,
    /// Show its input and the values of its headers, which may hold secrets.
    #[arg(long)]
    input: bool,
    /// Show the lines that its attempts have logged, as far as workers capture them.
    #[arg(long)]
    logs: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    job: Line<'a>,
    progress: Option<ProgressLine<'a>>,
    attempts: Vec<AttemptLine<'a>>,
    /// Of a completed job; `null` also for a result that is nothing, or that has been pruned.
    result: Option<Json>,
    /// Why the result cannot be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    result_problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<Vec<LogLine<'a>>>,
}

#[derive(Serialize)]
struct ProgressLine<'a> {
    done: u64,
    total: u64,
    message: &'a str,
    attempt: i16,
    updated_at: Time,
}

#[derive(Serialize)]
struct AttemptLine<'a> {
    number: i16,
    worker: i64,
    started_at: Time,
    ended_at: Option<Time>,
    duration_seconds: Option<f64>,
    outcome: &'static str,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct LogLine<'a> {
    attempt: i16,
    ended_at: Time,
    text: &'a str,
}

impl Show {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let pgq = &session.pgq;
        let handle = JobHandle::<()>::from_id(self.id);
        let job = handle.job(pgq).await?;
        let attempts = handle.attempts(pgq).await?;
        let progress = handle.progress(pgq).await?;
        let logs = match self.logs {
            true => Some(handle.logs(pgq).await?),
            false => None,
        };
        let input = match self.input {
            true => Some(handle.input::<Json>(pgq).await?),
            false => None,
        };
        let (result, result_problem) = result(&job);
        let shown = Shown {
            job: Line::of(&job),
            progress: progress.as_ref().map(progress_line),
            attempts: attempts.iter().map(attempt_line).collect(),
            result,
            result_problem,
            headers: self.input.then(|| headers(&job)),
            input,
            logs: logs
                .as_ref()
                .map(|logs| logs.iter().map(log_line).collect()),
        };
        session.output.answer(&shown, &text(&shown))
    }
}

/// The result of a completed job, or why it cannot be shown.
fn result(job: &Job) -> (Option<Json>, Option<String>) {
    let Some(stored) = job.result.as_deref() else {
        return (None, None);
    };
    match JobHandle::<Json>::decode(Some(stored)) {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

fn headers(job: &Job) -> BTreeMap<String, String> {
    let detail = job.detail.as_ref();
    detail.map_or_else(BTreeMap::new, |detail| detail.headers.clone())
}

fn progress_line(progress: &Progress) -> ProgressLine<'_> {
    ProgressLine {
        done: progress.done,
        total: progress.total,
        message: &progress.message,
        attempt: progress.attempt,
        updated_at: progress.updated_at.into(),
    }
}

fn attempt_line(attempt: &Attempt) -> AttemptLine<'_> {
    AttemptLine {
        number: attempt.number,
        worker: attempt.worker.as_i64(),
        started_at: attempt.started_at.into(),
        ended_at: attempt.ended_at.map(Time),
        duration_seconds: attempt.duration().map(|took| took.as_secs_f64()),
        outcome: match attempt.outcome {
            AttemptOutcome::Running => "running",
            AttemptOutcome::Completed => "completed",
            AttemptOutcome::Cancelled => "cancelled",
            AttemptOutcome::Lost => "lost",
            _ => "failed",
        },
        error: attempt.error.as_deref(),
    }
}

fn log_line(log: &AttemptLog) -> LogLine<'_> {
    LogLine {
        attempt: log.attempt,
        ended_at: log.ended_at.into(),
        text: &log.text,
    }
}

/// All of it for people.
fn text(shown: &Shown<'_>) -> String {
    let mut text = fields(shown);
    if !shown.attempts.is_empty() {
        let mut table = Table::new(["attempt", "started", "took", "outcome", "worker", "error"]);
        for attempt in &shown.attempts {
            let took = attempt
                .duration_seconds
                .map(std::time::Duration::from_secs_f64);
            table.row([
                attempt.number.to_string(),
                attempt.started_at.to_string(),
                or_dash(took.map(duration::show)),
                attempt.outcome.to_owned(),
                attempt.worker.to_string(),
                attempt.error.unwrap_or_default().to_owned(),
            ]);
        }
        text += &format!("\n\n{table}");
    }
    for log in shown.logs.iter().flatten() {
        let (attempt, ended_at, lines) = (log.attempt, log.ended_at, log.text);
        text += &format!("\n\nlog of attempt {attempt}, which ended at {ended_at}\n{lines}");
    }
    if shown.logs.as_ref().is_some_and(Vec::is_empty) {
        text += "\n\nnothing that was logged is kept";
    }
    text
}

fn fields(shown: &Shown<'_>) -> String {
    let job = &shown.job;
    let mut table = Table::of_one();
    table.field("job", job.id.to_string());
    table.field("state", job.state);
    table.field("task", job.task);
    table.field("queue", job.queue);
    table.field("priority", job.priority.to_string());
    table.field(
        "attempt",
        format!("{} of {}", job.attempt, job.max_attempts),
    );
    table.field("deliveries", job.deliveries.to_string());
    table.field("worker deaths", job.deaths.to_string());
    table.field("enqueued at", job.created_at.to_string());
    let times = [
        ("due at", job.run_at),
        ("claimed at", job.claimed_at),
        ("ended at", job.finished_at),
        ("expires at", job.expires_at),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            table.field(name, time.to_string());
        }
    }
    if let Some(parent) = job.parent {
        table.field("parent", parent.to_string());
    }
    if !job.tags.is_empty() {
        table.field("tags", job.tags.join(", "));
    }
    if let Some(progress) = &shown.progress {
        let (done, total, message) = (progress.done, progress.total, progress.message);
        table.field("progress", format!("{done} of {total} {message}"));
    }
    for (name, value) in shown.headers.iter().flatten() {
        table.field("header", format!("{name}: {value}"));
    }
    if let Some(input) = &shown.input {
        table.field("input", input.to_string());
    }
    if let Some(error) = job.error {
        table.field("error", error);
    }
    if job.state == JobState::Completed.as_str() {
        let result = match (&shown.result, &shown.result_problem) {
            (Some(result), _) => result.to_string(),
            (None, Some(problem)) => format!("cannot be shown: {problem}"),
            (None, None) => "none, or it has been pruned".to_owned(),
        };
        table.field("result", result);
    }
    table.to_string()
}
