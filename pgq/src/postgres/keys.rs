//! Claims of jobs that have keys: who starts, and who waits for a key.
//!
//! All of it happens in the transaction of an ask that has locked the task's keys. Jobs are claimed as
//! any others; those that must wait for a key are then set aside, and a later ask claims them when the
//! key is free (`aside.rs`). So each is looked at twice, however many wait.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::aside::{Served, Sweep, running};
use super::claim::Taken;
use super::error::driver_error;
use super::session::Lent;
use crate::driver::{Ask, Claim, Claimed, ClaimedJob, DriverError, KeyAsk, WorkerId};
use crate::limit::{Admission, Candidate, KeyKind, KeyState, admit};

/// How many batches of jobs one ask claims at most, while jobs are set aside.
const ROUNDS: usize = 6;

/// How many jobs a batch has at most, if there is room for fewer.
const BATCH_MAX: usize = 256;

/// What was claimed.
pub(super) struct Admitted {
    pub(super) claimed: Claimed,
    /// When there may be more that could start.
    pub(super) again: Option<Duration>,
    /// How far the keys were looked at, if this is committed.
    pub(super) sweep: Option<Sweep>,
}

impl Admitted {
    /// There is no more.
    pub(super) const fn of(claimed: Claimed) -> Self {
        Self {
            claimed,
            again: None,
            sweep: None,
        }
    }
}

/// One that was claimed and cannot start here.
struct Aside {
    job: i64,
    /// The key that it waits for; `None` if it goes back.
    key: Option<(i64, KeyKind)>,
    place: i64,
}

impl PostgresDriver {
    /// Claims up to `limit` jobs whose keys are free: those first that waited for them, unless there
    /// were none a moment ago.
    pub(super) async fn claim_by_keys(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        limit: usize,
        none_waits: bool,
    ) -> Result<Admitted, DriverError> {
        if none_waits && limit > 0 {
            return self.claim_new(session, ask, keys, limit, Vec::new()).await;
        }
        let Served::Jobs { jobs, again, sweep } =
            self.claim_free(session, ask, keys, limit).await?
        else {
            return Ok(Admitted::of(Claimed::LeaseLost));
        };
        let room = jobs.len();
        let jobs = match room {
            0 => Vec::new(),
            _ => self.admit_jobs(session, ask, keys, jobs, room).await?,
        };
        let admitted = match () {
            () if jobs.len() < limit => self.claim_new(session, ask, keys, limit, jobs).await?,
            () if limit > 0 => Admitted::of(Claimed::Jobs(jobs)),
            () if again == Some(Duration::ZERO) => Admitted::of(Claimed::Contended),
            () => {
                // Whether there are any that are ready.
                let claim = ask.claim.clone();
                let claim = Claim { limit, ..claim };
                Admitted::of(self.claim_above(session, &claim).await?)
            }
        };
        if let Claimed::LeaseLost = admitted.claimed {
            return Ok(admitted);
        }
        Ok(Admitted {
            again: admitted.again.into_iter().chain(again).min(),
            sweep: Some(sweep),
            ..admitted
        })
    }

    /// Claims jobs whose keys are free, until there are `limit` with those that are there already.
    ///
    /// Only those are looked at that were enqueued before the claim's tick: of two that were committed
    /// one after the other none is seen without the one before it.
    async fn claim_new(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        limit: usize,
        mut jobs: Vec<ClaimedJob>,
    ) -> Result<Admitted, DriverError> {
        let reading = self.tick_cursors(session).await?;
        let horizon = ask.claim.horizon.map_or(reading, |own| own.min(reading));
        let mut batch = limit;
        for _ in 0..ROUNDS {
            let room = limit - jobs.len();
            let claim = Claim {
                limit: room.max(batch.min(BATCH_MAX)),
                horizon: Some(horizon),
                ..ask.claim.clone()
            };
            let taken = match self.take_jobs(session, &claim).await? {
                Taken::Jobs(taken) => taken,
                Taken::Contended if jobs.is_empty() => {
                    return Ok(Admitted::of(Claimed::Contended));
                }
                Taken::Contended => break,
                Taken::LeaseLost => return Ok(Admitted::of(Claimed::LeaseLost)),
            };
            let all = taken.len() < claim.limit;
            jobs.extend(self.admit_jobs(session, ask, keys, taken, room).await?);
            if all || jobs.len() == limit {
                return Ok(Admitted {
                    again: (!all).then_some(Duration::ZERO),
                    ..Admitted::of(Claimed::Jobs(jobs))
                });
            }
            batch = claim.limit * 4;
        }
        Ok(Admitted {
            again: Some(Duration::ZERO),
            ..Admitted::of(Claimed::Jobs(jobs))
        })
    }

    pub(super) async fn commit_durably(
        &self,
        session: &mut Lent<'_>,
        durable: &str,
    ) -> Result<(), DriverError> {
        sqlx::query(self.statements.commit_durably.clone())
            .bind(durable)
            .execute(session.connection())
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to claim jobs by their keys", error))
    }

    /// Lets up to `room` of the jobs start, in their order, and sets aside those before the last of
    /// them that wait for a key.
    async fn admit_jobs(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        taken: Vec<(i64, ClaimedJob)>,
        room: usize,
    ) -> Result<Vec<ClaimedJob>, DriverError> {
        let worker = ask.claim.worker;
        let candidates: Vec<Candidate> = taken.iter().map(|(_, job)| candidate(job)).collect();
        let mut states = self
            .key_states(session, &candidates, &ask.claim.queue)
            .await?;
        let admissions = admit(&candidates, &mut states, running(keys));
        let (mut jobs, mut aside, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for ((seq, job), admission) in taken.into_iter().zip(admissions) {
            if jobs.len() == room {
                aside.push(Aside {
                    job: job.id.as_i64(),
                    key: None,
                    place: seq,
                });
                continue;
            }
            match admission.waits {
                None => jobs.push(job),
                Some(key) => aside.push(Aside {
                    job: job.id.as_i64(),
                    key: Some(key),
                    place: place(&job),
                }),
            }
            held.push(admission);
        }
        self.take_keys(session, worker, keys, &held).await?;
        self.set_aside(session, worker, keys, &aside).await?;
        Ok(jobs)
    }

    async fn key_states(
        &self,
        session: &mut Lent<'_>,
        candidates: &[Candidate],
        queue: &str,
    ) -> Result<HashMap<i64, KeyState>, DriverError> {
        // Of an order there is one line, of concurrency one for each queue.
        let lines = |candidate: &Candidate| {
            let order = candidate.order.map(|key| (key, ""));
            order
                .into_iter()
                .chain(candidate.concurrency.map(|key| (key, queue)))
        };
        let lines: HashSet<(i64, &str)> = candidates.iter().flat_map(lines).collect();
        let (keys, lines): (Vec<i64>, Vec<&str>) = lines.into_iter().unzip();
        let state = |row: &PgRow| {
            let holders: i64 = row.try_get("holders")?;
            let own: Vec<i64> = row.try_get("own")?;
            let state = KeyState {
                holders: usize::try_from(holders).unwrap_or(0),
                own: own.into_iter().collect(),
                waited_for: row.try_get("waited_for")?,
            };
            Ok((row.try_get("key")?, state))
        };
        sqlx::query(self.statements.key_states.clone())
            .bind(keys)
            .bind(lines)
            .bind(candidates.iter().map(|job| job.job).collect::<Vec<_>>())
            .fetch_all(session.connection())
            .await
            .and_then(|rows| rows.iter().map(state).collect())
            .map_err(|error| driver_error("failed to read keys", error))
    }

    pub(super) async fn take_keys(
        &self,
        session: &mut Lent<'_>,
        worker: WorkerId,
        keys: &KeyAsk,
        admissions: &[Admission],
    ) -> Result<(), DriverError> {
        let held = || {
            admissions.iter().flat_map(|admission| {
                let keys = admission.keys.iter();
                keys.map(|(key, kind)| (*key, kind.as_i16(), admission.job))
            })
        };
        sqlx::query(self.statements.take_keys.clone())
            .bind(&keys.task)
            .bind(worker.as_i64())
            .bind(held().map(|(key, _, _)| key).collect::<Vec<_>>())
            .bind(held().map(|(_, kind, _)| kind).collect::<Vec<_>>())
            .bind(held().map(|(_, _, job)| job).collect::<Vec<_>>())
            .execute(session.connection())
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to take keys", error))
    }

    async fn set_aside(
        &self,
        session: &mut Lent<'_>,
        worker: WorkerId,
        keys: &KeyAsk,
        aside: &[Aside],
    ) -> Result<(), DriverError> {
        if aside.is_empty() {
            return Ok(());
        }
        let of_keys = || aside.iter().map(|aside| aside.key);
        sqlx::query(self.statements.set_aside.clone())
            .bind(worker.as_i64())
            .bind(aside.iter().map(|aside| aside.job).collect::<Vec<_>>())
            .bind(of_keys().map(|key| Some(key?.0)).collect::<Vec<_>>())
            .bind(aside.iter().map(|aside| aside.place).collect::<Vec<_>>())
            .bind(
                of_keys()
                    .map(|key| Some(key?.1.as_i16()))
                    .collect::<Vec<_>>(),
            )
            .bind(&keys.task)
            .execute(session.connection())
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to let jobs wait for keys", error))
    }
}

fn candidate(job: &ClaimedJob) -> Candidate {
    let detail = job.detail.as_deref();
    Candidate {
        job: job.id.as_i64(),
        order: detail.and_then(|detail| detail.order_key),
        concurrency: detail.and_then(|detail| detail.concurrency_key),
    }
}

/// The place among those that wait for a key: higher priorities first, then in the order of the
/// enqueues.
fn place(job: &ClaimedJob) -> i64 {
    (i64::from(9 - job.priority) << 58) | job.id.as_i64()
}
