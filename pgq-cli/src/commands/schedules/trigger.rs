//! `pgq schedules trigger`.

use clap::Args;
use pgq::Enqueued;
use serde::Serialize;

use super::{Name, found};
use crate::error::Failure;
use crate::session::Session;

/// Enqueues one of a schedule's jobs at once, also while it is paused, and prints the job's id.
///
/// It is no tick: the next one comes as if nothing had been. If the schedule leaves to its task what its jobs are,
/// as one does that was made on the command line, only a program that knows the task can trigger it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq schedules trigger nightly_report
  pgq jobs wait \"$(pgq schedules trigger nightly_report)\" --timeout 5m")]
pub(super) struct Trigger {
    #[command(flatten)]
    name: Name,
}

#[derive(Serialize)]
struct Answer {
    id: i64,
    /// Whether it took the place of a job that was the same and waited.
    replaced: bool,
}

impl Trigger {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let triggered = self.name.handle().trigger::<()>(&session.pgq).await;
        let job = found(session, triggered).await?;
        let answer = Answer {
            id: job.id().as_i64(),
            replaced: job.enqueued() == Enqueued::Replaced,
        };
        session.output.answer(&answer, &job.id().to_string())
    }
}
