//! Schedules as their statements take and return them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::driver::{
    NewJob, NewKey, Policy, Schedule, ScheduleState, StoredSchedule, Template, UnreadableSchedule,
};
use crate::job::{Conflict, JobId};
use crate::postgres::enqueue::micros;
use crate::postgres::{detail, unique};
use crate::schedule::{Missed, Overlap};

/// By the names of the columns. Times are in microseconds.
#[derive(Serialize)]
struct Written<'a> {
    /// From 1.
    place: usize,
    name: &'a str,
    task: &'a str,
    expression: &'a str,
    time_zone: &'a str,
    starts_at: Option<String>,
    ends_at: Option<String>,
    digest: i64,
    missed: &'static str,
    missed_within: Option<i64>,
    overlap: &'static str,
    jitter: i64,
    queue: Option<&'a str>,
    priority: Option<i16>,
    max_attempts: Option<i16>,
    fingerprint: Option<i64>,
    detail: Option<Box<RawValue>>,
    unique_within: Option<i64>,
    conflict: Option<&'static str>,
}

/// Schedules as one statement takes them.
pub(super) struct Columns<'a> {
    /// As JSON, without what follows.
    pub(super) schedules: String,
    pub(super) inputs: Vec<&'a [u8]>,
    pub(super) keys: Vec<Option<&'a [u8]>>,
}

/// Writes schedules.
pub(super) fn columns(schedules: &[Schedule]) -> sqlx::Result<Columns<'_>> {
    let written: sqlx::Result<Vec<Written<'_>>> = (1..)
        .zip(schedules)
        .map(|(place, one)| written(place, one))
        .collect();
    let jobs = || schedules.iter().map(|schedule| &schedule.template.job);
    Ok(Columns {
        schedules: serde_json::to_string(&written?).map_err(unwritten)?,
        inputs: jobs().map(|job| &*job.input).collect(),
        keys: jobs()
            .map(|job| job.key.as_ref().map(|key| &*key.key))
            .collect(),
    })
}

fn written(place: usize, schedule: &Schedule) -> sqlx::Result<Written<'_>> {
    let time = |time: Option<DateTime<Utc>>| {
        time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
    };
    let (missed, missed_within) = match schedule.policy.missed {
        Missed::Skip => ("skip", None),
        Missed::Once => ("once", None),
        Missed::All { within } => ("all", Some(micros(within))),
    };
    let Template { job, .. } = &schedule.template;
    let detail = match &job.detail {
        Some(given) => Some(RawValue::from_string(detail::write(given)?).map_err(unwritten)?),
        None => None,
    };
    Ok(Written {
        place,
        name: &schedule.name,
        task: &schedule.task,
        expression: &schedule.expression,
        time_zone: &schedule.zone,
        starts_at: time(schedule.starts_at),
        ends_at: time(schedule.ends_at),
        digest: schedule.digest(),
        missed,
        missed_within,
        overlap: overlap_name(schedule.policy.overlap),
        jitter: micros(schedule.policy.jitter),
        queue: schedule.template.queue.as_deref(),
        priority: schedule.template.priority,
        max_attempts: schedule.template.max_attempts,
        fingerprint: schedule.template.fingerprint,
        detail,
        unique_within: job.key.as_ref().and_then(|key| key.within).map(micros),
        conflict: job.key.as_ref().map(|key| unique::name(key.conflict)),
    })
}

fn unwritten(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Encode(error.into())
}

/// How the statements name it.
pub(super) const fn overlap_name(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => "allow",
        Overlap::Skip => "skip",
        Overlap::QueueOne => "queue_one",
        Overlap::CancelRunning => "cancel_running",
    }
}

/// Reads rows that begin with the time, of which one has no schedule if there is none.
pub(super) fn state(rows: &[PgRow]) -> sqlx::Result<ScheduleState> {
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let mut state = ScheduleState {
        now: first.try_get("now")?,
        schedules: Vec::new(),
        unreadable: Vec::new(),
    };
    for row in rows {
        let Some(name) = row.try_get::<Option<String>, _>("name")? else {
            continue;
        };
        // One that a newer version has written, or a hand, does not keep the others from being read.
        match stored(name.clone(), row) {
            Ok(stored) => state.schedules.push(stored),
            Err(error) => state.unreadable.push(UnreadableSchedule {
                name,
                revision: row.try_get("revision")?,
                problem: error.to_string(),
            }),
        }
    }
    Ok(state)
}

fn stored(name: String, row: &PgRow) -> sqlx::Result<StoredSchedule> {
    let recent: Vec<i64> = row.try_get("recent")?;
    let bytes: i32 = row.try_get("input_bytes")?;
    Ok(StoredSchedule {
        input_bytes: usize::try_from(bytes).unwrap_or_default(),
        made: row.try_get("made")?,
        digest: row.try_get("digest")?,
        is_kept: row.try_get("is_kept")?,
        last_tick: row.try_get("last_tick")?,
        revision: row.try_get("revision")?,
        paused_at: row.try_get("paused_at")?,
        requested_at: row.try_get("requested_at")?,
        recent: recent.into_iter().map(JobId::from_i64).collect(),
        takes: row.try_get("takes")?,
        problem: row.try_get("problem")?,
        schedule: Schedule {
            name,
            task: row.try_get("task")?,
            expression: row.try_get("expression")?,
            zone: row.try_get("time_zone")?,
            starts_at: row.try_get("starts_at")?,
            ends_at: row.try_get("ends_at")?,
            policy: policy(row)?,
            template: Template {
                queue: row.try_get("queue")?,
                priority: row.try_get("priority")?,
                max_attempts: row.try_get("max_attempts")?,
                fingerprint: row.try_get("fingerprint")?,
                job: job(row)?,
            },
        },
    })
}

fn policy(row: &PgRow) -> sqlx::Result<Policy> {
    let missed = match row.try_get("missed")? {
        "skip" => Missed::Skip,
        "all" => Missed::All {
            within: time(row, "missed_within")?.unwrap_or_default(),
        },
        _ => Missed::Once,
    };
    let overlap = match row.try_get("overlap")? {
        "skip" => Overlap::Skip,
        "queue_one" => Overlap::QueueOne,
        "cancel_running" => Overlap::CancelRunning,
        _ => Overlap::Allow,
    };
    Ok(Policy {
        missed,
        overlap,
        jitter: time(row, "jitter")?.unwrap_or_default(),
    })
}

/// Without its input and its key.
fn job(row: &PgRow) -> sqlx::Result<NewJob> {
    let stored: Option<String> = row.try_get("detail")?;
    let mut job = NewJob::new(Vec::new());
    job.detail = detail::read(stored.as_deref())?;
    let conflict = match row.try_get("conflict")? {
        Some("replace") => Conflict::Replace,
        Some("raise") => Conflict::Raise,
        _ => Conflict::Skip,
    };
    let within = time(row, "unique_within")?;
    if row.try_get("is_unique")? {
        job = job.key(NewKey {
            key: Vec::new(),
            within,
            conflict,
        });
    }
    Ok(job)
}

fn time(row: &PgRow, column: &str) -> sqlx::Result<Option<Duration>> {
    let micros: Option<i64> = row.try_get(column)?;
    Ok(micros.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or_default())))
}
