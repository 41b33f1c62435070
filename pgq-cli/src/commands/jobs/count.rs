//! `pgq jobs count`.

use clap::Args;
use pgq::driver::{Count as Number, WaitingJobs};
use pgq::{JobState, count_jobs};
use serde::Serialize;

use super::filter::Filter;
use crate::error::Failure;
use crate::session::Session;
use crate::table::Table;
use crate::values::duration;

/// Counts jobs by state, and, without a filter, what waits in each queue.
///
/// It is cheap however many jobs there are: numbers are exact up to 1000, and estimates above that, which are
/// written with a `~`. With a filter, up to 20000 jobs of each state are counted.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq jobs count
  pgq jobs count --state failed --task send_email --json")]
pub(super) struct Count {
    #[command(flatten)]
    filter: Filter,
}

#[derive(Serialize)]
struct State {
    state: &'static str,
    jobs: u64,
    is_exact: bool,
}

#[derive(Serialize)]
struct Queue<'a> {
    queue: &'a str,
    ready: u64,
    is_exact: bool,
    waited_seconds: f64,
}

impl Count {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let states = self.filter.states_or(&JobState::ALL);
        let (mut counts, mut queues) = (Vec::new(), Vec::new());
        if self.filter.is_narrow() {
            for state in states {
                let count = self.filter.jobs(state).count(&session.pgq).await?;
                counts.push((state, count));
            }
        } else {
            let all = count_jobs(&session.pgq).await?;
            counts.extend(states.into_iter().map(|state| (state, all.state(state))));
            if !self.filter.is_said() {
                queues = all.queues;
            }
        }
        states_to(session, &counts)?;
        queues_to(session, &queues)
    }
}

fn states_to(session: &Session, counts: &[(JobState, Number)]) -> Result<(), Failure> {
    let mut table = Table::new(["state", "jobs"]);
    let mut lines = Vec::new();
    for (state, count) in counts {
        table.row([state.to_string(), count.to_string()]);
        lines.push(State {
            state: state.as_str(),
            jobs: count.jobs,
            is_exact: count.is_exact,
        });
    }
    session.output.list(&lines, &table)
}

fn queues_to(session: &Session, queues: &[WaitingJobs]) -> Result<(), Failure> {
    let mut table = Table::new(["queue", "ready", "the oldest has waited"]);
    let mut lines = Vec::new();
    for waiting in queues {
        table.row([
            waiting.queue.clone(),
            waiting.ready.to_string(),
            duration::show(waiting.waited),
        ]);
        lines.push(Queue {
            queue: &waiting.queue,
            ready: waiting.ready.jobs,
            is_exact: waiting.ready.is_exact,
            waited_seconds: waiting.waited.as_secs_f64(),
        });
    }
    if !lines.is_empty() && !session.output.is_json() {
        session.output.text("")?;
    }
    session.output.list(&lines, &table)
}
