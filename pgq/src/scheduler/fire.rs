//! Fires ticks, many at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::look::Due;
use super::{Problem, Scheduler};
use crate::driver::{DriverError, DriverErrorKind, Schedule, ScheduleVersion, Tick, Ticked};
use crate::metrics;
use crate::schedule::Overlap;
use crate::task::{TaskDescriptor, TaskOptions, enqueue, job_of, needs_input, start};
use crate::worker::{limited, limited_by};

/// The sleep while a tick waits for the end of a job, of which the scheduler is not told, or for somebody
/// who keeps locked what it needs.
pub(super) const HELD_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// For how long ticks are fired of which there are many, one after the other, before it is looked for others
/// that are due. Of what is left the next call takes care.
const ROUND: Duration = Duration::from_secs(1);

/// How many bytes the inputs of ticks have that are fired together, at most, unless it is one tick.
const BATCH_BYTES: usize = 8 << 20;

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
    /// The keys of its jobs are made of an input that is to be read for that.
    needs_input: bool,
    /// Its ticks may have to wait for others, or for their input, so they go by themselves: the job has a
    /// key, or takes the place of the one before it.
    pub(super) is_apart: bool,
}

impl Chain {
    /// The ticks of a schedule of that task.
    pub(super) fn new(due: Due, task: Option<&TaskDescriptor>) -> Self {
        let Schedule {
            policy, template, ..
        } = &due.schedule;
        let needs_input = due.made && task.is_some_and(|task| needs_input(task, &due.schedule));
        let is_unique = match due.made {
            true => template.job.key.is_some(),
            false => task.is_some_and(|task| task.options.unique.is_some()),
        };
        let is_apart = is_unique || needs_input || policy.overlap == Overlap::CancelRunning;
        Self {
            due,
            fired: 0,
            needs_input,
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

/// Parts ticks, or schedules, so that the inputs of those that go together are not too many bytes.
pub(super) fn by_size<T>(ticks: Vec<T>, bytes_of: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut bytes: usize = 0;
    for tick in ticks {
        let own = bytes_of(&tick);
        bytes = bytes.saturating_add(own);
        match batches.last_mut() {
            Some(batch) if bytes <= BATCH_BYTES => batch.push(tick),
            _ => {
                bytes = own;
                batches.push(vec![tick]);
            }
        }
    }
    batches
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
            let mut batches = by_size(std::mem::take(&mut chains), |chain| chain.due.input_bytes);
            while let Some(mut batch) = batches.pop() {
                let ticks = batch.iter().map(|chain| self.tick(chain, &[]));
                let fired = limited(self.driver.tick(ticks.collect())).await;
                // Until the one is alone that is refused, or that somebody keeps from its job.
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
            let fired = few.iter().flatten();
            let fired = fired.map(|chain| limited_by(APART_TIMEOUT, self.tick_alone(chain)));
            let fired = join_all(fired).await;
            for (chain, fired) in few.into_iter().zip(fired) {
                left.extend(self.settle(chain, fired, problem));
            }
        }
        !left.is_empty()
    }

    async fn tick_alone(&self, chain: &Chain) -> Result<Vec<Ticked>, DriverError> {
        let Due {
            schedule, revision, ..
        } = &chain.due;
        let input = match chain.needs_input {
            true => match self.input_of(&schedule.name, *revision).await? {
                Some(input) => input,
                // It is not what it was when it was looked at.
                None => return Ok(vec![Ticked::Refused]),
            },
            false => Vec::new(),
        };
        self.driver.tick(vec![self.tick(chain, &input)]).await
    }

    /// The input that is stored of a schedule of that revision; `None` if there is no such schedule.
    pub(super) async fn input_of(
        &self,
        name: &str,
        revision: i64,
    ) -> Result<Option<Vec<u8>>, DriverError> {
        let version = ScheduleVersion { name, revision };
        let mut read = self.driver.schedule_inputs(&[version]).await?;
        Ok(read.pop().flatten().map(|stored| stored.input))
    }

    /// The next tick of a schedule. `input` is what is stored of it, if it is needed.
    fn tick(&self, chain: &Chain, input: &[u8]) -> Tick {
        let Due { schedule, now, .. } = &chain.due;
        let task = self.registry.task(&schedule.task);
        let at = chain.due.ticks[chain.fired];
        let policy = schedule.policy;
        let start = start(&schedule.name, at, policy.jitter, *now);
        let known = self.registry.known_schedule(&schedule.name);
        let enqueue = match known.filter(|_| !chain.due.made) {
            Some(known) => {
                let Schedule { task, template, .. } = known.declared(task);
                enqueue(task, template, start)
            }
            None => job_of(task, schedule, input, start),
        };
        Tick {
            schedule: schedule.name.clone(),
            digest: chain.due.digest,
            previous: chain.previous(),
            at,
            overlap: policy.overlap,
            enqueue,
            is_stored: chain.due.made,
        }
    }

    /// Where the jobs of a schedule wait.
    fn queue_of<'a>(&'a self, schedule: &'a Schedule) -> &'a str {
        let of_task = || {
            let task = self.registry.task(&schedule.task);
            task.map_or(TaskOptions::new().queue, |task| task.options.queue)
        };
        let said = schedule.template.queue.as_deref();
        said.unwrap_or_else(of_task)
    }

    /// Looks soon again at a schedule of which somebody keeps locked what it needs.
    pub(super) fn hold(&mut self, name: &str, now: DateTime<Utc>) {
        self.is_held = true;
        let again = now + HELD_PAUSE;
        // What is due by now would be so for ever.
        let at = self.agenda.at(name).filter(|at| *at > now);
        self.agenda
            .look_at(name, at.map_or(again, |at| at.min(again)));
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
                    self.hold(&due.schedule.name, due.now);
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
            Ticked::Enqueued(job) | Ticked::Replaced(job) => {
                let at = ticks[chain.fired];
                let (name, queue) = (&schedule.name, self.queue_of(schedule));
                tracing::debug!(schedule = name, job = job.as_i64(), tick = %at, "fired a schedule");
                metrics::count_tick(if chain.due.made { MADE } else { name });
                metrics::count_enqueued(&schedule.task, queue, 1);
                self.hooks.enqueued(&schedule.task, queue, &[job]);
            }
            Ticked::Skipped => {}
            // Another worker was faster, or is about to be, or a job is to end first: the next look tells. Of a
            // change its revision tells.
            Ticked::Refused | Ticked::Locked => {
                self.agenda.set(&schedule.name, *revision, *next);
                if ticked == Ticked::Locked || chain.due.is_requested {
                    self.hold(&schedule.name, chain.due.now);
                } else if !is_last || schedule.policy.overlap == Overlap::QueueOne {
                    let at = chain.due.now + HELD_PAUSE;
                    self.agenda.look_no_later(&schedule.name, at);
                }
                return None;
            }
        }
        if is_last {
            self.agenda.set(&schedule.name, *revision, *next);
            if chain.due.is_requested {
                self.hold(&schedule.name, chain.due.now);
            }
            return None;
        }
        chain.fired += 1;
        Some(chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_large_inputs_go_apart() {
        let sizes = vec![1, BATCH_BYTES - 1, 1, BATCH_BYTES * 2, 7, 8];

        let batches = by_size(sizes, |size| *size);

        let expected = [
            vec![1, BATCH_BYTES - 1],
            vec![1],
            vec![BATCH_BYTES * 2],
            vec![7, 8],
        ];
        assert_eq!(batches, expected);
    }
}
