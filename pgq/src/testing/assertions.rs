//! What is said of the jobs of a test that have not ended.

use std::fmt::Write;

use super::Harness;
use crate::job::{Input, Job, decode_value};
use crate::task::{Registry, Task};

/// The longest input that a message shows, in characters.
const SHOWN_MAX: usize = 200;

/// The jobs that have not ended, with their inputs, in the order in which they were enqueued.
pub(super) struct Unfinished<'a> {
    pub(super) jobs: Vec<(Job, Vec<u8>)>,
    /// It knows what of their inputs may be shown.
    pub(super) registry: &'a Registry,
}

impl Unfinished<'_> {
    #[track_caller]
    pub(super) fn inputs<T: Task>(&self) -> Vec<T::Input> {
        let own = self.jobs.iter().filter(|(job, _)| job.task == T::NAME);
        own.map(|(job, input)| match T::Input::decode(input) {
            Ok(input) => input,
            Err(error) => panic!(
                "the input of {} does not decode: {error}",
                self.shown(job, input)
            ),
        })
        .collect()
    }

    #[track_caller]
    pub(super) fn assert_some<T: Task>(&self, expected: impl Fn(&T::Input) -> bool) {
        assert!(
            self.inputs::<T>().iter().any(expected),
            "a job of `{}` with the expected input should be enqueued, but {}",
            T::NAME,
            self.listing()
        );
    }

    #[track_caller]
    pub(super) fn assert_none<T: Task>(&self, unexpected: impl Fn(&T::Input) -> bool) {
        assert!(
            !self.inputs::<T>().iter().any(unexpected),
            "no job of `{}` with such an input should be enqueued, but {}",
            T::NAME,
            self.listing()
        );
    }

    /// Every job, one on a line.
    fn listing(&self) -> String {
        if self.jobs.is_empty() {
            return "no job is".to_owned();
        }
        let mut listing = "these jobs are:".to_owned();
        for (job, input) in &self.jobs {
            let _ = write!(listing, "\n  - {}", self.shown(job, input));
        }
        listing
    }

    /// A job with its input, for people. Of a task that is not known, it is not known either what
    /// may be shown.
    fn shown(&self, job: &Job, bytes: &[u8]) -> String {
        let task = self.registry.task(&job.task);
        let input = task.and_then(|task| shown_input(bytes, task.secrets));
        let input = input.unwrap_or_else(|| format!("{} bytes", bytes.len()));
        format!(
            "job {}, `{}` in queue `{}`, {}: {input}",
            job.id, job.task, job.queue, job.state
        )
    }
}

impl Harness {
    /// The inputs of the jobs of `T` that have not ended, in the order in which they were
    /// enqueued.
    ///
    /// # Panics
    ///
    /// If an input does not decode, as none that this build enqueued should.
    #[must_use]
    #[track_caller]
    pub fn enqueued<T: Task>(&self) -> Vec<T::Input> {
        self.unfinished().inputs::<T>()
    }

    /// Asserts that a job of `T` that has not ended has an input that `expected` accepts.
    ///
    /// # Panics
    ///
    /// If there is none. The message lists every job that has not ended.
    #[track_caller]
    pub fn assert_enqueued<T: Task>(&self, expected: impl Fn(&T::Input) -> bool) {
        self.unfinished().assert_some::<T>(expected);
    }

    /// Asserts that no job of `T` that has not ended has an input that `unexpected` accepts.
    ///
    /// # Panics
    ///
    /// If there is one. The message lists every job that has not ended.
    #[track_caller]
    pub fn assert_not_enqueued<T: Task>(&self, unexpected: impl Fn(&T::Input) -> bool) {
        self.unfinished().assert_none::<T>(unexpected);
    }

    fn unfinished(&self) -> Unfinished<'_> {
        Unfinished {
            jobs: self.storage.unfinished(),
            registry: &self.tasks.registry,
        }
    }
}

/// An input as JSON, without the values of secret parameters.
fn shown_input(input: &[u8], secrets: &[&str]) -> Option<String> {
    let mut input = decode_value::<serde_json::Value>(input).ok()?;
    for secret in secrets {
        if let Some(value) = input.get_mut(secret) {
            *value = "(secret)".into();
        }
    }
    let mut input = input.to_string();
    if let Some((end, _)) = input.char_indices().nth(SHOWN_MAX) {
        input.truncate(end);
        input.push('…');
    }
    Some(input)
}
