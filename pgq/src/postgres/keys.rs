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
use super::aside::{Served, Sweep, key_max};
use super::claim::Taken;
use super::error::driver_error;
use super::session::Lent;
use super::turns::Buckets;
use crate::driver::{Ask, Claim, Claimed, ClaimedJob, DriverError, KeyAsk, WorkerId};
use crate::limit::{self, Admission, Candidate, KeyKind, KeyState, admit};

/// How many batches of jobs one ask claims at most, while jobs are set aside.
const ROUNDS: usize = 6;

/// How many jobs a batch has at most, if there is room for fewer.
const BATCH_MAX: usize = 256;

/// What was claimed.
pub(super) struct Admitted {
    pub(super) claimed: Claimed,
    /// When there may be more that could start.
    pub(super) again: Option<Duration>,
    /// When it is the turn of a job that waits for a token of its key.
    pub(super) turn: Option<Duration>,
    /// How far the keys were looked at, if this is committed.
    pub(super) sweep: Option<Sweep>,
}

impl Admitted {
    /// There is no more.
    pub(super) const fn of(claimed: Claimed) -> Self {
        Self {
            claimed,
            again: None,
            turn: None,
            sweep: None,
        }
    }
}

/// Jobs that were claimed, with their `seq`.
struct Batch {
    jobs: Vec<(i64, ClaimedJob)>,
    /// Those that had waited.
    served: limit::Served,
    /// How many of them may start.
    room: usize,
}

/// Those of them that start.
#[derive(Default)]
struct Started {
    jobs: Vec<ClaimedJob>,
    /// Whether others have left keys that somebody may wait for.
    freed: bool,
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
        let mut buckets = Buckets::new(keys.rate);
        let mut admitted = if none_waits && limit > 0 {
            self.claim_new(session, ask, keys, &mut buckets, limit, Vec::new())
                .await?
        } else {
            self.claim_waiting(session, ask, keys, &mut buckets, limit)
                .await?
        };
        if !matches!(admitted.claimed, Claimed::LeaseLost) {
            // The second time that one call asks, the first has looked.
            let sweep = admitted.sweep;
            let sweep = sweep.unwrap_or_else(|| self.sweep_of(&keys.task, &ask.claim.queue));
            admitted.turn = self
                .keep_turns(session, ask, keys, &buckets, sweep.looked)
                .await?;
        }
        Ok(admitted)
    }

    /// Claims those first that waited for their keys.
    async fn claim_waiting(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        buckets: &mut Buckets,
        limit: usize,
    ) -> Result<Admitted, DriverError> {
        let Served::Jobs {
            jobs,
            mut again,
            sweep,
        } = self.claim_free(session, ask, keys, buckets, limit).await?
        else {
            return Ok(Admitted::of(Claimed::LeaseLost));
        };
        let served = jobs.iter().map(|(_, job)| job.id.as_i64()).collect();
        let room = jobs.len();
        let batch = Batch { jobs, served, room };
        let Started { jobs, freed } = self.admit_jobs(session, ask, keys, buckets, batch).await?;
        if freed {
            again = Some(Duration::ZERO);
        }
        let admitted = match () {
            () if jobs.len() < limit => {
                self.claim_new(session, ask, keys, buckets, limit, jobs)
                    .await?
            }
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
        buckets: &mut Buckets,
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
            let taken = Batch {
                jobs: taken,
                served: limit::Served::new(),
                room,
            };
            let started = self.admit_jobs(session, ask, keys, buckets, taken).await?;
            jobs.extend(started.jobs);
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

    /// Lets jobs start, in their order, and sets aside those before the last of them that wait for a key.
    async fn admit_jobs(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        keys: &KeyAsk,
        buckets: &mut Buckets,
        batch: Batch,
    ) -> Result<Started, DriverError> {
        let worker = ask.claim.worker;
        if batch.jobs.is_empty() {
            return Ok(Started::default());
        }
        let taken = batch.jobs.iter();
        let candidates: Vec<Candidate> = taken.map(|(_, job)| candidate(job)).collect();
        let mut states = self
            .key_states(session, &candidates, &ask.claim.queue)
            .await?;
        let rates = candidates.iter().filter_map(|candidate| candidate.rate);
        self.read_buckets(session, buckets, rates).await?;
        buckets.tell(&mut states);
        let admissions = admit(&candidates, &mut states, key_max(keys), &batch.served);
        let (mut jobs, mut aside, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for ((seq, job), admission) in batch.jobs.into_iter().zip(admissions) {
            if jobs.len() == batch.room {
                aside.push(Aside {
                    job: job.id.as_i64(),
                    key: None,
                    place: seq,
                });
                continue;
            }
            match admission.waits {
                None => {
                    admission
                        .rate()
                        .into_iter()
                        .for_each(|key| buckets.take(key));
                    jobs.push(job);
                }
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
        let freed = held.iter().any(|admission| admission.freed.is_some());
        Ok(Started { jobs, freed })
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
            let others = [candidate.concurrency, candidate.rate]
                .into_iter()
                .flatten();
            order.into_iter().chain(others.map(|key| (key, queue)))
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

    async fn take_keys(
        &self,
        session: &mut Lent<'_>,
        worker: WorkerId,
        keys: &KeyAsk,
        admissions: &[Admission],
    ) -> Result<(), DriverError> {
        let permits = || admissions.iter().flat_map(Admission::permits);
        if permits().next().is_none() {
            return Ok(());
        }
        sqlx::query(self.statements.take_keys.clone())
            .bind(&keys.task)
            .bind(worker.as_i64())
            .bind(permits().map(|permit| permit.key).collect::<Vec<_>>())
            .bind(
                permits()
                    .map(|permit| permit.kind.as_i16())
                    .collect::<Vec<_>>(),
            )
            .bind(permits().map(|permit| permit.job).collect::<Vec<_>>())
            .bind(permits().map(|permit| permit.held).collect::<Vec<_>>())
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
        rate: detail.and_then(|detail| detail.rate_key),
    }
}

/// The place among those that wait for a key: higher priorities first, then in the order of the
/// enqueues.
fn place(job: &ClaimedJob) -> i64 {
    (i64::from(9 - job.priority) << 58) | job.id.as_i64()
}
