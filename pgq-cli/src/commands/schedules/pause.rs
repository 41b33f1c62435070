//! `pgq schedules pause` and `pgq schedules resume`.

use clap::Args;
use serde::Serialize;

use super::{Name, found};
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

#[derive(Serialize)]
struct Answer<'a> {
    name: &'a str,
    paused: bool,
    changed: bool,
}

impl Pause {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let name = &self.name.name;
        let paused = self.name.handle().pause(&session.pgq).await;
        let changed = found(session, paused).await?;
        let line = match changed {
            true => format!("schedule `{name}` is paused"),
            false => format!("schedule `{name}` was paused already"),
        };
        let answer = Answer {
            name,
            paused: true,
            changed,
        };
        session.output.answer(&answer, &line)
    }
}

impl Resume {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let name = &self.name.name;
        let resumed = self.name.handle().resume(&session.pgq).await;
        let changed = found(session, resumed).await?;
        let line = match changed {
            true => format!("schedule `{name}` ticks again"),
            false => format!("schedule `{name}` was not paused"),
        };
        let answer = Answer {
            name,
            paused: false,
            changed,
        };
        session.output.answer(&answer, &line)
    }
}
