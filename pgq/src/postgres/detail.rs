//! Details as the statements take and return them: as JSON, one value for each job that has one.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::enqueue::micros;
use crate::job::{Detail, Expires, JobId};

/// By the names of the columns.
#[derive(Serialize)]
struct Written<'a> {
    expires_at: Option<String>,
    /// In microseconds from now.
    expires_in: Option<i64>,
    concurrency_key: Option<i64>,
    order_key: Option<i64>,
    rate_key: Option<i64>,
    parent: Option<i64>,
    root: Option<i64>,
    tags: &'a [String],
    headers: &'a BTreeMap<String, String>,
}

/// By the names of the columns.
#[derive(Deserialize)]
struct Read {
    expires_at: Option<String>,
    /// Only in the template of a schedule.
    #[serde(default)]
    expires_in: Option<i64>,
    concurrency_key: Option<i64>,
    order_key: Option<i64>,
    rate_key: Option<i64>,
    parent: Option<i64>,
    root: Option<i64>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Only in the answer to a claim.
    #[serde(default)]
    expired: bool,
}

/// Writes the detail of a new job.
pub(super) fn write(detail: &Detail) -> sqlx::Result<String> {
    let (at, after) = match detail.expires {
        None => (None, None),
        Some(Expires::At(time)) => (Some(time), None),
        Some(Expires::After(time)) => (None, Some(micros(time))),
    };
    let written = Written {
        expires_at: at.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true)),
        expires_in: after,
        concurrency_key: detail.concurrency_key,
        order_key: detail.order_key,
        rate_key: detail.rate_key,
        parent: detail.parent.map(JobId::as_i64),
        root: detail.root.map(JobId::as_i64),
        tags: &detail.tags,
        headers: &detail.headers,
    };
    serde_json::to_string(&written).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Reads what a statement returns of a job's detail.
pub(super) fn read(stored: Option<&str>) -> sqlx::Result<Option<Box<Detail>>> {
    claimed(stored).map(|(detail, _)| detail)
}

/// Reads what a claim returns of a job's detail, and whether the job has expired.
pub(super) fn claimed(stored: Option<&str>) -> sqlx::Result<(Option<Box<Detail>>, bool)> {
    let Some(stored) = stored else {
        return Ok((None, false));
    };
    let read: Read =
        serde_json::from_str(stored).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let expires = read.expires_at.as_deref().map(time).transpose()?;
    let after = read
        .expires_in
        .and_then(|micros| u64::try_from(micros).ok());
    let after = after.map(|micros| Expires::After(Duration::from_micros(micros)));
    let detail = Box::new(Detail {
        expires: expires.map(Expires::At).or(after),
        concurrency_key: read.concurrency_key,
        order_key: read.order_key,
        rate_key: read.rate_key,
        parent: read.parent.map(JobId::from_i64),
        root: read.root.map(JobId::from_i64),
        tags: read.tags,
        headers: read.headers,
    });
    Ok((Some(detail), read.expired))
}

fn time(stored: &str) -> sqlx::Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(stored)
        .map(DateTime::into)
        .map_err(|error| sqlx::Error::Decode(error.into()))
}
