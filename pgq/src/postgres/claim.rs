//! Claims, above the cursors.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use super::PostgresDriver;
use super::cursor::Cursors;
use super::error::driver_error;
use super::row;
use super::session::Lent;
use crate::driver::{Claim, Claimed, ClaimedJob, DriverError, WorkerId};

/// What a statement has claimed: [`Claimed`], with the number of each job among the ready ones.
pub(super) enum Taken {
    Jobs(Vec<(i64, ClaimedJob)>),
    Contended,
    LeaseLost,
}

impl PostgresDriver {
    /// Claims jobs. Before it says that there is nothing to claim it makes a tick, so that a row
    /// which became visible late is found by the first claim after that.
    pub(super) async fn claim_jobs(&self, claim: &Claim) -> Result<Claimed, DriverError> {
        let mut session = self.lend_claims(claim.worker).await?;
        let mut claimed = self.claim_above(&mut session, claim).await?;
        if found_none(&claimed) && claim.priority_max.is_none() {
            self.tick_cursors(&mut session).await?;
            claimed = self.claim_above(&mut session, claim).await?;
        }
        if !found_none(&claimed) || claim.priority_max.is_none() {
            self.found(!found_none(&claimed));
        }
        session.keep();
        Ok(claimed)
    }

    /// Lends the session of the claims, with the cursors as they must be before one.
    pub(super) async fn lend_claims(&self, worker: WorkerId) -> Result<Lent<'_>, DriverError> {
        let mut session = self.claims.lend().await?;
        if session.is_new() || !self.cursors().belong_to(worker) {
            self.reset_cursors(worker);
        }
        if self.cursors().tick_is_due(Instant::now()) {
            self.tick_cursors(&mut session).await?;
        }
        Ok(session)
    }

    /// Takes note of whether a claim found jobs.
    pub(super) fn found(&self, some: bool) {
        self.cursors().found(some);
    }

    pub(super) async fn claim_above(
        &self,
        session: &mut Lent<'_>,
        claim: &Claim,
    ) -> Result<Claimed, DriverError> {
        Ok(match self.take_jobs(session, claim).await? {
            Taken::Jobs(jobs) => Claimed::Jobs(jobs.into_iter().map(|(_, job)| job).collect()),
            Taken::Contended => Claimed::Contended,
            Taken::LeaseLost => Claimed::LeaseLost,
        })
    }

    pub(super) async fn take_jobs(
        &self,
        session: &mut Lent<'_>,
        claim: &Claim,
    ) -> Result<Taken, DriverError> {
        let error = |error| driver_error("failed to claim jobs", error);
        let mut lanes = self.cursors().lanes(claim, Instant::now());
        for (priority, cursor) in (0..).zip(&mut lanes) {
            if !claim.takes_priority(priority) {
                // Nothing is above it.
                *cursor = i64::MAX;
            }
        }
        let rows = sqlx::query(self.statements.claim_jobs.clone())
            .bind(claim.worker.as_i64())
            .bind(claim.number)
            .bind(&*claim.queue)
            .bind(claim.names().collect::<Vec<_>>())
            .bind(i64::try_from(claim.limit).unwrap_or(i64::MAX))
            .bind(claim.horizon)
            .bind(lanes.as_slice())
            .bind(claim.fingerprints.as_deref())
            .fetch_all(session.connection())
            .await
            .map_err(error)?;

        let (head, jobs) = rows
            .split_first()
            .ok_or_else(|| error(sqlx::Error::RowNotFound))?;
        let (alive, first_visible) = row::claim_head(head).map_err(error)?;
        if !alive {
            return Ok(Taken::LeaseLost);
        }
        self.cursors().raise(claim, &first_visible);
        let horizon = claim.horizon.unwrap_or(i64::MAX);
        if jobs.is_empty() && first_visible.iter().flatten().any(|seq| *seq <= horizon) {
            return Ok(Taken::Contended);
        }
        let mut reader = row::ClaimedJobs::of(claim);
        let mut jobs: Vec<_> = jobs
            .iter()
            .map(|job| reader.read(job))
            .collect::<sqlx::Result<_>>()
            .map_err(error)?;
        jobs.sort_unstable_by_key(|(seq, job)| (Reverse(job.priority), *seq));
        Ok(Taken::Jobs(jobs))
    }

    /// Reads the sequence, and then the open transactions: the order matters. Returns what it has read
    /// of the sequence.
    pub(super) async fn tick_cursors(&self, session: &mut Lent<'_>) -> Result<i64, DriverError> {
        let error = |error| driver_error("failed to look for open transactions", error);
        let reading = sqlx::query_scalar(self.statements.horizon.clone())
            .fetch_one(session.connection())
            .await
            .map_err(error)?;
        let open: Vec<String> = sqlx::query_scalar(self.statements.open_writers.clone())
            .fetch_all(session.connection())
            .await
            .map_err(error)?;
        let open: HashSet<String> = open.into_iter().collect();
        self.cursors().tick(reading, open, Instant::now());
        Ok(reading)
    }

    fn reset_cursors(&self, worker: WorkerId) {
        *self.cursors() = Cursors::new(worker, Instant::now());
    }

    /// The cursors; only touched while the session of the claims is lent.
    fn cursors(&self) -> MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found_none(claimed: &Claimed) -> bool {
    match claimed {
        Claimed::Jobs(jobs) => jobs.is_empty(),
        Claimed::Contended => true,
        Claimed::LeaseLost => false,
    }
}
