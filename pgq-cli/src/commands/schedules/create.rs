//! `pgq schedules create`.

use clap::{ArgGroup, Args};
use pgq::ScheduleBuilder;
use serde_json::Value;

use super::info::Line;
use super::times::{Policy, Times};
use super::{Check, Name, found};
use crate::error::Failure;
use crate::session::Session;
use crate::values::{Time, json, or_dash};

/// Makes a schedule that ticks while any worker lives that knows its task.
///
/// What is wrong with it is said now, and not at a tick: an impossible expression, an unknown zone, an end that
/// has passed, a task that no worker knows, an input that its task does not take, which a worker is asked for. Then
/// there is no schedule. Its first tick comes after this moment. What is not said of its jobs is up to the task, as
/// the worker knows it that ticks.
#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("when").required(true).args(["cron", "every"])),
    after_help = "\
Examples:
  pgq schedules create report/7 --task send_report --cron \"0 8 * * MON\" --tz Europe/Berlin --input '{\"shop\": 7}'
  pgq schedules create poll --task poll_bank --every 90s --overlap skip --missed skip"
)]
pub(super) struct Create {
    #[command(flatten)]
    name: Name,
    /// The task that it runs.
    #[arg(long, value_name = "NAME")]
    task: String,
    #[command(flatten)]
    times: Times,
    /// The input of its jobs: a JSON object that has the parameters of the task by their names.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json::parse_input)]
    input: Value,
    #[command(flatten)]
    policy: Policy,
    /// The queue of its jobs; by default that of the task.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// The priority of its jobs, 0 to 9, larger first; by default that of the task.
    #[arg(long, value_name = "NUMBER")]
    priority: Option<i16>,
    /// How many attempts its jobs have, 1 to 1000; by default as many as the task says.
    #[arg(long, value_name = "NUMBER")]
    max_attempts: Option<i16>,
    #[command(flatten)]
    check: Check,
}

impl Create {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let (name, task, pgq) = (&self.name.name, &self.task, &session.pgq);
        let when = self.times.new_when()?;
        let mut schedule = ScheduleBuilder::of_task(task, &self.input, name, when);
        if let Some(missed) = self.policy.missed {
            schedule = schedule.missed(missed);
        }
        if let Some(overlap) = self.policy.overlap {
            schedule = schedule.overlap(overlap);
        }
        if let Some(jitter) = self.policy.jitter {
            schedule = schedule.jitter(jitter);
        }
        if let Some(queue) = &self.queue {
            schedule = schedule.queue(queue);
        }
        if let Some(priority) = self.priority {
            schedule = schedule.priority(priority);
        }
        if let Some(max_attempts) = self.max_attempts {
            schedule = schedule.max_attempts(max_attempts);
        }
        if self.check.allow_unknown_task {
            schedule = schedule.allow_unknown_task();
        }
        let created = schedule.check_within(self.check.timeout).create(pgq).await;
        let handle = found(session, created).await?;
        let info = found(session, handle.get(pgq).await).await?;
        let next = or_dash(info.next.first().copied().map(Time));
        let line = format!("schedule `{name}` is made; its first tick is at {next}");
        session.output.answer(&Line::of(&info), &line)
    }
}
