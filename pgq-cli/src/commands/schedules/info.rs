//! What is shown of a schedule.

use pgq::{JobId, Missed, Overlap, ScheduleInfo};
use serde::Serialize;

use crate::values::{Time, duration};

/// A schedule, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) task: &'a str,
    pub(super) made_at_run_time: bool,
    pub(super) expression: &'a str,
    pub(super) zone: &'a str,
    pub(super) starts_at: Option<Time>,
    pub(super) ends_at: Option<Time>,
    pub(super) missed: &'static str,
    pub(super) missed_within_seconds: Option<u64>,
    pub(super) overlap: &'static str,
    pub(super) jitter_seconds: f64,
    pub(super) queue: Option<&'a str>,
    pub(super) priority: Option<i16>,
    pub(super) max_attempts: Option<i16>,
    pub(super) is_kept: bool,
    pub(super) is_checked: bool,
    pub(super) problem: Option<&'a str>,
    pub(super) paused_since: Option<Time>,
    pub(super) requested_since: Option<Time>,
    pub(super) last_tick: Time,
    pub(super) next: Vec<Time>,
    pub(super) recent: &'a [JobId],
}

impl<'a> Line<'a> {
    pub(super) fn of(info: &'a ScheduleInfo) -> Self {
        let (missed, within) = missed(info.missed);
        Self {
            name: &info.name,
            task: &info.task,
            made_at_run_time: info.made_at_run_time,
            expression: &info.expression,
            zone: &info.zone,
            starts_at: info.starts_at.map(Time),
            ends_at: info.ends_at.map(Time),
            missed,
            missed_within_seconds: within.map(|within| within.as_secs()),
            overlap: overlap(info.overlap),
            jitter_seconds: info.jitter.as_secs_f64(),
            queue: info.queue.as_deref(),
            priority: info.priority,
            max_attempts: info.max_attempts,
            is_kept: info.is_kept,
            is_checked: info.is_checked,
            problem: info.problem.as_deref(),
            paused_since: info.paused_since.map(Time),
            requested_since: info.requested_since.map(Time),
            last_tick: info.last_tick.into(),
            next: info.next.iter().copied().map(Time).collect(),
            recent: &info.recent,
        }
    }
}

fn missed(missed: Missed) -> (&'static str, Option<std::time::Duration>) {
    match missed {
        Missed::Skip => ("skip", None),
        Missed::All { within } => ("all", Some(within)),
        _ => ("once", None),
    }
}

const fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Skip => "skip",
        Overlap::QueueOne => "queue-one",
        Overlap::CancelRunning => "cancel-running",
        _ => "allow",
    }
}

/// Its policy for missed ticks, as it is written.
pub(super) fn show_missed(policy: Missed) -> String {
    match missed(policy) {
        (name, None) => name.to_owned(),
        (name, Some(within)) => format!("{name}:{}", duration::show(within)),
    }
}

/// Its policy for jobs that overlap, as it is written.
pub(super) fn show_overlap(policy: Overlap) -> String {
    overlap(policy).to_owned()
}

/// Whether it ticks, for people.
pub(super) const fn state(info: &ScheduleInfo) -> &'static str {
    match info {
        ScheduleInfo {
            paused_since: Some(_),
            ..
        } => "paused",
        ScheduleInfo { is_kept: true, .. } => "on",
        ScheduleInfo {
            made_at_run_time: false,
            ..
        } => "nobody declares it",
        ScheduleInfo {
            problem: Some(_), ..
        } => "its input does not fit",
        ScheduleInfo {
            is_checked: false, ..
        } => "nobody has read its input",
        _ => "nobody runs it",
    }
}
