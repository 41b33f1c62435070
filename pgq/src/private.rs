//! What generated code names. Exempt from semantic versioning.

use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use inventory;
// A task whose parameters depend on conditions is expanded again, with one condition less.
#[cfg(feature = "macros")]
pub use pgq_macros::{cron, task};
pub use std::vec::Vec;

pub use crate::backoff::Backoff;
pub use crate::client::{EnqueueError, Enqueuer, JobBuilder, JobHandle};
pub use crate::job::{Conflict, Durability};
pub use crate::job::{DecodeError, EncodeError, Input, InputReader, InputWriter};
use crate::job::{Retain, Retention, parameter_shape};
pub use crate::schedule::{Missed, Overlap, Timing};
pub use crate::shape::{Field, Shape};
pub use crate::task::{
    Batch, Concurrency, Context, Injected, IntoBatchOutcome, IntoOutcome, IntoTaskError,
    MissingState, Rate, Registration, ScheduleDescriptor, Source, Task, TaskDescriptor, TaskError,
    TaskOptions, Unique, blocking, run_in_batch,
};

/// Enqueues one job for each input, which `make` makes of what the caller gives.
///
/// # Errors
///
/// See [`EnqueueError`].
pub fn enqueue_many<T: Task, I>(
    enqueuer: impl Enqueuer,
    inputs: impl IntoIterator<Item = I>,
    make: fn(I) -> T::Input,
) -> impl Future<Output = Result<Vec<JobHandle<T::Output>>, EnqueueError>> + Send {
    crate::client::enqueue_many::<T>(enqueuer, inputs.into_iter().map(make))
}

/// Opens the fixture of a test and runs the test on it.
///
/// # Panics
///
/// If the fixture cannot be opened, and if the test does.
#[cfg(feature = "testing")]
#[track_caller]
pub fn run_test<T: crate::testing::Fixture, F: Future>(test: impl FnOnce(T) -> F) -> F::Output {
    crate::testing::run_test(test)
}

/// How long what is left of jobs is kept; `None` is the default.
///
/// A result is found by its job, so that a job stays for as long as its result is asked to, and a
/// result no longer than its job.
#[must_use]
pub const fn retain(
    completed: Option<Duration>,
    failed: Option<Duration>,
    result: Option<Duration>,
) -> Retain {
    let mut retain = Retain::DEFAULT;
    if let Some(time) = completed {
        retain.completed = Retention::at_least(time);
    }
    if let Some(time) = failed {
        retain.failed = Retention::at_least(time);
    }
    if let Some(time) = result {
        retain.result = Retention::at_least(time);
    }
    if retain.result.hours() > retain.completed.hours() {
        match result {
            Some(_) => retain.completed = retain.result,
            None => retain.result = retain.completed,
        }
    }
    retain
}

/// Returns its argument. Its bound is where a task that is not `Send` is reported.
pub fn sendable<F: Future + Send>(future: F) -> impl Future<Output = F::Output> + Send {
    future
}

/// Says how an attempt ended.
///
/// # Errors
///
/// Returns the error of the task.
pub fn outcome<R>(returned: R) -> Result<R::Ok, TaskError>
where
    R: IntoOutcome,
    R::Error: IntoTaskError,
{
    returned.into_outcome()
}

/// Says how the attempts of a call for many jobs ended.
///
/// # Errors
///
/// Returns the error of all of them.
pub fn batch_outcome<R: IntoBatchOutcome>(
    returned: R,
    jobs: usize,
) -> Result<Vec<Result<R::Ok, TaskError>>, TaskError> {
    returned.into_batch_outcome(jobs)
}

/// What the task is given for each job of a call.
#[must_use]
pub fn each<I, T>(inputs: Vec<I>, one: fn(I) -> T) -> Vec<T> {
    inputs.into_iter().map(one).collect()
}

/// A type that the input of a task may hold.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of the input of a task",
    label = "cannot be stored",
    note = "input is stored: derive `serde::Serialize` and `serde::Deserialize` for it",
    note = "shared state is taken by reference: `&{Self}`"
)]
pub trait Storable: Sized {
    /// Writes the value as the parameter `name`.
    ///
    /// # Errors
    ///
    /// See [`InputWriter::parameter`].
    fn write(&self, name: &str, writer: &mut InputWriter) -> Result<(), EncodeError>;

    /// Reads the parameter `name`.
    ///
    /// # Errors
    ///
    /// See [`InputReader::parameter`].
    fn read(name: &str, reader: &InputReader<'_>) -> Result<Self, DecodeError>;

    /// What the parameter `name` holds.
    fn shape(name: &str) -> Field;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {
    fn write(&self, name: &str, writer: &mut InputWriter) -> Result<(), EncodeError> {
        writer.parameter(name, self)
    }

    fn read(name: &str, reader: &InputReader<'_>) -> Result<Self, DecodeError> {
        reader.parameter(name)
    }

    fn shape(name: &str) -> Field {
        parameter_shape::<Self>(name)
    }
}

/// A parameter of a task that is part of its input.
///
/// It has no bound on `T`: [`parameter`] has, so that a type that does not meet it is reported
/// once.
#[derive(Debug)]
pub struct Parameter<T> {
    name: &'static str,
    write: fn(&T, &str, &mut InputWriter) -> Result<(), EncodeError>,
    read: fn(&str, &InputReader<'_>) -> Result<T, DecodeError>,
    default: Option<fn() -> T>,
    secret: bool,
    shape: fn(&str) -> Field,
}

/// Names a parameter.
#[must_use]
pub const fn parameter<T: Storable>(name: &'static str) -> Parameter<T> {
    Parameter {
        name,
        write: T::write,
        read: T::read,
        default: None,
        secret: false,
        shape: T::shape,
    }
}

impl<T> Parameter<T> {
    /// Names what stands for the parameter in an input that does not have it.
    #[must_use]
    pub const fn or(mut self, default: fn() -> T) -> Self {
        self.default = Some(default);
        self
    }

    /// Keeps the value of the parameter out of errors.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Writes the value of the parameter.
    ///
    /// # Errors
    ///
    /// See [`InputWriter::parameter`].
    pub fn write(&self, writer: &mut InputWriter, value: &T) -> Result<(), EncodeError> {
        match (self.write)(value, self.name, writer) {
            Err(_) if self.secret => Err(EncodeError::of_secret(self.name)),
            written => written,
        }
    }

    /// Reads the value of the parameter.
    ///
    /// # Errors
    ///
    /// See [`InputReader::parameter`].
    pub fn read(&self, reader: &InputReader<'_>) -> Result<T, DecodeError> {
        match self.default {
            Some(default) if !reader.has(self.name) => Ok(default()),
            _ => match (self.read)(self.name, reader) {
                Err(error) if self.secret => Err(error.of_secret()),
                read => read,
            },
        }
    }

    /// What the parameter holds.
    #[must_use]
    pub fn shape(&self) -> Field {
        let mut field = (self.shape)(self.name);
        field.optional |= self.default.is_some();
        field
    }
}

/// A type that has a default.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no default value",
    label = "no value to take",
    note = "implement `Default` for it, or name a value: `#[default = …]`"
)]
pub trait Defaultable {
    /// The value.
    fn value() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Defaultable for T {
    fn value() -> Self {
        Self::default()
    }
}

/// Returns the default value of a type.
#[must_use]
pub fn default<T: Defaultable>() -> T {
    T::value()
}

/// A type that a task may take by reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared state",
    label = "not `Send + Sync + 'static`",
    note = "state is used by many tasks at once: make it `Send` and `Sync`, for instance by `Mutex` in the place of `RefCell` and `Arc` in the place of `Rc`"
)]
pub trait Shareable: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Shareable for T {}

/// A parameter of a task that is taken by reference. Like [`Parameter`], it has no bound.
#[derive(Debug)]
pub struct State<T> {
    injected: fn() -> Injected,
    get: fn(&Context) -> Result<&T, MissingState>,
}

/// Names a type of state.
#[must_use]
pub const fn state<T: Shareable>() -> State<T> {
    State {
        injected: Injected::of::<T>,
        get: Context::state::<T>,
    }
}

impl<T> State<T> {
    /// The type.
    #[must_use]
    pub fn injected(&self) -> Injected {
        (self.injected)()
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// Fails if there is none.
    pub fn get<'a>(&self, context: &'a Context) -> Result<&'a T, MissingState> {
        (self.get)(context)
    }
}
