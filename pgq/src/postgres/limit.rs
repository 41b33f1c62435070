//! Permits and tokens of the limits of the whole fleet.
//!
//! Who takes some locks the limit, in a statement of its own, reads what the others have, claims, and
//! writes what it keeps, all in one transaction: what it reads is what was committed before. A claim
//! under permits that the worker has already needs none of that, and need not be durable: the permits
//! are the worker's, and not the job's.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::error::driver_error;
use super::keys::Admitted;
use super::pool::OnPool;
use super::session::Lent;
use crate::driver::{
    Allotment, Ask, Asked, Claim, Claimed, DriverError, DriverErrorKind, Keep, WorkerId,
};
use crate::limit::{Bucket, FleetRate, Grant, Limited, PERMITS_AGAIN, Share, allot, take};

/// How soon to ask again for a limit that somebody else had locked.
const LOCKED_AGAIN: Duration = Duration::from_millis(5);

/// What was read of the rate of a task.
struct Rate {
    /// `None` if it has none any more.
    rate: Option<FleetRate>,
    number: i64,
    bucket: Bucket,
}

impl PostgresDriver {
    /// Before it says that there is nothing to claim it makes a tick, as a claim does.
    pub(super) async fn ask_for(&self, ask: &Ask) -> Result<Asked, DriverError> {
        let mut session = self.lend_claims(ask.claim.worker).await?;
        let mut asked = self.ask_once(&mut session, ask, false).await?;
        let none = |asked: &Asked| match &asked.claimed {
            Claimed::Jobs(jobs) => jobs.is_empty() && asked.again.is_none(),
            Claimed::Contended => asked.again.is_none(),
            Claimed::LeaseLost => false,
        };
        if none(&asked) {
            self.tick_cursors(&mut session).await?;
            asked = self.ask_once(&mut session, ask, true).await?;
        }
        self.found(!none(&asked));
        session.keep();
        Ok(asked)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "the statements of one transaction, in their order"
    )]
    async fn ask_once(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        is_second: bool,
    ) -> Result<Asked, DriverError> {
        control(session, "begin").await?;
        let Some(durable) = self.lock_limits(session, ask).await? else {
            control(session, "rollback").await?;
            return Ok(nothing(Claimed::Contended, Some(LOCKED_AGAIN)));
        };
        let (grants, before) = self.grants(session, ask).await?;
        let rate = match &ask.rate {
            Some(task) => Some(self.read_bucket(session, task).await?),
            None => None,
        };
        let tokens = rate
            .as_ref()
            .and_then(|read| Some(read.bucket.tokens(read.rate?)));
        let limit = take(ask.claim.limit, ask.prefetch, &grants, tokens);
        let claim = Claim {
            limit,
            ..ask.claim.clone()
        };
        let Admitted {
            claimed,
            again: keys_again,
            turn,
            sweep,
        } = match &ask.keys {
            Some(keys) => {
                self.claim_by_keys(session, ask, keys, limit, is_second)
                    .await?
            }
            None => Admitted::of(self.claim_above(session, &claim).await?),
        };
        let (found, waiting) = match &claimed {
            Claimed::Jobs(jobs) => (jobs.len(), !jobs.is_empty() && jobs.len() == limit),
            // Locked by others, or, with no permits or tokens, just there.
            Claimed::Contended => (0, limit == 0),
            Claimed::LeaseLost => {
                control(session, "rollback").await?;
                return Ok(nothing(claimed, None));
            }
        };
        let short = waiting && limit < ask.claim.limit;
        let shares: Vec<Share> = grants
            .iter()
            .map(|grant| grant.kept(found, waiting))
            .collect();
        // The second time that one call asks it must not write what is written: it is no newer call.
        let unchanged = found == 0 && shares == before;
        if unchanged && ask.keys.is_none() {
            control(session, "rollback").await?;
        } else if unchanged {
            self.commit_durably(session, &durable).await?;
            control(session, "commit").await?;
        } else {
            self.take_permits(session, ask, &shares, &durable).await?;
            if let (Some(task), Some(read)) = (&ask.rate, &rate) {
                let used = u32::try_from(found).unwrap_or(u32::MAX);
                let bucket = read.bucket.take(used);
                self.take_tokens(session, task, read.number, bucket, &durable)
                    .await?;
            }
            if ask.keys.is_some() {
                self.commit_durably(session, &durable).await?;
            }
            control(session, "commit").await?;
        }
        let again = short.then(|| {
            let token = rate.and_then(|read| {
                let used = u32::try_from(found).unwrap_or(u32::MAX);
                let rate = read.rate?;
                (tokens == Some(used)).then(|| read.bucket.take(used).next(rate))
            });
            token.unwrap_or(PERMITS_AGAIN)
        });
        if let (Some(keys), Some(sweep)) = (&ask.keys, sweep) {
            self.keep_sweep(&keys.task, &ask.claim.queue, sweep);
        }
        let again = keys_again.filter(|_| found < limit).or(again);
        Ok(Asked {
            claimed: match claimed {
                Claimed::Contended if limit == 0 => Claimed::Jobs(Vec::new()),
                claimed => claimed,
            },
            permits: shares.iter().map(|share| share.permits).collect(),
            again,
            turn,
        })
    }

    /// Locks everything that is asked of; returns the setting for a durable commit, or `None` if
    /// somebody else has a lock.
    async fn lock_limits(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
    ) -> Result<Option<String>, DriverError> {
        let (mut kinds, mut names) = columns(ask.permits.iter().map(|ask| &ask.limit));
        if let Some(task) = &ask.rate {
            kinds.push("rate");
            names.push(task);
        }
        if let Some(keys) = &ask.keys {
            // Old and new builds may know the task by other names.
            kinds.extend(keys.names.iter().map(|_| "keys"));
            names.extend(keys.names.iter().map(String::as_str));
        }
        sqlx::query(self.statements.lock_limits.clone())
            .bind(self.schema().as_str())
            .bind(kinds)
            .bind(names)
            .fetch_one(session.connection())
            .await
            .and_then(|row| {
                let durable = row.try_get("durable")?;
                row.try_get("locked")
                    .map(|locked: bool| locked.then_some(durable))
            })
            .map_err(|error| driver_error("failed to lock limits", error))
    }

    /// What the worker may have of each limit, and what it has in its row.
    async fn grants(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
    ) -> Result<(Vec<Grant>, Vec<Share>), DriverError> {
        if ask.permits.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let error = |error| driver_error("failed to read limits", error);
        let (kinds, names) = columns(ask.permits.iter().map(|ask| &ask.limit));
        let rows = sqlx::query(self.statements.read_allotments.clone())
            .bind(ask.claim.worker.as_i64())
            .bind(kinds)
            .bind(names)
            .fetch_all(session.connection())
            .await
            .map_err(error)?;
        let grants = ask.permits.iter().zip(&rows).map(|(ask, row)| {
            let others = others(row)?;
            let max: Option<i32> = row.try_get("max_running")?;
            let permits = max.map_or(ask.wants, |max| allot(count(max), &others, ask.wants));
            let own = Share {
                permits: row
                    .try_get("own_permits")
                    .map(|own: Option<i32>| own.map_or(0, count))?,
                wants: row
                    .try_get("own_wants")
                    .map(|own: Option<i32>| own.map_or(0, count))?,
            };
            let grant = Grant {
                in_use: ask.in_use,
                waiting: ask.waiting,
                wants: ask.wants,
                permits,
            };
            Ok((grant, own))
        });
        grants
            .collect::<sqlx::Result<Vec<_>>>()
            .map(|both| both.into_iter().unzip())
            .map_err(error)
    }

    async fn read_bucket(&self, session: &mut Lent<'_>, task: &str) -> Result<Rate, DriverError> {
        let read = |row: PgRow| -> sqlx::Result<Rate> {
            let rate = rate(&row, "rate")?;
            let bucket = Bucket {
                debt: row.try_get("debt")?,
                at: row.try_get("at")?,
            };
            let now = row.try_get("now")?;
            Ok(Rate {
                rate,
                number: row.try_get("number")?,
                bucket: rate.map_or(bucket, |rate| bucket.refill(rate, now)),
            })
        };
        sqlx::query(self.statements.read_bucket.clone())
            .bind(task)
            .fetch_one(session.connection())
            .await
            .and_then(read)
            .map_err(|error| driver_error("failed to read a rate", error))
    }

    async fn take_permits(
        &self,
        session: &mut Lent<'_>,
        ask: &Ask,
        shares: &[Share],
        durable: &str,
    ) -> Result<(), DriverError> {
        if shares.is_empty() {
            return Ok(());
        }
        let (kinds, names) = columns(ask.permits.iter().map(|ask| &ask.limit));
        let (permits, wants) =
            share_columns(shares.iter().map(|share| (share.permits, share.wants)));
        let taken = sqlx::query(self.statements.take_permits.clone())
            .bind(durable)
            .bind(ask.claim.worker.as_i64())
            .bind(ask.claim.number)
            .bind(kinds)
            .bind(names)
            .bind(permits)
            .bind(wants)
            .execute(session.connection())
            .await
            .map_err(|error| driver_error("failed to take permits", error))?;
        if usize::try_from(taken.rows_affected()) == Ok(shares.len()) {
            return Ok(());
        }
        // The session is dropped with the error, and with it the transaction.
        let problem = "a newer call has set the permits";
        Err(DriverError::new(DriverErrorKind::Conflict, problem))
    }

    async fn take_tokens(
        &self,
        session: &mut Lent<'_>,
        task: &str,
        number: i64,
        bucket: Bucket,
        durable: &str,
    ) -> Result<(), DriverError> {
        sqlx::query(self.statements.take_tokens.clone())
            .bind(durable)
            .bind(task)
            .bind(number)
            .bind(bucket.debt)
            .bind(bucket.at)
            .execute(session.connection())
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to take tokens", error))
    }

    pub(super) async fn read_allotments(
        &self,
        worker: WorkerId,
        limits: &[Limited],
    ) -> Result<Vec<Allotment>, DriverError> {
        let error = |error| driver_error("failed to read limits", error);
        let (kinds, names) = columns(limits);
        let rows = sqlx::query(self.statements.read_allotments.clone())
            .bind(worker.as_i64())
            .bind(kinds)
            .bind(names)
            .all_on(&self.pool)
            .await
            .map_err(error)?;
        let allotment = |(limit, row): (&Limited, &PgRow)| {
            let max: Option<i32> = row.try_get("max_running")?;
            let others = others(row)?;
            Ok(Allotment {
                limit: limit.clone(),
                max: max.map(count),
                others: others
                    .iter()
                    .map(|share| (share.permits, share.wants))
                    .collect(),
            })
        };
        limits
            .iter()
            .zip(&rows)
            .map(allotment)
            .collect::<sqlx::Result<_>>()
            .map_err(error)
    }

    pub(super) async fn keep_permits(
        &self,
        worker: WorkerId,
        number: i64,
        kept: &[Keep],
    ) -> Result<(), DriverError> {
        let (kinds, names) = columns(kept.iter().map(|keep| &keep.limit));
        let (permits, wants) = share_columns(kept.iter().map(|keep| (keep.permits, keep.wants)));
        sqlx::query(self.statements.keep_permits.clone())
            .bind(worker.as_i64())
            .bind(number)
            .bind(kinds)
            .bind(names)
            .bind(permits)
            .bind(wants)
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to give permits back", error))
    }
}

async fn control(session: &mut Lent<'_>, statement: &'static str) -> Result<(), DriverError> {
    sqlx::query(statement)
        .execute(session.connection())
        .await
        .map(|_| ())
        .map_err(|error| driver_error("failed to claim jobs under a limit", error))
}

fn nothing(claimed: Claimed, again: Option<Duration>) -> Asked {
    Asked {
        claimed,
        permits: Vec::new(),
        again,
        turn: None,
    }
}

/// The kinds and the names of limits.
pub(super) fn columns<'a>(
    limits: impl IntoIterator<Item = &'a Limited>,
) -> (Vec<&'static str>, Vec<&'a str>) {
    limits
        .into_iter()
        .map(|limit| (limit.kind(), limit.name()))
        .unzip()
}

fn share_columns(shares: impl Iterator<Item = (u32, u32)>) -> (Vec<i32>, Vec<i32>) {
    shares
        .map(|(permits, wants)| (int(permits), int(wants)))
        .unzip()
}

/// What the other workers have, of a row of `read_allotments`.
fn others(row: &PgRow) -> sqlx::Result<Vec<Share>> {
    let permits: Vec<i32> = row.try_get("permits")?;
    let wants: Vec<i32> = row.try_get("wants")?;
    Ok(permits
        .into_iter()
        .zip(wants)
        .map(|(permits, wants)| Share {
            permits: count(permits),
            wants: count(wants),
        })
        .collect())
}

/// The rate in the columns whose names begin like this.
pub(super) fn rate(row: &PgRow, name: &str) -> sqlx::Result<Option<FleetRate>> {
    let max: Option<i32> = row.try_get(&*format!("{name}_max"))?;
    let per: Option<i64> = row.try_get(&*format!("{name}_per"))?;
    let burst: Option<i32> = row.try_get(&*format!("{name}_burst"))?;
    let (Some(max), Some(per), Some(burst)) = (max, per, burst) else {
        return Ok(None);
    };
    Ok(Some(FleetRate {
        max: count(max),
        per: Duration::from_micros(per.unsigned_abs()),
        burst: count(burst),
    }))
}

pub(super) fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

pub(super) fn count(int: i32) -> u32 {
    u32::try_from(int).unwrap_or(0)
}
