//! `pgq schedules list`.

use clap::Args;
use pgq::ScheduleInfo;
use serde::Serialize;

use super::info::{Line, state};
use crate::error::Failure;
use crate::session::Session;
use crate::table::Table;
use crate::values::{Time, or_dash};

/// The most schedules that are read at once.
const PAGE_MAX: usize = 1000;

/// Lists the schedules by name: what they run, when, whether they tick, and their next and last ticks.
///
/// A schedule is `on`, `paused`, or nobody declares it any more, or, if it was made at run time, no worker that
/// lives knows its task. The last tick of one that has not ticked is the time when it was made.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pgq schedules list
  pgq schedules list --json | jq -r 'select(.paused_since).name'

With --json, if there are more, the last line has the name to go on after: {\"next\":\"report/7\"}.")]
pub(super) struct List {
    /// How many schedules are listed at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// List those whose names come after this one, byte by byte.
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
}

#[derive(Serialize)]
struct Next<'a> {
    next: &'a str,
}

impl List {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let (schedules, next) = self.read(session).await?;
        let mut table = Table::new([
            "name",
            "task",
            "when",
            "zone",
            "state",
            "next tick",
            "last tick",
        ]);
        for info in &schedules {
            table.row([
                info.name.clone(),
                info.task.clone(),
                info.expression.clone(),
                info.zone.clone(),
                state(info).to_owned(),
                or_dash(info.next.first().copied().map(Time)),
                Time(info.last_tick).to_string(),
            ]);
        }
        let lines: Vec<Line<'_>> = schedules.iter().map(Line::of).collect();
        let output = session.output;
        output.list(&lines, &table)?;
        match next {
            Some(next) if output.is_json() => output.object(&Next { next: &next }),
            Some(next) => {
                output.note(&format!("there may be more: add `--after {next}`"));
                Ok(())
            }
            None if lines.is_empty() => {
                output.note("no schedules");
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn read(
        &self,
        session: &Session,
    ) -> Result<(Vec<ScheduleInfo>, Option<String>), Failure> {
        let mut after = self.after.clone();
        let mut schedules: Vec<ScheduleInfo> = Vec::new();
        loop {
            let room = self.limit - schedules.len();
            if room == 0 {
                return Ok((schedules, after));
            }
            let mut page = pgq::Schedules::all().limit(room.min(PAGE_MAX));
            if let Some(name) = after {
                page = page.after(name);
            }
            let page = page.list(&session.pgq).await?;
            schedules.extend(page.schedules);
            after = page.next;
            if after.is_none() {
                return Ok((schedules, None));
            }
        }
    }
}
