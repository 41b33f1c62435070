//! `pgq limits`.

use clap::{ArgGroup, Args, Subcommand};
use pgq::driver::Build;
use pgq::{FleetLimit, FleetRate, KeyLimit, Limited, Rate};
use serde::Serialize;

use crate::commands::queues::warn_of_unserved;
use crate::commands::tasks::warn_of_unknown;
use crate::error::Failure;
use crate::session::Session;
use crate::table::Table;
use crate::values::{Or, duration, or_dash, rate};

/// The most permits of a limit, and the most tokens of a rate.
const MAX: i64 = 1_000_000;

/// Lists the limits that hold for all workers together, and sets them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  pgq limits\n  pgq limits set --task send_email --running 5")]
pub(crate) struct Limits {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the limits that are in force: those of the code, and those that were set.
    List,
    Set(Set),
}

/// Sets a limit of a task or a queue, in the place of what the code says.
///
/// It holds from now on for every worker, until it is set to `none`: then the limit of the code is in force again.
/// Jobs that run go on. To run none at all, pause the queue or the task.
#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("what").required(true).args(["task", "queue"])),
    group(ArgGroup::new("limit").required(true).multiple(true).args(["running", "rate"])),
    after_help = "\
Examples:
  pgq limits set --queue mail --running 20
  pgq limits set --task send_email --rate 100/m --burst 20
  pgq limits set --task send_email --running none --rate none"
)]
struct Set {
    /// The task, by its name and not an alias.
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// The queue.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// How many jobs run at once, from 1 to 1000000, or `none`.
    #[arg(long, value_name = "NUMBER", value_parser = read_running)]
    running: Option<Or<u32>>,
    /// How many jobs of the task start in a time, such as 100/m or 5/10s, or `none`.
    #[arg(long, value_parser = read_rate, conflicts_with = "queue")]
    rate: Option<Or<Rate>>,
    /// How many may start at once after a time without any, from 1 to 1000000; by default as many as in the time.
    #[arg(long, value_name = "NUMBER", requires = "rate", value_parser = clap::value_parser!(u32).range(1..=MAX))]
    burst: Option<u32>,
}

fn read_running(text: &str) -> Result<Or<u32>, String> {
    Or::read(text, |text| {
        let number = text.parse().ok();
        let number = number.filter(|&number: &u32| (1..=MAX).contains(&i64::from(number)));
        number.ok_or_else(|| format!("it is a number from 1 to {MAX}, or `none`"))
    })
}

fn read_rate(text: &str) -> Result<Or<Rate>, String> {
    Or::read(text, rate::parse)
}

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    name: String,
    running: Option<u32>,
    rate: Option<RateLine>,
    by_key: Option<KeyLine>,
}

#[derive(Serialize)]
struct RateLine {
    max: u32,
    per_seconds: f64,
    burst: u32,
}

#[derive(Serialize)]
struct KeyLine {
    running: Option<u32>,
    ordered: bool,
    rate: Option<RateLine>,
}

impl RateLine {
    const fn of(rate: FleetRate) -> Self {
        Self {
            max: rate.max,
            per_seconds: rate.per.as_secs_f64(),
            burst: rate.burst,
        }
    }
}

impl Line {
    fn of(limit: &FleetLimit) -> Self {
        Self {
            kind: match limit.what {
                Limited::Queue(_) => "queue",
                _ => "task",
            },
            name: limit.what.name().to_owned(),
            running: limit.running,
            rate: limit.rate.map(RateLine::of),
            by_key: limit.by_key.map(|key| KeyLine {
                running: key.running,
                ordered: key.ordered,
                rate: key.rate.map(RateLine::of),
            }),
        }
    }
}

fn show_rate(rate: FleetRate) -> String {
    format!(
        "{} in {}, {} at once",
        rate.max,
        duration::show(rate.per),
        rate.burst
    )
}

fn show_key(key: KeyLimit) -> String {
    let running = key.running.map(|running| format!("{running} running"));
    let ordered = key.ordered.then(|| "in order".to_owned());
    let parts = [running, ordered, key.rate.map(show_rate)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl Limits {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        match &self.command {
            None | Some(Command::List) => list(session).await,
            Some(Command::Set(set)) => set.run(session).await,
        }
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let limits = session.pgq.limits().await?;
    let mut table = Table::new(["kind", "name", "running", "rate", "for each key"]);
    for limit in &limits {
        let line = Line::of(limit);
        table.row([
            line.kind.to_owned(),
            line.name,
            or_dash(limit.running),
            or_dash(limit.rate.map(show_rate)),
            or_dash(limit.by_key.map(show_key)),
        ]);
    }
    if limits.is_empty() {
        session.output.note("there are no limits");
    }
    let lines: Vec<Line> = limits.iter().map(Line::of).collect();
    session.output.list(&lines, &table)
}

/// Limits hold for tasks by their own names. One for an alias would do nothing.
async fn refuse_alias(session: &Session, task: &str) -> Result<(), Failure> {
    let workers = session.pgq.workers().await?;
    let alive = || workers.iter().filter(|worker| worker.is_alive);
    let is_own = |build: &Build| build.tasks.iter().any(|known| known.name == task);
    let is_alias = |build: &Build| build.aliases.iter().any(|alias| alias == task);
    // While two builds live it may be both.
    if alive().any(|worker| is_own(&worker.build)) || !alive().any(|worker| is_alias(&worker.build))
    {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{task}` is an alias of a task, for which no limit is in force; say the name of the task"
    )))
}

impl Set {
    async fn run(&self, session: &Session) -> Result<(), Failure> {
        let pgq = &session.pgq;
        let running = self.running.map(Or::into_option);
        let what = match (&self.task, &self.queue) {
            (Some(task), _) => {
                // One that is there already can be taken away.
                if running.flatten().is_some() || self.rate.and_then(Or::into_option).is_some() {
                    refuse_alias(session, task).await?;
                }
                warn_of_unknown(session, task).await?;
                if let Some(max) = running {
                    pgq.limit_task(task, max).await?;
                }
                if let Some(rate) = self.rate {
                    let with_burst = |rate: Rate| rate.burst(self.burst.unwrap_or(rate.burst));
                    let rate = rate.into_option().map(with_burst);
                    pgq.rate_task(task, rate).await?;
                }
                Limited::Task(task.clone())
            }
            (None, Some(queue)) => {
                warn_of_unserved(session, queue).await?;
                if let Some(max) = running {
                    pgq.limit_queue(queue, max).await?;
                }
                Limited::Queue(queue.clone())
            }
            (None, None) => return Err(Failure::usage("say which `--task` or `--queue`")),
        };
        let limits = pgq.limits().await?;
        let limit = limits.into_iter().find(|limit| limit.what == what);
        let limit = limit.unwrap_or_else(|| FleetLimit::new(what));
        let (line, mut parts) = (Line::of(&limit), Vec::new());
        parts.extend(limit.running.map(|running| format!("{running} running")));
        parts.extend(limit.rate.map(show_rate));
        let parts = match parts.is_empty() {
            true => "no limit".to_owned(),
            false => parts.join(", "),
        };
        let text = format!("{} `{}`: {parts}", line.kind, line.name);
        session.output.answer(&line, &text)
    }
}
