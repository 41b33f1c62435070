//! An auditor: replays an append-only ledger of what tasks did, and proves what is promised of them.
//!
//! A task writes to the ledger as the first and as the last thing that it does. So what the ledger
//! shows to overlap did overlap, whenever the storage wrote about it.

use std::collections::{BTreeMap, VecDeque};

use anyhow::ensure;
use sqlx::{PgConnection, PgPool, Row};

/// What a task did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It started.
    Start,
    /// It ended, or what ran it did.
    End,
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, in microseconds of the database's clock.
    pub at: i64,
    /// What happened.
    pub kind: Kind,
    /// What the limit, the order or the rate is of.
    pub key: String,
    /// The job, or any number that tells it from others.
    pub job: i64,
    /// The process.
    pub process: i64,
}

/// Makes the table of the ledger.
///
/// # Errors
///
/// Returns the error of the database.
pub async fn create(pool: &PgPool) -> sqlx::Result<()> {
    let table = "create table ledger (
        seq     bigint generated always as identity primary key,
        at      timestamptz not null default clock_timestamp(),
        kind    text not null,
        key     text not null,
        job     bigint not null,
        process bigint not null
    )";
    sqlx::query(table).execute(pool).await.map(|_| ())
}

/// Adds to the ledger, in a transaction of its own unless the caller is in one.
///
/// # Errors
///
/// Returns the error of the database.
pub async fn write(
    connection: &mut PgConnection,
    kind: Kind,
    key: &str,
    job: i64,
) -> sqlx::Result<()> {
    let kind = match kind {
        Kind::Start => "start",
        Kind::End => "end",
    };
    sqlx::query("insert into ledger (kind, key, job, process) values ($1, $2, $3, $4)")
        .bind(kind)
        .bind(key)
        .bind(job)
        .bind(i64::from(std::process::id()))
        .execute(connection)
        .await
        .map(|_| ())
}

/// The time of the database, in microseconds.
///
/// # Errors
///
/// Returns the error of the database.
pub async fn now(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
        .fetch_one(pool)
        .await
}

/// A process was killed at `from`, or stopped, and went on at `until`: what it ran then ended, and what
/// the server still had of its writes says nothing.
pub fn process_is_gone(ledger: &mut Vec<Entry>, process: u32, from: i64, until: i64) {
    let process = i64::from(process);
    ledger.retain(|entry| {
        let is_late = entry.at > from && entry.at <= until;
        !(entry.process == process && entry.kind == Kind::Start && is_late)
    });
    let open: Vec<Entry> = ledger
        .iter()
        .filter(|entry| entry.process == process && entry.at <= from)
        .map(|entry| Entry {
            at: from,
            kind: Kind::End,
            ..entry.clone()
        })
        .collect();
    ledger.extend(open);
    ledger.sort_by_key(|entry| entry.at);
}

/// Reads the ledger in its order.
///
/// # Errors
///
/// Returns the error of the database.
pub async fn read(pool: &PgPool) -> sqlx::Result<Vec<Entry>> {
    let entries = "select (extract(epoch from at) * 1000000)::bigint as at, kind, key, job, process
        from ledger order by at, seq";
    let rows = sqlx::query(entries).fetch_all(pool).await?;
    let entry = |row: &sqlx::postgres::PgRow| {
        Ok(Entry {
            at: row.try_get("at")?,
            kind: match row.try_get("kind")? {
                "start" => Kind::Start,
                _ => Kind::End,
            },
            key: row.try_get("key")?,
            job: row.try_get("job")?,
            process: row.try_get("process")?,
        })
    };
    rows.iter().map(entry).collect()
}

/// Proves that of each key no more than `max` ran at once, and returns the most that did.
///
/// # Errors
///
/// Fails with the entries that prove the contrary.
pub fn limit(ledger: &[Entry], max: usize) -> anyhow::Result<usize> {
    let mut running: BTreeMap<&str, BTreeMap<(i64, i64), i64>> = BTreeMap::new();
    let mut most = 0;
    for entry in ledger {
        let of_key = running.entry(&entry.key).or_default();
        match entry.kind {
            Kind::Start => {
                of_key.insert((entry.job, entry.process), entry.at);
                ensure!(
                    of_key.len() <= max,
                    "{} of key `{}` ran at once at {}, and {max} are allowed: {of_key:?}",
                    of_key.len(),
                    entry.key,
                    entry.at,
                );
                most = most.max(of_key.len());
            }
            Kind::End => {
                of_key.remove(&(entry.job, entry.process));
            }
        }
    }
    Ok(most)
}

/// Proves that the jobs of each key ran one after the other, each until it had ended for good, in the
/// order of their numbers.
///
/// # Errors
///
/// Fails with the entries that prove the contrary.
pub fn order(ledger: &[Entry]) -> anyhow::Result<()> {
    limit(ledger, 1)?;
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in ledger.iter().filter(|entry| entry.kind == Kind::Start) {
        let before = last.insert(&entry.key, entry.job);
        ensure!(
            before.is_none_or(|before| before <= entry.job),
            "job {} of key `{}` started at {} after job {before:?}",
            entry.job,
            entry.key,
            entry.at,
        );
    }
    Ok(())
}

/// Proves that of each key never more than `burst`, and `max` in each `per` microseconds, started
/// since its first start. Starts are written after their tokens were granted, so they may be late by
/// `late` microseconds.
///
/// # Errors
///
/// Fails with the entry that proves the contrary.
pub fn rate(ledger: &[Entry], max: i64, per: i64, burst: i64, late: i64) -> anyhow::Result<()> {
    let mut starts: BTreeMap<&str, VecDeque<i64>> = BTreeMap::new();
    for entry in ledger.iter().filter(|entry| entry.kind == Kind::Start) {
        let starts = starts.entry(&entry.key).or_default();
        starts.push_back(entry.at);
        for (place, since) in starts.iter().enumerate() {
            let count = i64::try_from(starts.len() - place)?;
            let allowed = burst * per + (entry.at - since + late) * max;
            ensure!(
                count * per <= allowed,
                "{count} jobs of key `{}` started between {since} and {}",
                entry.key,
                entry.at,
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, kind: Kind, job: i64) -> Entry {
        Entry {
            at,
            kind,
            key: "key".to_owned(),
            job,
            process: 1,
        }
    }

    fn ledger(jobs: &[(i64, i64)]) -> Vec<Entry> {
        let mut ledger = Vec::new();
        for (job, (start, end)) in (0..).zip(jobs) {
            ledger.push(entry(*start, Kind::Start, job));
            ledger.push(entry(*end, Kind::End, job));
        }
        ledger.sort_by_key(|entry| entry.at);
        ledger
    }

    #[test]
    fn jobs_beside_each_other_are_found() {
        let jobs = ledger(&[(1, 5), (2, 4), (6, 8)]);

        assert_eq!(limit(&jobs, 2).unwrap(), 2);
        assert!(limit(&jobs, 1).is_err());
        assert!(order(&jobs).is_err());
    }

    #[test]
    fn an_order_that_is_not_kept_is_found() {
        assert!(order(&ledger(&[(1, 2), (3, 4), (5, 6)])).is_ok());
        assert!(order(&ledger(&[(1, 2), (5, 6), (3, 4)])).is_err());
    }

    #[test]
    fn what_a_process_ran_that_is_gone_has_ended() {
        let mut jobs = ledger(&[(1, 50), (2, 4), (9, 60), (30, 40)]);
        assert!(limit(&jobs, 1).is_err());
        jobs.retain(|entry| (entry.kind, entry.job) != (Kind::End, 0));
        jobs.last_mut().unwrap().process = 2;

        process_is_gone(&mut jobs, 1, 5, 20);

        assert!(limit(&jobs, 2).is_ok());
        let starts = jobs.iter().filter(|entry| entry.kind == Kind::Start);
        assert_eq!(starts.map(|entry| entry.job).collect::<Vec<_>>(), [0, 1, 3]);
    }

    #[test]
    fn a_start_too_many_is_found() {
        let jobs = ledger(&[(0, 1), (0, 1), (10, 11), (20, 21)]);

        assert!(rate(&jobs, 1, 10, 2, 0).is_ok());
        assert!(rate(&jobs, 1, 11, 2, 0).is_err());
        assert!(rate(&jobs, 1, 10, 1, 0).is_err());
    }
}
