//! `pgq jobs list`.

use std::cmp::Reverse;

use clap::Args;
use pgq::driver::Position;
use pgq::{Job, JobState};
use serde::Serialize;

use super::filter::Filter;
use super::line::Line;
use crate::error::Failure;
use crate::session::Session;
use crate::table::Table;
use crate::values::Time;

/// The most jobs that are read at once.
const PAGE_MAX: usize = 1000;

/// Lists jobs, the newest first.
///
/// Without a state it lists those of every state together. A page costs the same however many jobs there are, but
/// a filter that few jobs meet may have to look at many pages: a time, or the queue or the task of jobs that wait.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq jobs list --state failed --task send_email
  pgq jobs list --state ready,scheduled --queue mail --limit 200
  pgq jobs list --state failed --created-from 2026-01-31 --json | jq .error

With --json, if there are more, the last line has the place to go on after: {\"next\":1234}; it is null if several \
states are listed, which have no place in common.")]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
    /// How many jobs are listed at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// Go on after the place that an earlier list has named; with one --state.
    #[arg(long, value_name = "PLACE", requires = "states")]
    after: Option<i64>,
}

#[derive(Serialize)]
struct Next {
    next: Option<i64>,
}

impl List {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let states = self.filter.states_or(&JobState::ALL);
        if self.after.is_some() && states.len() > 1 {
            return Err(Failure::usage(
                "a place is one in the list of a single state, so `--after` goes with one `--state`",
            ));
        }
        let (mut jobs, mut next) = (Vec::new(), None);
        for &state in &states {
            let (found, after) = self.read(session, state).await?;
            jobs.extend(found);
            next = next.or(after);
        }
        let is_one = states.len() == 1;
        let cut = next.is_some() || jobs.len() > self.limit;
        if !is_one {
            jobs.sort_by_key(|job: &Job| Reverse(job.id));
            jobs.truncate(self.limit);
        }
        let lines: Vec<Line<'_>> = jobs.iter().map(Line::of).collect();
        session.output.list(&lines, &table(&jobs))?;
        let output = session.output;
        let next = next.filter(|_| is_one).map(Position::as_i64);
        match next {
            _ if cut && output.is_json() => output.object(&Next { next })?,
            Some(next) => output.note(&format!("there may be more: add `--after {next}`")),
            None if cut => output.note("there are more: raise `--limit`"),
            None if jobs.is_empty() => output.note("no jobs"),
            None => {}
        }
        Ok(())
    }

    /// Reads pages until there are as many jobs as are asked for.
    async fn read(
        &self,
        session: &Session,
        state: JobState,
    ) -> Result<(Vec<Job>, Option<Position>), Failure> {
        let filter = self.filter.jobs(state);
        let mut after = self.after.map(Position::from_i64);
        let mut jobs: Vec<Job> = Vec::new();
        loop {
            let room = self.limit - jobs.len();
            if room == 0 {
                return Ok((jobs, after));
            }
            let mut page = filter.clone().limit(room.min(PAGE_MAX));
            if let Some(after) = after {
                page = page.after(after);
            }
            let page = page.list(&session.pgq).await?;
            jobs.extend(page.jobs);
            after = page.next;
            if after.is_none() {
                return Ok((jobs, None));
            }
        }
    }
}

fn table(jobs: &[Job]) -> Table {
    let mut table = Table::new([
        "id",
        "state",
        "task",
        "queue",
        "prio",
        "attempt",
        "enqueued",
        "due or ended",
        "error",
    ]);
    for job in jobs {
        let time = job.finished_at.or(job.run_at).or(job.claimed_at);
        table.row([
            job.id.to_string(),
            job.state.to_string(),
            job.task.clone(),
            job.queue.clone(),
            job.priority.to_string(),
            format!("{}/{}", job.attempt, job.max_attempts),
            Time(job.created_at).to_string(),
            time.map_or_else(String::new, |time| Time(time).to_string()),
            job.error.clone().unwrap_or_default(),
        ]);
    }
    table
}
