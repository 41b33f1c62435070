//! [`TaskOptions`].

use std::time::Duration;

use super::{Batch, Concurrency, Rate, Unique};
use crate::backoff::Backoff;
use crate::job::{DecodeError, Detail, Durability, Expires, Retain, lane_key};
use crate::queue::DEFAULT_QUEUE;

/// How jobs of a task are run unless their enqueuer says otherwise.
///
/// Where parameters are named, as in [`ordered_by`](Self::ordered_by), these are the names by which the
/// input is stored: the fields of an [`Input`](crate::Input) that is a type of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskOptions {
    /// The queue that its jobs wait in. Default: `"default"`.
    pub queue: &'static str,
    /// 0 to 9; larger ones are claimed first. Default: 0.
    pub priority: i16,
    /// How many attempts a job has before it is a dead letter, 1 to 1000. Default: 20, which with
    /// the default backoff takes about eight hours.
    pub max_attempts: i16,
    /// How long one attempt may take. Default: no limit.
    pub timeout: Option<Duration>,
    /// How long a failed job waits for its next attempt. Default: [`Backoff::DEFAULT`].
    pub backoff: Backoff,
    /// How long a job waits before it may start, at most a hundred years. Default: zero.
    pub delay: Duration,
    /// How long what is left of its jobs is kept.
    pub retain: Retain,
    /// The largest input of its jobs, in bytes, up to [`INPUT_MAX`](crate::INPUT_MAX). Default: what
    /// the enqueuer allows, which is 1 MiB unless `Pgq::input_max` says otherwise.
    pub input_max: Option<usize>,
    /// Whether its enqueues, and the ends of its jobs, wait for the disk of the server. Default: they do.
    pub durability: Durability,
    /// How long after its enqueue a job may be started for the first time; longer than
    /// [`delay`](Self::delay). Default: no limit. A job that has not been started by then
    /// ends as [`Expired`](crate::JobState::Expired), without an attempt; a worker looks when it claims
    /// the job, by the database's clock. Once an attempt has begun a job does not expire any more.
    pub expires: Option<Duration>,
    /// Which of its jobs are the same. Default: none.
    pub unique: Option<Unique>,
    /// How many of its jobs run at once, in all workers together. Default: no limit.
    pub concurrency: Option<Concurrency>,
    /// The parameters whose values make the keys of its jobs: those of one key run one at a time,
    /// in the order of their enqueues. Default: none, so that jobs have no key.
    pub ordered_by: &'static [&'static str],
    /// How many of its jobs start in a time, in all workers together. Default: no limit.
    pub rate: Option<Rate>,
    /// How many jobs one call is given; read by [`run_in_batch`](crate::run_in_batch). Default: one. Of a
    /// call for many jobs, [`timeout`](Self::timeout) is the limit of the call.
    pub batch: Option<Batch>,
    /// Words to find its jobs by, at most 16, by the rule of names. Default: none.
    pub tags: &'static [&'static str],
}

impl TaskOptions {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queue: DEFAULT_QUEUE,
            priority: 0,
            max_attempts: 20,
            timeout: None,
            backoff: Backoff::DEFAULT,
            delay: Duration::ZERO,
            retain: Retain::DEFAULT,
            input_max: None,
            durability: Durability::Durable,
            expires: None,
            unique: None,
            concurrency: None,
            ordered_by: &[],
            rate: None,
            batch: None,
            tags: &[],
        }
    }

    /// Sets the queue.
    #[must_use]
    pub const fn queue(mut self, queue: &'static str) -> Self {
        self.queue = queue;
        self
    }

    /// Sets the priority, 0 to 9.
    #[must_use]
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the number of attempts, 1 to 1000.
    #[must_use]
    pub const fn max_attempts(mut self, max_attempts: i16) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how long a failed job waits for its next attempt.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how long a job waits before it may start; zero means not at all.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets how long what is left of its jobs is kept.
    #[must_use]
    pub const fn retain(mut self, retain: Retain) -> Self {
        self.retain = retain;
        self
    }

    /// Sets the largest input of its jobs, in bytes, up to [`INPUT_MAX`](crate::INPUT_MAX).
    #[must_use]
    pub const fn input_max(mut self, bytes: usize) -> Self {
        self.input_max = Some(bytes);
        self
    }

    /// Sets whether its enqueues, and the ends of its jobs, wait for the disk of the server.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how long after its enqueue, or the later time that it is to start at, a job may be started
    /// for the first time.
    #[must_use]
    pub const fn expires(mut self, time: Duration) -> Self {
        self.expires = Some(time);
        self
    }

    /// Sets which of its jobs are the same.
    #[must_use]
    pub const fn unique(mut self, unique: Unique) -> Self {
        self.unique = Some(unique);
        self
    }

    /// Sets how many of its jobs run at once, in all workers together.
    #[must_use]
    pub const fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// Sets the parameters whose values make the keys of its jobs.
    #[must_use]
    pub const fn ordered_by(mut self, parameters: &'static [&'static str]) -> Self {
        self.ordered_by = parameters;
        self
    }

    /// Sets how many of its jobs start in a time, in all workers together.
    #[must_use]
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets how many jobs one call is given.
    #[must_use]
    pub const fn batch(mut self, batch: Batch) -> Self {
        self.batch = Some(batch);
        self
    }

    /// Sets the words to find its jobs by.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// Whether its jobs have keys that limits go by.
    pub(crate) fn is_keyed(&self) -> bool {
        let concurrency = self.concurrency.is_some_and(|limit| !limit.by.is_empty());
        let rate = self.rate.is_some_and(|rate| !rate.by.is_empty());
        concurrency || rate || !self.ordered_by.is_empty()
    }

    /// Adds the keys of a job with this input to its detail.
    ///
    /// # Errors
    ///
    /// Fails if there are keys and the input is not a map by name.
    pub(crate) fn add_keys(
        &self,
        task: &str,
        input: &[u8],
        detail: &mut Detail,
    ) -> Result<(), DecodeError> {
        if !self.ordered_by.is_empty() {
            let key = lane_key(task, "order", self.ordered_by, input)?;
            detail.order_key = Some(key);
        }
        if let Some(Concurrency { by, .. }) = self.concurrency
            && !by.is_empty()
        {
            let key = lane_key(task, "concurrency", by, input)?;
            detail.concurrency_key = Some(key);
        }
        if let Some(Rate { by, .. }) = self.rate
            && !by.is_empty()
        {
            detail.rate_key = Some(lane_key(task, "rate", by, input)?);
        }
        Ok(())
    }

    /// What its jobs have beside their rows.
    pub(crate) fn detail(&self) -> Detail {
        Detail {
            expires: self.expires.map(Expires::After),
            tags: self.tags.iter().map(|&tag| tag.to_owned()).collect(),
            ..Detail::default()
        }
    }
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_by_parameters_has_a_key_of_its_own() {
        let by = &["customer"];
        let options = TaskOptions::new()
            .concurrency(Concurrency::new(1).by(by))
            .ordered_by(by)
            .rate(Rate::new(1, Duration::from_secs(1)).by(by));
        let input = b"\x01\x81\xa8customer\x07";
        let mut detail = Detail::default();

        options.add_keys("bill", input, &mut detail).unwrap();

        let keys = [detail.order_key, detail.concurrency_key, detail.rate_key];
        let different: std::collections::BTreeSet<i64> = keys.iter().copied().flatten().collect();
        assert_eq!(different.len(), 3);
    }
}
