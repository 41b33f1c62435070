//! An auditor: replays an append-only ledger of what tasks did, and proves what is promised of them.
//!
//! A task writes to the ledger as the first and as the last thing that it does. So what the ledger
//! shows to overlap did overlap, whenever the storage wrote about it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

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
    /// What tells this run of the job from others of it: the number of the row of its start.
    pub run: i64,
}

/// A run that has been written down.
#[derive(Debug)]
#[must_use = "its end is to be written down, too"]
pub struct Running {
    key: String,
    job: i64,
    run: i64,
}

/// How a process was away.
#[derive(Clone, Copy, Debug)]
pub struct Away {
    /// The process.
    pub process: u32,
    /// When it was killed or stopped.
    pub from: i64,
    /// Until when what it ran then counts as running: for a process that was killed, no longer; for one
    /// that was stopped, as long as its lease.
    pub ran_until: i64,
    /// When it went on.
    pub until: i64,
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
        process bigint not null,
        run     bigint
    )";
    sqlx::query(table).execute(pool).await.map(|_| ())
}

/// Writes down that a job starts, in a transaction of its own unless the caller is in one.
///
/// # Errors
///
/// Returns the error of the database.
pub async fn start(connection: &mut PgConnection, key: &str, job: i64) -> sqlx::Result<Running> {
    let start = "insert into ledger (kind, key, job, process) values ('start', $1, $2, $3)
        returning seq";
    let run = sqlx::query_scalar(start)
        .bind(key)
        .bind(job)
        .bind(i64::from(std::process::id()))
        .fetch_one(connection)
        .await?;
    Ok(Running {
        key: key.to_owned(),
        job,
        run,
    })
}

/// Writes down that it ends.
///
/// # Errors
///
/// Returns the error of the database.
pub async fn end(connection: &mut PgConnection, running: Running) -> sqlx::Result<()> {
    let end = "insert into ledger (kind, key, job, process, run) values ('end', $1, $2, $3, $4)";
    sqlx::query(end)
        .bind(running.key)
        .bind(running.job)
        .bind(i64::from(std::process::id()))
        .bind(running.run)
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

/// A process was away: what it ran ended, and what the server still had of its writes says nothing.
pub fn process_is_gone(ledger: &mut Vec<Entry>, away: Away) {
    let Away {
        from,
        until,
        ran_until,
        ..
    } = away;
    let process = i64::from(away.process);
    let ended: BTreeSet<i64> = ledger
        .iter()
        .filter(|entry| entry.kind == Kind::End && entry.at <= from)
        .map(|entry| entry.run)
        .collect();
    ledger.retain(|entry| {
        let is_late = entry.at > from && entry.at <= until;
        !(entry.process == process && entry.kind == Kind::Start && is_late)
    });
    let open: Vec<Entry> = ledger
        .iter()
        .filter(|entry| entry.process == process && entry.kind == Kind::Start)
        .filter(|entry| entry.at <= from && !ended.contains(&entry.run))
        .map(|entry| Entry {
            at: ran_until,
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
    let entries =
        "select (extract(epoch from at) * 1000000)::bigint as at, kind, key, job, process,
            coalesce(run, seq) as run from ledger order by at, seq";
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
            run: row.try_get("run")?,
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
    let mut running: BTreeMap<&str, BTreeMap<i64, i64>> = BTreeMap::new();
    let mut most = 0;
    for entry in ledger {
        let of_key = running.entry(&entry.key).or_default();
        match entry.kind {
            Kind::Start => {
                of_key.insert(entry.run, entry.job);
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
                of_key.remove(&entry.run);
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
            run: job,
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
    fn two_runs_of_one_job_beside_each_other_are_found() {
        let mut jobs = ledger(&[(1, 5), (2, 4)]);
        jobs.iter_mut().for_each(|entry| entry.job = 0);

        assert!(limit(&jobs, 1).is_err());
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

        let away = |ran_until| Away {
            process: 1,
            from: 5,
            ran_until,
            until: 20,
        };
        let mut leased = jobs.clone();
        process_is_gone(&mut leased, away(35));
        process_is_gone(&mut jobs, away(5));

        assert!(limit(&jobs, 1).is_err());
        assert!(limit(&jobs, 2).is_ok());
        jobs.retain(|entry| entry.job != 1);
        assert!(limit(&jobs, 1).is_ok());
        // Another one ran while it held its lease.
        leased.retain(|entry| entry.job != 1);
        assert!(limit(&leased, 1).is_err());
        let starts = jobs.iter().filter(|entry| entry.kind == Kind::Start);
        assert_eq!(starts.map(|entry| entry.job).collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn a_start_too_many_is_found() {
        let jobs = ledger(&[(0, 1), (0, 1), (10, 11), (20, 21)]);

        assert!(rate(&jobs, 1, 10, 2, 0).is_ok());
        assert!(rate(&jobs, 1, 11, 2, 0).is_err());
        assert!(rate(&jobs, 1, 10, 1, 0).is_err());
    }
}
