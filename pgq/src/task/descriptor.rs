//! What the macros register: the erased form of a task.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::fingerprint::fingerprint_of;
use super::{Context, Task, TaskError, TaskOptions};
use crate::job::{DecodeError, EncodeError, Input, encode_value};
use crate::schedule::{Dates, Missed, Overlap, Policy, Timing};
use crate::shape::Shape;

/// Where something is written in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, as the compiler was given it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl Source {
    /// Where the caller of the calling fn stands.
    #[must_use]
    #[track_caller]
    pub fn caller() -> Self {
        let location = std::panic::Location::caller();
        Self {
            file: location.file(),
            line: location.line(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A type that a task takes by reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injected {
    pub(crate) type_id: TypeId,
    pub(crate) type_name: &'static str,
}

impl Injected {
    /// Names the type `T`.
    #[must_use]
    pub fn of<T: Send + Sync + 'static>() -> Self {
        Self {
            type_id: TypeId::of::<T>(),
            type_name: std::any::type_name::<T>(),
        }
    }
}

/// How one attempt ended, before policy looks at it.
#[derive(Debug)]
pub(crate) enum RunResult {
    /// The encoded result; `None` stands for `()`.
    Completed(Option<Vec<u8>>),
    /// The input is not what this build's task takes.
    Undecodable(DecodeError),
    /// The task failed.
    Failed(TaskError),
}

/// What becomes of an input that can be read.
#[derive(Clone, Copy)]
enum Then<'a> {
    Nothing,
    Encode,
    Run(&'a Context),
}

/// What became of it.
enum Done<'a> {
    Nothing,
    Encoded(Result<Vec<u8>, EncodeError>),
    Running(BoxFuture<'a, RunResult>),
}

type OpenFn = for<'a> fn(&[u8], Then<'a>) -> Result<Done<'a>, DecodeError>;

/// A task without its types.
#[derive(Clone, Copy)]
pub struct TaskDescriptor {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) options: &'static TaskOptions,
    pub(crate) secrets: &'static [&'static str],
    task: TypeId,
    pub(crate) shape: fn() -> Shape,
    pub(crate) source: Source,
    pub(crate) injected: fn() -> Vec<Injected>,
    /// The type of the result, and its name.
    pub(crate) output: fn() -> (TypeId, &'static str),
    /// Reads an input. There is one fn for all that begins so, because it is compiled for every task.
    open: OpenFn,
}

impl TaskDescriptor {
    /// Describes `T`, which is written at `source`.
    #[must_use]
    pub const fn of<T: Task>(source: Source) -> Self {
        Self {
            name: T::NAME,
            aliases: T::ALIASES,
            options: const { &T::OPTIONS },
            secrets: T::SECRETS,
            task: TypeId::of::<T>(),
            shape: T::Input::shape,
            source,
            injected: T::injected,
            output: output::<T::Output>,
            open: open::<T>,
        }
    }

    /// The name of the task.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The names that the task had before.
    #[must_use]
    pub const fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// All its names, the one that it has now first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name].into_iter().chain(self.aliases.iter().copied())
    }

    /// The name that the keys of its jobs go by.
    pub(crate) const fn key_name(&self) -> &'static str {
        key_name(self.name, self.aliases)
    }

    /// The options of the task.
    #[must_use]
    pub const fn options(&self) -> TaskOptions {
        *self.options
    }

    /// The fingerprint of the input, which its jobs carry.
    pub(crate) fn fingerprint(&self) -> i64 {
        fingerprint_of(self.task, self.name, self.shape)
    }

    /// Says whether an input can be read.
    pub(crate) fn check_input(&self, bytes: &[u8]) -> Result<(), DecodeError> {
        (self.open)(bytes, Then::Nothing).map(drop)
    }

    /// Writes an input as an enqueue of the task would; `None` if it cannot be read, or written.
    pub(crate) fn rewrite_input(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match (self.open)(bytes, Then::Encode) {
            Ok(Done::Encoded(encoded)) => encoded.ok(),
            _ => None,
        }
    }

    /// Runs one attempt.
    pub(crate) async fn run(&self, context: &Context, bytes: Vec<u8>) -> RunResult {
        let opened = (self.open)(&bytes, Then::Run(context));
        // It may be large, and the task may take long.
        drop(bytes);
        match opened {
            Ok(Done::Running(task)) => task.await,
            Ok(_) => unreachable!("an input that is to be run is run"),
            Err(error) => RunResult::Undecodable(error),
        }
    }

    /// The names of the parameters whose values are not shown.
    #[must_use]
    pub const fn secrets(&self) -> &'static [&'static str] {
        self.secrets
    }
}

/// The name that the keys of a task's jobs go by: the first that it ever had, which is its last alias. So
/// keys are the same before and after it is renamed.
pub(crate) const fn key_name(name: &'static str, aliases: &'static [&'static str]) -> &'static str {
    match aliases.last() {
        Some(first) => first,
        None => name,
    }
}

impl fmt::Debug for TaskDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDescriptor")
            .field("name", &self.name)
            .field("options", &self.options)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A schedule: a task that runs at the ticks of a cron expression or of an interval.
///
/// What is wrong with it is reported before the first claim, never at a tick.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleDescriptor {
    pub(crate) name: &'static str,
    pub(crate) task: &'static str,
    pub(crate) timing: Timing,
    pub(crate) dates: Dates,
    pub(crate) policy: Policy,
    pub(crate) input: fn() -> Result<Vec<u8>, EncodeError>,
    pub(crate) source: Source,
}

impl ScheduleDescriptor {
    /// Describes a schedule of `T`, which is written at `source`. `input` makes the input of its
    /// jobs; it is called once, when a worker starts. They start at their tick, whatever the delay
    /// of the task.
    #[must_use]
    pub const fn of<T: Task>(
        timing: Timing,
        input: fn() -> Result<Vec<u8>, EncodeError>,
        source: Source,
    ) -> Self {
        Self {
            name: T::NAME,
            task: T::NAME,
            timing,
            dates: Dates::ALWAYS,
            policy: Policy::DEFAULT,
            input,
            source,
        }
    }

    /// The name of the task that it runs.
    #[must_use]
    pub const fn task(&self) -> &'static str {
        self.task
    }

    /// Sets the name of the schedule. Default: the name of its task.
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Leaves out the ticks before a time, such as `2026-01-31`, which means its midnight,
    /// `2026-01-31T08:30` or `2026-01-31T08:30:15`. It is a time by the clocks of the schedule's zone,
    /// and in UTC for an interval. Default: it ticks from its declaration on.
    ///
    /// Nothing before it is missed.
    #[must_use]
    pub const fn starts_at(mut self, local: &'static str) -> Self {
        self.dates.starts = Some(local);
        self
    }

    /// Leaves out the ticks at a time and after it, which is written as that of
    /// [`starts_at`](Self::starts_at). Default: it goes on.
    ///
    /// A tick before it that was missed is made up after it, if the schedule makes up missed ticks.
    #[must_use]
    pub const fn ends_at(mut self, local: &'static str) -> Self {
        self.dates.ends = Some(local);
        self
    }

    /// Sets what becomes of ticks at which no worker ran. Default: [`Missed::Once`].
    #[must_use]
    pub const fn missed(mut self, missed: Missed) -> Self {
        self.policy.missed = missed;
        self
    }

    /// Sets what becomes of a tick while the job of an earlier one is not finished. Default:
    /// [`Overlap::Allow`].
    #[must_use]
    pub const fn overlap(mut self, overlap: Overlap) -> Self {
        self.policy.overlap = overlap;
        self
    }

    /// Sets the longest delay of a tick's job, up to a day. Each tick has a delay of its own, which
    /// is the same in each worker. Default: none.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.policy.jitter = jitter;
        self
    }
}

/// What the macros submit to `inventory`.
#[derive(Clone, Copy, Debug)]
pub enum Registration {
    /// A task.
    Task(TaskDescriptor),
    /// A schedule. Its task is registered beside it.
    Schedule(ScheduleDescriptor),
}

inventory::collect!(Registration);

// What follows is compiled for every task, in the crate of the task. So it has no closure and no call that
// it can do without: a combinator is a fn of its own for each of them.

fn output<T: 'static>() -> (TypeId, &'static str) {
    (TypeId::of::<T>(), std::any::type_name::<T>())
}

fn open<'a, T: Task>(bytes: &[u8], then: Then<'a>) -> Result<Done<'a>, DecodeError> {
    match T::Input::decode(bytes) {
        Ok(input) => Ok(match then {
            Then::Nothing => Done::Nothing,
            Then::Encode => Done::Encoded(input.encode()),
            Then::Run(context) => Done::Running(ended(T::run(context, input))),
        }),
        Err(error) => Err(error),
    }
}

/// Of a task that the macro has made, compiled for every type that fns of tasks return only.
fn ended<'a, T: serde::Serialize + 'static>(
    task: impl Future<Output = Result<T, TaskError>> + Send + 'a,
) -> BoxFuture<'a, RunResult> {
    Box::pin(async move {
        match task.await {
            Ok(output) => encode_output(&output),
            Err(error) => RunResult::Failed(error),
        }
    })
}

fn encode_output<T: serde::Serialize + 'static>(output: &T) -> RunResult {
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return RunResult::Completed(None);
    }
    match encode_value(output) {
        Ok(result) => RunResult::Completed(Some(result)),
        Err(error) => RunResult::Failed(TaskError::permanent(format!(
            "the result of the task cannot be stored: {error}"
        ))),
    }
}
