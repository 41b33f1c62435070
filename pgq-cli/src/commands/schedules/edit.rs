//! `pgq schedules edit`.

use clap::{ArgGroup, Args};
use serde_json::Value;

use super::info::Line;
use super::times::{Policy, Times};
use super::{Check, Name, found};
use crate::error::Failure;
use crate::session::Session;
use crate::values::{Time, json, or_dash};

/// Changes a schedule that was made at run time; what is not said stays as it is.
///
/// It ticks at its new times from now on: no tick of them that lies in the past is made up for, and no instant
/// ticks twice. Ticks of the times before that are due have their jobs first, unless it is paused. Another input is
/// read by a worker first: if its task does not take that, the schedule is as it was. A schedule that code declares
/// is changed in the code.
#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("when").args(["cron", "every"])),
    after_help = "\
Examples:
  pgq schedules edit report/7 --cron \"0 9 * * MON\"
  pgq schedules edit report/7 --tz America/New_York --ends-at none --overlap skip"
)]
pub(super) struct Edit {
    #[command(flatten)]
    name: Name,
    #[command(flatten)]
    times: Times,
    /// Another input of its jobs: a JSON object that has the parameters of the task by their names.
    #[arg(long, value_name = "JSON", value_parser = json::parse_input)]
    input: Option<Value>,
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    check: Check,
}

impl Edit {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        if !self.times.are_said() && !self.policy.is_said() && self.input.is_none() {
            return Err(Failure::usage(
                "say what is to be changed, such as `--cron` or `--input`; `--help` has all of it",
            ));
        }
        let (name, handle, pgq) = (&self.name.name, self.name.handle(), &session.pgq);
        let mut edit = handle.edit();
        if self.times.are_said() {
            let info = found(session, handle.get(pgq).await).await?;
            edit = edit.when(self.times.edited_when(&info)?);
        }
        if let Some(input) = &self.input {
            edit = edit.input(input);
        }
        if let Some(missed) = self.policy.missed {
            edit = edit.missed(missed);
        }
        if let Some(overlap) = self.policy.overlap {
            edit = edit.overlap(overlap);
        }
        if let Some(jitter) = self.policy.jitter {
            edit = edit.jitter(jitter);
        }
        if self.check.allow_unknown_task {
            edit = edit.allow_unknown_task();
        }
        let edited = edit.check_within(self.check.timeout).apply(pgq).await;
        found(session, edited).await?;
        let info = found(session, handle.get(pgq).await).await?;
        let next = or_dash(info.next.first().copied().map(Time));
        let line = format!("schedule `{name}` is changed; its next tick is at {next}");
        session.output.answer(&Line::of(&info), &line)
    }
}
