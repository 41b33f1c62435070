//! `pgq schedules trigger`.

use std::time::Duration;

use clap::Args;
use pgq::{Enqueued, JobId, ScheduleError, ScheduleInfo};
use serde::Serialize;
use tokio::time::Instant;

use super::{Name, found};
use crate::error::Failure;
use crate::session::Session;
use crate::values::duration;

/// How often it is looked whether a worker has enqueued the job.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Enqueues one of a schedule's jobs at once, also while it is paused, and prints the job's id.
///
/// It is no tick: the next one comes as if nothing had been. If the schedule leaves to its task what its jobs are,
/// as one does that was made on the command line, a worker that knows the task is asked to enqueue the job. If the
/// schedule ticks at that very time, the id may be that of the tick's job.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq schedules trigger nightly_report
  pgq jobs wait \"$(pgq schedules trigger nightly_report)\" --timeout 5m")]
pub(super) struct Trigger {
    #[command(flatten)]
    name: Name,

    /// For how long a worker that is asked is waited for; after that the request stays, and the exit code is 1.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration::parse)]
    timeout: Duration,
}

#[derive(Serialize)]
struct Answer {
    id: i64,
    /// Whether it took the place of a job that was the same and waited; not known of one that a worker enqueued.
    replaced: Option<bool>,
}

impl Trigger {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let (job, replaced) = match self.name.handle().trigger::<()>(&session.pgq).await {
            Err(ScheduleError::NeedsTask { .. }) => (self.request(session).await?, None),
            triggered => {
                let job = found(session, triggered).await?;
                (job.id(), Some(job.enqueued() == Enqueued::Replaced))
            }
        };
        let answer = Answer {
            id: job.as_i64(),
            replaced,
        };
        session.output.answer(&answer, &job.to_string())
    }

    /// Asks a worker for the job, and waits for it.
    async fn request(&self, session: &Session) -> Result<JobId, Failure> {
        let handle = self.name.handle();
        let before = handle.get(&session.pgq).await?;
        handle.request_trigger(&session.pgq).await?;
        let deadline = Instant::now() + self.timeout;
        loop {
            let info = handle.get(&session.pgq).await?;
            if info.requested_since.is_none() {
                return job_since(&before, &info);
            }
            if Instant::now() >= deadline {
                return Err(Failure::new(nobody_came(&info, self.timeout)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn job_since(before: &ScheduleInfo, after: &ScheduleInfo) -> Result<JobId, Failure> {
    let new = after.recent.iter().find(|job| !before.recent.contains(job));
    new.copied().ok_or_else(|| {
        Failure::new(format!(
            "the jobs of `{}` are unique, and there is one that is the same: no other was enqueued",
            after.name,
        ))
    })
}

fn nobody_came(info: &ScheduleInfo, timeout: Duration) -> String {
    let why = match (info.is_kept, &info.problem) {
        (true, _) => format!(
            "no worker has enqueued it within {}",
            duration::show(timeout)
        ),
        (false, Some(problem)) => format!("its task does not take its input: {problem}"),
        (false, None) if !info.is_checked => "no worker has read its input".to_owned(),
        (false, None) => "no worker lives that ticks the schedule".to_owned(),
    };
    format!(
        "the job of `{}` is requested, and {why}; the first that knows the task `{}` enqueues it",
        info.name, info.task,
    )
}
