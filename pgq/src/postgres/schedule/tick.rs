//! Ticks.
//!
//! Most go to the database together. Two kinds go by themselves: those of unique jobs, whose keys are
//! taken in an order of their own, and those that cancel the job before them, which is a transaction.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::stored::overlap_name;
use crate::driver::{DriverError, DriverErrorKind, Enqueue, NewJob, Start, Tick, Ticked};
use crate::job::{Conflict, JobId, Retain};
use crate::postgres::PostgresDriver;
use crate::postgres::error::{driver_error, lacks_partition};
use crate::postgres::large_input::Parted;
use crate::postgres::unique;
use crate::schedule::Overlap;

/// How long a tick waits for what somebody else has locked of the job that it cancels, as for all else: it
/// holds up other ticks meanwhile, and comes again. A worker that is stopped within the transaction, as by SIGSTOP, must
/// not keep the schedule from others: the server ends its session.
const LIMITS: &str = "select set_config('lock_timeout', '100ms', true),
                             set_config('idle_in_transaction_session_timeout', '2000', true)";

/// How often the job before a tick is looked for that moves at the same time.
const LOOKS_MAX: usize = 20;

/// A job of a schedule.
pub(super) struct Fired {
    pub(super) schedule: String,
    /// Its digest, or its revision if it has been triggered.
    pub(super) version: i64,
    /// If it has been triggered because somebody has requested it, when he has.
    pub(super) previous: Option<DateTime<Utc>>,
    /// `None` if it has been triggered.
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) overlap: Overlap,
    pub(super) enqueue: Enqueue,
    /// Its input is that of the schedule.
    pub(super) is_stored: bool,
}

impl From<Tick> for Fired {
    fn from(tick: Tick) -> Self {
        Self {
            schedule: tick.schedule,
            version: tick.digest,
            previous: Some(tick.previous),
            at: Some(tick.at),
            overlap: tick.overlap,
            enqueue: tick.enqueue,
            is_stored: tick.is_stored,
        }
    }
}

/// A tick that is over, or whose schedule is locked.
struct Won {
    /// From 0.
    place: usize,
    /// Its job, if it has one.
    job: Option<JobId>,
    /// That has not taken the place of another.
    is_new: bool,
    /// The job before it.
    last: Option<JobId>,
    /// It is not over: somebody has locked its schedule.
    is_locked: bool,
}

impl Won {
    const fn outcome(self) -> Ticked {
        match self.job {
            None if self.is_locked => Ticked::Locked,
            Some(job) if self.is_new => Ticked::Enqueued(job),
            Some(job) => Ticked::Replaced(job),
            None => Ticked::Skipped,
        }
    }
}

impl PostgresDriver {
    /// On an error nothing is known of any of them: ticks that may wait for somebody are best given alone.
    pub(super) async fn fire(&self, ticks: Vec<Fired>) -> Result<Vec<Ticked>, DriverError> {
        let mut ticked = vec![Ticked::Refused; ticks.len()];
        let (mut together, mut places) = (Vec::new(), Vec::new());
        let mut apart = Vec::new();
        for (place, mut tick) in ticks.into_iter().enumerate() {
            if tick.is_stored {
                let jobs = tick.enqueue.jobs.iter_mut();
                jobs.for_each(|job| job.input = Vec::new());
            }
            let cancels = tick.at.is_some() && tick.overlap == Overlap::CancelRunning;
            if cancels || tick.enqueue.is_keyed() {
                apart.push((place, tick, cancels));
            } else {
                together.push(tick);
                places.push(place);
            }
        }
        if !together.is_empty() {
            let mut exchange = self.pool.exchange().await.map_err(failed)?;
            let won = self.fire_together(&mut exchange, together).await?;
            exchange.done().await.map_err(failed)?;
            for won in won {
                if let Some(place) = places.get(won.place) {
                    ticked[*place] = won.outcome();
                }
            }
        }
        for (place, tick, cancels) in apart {
            let won = if cancels {
                self.fire_and_cancel(tick).await?
            } else {
                let mut exchange = self.pool.exchange().await.map_err(failed)?;
                let won = self.fire_unique(&mut exchange, tick).await?;
                exchange.done().await.map_err(failed)?;
                won
            };
            ticked[place] = won.map_or(Ticked::Refused, Won::outcome);
        }
        Ok(ticked)
    }

    async fn fire_together(
        &self,
        connection: &mut PgConnection,
        ticks: Vec<Fired>,
    ) -> Result<Vec<Won>, DriverError> {
        // To trigger a job the pool may be the application's, behind a pooler.
        let is_worker = ticks.iter().all(|tick| tick.at.is_some());
        let mut columns = Columns::default();
        let mut jobs = Vec::with_capacity(ticks.len());
        for tick in ticks {
            jobs.extend(columns.push(tick));
        }
        let parted = Parted::new(jobs)?;
        let inputs = columns.stored.into_iter().zip(parted.inline);
        let inputs = inputs.map(|(is_stored, input)| (!is_stored).then_some(input));
        let inputs: Vec<Option<Vec<u8>>> = inputs.collect();
        let rows = sqlx::query(self.statements.tick.clone())
            .bind(columns.schedules)
            .bind(columns.versions)
            .bind(columns.previous)
            .bind(columns.ticks)
            .bind(columns.tasks)
            .bind(columns.queues)
            .bind(columns.priorities)
            .bind(columns.max_attempts)
            .bind(columns.fingerprints)
            .bind(parted.marks)
            .bind(inputs)
            .bind(columns.run_at)
            .bind(columns.overlaps)
            .bind(parted.places)
            .bind(parted.large)
            .bind(parted.detailed)
            .bind(parted.details)
            .bind(self.schema().as_str())
            .persistent(is_worker)
            .fetch_all(connection)
            .await
            .map_err(failed)?;
        let won = |row: PgRow| {
            let place: i64 = row.try_get("place")?;
            Ok(Won {
                place: usize::try_from(place - 1).unwrap_or(usize::MAX),
                is_locked: row.try_get("is_locked")?,
                ..won(&row)?
            })
        };
        rows.into_iter()
            .map(won)
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    async fn fire_unique(
        &self,
        connection: &mut PgConnection,
        tick: Fired,
    ) -> Result<Option<Won>, DriverError> {
        // A tick that finds its job there has none, whatever becomes of others.
        let conflict = match unique::conflict(&tick.enqueue) {
            Conflict::Raise => Conflict::Skip,
            other => other,
        };
        let is_worker = tick.at.is_some();
        let run_at = run_at(tick.enqueue.start);
        let mut job = Parted::new(tick.enqueue.jobs)?;
        let input = job.inline.pop().unwrap_or_default();
        let row = sqlx::query(self.statements.tick_unique.clone())
            .bind(tick.schedule)
            .bind(tick.previous)
            .bind(tick.at)
            .bind((!tick.is_stored).then_some(input))
            .bind(tick.enqueue.task.into_owned())
            .bind(tick.enqueue.queue.into_owned())
            .bind(tick.enqueue.priority)
            .bind(tick.enqueue.max_attempts)
            .bind(tick.enqueue.fingerprint)
            .bind(self.schema().as_str())
            .bind(job.large.pop())
            .bind(run_at)
            .bind(overlap_name(tick.overlap))
            .bind(job.details.pop())
            .bind(job.marks.pop().unwrap_or_default())
            .bind(tick.version)
            .bind(job.keys.pop())
            .bind(job.periods.pop().flatten())
            .bind(unique::name(conflict))
            .persistent(is_worker)
            .fetch_optional(connection)
            .await
            .map_err(failed)?;
        let won = |row: PgRow| {
            Ok(Won {
                is_new: row.try_get("is_new")?,
                ..won(&row)?
            })
        };
        row.map(won).transpose().map_err(failed)
    }

    /// A tick whose job takes the place of the one before it, which is cancelled in the same transaction.
    /// It is a conflict that somebody else has locked that one, for a moment or, to complete it, for as long
    /// as he likes.
    async fn fire_and_cancel(&self, tick: Fired) -> Result<Option<Won>, DriverError> {
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        let fired = match self.fire_within(&mut transaction, tick).await {
            Ok(won) => {
                transaction.commit().await.map_err(failed)?;
                return Ok(won);
            }
            Err(error) => error,
        };
        transaction.rollback().await.map_err(failed)?;
        if lacks_partition(&fired) {
            self.make_partitions(&[Retain::DEFAULT]).await?;
        }
        Err(fired)
    }

    async fn fire_within(
        &self,
        transaction: &mut PgConnection,
        tick: Fired,
    ) -> Result<Option<Won>, DriverError> {
        let limit = sqlx::raw_sql(LIMITS).execute(&mut *transaction);
        limit.await.map_err(failed)?;
        let won = match tick.enqueue.is_keyed() {
            true => self.fire_unique(transaction, tick).await?,
            false => self.fire_together(transaction, vec![tick]).await?.pop(),
        };
        if let Some(Won {
            job: Some(job),
            last: Some(last),
            ..
        }) = won
            && last != job
        {
            self.cancel_within(transaction, last).await?;
        }
        Ok(won)
    }

    /// Cancels a job in a transaction, unless it has ended. It may move between two looks.
    async fn cancel_within(
        &self,
        transaction: &mut PgConnection,
        job: JobId,
    ) -> Result<(), DriverError> {
        for _ in 0..LOOKS_MAX {
            if self.cancel_waiting(transaction, job).await?
                || self.cancel_running(transaction, job).await?
            {
                return Ok(());
            }
            let unfinished: bool = sqlx::query_scalar(self.statements.is_unfinished.clone())
                .bind(job.as_i64())
                .persistent(false)
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed)?;
            if !unfinished {
                return Ok(());
            }
        }
        let problem = "the job before a tick moved each time that it was to be cancelled";
        Err(DriverError::new(DriverErrorKind::Conflict, problem))
    }
}

/// What the statement for many ticks takes.
#[derive(Default)]
struct Columns {
    schedules: Vec<String>,
    versions: Vec<i64>,
    previous: Vec<Option<DateTime<Utc>>>,
    ticks: Vec<Option<DateTime<Utc>>>,
    tasks: Vec<String>,
    queues: Vec<String>,
    priorities: Vec<i16>,
    max_attempts: Vec<i16>,
    fingerprints: Vec<Option<i64>>,
    run_at: Vec<Option<DateTime<Utc>>>,
    overlaps: Vec<&'static str>,
    stored: Vec<bool>,
}

impl Columns {
    /// Returns the job.
    fn push(&mut self, tick: Fired) -> Option<NewJob> {
        let Enqueue {
            task,
            queue,
            priority,
            max_attempts,
            fingerprint,
            start,
            // Whether a tick was is never in doubt.
            durability: _,
            mut jobs,
        } = tick.enqueue;
        self.schedules.push(tick.schedule);
        self.versions.push(tick.version);
        self.previous.push(tick.previous);
        self.ticks.push(tick.at);
        self.tasks.push(task.into_owned());
        self.queues.push(queue.into_owned());
        self.priorities.push(priority);
        self.max_attempts.push(max_attempts);
        self.fingerprints.push(fingerprint);
        self.run_at.push(run_at(start));
        self.overlaps.push(overlap_name(tick.overlap));
        self.stored.push(tick.is_stored);
        jobs.pop()
    }
}

const fn run_at(start: Start) -> Option<DateTime<Utc>> {
    match start {
        Start::At(time) => Some(time),
        Start::Now | Start::After(_) => None,
    }
}

fn won(row: &PgRow) -> sqlx::Result<Won> {
    let job: Option<i64> = row.try_get("job")?;
    let last: Option<i64> = row.try_get("last_job")?;
    Ok(Won {
        place: 0,
        job: job.map(JobId::from_i64),
        is_new: true,
        last: last.map(JobId::from_i64),
        is_locked: false,
    })
}

fn failed(error: sqlx::Error) -> DriverError {
    driver_error("failed to enqueue the jobs of ticks", error)
}
