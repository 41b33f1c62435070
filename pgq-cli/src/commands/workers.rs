//! `pgq workers`.

use clap::Args;
use pgq::Pgq;
use pgq::driver::WorkerState;
use serde::Serialize;

use crate::error::Failure;
use crate::session::Session;
use crate::table::Table;
use crate::values::{Time, or_dash};

/// Lists the workers: where they run, what they were built from, and how much they had to do at their last heartbeat.
///
/// Heartbeats come four times in a lease, every 2.5 s by default. A worker that died is shown as lost until
/// another one has taken its jobs, which takes up to 15 s.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  pgq workers\n  pgq workers --json | jq .tasks")]
pub(crate) struct Workers {}

#[derive(Serialize)]
struct Line<'a> {
    id: i64,
    host: &'a str,
    pid: u32,
    pgq_version: &'a str,
    app_version: Option<&'a str>,
    queues: &'a [String],
    running: usize,
    concurrency: usize,
    started_at: Time,
    heartbeat_at: Time,
    lease_until: Time,
    is_alive: bool,
    tasks: Vec<&'a str>,
    schedules: &'a [String],
}

impl<'a> Line<'a> {
    fn of(worker: &'a WorkerState) -> Self {
        let build = &worker.build;
        Self {
            id: worker.id.as_i64(),
            host: &worker.host,
            pid: worker.pid,
            pgq_version: &build.pgq_version,
            app_version: build.app_version.as_deref(),
            queues: &worker.queues,
            running: worker.running,
            concurrency: worker.concurrency,
            started_at: worker.started_at.into(),
            heartbeat_at: worker.heartbeat_at.into(),
            lease_until: worker.lease_until.into(),
            is_alive: worker.is_alive,
            tasks: build.tasks.iter().map(|task| &*task.name).collect(),
            schedules: &build.schedules,
        }
    }
}

impl Workers {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let workers = session.pgq.workers().await?;
        let lines: Vec<Line<'_>> = workers.iter().map(Line::of).collect();
        let mut table = Table::new([
            "host",
            "pid",
            "state",
            "version",
            "pgq",
            "running",
            "last heartbeat",
            "queues",
        ]);
        for line in &lines {
            table.row([
                line.host.to_owned(),
                line.pid.to_string(),
                if line.is_alive { "alive" } else { "lost" }.to_owned(),
                or_dash(line.app_version),
                line.pgq_version.to_owned(),
                format!("{} of {}", line.running, line.concurrency),
                line.heartbeat_at.to_string(),
                line.queues.join(", "),
            ]);
        }
        if lines.is_empty() {
            session.output.note("no worker runs");
        }
        session.output.list(&lines, &table)
    }
}

/// The names that living workers know tasks by, aliases included.
pub(crate) async fn known_tasks(pgq: &Pgq) -> Result<Vec<String>, Failure> {
    let workers = pgq.workers().await?;
    let builds = workers
        .into_iter()
        .filter(|worker| worker.is_alive)
        .map(|worker| worker.build);
    let mut names: Vec<String> = builds
        .flat_map(|build| {
            let tasks = build.tasks.into_iter().map(|task| task.name);
            tasks.chain(build.aliases).collect::<Vec<_>>()
        })
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}
