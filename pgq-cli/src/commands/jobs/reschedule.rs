//! `pgq jobs reschedule`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use pgq::Start;

use super::change::{Change, Which};
use crate::error::Failure;
use crate::session::Session;
use crate::values::{duration, time};

/// Lets jobs that are scheduled or ready start at another time: now, after a delay, or at a time.
///
/// A job that waits for its next attempt need not. One that expires does so at the same time as before.
#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("start").required(true).args(["now", "delay", "at"])),
    after_help = "\
Examples:
  pgq jobs reschedule 1234 --now
  pgq jobs reschedule --queue mail --delay 15m
  pgq jobs reschedule --task send_report --at 2026-02-01T06:00:00Z"
)]
pub(super) struct Reschedule {
    #[command(flatten)]
    which: Which,
    /// Start them now.
    #[arg(long)]
    now: bool,
    /// Start them after this duration from now.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    delay: Option<Duration>,
    /// Start them at this time of the database's clock; one that has passed means now.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<DateTime<Utc>>,
}

impl Reschedule {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let start = match (self.delay, self.at) {
            (Some(delay), _) => Start::After(delay),
            (None, Some(at)) => Start::At(at),
            (None, None) => Start::Now,
        };
        self.which.change(session, Change::Reschedule(start)).await
    }
}
