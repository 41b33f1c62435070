//! Fires ticks, many at once.

use chrono::{DateTime, TimeDelta, Utc};

use super::due::start;
use super::look::Due;
use super::{Scheduler, limited};
use crate::driver::{DriverError, Enqueue, Start, Tick};
use crate::job::JobId;
use crate::metrics;
use crate::schedule::Overlap;

/// The sleep while a tick waits for the end of a job, of which the scheduler is not told.
const HELD_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// By which name ticks of schedules are counted that were made at run time: there may be any number.
const MADE: &str = "run-time";

/// The ticks of one schedule that are yet to be fired.
struct Chain {
    due: Due,
    /// How many of them have been.
    fired: usize,
}

impl Chain {
    fn previous(&self) -> DateTime<Utc> {
        match self.fired.checked_sub(1) {
            Some(before) => self.due.ticks[before],
            None => self.due.last,
        }
    }

    /// Whether a tick that has no job may have to wait for one to end.
    fn may_wait(&self) -> bool {
        let overlap = self.due.schedule.policy.overlap;
        matches!(overlap, Overlap::QueueOne | Overlap::CancelRunning)
    }
}

impl Scheduler {
    /// Enqueues the jobs of ticks: those of all schedules together, and of one schedule one after the
    /// other. What fails is looked at again.
    pub(super) async fn tick(&mut self, due: Vec<Due>) -> Result<(), DriverError> {
        let mut chains: Vec<Chain> = due.into_iter().map(|due| Chain { due, fired: 0 }).collect();
        let mut problem = None;
        loop {
            chains.retain(|chain| chain.fired < chain.due.ticks.len());
            if chains.is_empty() {
                return problem.map_or(Ok(()), Err);
            }
            let mut left = Vec::with_capacity(chains.len());
            let mut batches = vec![std::mem::take(&mut chains)];
            while let Some(mut batch) = batches.pop() {
                match self.fire_batch(&batch).await {
                    Ok(jobs) => left.extend(self.settle(batch, &jobs)),
                    // Until the one is alone that is refused.
                    Err(error) if batch.len() > 1 && !error.is_transient() => {
                        batches.push(batch.split_off(batch.len() / 2));
                        batches.push(batch);
                    }
                    Err(error) => {
                        for chain in &batch {
                            let now = chain.due.now;
                            self.agenda.look_at(&chain.due.schedule.name, now);
                        }
                        problem = problem.or(Some(error));
                    }
                }
            }
            chains = left;
        }
    }

    async fn fire_batch(&self, batch: &[Chain]) -> Result<Vec<Option<JobId>>, DriverError> {
        let ticks = batch.iter().map(|chain| {
            let Due { schedule, now, .. } = &chain.due;
            let at = chain.due.ticks[chain.fired];
            let policy = schedule.policy;
            Tick {
                schedule: schedule.name.clone(),
                digest: chain.due.digest,
                previous: chain.previous(),
                at,
                overlap: policy.overlap,
                enqueue: self.job(&chain.due, start(&schedule.name, at, policy.jitter, *now)),
            }
        });
        limited(self.driver.tick(ticks.collect())).await
    }

    /// Takes note of what became of ticks, and returns the schedules that may go on.
    fn settle(&mut self, batch: Vec<Chain>, jobs: &[Option<JobId>]) -> Vec<Chain> {
        let mut left = Vec::with_capacity(batch.len());
        for (mut chain, job) in batch.into_iter().zip(jobs) {
            let schedule = &chain.due.schedule;
            match job {
                Some(job) => {
                    let at = chain.due.ticks[chain.fired];
                    let (name, queue) = (&schedule.name, &schedule.template.queue);
                    tracing::debug!(schedule = name, job = job.as_i64(), tick = %at, "fired a schedule");
                    metrics::count_tick(if chain.due.made { MADE } else { name });
                    metrics::count_enqueued(&schedule.task, queue, 1);
                    self.hooks.enqueued(&schedule.task, queue, &[*job]);
                }
                // Another worker was faster, or a job is to end first: the next look tells.
                None if chain.may_wait() => {
                    let at = chain.due.now + HELD_PAUSE;
                    self.agenda.look_no_later(&schedule.name, at);
                    continue;
                }
                None => {}
            }
            chain.fired += 1;
            left.push(chain);
        }
        left
    }

    /// The job of a tick: like any other job of its task.
    fn job(&self, due: &Due, start: Start) -> Enqueue {
        let mut enqueue = due.schedule.enqueue(start);
        // What is limited now may not have been when the schedule was made.
        if due.made
            && let Some(task) = self.registry.task(&due.schedule.task)
        {
            for job in &mut enqueue.jobs {
                let mut detail = job.detail.take().unwrap_or_default();
                // A job whose input cannot be read has no keys; its attempt fails for that.
                let _ = task
                    .options
                    .add_keys(task.key_name(), &job.input, &mut detail);
                job.detail = (!detail.is_empty()).then_some(detail);
            }
        }
        enqueue
    }
}
