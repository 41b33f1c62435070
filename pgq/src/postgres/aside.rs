//! Jobs that were set aside to wait for keys: they are claimed when those are free.
//!
//! All of it happens in the transaction of an ask that has locked the task's keys. Nobody waits for a row
//! that another transaction has locked: it may be open for as long as its user likes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::error::driver_error;
use super::pool::OnPool;
use super::row::ClaimedJobs;
use super::session::Lent;
use super::turns::Buckets;
use crate::driver::{Ask, ClaimedJob, DriverError, KeyAsk};
use crate::job::JobId;
use crate::limit::{FreeKey, KeyKind, KeyMax, Waiter, serve};

/// How many permits of order keys one sweep looks at.
const SWEEP: i64 = 2000;

/// How many keys that jobs wait for it looks at, and of how many free keys an ask reads who waits.
pub(super) const KEYS: i64 = 256;

/// How many permits an ask looks at to find those keys, of which other workers may have to take the jobs.
const LOOKED: i64 = 2000;

/// How many jobs that could start an ask tries to claim.
const NEXT: usize = 1000;

/// How soon to ask again for jobs whose keys are free, and that somebody has locked.
const KEYS_AGAIN: Duration = Duration::from_millis(50);

/// How many jobs one statement puts back.
const PUT_BACK: i64 = 1000;

/// How far the keys of a task have been looked at. Each is begun anew when it has come to the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    /// The job of the permit of an order key.
    order: i64,
    /// The key that jobs wait for.
    waited: i64,
    /// The key that is free.
    free: i64,
    /// When it is the turn of a key of a rate.
    pub(super) turn: i64,
    /// Up to when those are looked at whose turn it is, while not all were.
    pub(super) pass: Option<i64>,
    /// When it was last looked whose turn it is.
    pub(super) looked: i64,
    /// Whether it was anybody's.
    pub(super) has_turns: bool,
}

/// By the name of the task, and the queue.
pub(super) type Sweeps = HashMap<(String, Arc<str>), Sweep>;

impl Default for Sweep {
    fn default() -> Self {
        Self {
            order: i64::MIN,
            waited: i64::MIN,
            free: i64::MIN,
            turn: i64::MIN,
            pass: None,
            looked: i64::MIN,
            has_turns: false,
        }
    }
}

/// What came of jobs that were set aside.
pub(super) enum Served {
    Jobs {
        jobs: Vec<(i64, ClaimedJob)>,
        /// When there may be more that could start. After a while, if somebody has locked some, or not
        /// all keys were looked at.
        again: Option<Duration>,
        /// How far it has looked, if this is committed.
        sweep: Sweep,
    },
    LeaseLost,
}

/// What was found of keys that jobs wait for.
#[derive(Default)]
pub(super) struct Free {
    pub(super) keys: Vec<FreeKey>,
    /// The keys that jobs were in front of which wait no more, and the lines in which they were.
    passed: Vec<(i64, String)>,
    /// Whether not all that is free was looked at.
    pub(super) more: bool,
}

impl PostgresDriver {
    /// Claims up to `room` of the jobs that wait for keys which are free.
    pub(super) async fn claim_free(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        buckets: &mut Buckets,
        room: usize,
    ) -> Result<Served, DriverError> {
        let mut sweep = self.sweep_of(&keys.task, &ask.claim.queue);
        let newly = self.stale_keys(session, keys, &mut sweep).await?;
        let mut free = self
            .free_keys(session, ask, keys, &newly, &mut sweep, room)
            .await?;
        let due = self
            .due_turns(session, ask, keys, buckets, &mut sweep, room)
            .await?;
        free.keys.extend(due.keys);
        free.passed.extend(due.passed);
        free.more |= due.more;
        let max = key_max(keys);
        // More than there is room for: some may be locked.
        let next = serve(&free.keys, max, NEXT);
        let jobs = match next.is_empty() || room == 0 {
            true => Vec::new(),
            false => match self.claim_aside(session, ask, &next, room).await? {
                Some(jobs) => jobs,
                None => return Ok(Served::LeaseLost),
            },
        };
        let started: HashSet<i64> = jobs.iter().map(|(_, job)| job.id.as_i64()).collect();
        self.drop_keys(session, keys, &free, &newly, &started)
            .await?;
        let left = jobs.len() < next.len();
        let again = match () {
            () if !free.passed.is_empty() || left && jobs.len() == room => Some(Duration::ZERO),
            () if free.more || left => Some(KEYS_AGAIN),
            () => None,
        };
        Ok(Served::Jobs { jobs, again, sweep })
    }

    /// Takes the worth from permits; returns the keys.
    async fn stale_keys(
        &self,
        session: &mut Lent<'_>,
        keys: &KeyAsk,
        sweep: &mut Sweep,
    ) -> Result<Vec<i64>, DriverError> {
        if keys.ended.is_empty() && !keys.all {
            return Ok(Vec::new());
        }
        let error = |error| driver_error("failed to free keys", error);
        let ended: Vec<i64> = keys.ended.iter().copied().map(JobId::as_i64).collect();
        let row = sqlx::query(self.statements.stale_keys.clone())
            .bind(&keys.names)
            .bind(ended)
            .bind(keys.all.then_some(sweep.order))
            .bind(SWEEP)
            .fetch_one(session.connection())
            .await
            .map_err(error)?;
        if keys.all {
            let after: Option<i64> = row.try_get("after").map_err(error)?;
            sweep.order = after.unwrap_or(i64::MIN);
            let after: Option<i64> = sqlx::query_scalar(self.statements.stray_keys.clone())
                .bind(&keys.names)
                .bind(sweep.waited)
                .bind(KEYS)
                .bind(running_column(keys))
                .fetch_one(session.connection())
                .await
                .map_err(error)?;
            sweep.waited = after.unwrap_or(i64::MIN);
        }
        row.try_get("keys").map_err(error)
    }

    async fn free_keys(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        newly: &[i64],
        sweep: &mut Sweep,
        room: usize,
    ) -> Result<Free, DriverError> {
        let claim = &ask.claim;
        let rows = sqlx::query(self.statements.free_keys.clone())
            .bind(&keys.names)
            .bind(newly)
            .bind(sweep.free)
            .bind(KEYS)
            .bind(running_column(keys))
            .bind(i64::try_from(room).unwrap_or(i64::MAX).min(KEYS))
            .bind(&*claim.queue)
            .bind(claim.names().collect::<Vec<_>>())
            .bind(claim.fingerprints.as_deref())
            .bind(claim.horizon)
            .bind(LOOKED)
            .fetch_all(session.connection())
            .await;
        let free = rows.and_then(|rows| {
            let after = match rows.first() {
                Some(row) => row.try_get("after")?,
                None => None,
            };
            sweep.free = after.unwrap_or(i64::MIN);
            read_free(&rows, after.is_some())
        });
        free.map_err(|error| driver_error("failed to read free keys", error))
    }

    /// `None` if the lease is lost.
    async fn claim_aside(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        next: &[(&FreeKey, i64)],
        room: usize,
    ) -> Result<Option<Vec<(i64, ClaimedJob)>>, DriverError> {
        let jobs: Vec<i64> = next.iter().map(|(_, job)| *job).collect();
        let rows = sqlx::query(self.statements.claim_aside.clone())
            .bind(ask.claim.worker.as_i64())
            .bind(ask.claim.number)
            .bind(&jobs)
            .bind(i64::try_from(room).unwrap_or(i64::MAX))
            .fetch_all(session.connection())
            .await;
        let claimed = rows.and_then(|rows| {
            let Some((head, rows)) = rows.split_first() else {
                return Err(sqlx::Error::RowNotFound);
            };
            if !head.try_get::<bool, _>("alive")? {
                return Ok(None);
            }
            let mut reader = ClaimedJobs::of(&ask.claim);
            let mut claimed = rows
                .iter()
                .map(|row| reader.read(row))
                .collect::<sqlx::Result<Vec<_>>>()?;
            let place = |job: &ClaimedJob| jobs.iter().position(|next| *next == job.id.as_i64());
            claimed.sort_by_cached_key(|(_, job)| place(job));
            Ok(Some(claimed))
        });
        claimed.map_err(|error| driver_error("failed to claim jobs that wait for keys", error))
    }

    async fn drop_keys(
        &self,
        session: &mut Lent<'_>,
        keys: &KeyAsk,
        free: &Free,
        newly: &[i64],
        started: &HashSet<i64>,
    ) -> Result<(), DriverError> {
        let max = key_max(keys);
        if free.keys.is_empty() {
            return Ok(());
        }
        let (mut dropped, mut jobs, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for key in &free.keys {
            for job in key.drops(started, max) {
                dropped.push(key.key);
                jobs.push(job);
            }
            // Once: of those who wait still, nobody may be able to take them for a while.
            if newly.contains(&key.key) && key.left(started, max) > 0 {
                told.push(key.key);
            }
        }
        let (passed, lines): (Vec<i64>, Vec<&str>) = free
            .passed
            .iter()
            .map(|(key, line)| (*key, line.as_str()))
            .unzip();
        sqlx::query(self.statements.drop_keys.clone())
            .bind(dropped)
            .bind(jobs)
            .bind(free.keys.iter().map(|free| free.key).collect::<Vec<_>>())
            .bind(passed)
            .bind(lines)
            .bind(told)
            .bind(self.schema().as_str())
            .execute(session.connection())
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to drop keys", error))
    }

    /// Lets jobs go on that wait for keys of tasks which have none any more. Returns the key to go on after.
    pub(super) async fn put_some_back(
        &self,
        tasks: &[String],
        after: i64,
    ) -> Result<Option<i64>, DriverError> {
        let row = sqlx::query(self.statements.put_back.clone())
            .bind(tasks)
            .bind(after)
            .bind(PUT_BACK)
            .bind(self.schema().as_str())
            .one_on(&self.pool)
            .await;
        row.and_then(|row| row.try_get("after"))
            .map_err(|error| driver_error("failed to put jobs back", error))
    }

    pub(super) fn sweep_of(&self, task: &str, queue: &Arc<str>) -> Sweep {
        let name = (task.to_owned(), Arc::clone(queue));
        self.sweeps().get(&name).copied().unwrap_or_default()
    }

    /// What an ask has looked at is committed: the next one goes on behind it.
    pub(super) fn keep_sweep(&self, task: &str, queue: &Arc<str>, sweep: Sweep) {
        self.sweeps()
            .insert((task.to_owned(), Arc::clone(queue)), sweep);
    }

    fn sweeps(&self) -> std::sync::MutexGuard<'_, Sweeps> {
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_free(rows: &[PgRow], more: bool) -> sqlx::Result<Free> {
    let mut free = Free {
        more,
        ..Free::default()
    };
    for row in rows {
        let key = row.try_get("key")?;
        if free.keys.last().is_none_or(|last| last.key != key) {
            let held: i64 = row.try_get("held")?;
            free.keys.push(FreeKey {
                key,
                kind: KeyKind::from_i16(row.try_get("kind")?),
                held: usize::try_from(held).unwrap_or(0),
                worthless: row.try_get("worthless")?,
                waiters: Vec::new(),
            });
        }
        read_waiter(&mut free, row)?;
    }
    Ok(free)
}

/// Reads who waits for the last of the keys.
pub(super) fn read_waiter(free: &mut Free, row: &PgRow) -> sqlx::Result<()> {
    let (Some(job), Some(last)) = (row.try_get("job")?, free.keys.last_mut()) else {
        return Ok(());
    };
    match row.try_get("is_ours")? {
        Some(ours) => {
            let place = row.try_get("place")?;
            last.waiters.push(Waiter { job, place, ours });
        }
        None if free
            .passed
            .last()
            .is_some_and(|passed| passed.0 == last.key) => {}
        None => free.passed.push((last.key, row.try_get("line")?)),
    }
    Ok(())
}

/// How many jobs may hold a key.
pub(super) fn key_max(keys: &KeyAsk) -> KeyMax {
    let all = |max: Option<u32>| max.and_then(|max| usize::try_from(max).ok());
    KeyMax {
        running: all(keys.running).unwrap_or(usize::MAX),
        burst: all(keys.rate.map(|rate| rate.burst)).unwrap_or(usize::MAX),
    }
}

fn running_column(keys: &KeyAsk) -> Option<i32> {
    let running = keys.running;
    running.map(|max| i32::try_from(max).unwrap_or(i32::MAX))
}
