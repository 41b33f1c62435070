//! `pgq jobs cancel`, `requeue` and `delete`: what changes jobs, by their ids or by a filter.

use clap::Args;
use pgq::driver::Cancellation;
use pgq::{ChangeError, Changes, JobHandle, JobId, JobState, Jobs, Start};
use serde::Serialize;

use super::filter::Filter;
use super::read_id;
use crate::error::Failure;
use crate::output::tell;
use crate::session::Session;

/// How many jobs one call changes; what it does is in transactions of 500.
const BATCH: usize = 5000;

/// Which jobs are changed.
#[derive(Args, Debug)]
pub(super) struct Which {
    /// The ids of the jobs; without them, those that the filter finds are changed.
    #[arg(value_name = "ID", value_parser = read_id, conflicts_with_all = ["all", "states", "queue", "task", "tag", "created_from", "created_before", "limit"])]
    ids: Vec<JobId>,
    #[command(flatten)]
    filter: Filter,
    /// Change every job that can be; needed if there is no filter.
    #[arg(long)]
    all: bool,
    /// How many jobs are changed at most; by default all that the filter finds.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// Cancels jobs: those that wait end at once, and of those that run, their workers are told.
///
/// A job that runs ends as cancelled whatever its task returns, within a poll interval of its worker, 1 s by
/// default. Without --state, a filter finds scheduled, ready and running jobs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq jobs cancel 1234 1235
  pgq jobs cancel --queue mail --created-before 2026-01-31")]
pub(super) struct Cancel {
    #[command(flatten)]
    which: Which,
}

/// Makes jobs ready again that failed, were cancelled or expired, with all of their attempts.
///
/// Each goes to the end of its line, and keeps its history. Without --state, a filter finds failed jobs, which are
/// the dead letters.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq jobs requeue 1234
  pgq jobs requeue --task send_email --created-from 2026-01-31T08:00:00Z
  pgq jobs requeue --all --limit 100")]
pub(super) struct Requeue {
    #[command(flatten)]
    which: Which,
}

/// Deletes jobs with their inputs, results and history, unless they run.
///
/// A filter wants a --state, so that what waits is not deleted by mistake.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq jobs delete 1234
  pgq jobs delete --state failed --task send_email")]
pub(super) struct Delete {
    #[command(flatten)]
    which: Which,
}

/// What becomes of jobs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Cancel,
    Requeue,
    Delete,
    Reschedule(Start),
}

#[derive(Serialize)]
struct One {
    id: i64,
    outcome: &'static str,
}

#[derive(Serialize)]
struct Many {
    changed: usize,
    left: usize,
}

impl Cancel {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        self.which.change(session, Change::Cancel).await
    }
}

impl Requeue {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        self.which.change(session, Change::Requeue).await
    }
}

impl Delete {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        self.which.change(session, Change::Delete).await
    }
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Requeue => "requeued",
            Self::Delete => "deleted",
            Self::Reschedule(_) => "rescheduled",
        }
    }

    /// The states of jobs that it can be done to. In this order, none that goes on by itself is passed by.
    const fn admitted(self) -> &'static [JobState] {
        use JobState::{Cancelled, Completed, Expired, Failed, Ready, Running, Scheduled};

        match self {
            Self::Cancel => &[Scheduled, Ready, Running],
            Self::Requeue => &[Failed, Cancelled, Expired],
            Self::Delete => &[Scheduled, Ready, Completed, Failed, Cancelled, Expired],
            Self::Reschedule(_) => &[Scheduled, Ready],
        }
    }

    /// The states that a filter means which says none.
    const fn usual(self) -> &'static [JobState] {
        match self {
            Self::Requeue => &[JobState::Failed],
            Self::Delete => &[],
            Self::Cancel | Self::Reschedule(_) => self.admitted(),
        }
    }

    async fn one(self, session: &Session, id: JobId) -> Result<One, Failure> {
        let (job, pgq) = (JobHandle::<()>::from_id(id), &session.pgq);
        let mut outcome = self.name();
        match self {
            Self::Cancel => match job.cancel(pgq).await? {
                Cancellation::Cancelled => {}
                Cancellation::Requested => outcome = "requested",
                Cancellation::AlreadyFinished(state) => {
                    return Err(Failure::new(format!(
                        "job {id} is {state} and cannot be cancelled; it must be scheduled, ready or running"
                    )));
                }
            },
            Self::Requeue => job.requeue(pgq).await?,
            Self::Delete => job.delete(pgq).await?,
            Self::Reschedule(start) => job.reschedule(pgq, start).await?,
        }
        Ok(One {
            id: id.as_i64(),
            outcome,
        })
    }

    async fn many(self, session: &Session, jobs: &Jobs) -> Result<Changes, ChangeError> {
        let pgq = &session.pgq;
        match self {
            Self::Cancel => jobs.cancel(pgq).await,
            Self::Requeue => jobs.requeue(pgq).await,
            Self::Delete => jobs.delete(pgq).await,
            Self::Reschedule(start) => jobs.reschedule(pgq, start).await,
        }
    }
}

impl Which {
    pub(super) async fn change(&self, session: &Session, change: Change) -> Result<(), Failure> {
        if !self.ids.is_empty() {
            return self.change_named(session, change).await;
        }
        if !self.all && !self.filter.is_said() {
            return Err(Failure::usage(format!(
                "say which jobs are to be {}: by their ids, by a filter such as `--task`, or `--all`",
                change.name()
            )));
        }
        let mut states = self.filter.states_or(change.usual());
        if states.is_empty() {
            return Err(Failure::usage(
                "say with `--state` in which state the jobs are that are to be deleted",
            ));
        }
        // What cannot be done is refused before anything is changed.
        states.sort_by_key(|state| {
            let admitted = change.admitted();
            admitted.iter().position(|admitted| admitted == state)
        });
        let mut sum = Many {
            changed: 0,
            left: 0,
        };
        for state in states {
            if let Err(failure) = self.change_found(session, change, state, &mut sum).await {
                if sum.changed > 0 {
                    let (changed, name) = (sum.changed, change.name());
                    tell(&format!("{changed} jobs were {name} before this:"));
                }
                return Err(failure);
            }
        }
        let mut line = format!("{} jobs {}", sum.changed, change.name());
        if sum.left > 0 {
            line += &format!(
                "; {} were left, because they changed meanwhile or somebody keeps them locked",
                sum.left
            );
        }
        let answered = session.output.answer(&sum, &line);
        match sum.left {
            0 => answered,
            _ => Err(Failure::told()),
        }
    }

    /// Changes each of the jobs that are named; one that cannot be does not keep the others, and neither does
    /// somebody who reads no further.
    async fn change_named(&self, session: &Session, change: Change) -> Result<(), Failure> {
        let mut is_done = true;
        for &id in &self.ids {
            match change.one(session, id).await {
                Ok(one) => {
                    let line = match one.outcome {
                        "requested" => format!("job {id} runs, and its worker is told to end it"),
                        outcome => format!("job {id} is {outcome}"),
                    };
                    if let Err(failure) = session.output.answer(&one, &line) {
                        failure.tell();
                        is_done = false;
                    }
                }
                Err(failure) => {
                    failure.tell();
                    is_done = false;
                }
            }
        }
        match is_done {
            true => Ok(()),
            false => Err(Failure::told()),
        }
    }

    /// Changes the jobs of one state that the filter finds, batch by batch.
    async fn change_found(
        &self,
        session: &Session,
        change: Change,
        state: JobState,
        sum: &mut Many,
    ) -> Result<(), Failure> {
        let filter = self.filter.jobs(state);
        let mut after = None;
        loop {
            let room = self.limit.map(|limit| limit - sum.changed.min(limit));
            if room == Some(0) {
                return Ok(());
            }
            let mut jobs = filter.clone().limit(room.unwrap_or(BATCH).min(BATCH));
            if let Some(after) = after {
                jobs = jobs.after(after);
            }
            let changes = change.many(session, &jobs).await?;
            sum.changed += changes.changed;
            sum.left += changes.left;
            after = changes.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
