//! `pgq schedules pause` and `pgq schedules resume`.

use clap::Args;

use super::{Name, found};
use crate::commands::paused::answer;
use crate::error::Failure;
use crate::session::Session;

/// Lets a schedule tick no more, until it is resumed; its jobs go on.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pgq schedules pause report/7")]
pub(super) struct Pause {
    #[command(flatten)]
    name: Name,
}

/// Lets a schedule tick again.
///
/// What becomes of the ticks that came meanwhile is up to its policy for missed ticks: by default the last of them
/// has a job.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pgq schedules resume report/7")]
pub(super) struct Resume {
    #[command(flatten)]
    name: Name,
}

impl Pause {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let paused = self.name.handle().pause(&session.pgq).await;
        let changed = found(session, paused).await?;
        answer(session.output, ("schedule", &self.name.name), true, changed)
    }
}

impl Resume {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let resumed = self.name.handle().resume(&session.pgq).await;
        let changed = found(session, resumed).await?;
        answer(
            session.output,
            ("schedule", &self.name.name),
            false,
            changed,
        )
    }
}
