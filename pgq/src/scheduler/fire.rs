//! Fires ticks, many at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::look::Due;
use super::{Problem, Scheduler};
use crate::driver::{DriverError, DriverErrorKind, Tick, Ticked};
use crate::metrics;
use crate::schedule::Overlap;
use crate::task::{job_of, start};
use crate::worker::{limited, limited_by};

/// The sleep while a tick waits for the end of a job, of which the scheduler is not told, or for somebody
/// who keeps locked what it needs.
const HELD_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// For how long ticks are fired of which there are many, one after the other, before it is looked for others
/// that are due. Of what is left the next call takes care.
const ROUND: Duration = Duration::from_secs(1);

/// How many ticks are fired at once of those that go by themselves.
const APART_AT_ONCE: usize = 4;

/// How long one of these may take.
const APART_TIMEOUT: Duration = Duration::from_secs(10);

/// By which name ticks of schedules are counted that were made at run time: there may be any number.
const MADE: &str = "run-time";

/// The ticks of one schedule that are yet to be fired.
pub(super) struct Chain {
    due: Due,
    /// How many of them have been.
    fired: usize,
    /// Its ticks may have to wait for others, so they go by themselves: the job has a key, or takes the
    /// place of the one before it.
    pub(super) is_apart: bool,
}

impl Chain {
    pub(super) const fn new(due: Due) -> Self {
        let policy = due.schedule.policy;
        let is_apart = matches!(policy.overlap, Overlap::CancelRunning)
            || due.schedule.template.job.key.is_some();
        Self {
            due,
            fired: 0,
            is_apart,
        }
    }

    fn previous(&self) -> DateTime<Utc> {
        match self.fired.checked_sub(1) {
            Some(before) => self.due.ticks[before],
            None => self.due.last,
        }
    }
}

impl Scheduler {
    /// Enqueues the jobs of ticks: those of all schedules together, and of one schedule one after the
    /// other. What fails is looked at again. Returns whether some are left, for which there was no time.
    pub(super) async fn tick_together(
        &mut self,
        mut chains: Vec<Chain>,
        problem: &mut Problem,
    ) -> bool {
        let began = Instant::now();
        while !chains.is_empty() {
            let mut left = Vec::with_capacity(chains.len());
            let mut batches = vec![std::mem::take(&mut chains)];
            while let Some(mut batch) = batches.pop() {
                let fired = limited(self.driver.tick(self.ticks(&batch))).await;
                // Until the one is alone that is refused, or that somebody keeps locked.
                if let Err(error) = &fired
                    && batch.len() > 1
                    && (error.kind() == DriverErrorKind::Conflict || !error.is_transient())
                {
                    batches.push(batch.split_off(batch.len() / 2));
                    batches.push(batch);
                    continue;
                }
                left.extend(self.settle(batch, fired, problem));
            }
            if began.elapsed() >= ROUND {
                return !left.is_empty();
            }
            chains = left;
        }
        false
    }

    /// Enqueues the jobs of ticks that may have to wait for others, a few at once. Returns whether some are
    /// left, for which there was no time.
    pub(super) async fn tick_apart(&mut self, chains: Vec<Chain>, problem: &mut Problem) -> bool {
        let began = Instant::now();
        let mut left = VecDeque::from(chains);
        while !left.is_empty() && began.elapsed() < ROUND {
            let few = left.drain(..left.len().min(APART_AT_ONCE));
            let few: Vec<Vec<Chain>> = few.map(|chain| vec![chain]).collect();
            let fired = few.iter().map(|chain| {
                let tick = self.driver.tick(self.ticks(chain));
                limited_by(APART_TIMEOUT, tick)
            });
            let fired = join_all(fired).await;
            for (chain, fired) in few.into_iter().zip(fired) {
                left.extend(self.settle(chain, fired, problem));
            }
        }
        !left.is_empty()
    }

    /// The next tick of each.
    fn ticks(&self, chains: &[Chain]) -> Vec<Tick> {
        let ticks = chains.iter().map(|chain| {
            let Due { schedule, now, .. } = &chain.due;
            let at = chain.due.ticks[chain.fired];
            let policy = schedule.policy;
            Tick {
                schedule: schedule.name.clone(),
                digest: chain.due.digest,
                previous: chain.previous(),
                at,
                overlap: policy.overlap,
                enqueue: job_of(
                    &self.registry,
                    schedule,
                    start(&schedule.name, at, policy.jitter, *now),
                ),
            }
        });
        ticks.collect()
    }

    /// Takes note of what became of the next tick of each, and returns the schedules that may go on. One of
    /// which nothing is known is due as before.
    fn settle(
        &mut self,
        chains: Vec<Chain>,
        fired: Result<Vec<Ticked>, DriverError>,
        problem: &mut Problem,
    ) -> Vec<Chain> {
        match fired {
            Ok(ticked) => chains
                .into_iter()
                .zip(ticked)
                .filter_map(|(chain, ticked)| self.settle_one(chain, ticked))
                .collect(),
            Err(error) if error.kind() == DriverErrorKind::Conflict => {
                for Chain { due, .. } in chains {
                    tracing::debug!(schedule = due.schedule.name, "a tick waits for a lock");
                    self.agenda
                        .look_at(&due.schedule.name, due.now + HELD_PAUSE);
                }
                Vec::new()
            }
            Err(error) => {
                problem.note(error);
                Vec::new()
            }
        }
    }

    fn settle_one(&mut self, mut chain: Chain, ticked: Ticked) -> Option<Chain> {
        let Due {
            schedule,
            ticks,
            revision,
            next,
            ..
        } = &chain.due;
        let is_last = chain.fired + 1 == ticks.len();
        match ticked {
            Ticked::Enqueued(job) => {
                let at = ticks[chain.fired];
                let (name, queue) = (&schedule.name, &schedule.template.queue);
                tracing::debug!(schedule = name, job = job.as_i64(), tick = %at, "fired a schedule");
                metrics::count_tick(if chain.due.made { MADE } else { name });
                metrics::count_enqueued(&schedule.task, queue, 1);
                self.hooks.enqueued(&schedule.task, queue, &[job]);
            }
            Ticked::Skipped => {}
            // Another worker was faster, or a job is to end first: the next look tells. Of a change its
            // revision tells.
            Ticked::Refused => {
                self.agenda.set(&schedule.name, *revision, *next);
                if !is_last || schedule.policy.overlap == Overlap::QueueOne {
                    let at = chain.due.now + HELD_PAUSE;
                    self.agenda.look_no_later(&schedule.name, at);
                }
                return None;
            }
        }
        if is_last {
            self.agenda.set(&schedule.name, *revision, *next);
            return None;
        }
        chain.fired += 1;
        Some(chain)
    }
}
