//! What generated code names. Exempt from semantic versioning.

use std::any::type_name;
use std::fmt;
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
use crate::decode::{self, Pot, Probe, Read, Seed};
pub use crate::job::{Conflict, Durability};
pub use crate::job::{DecodeError, EncodeError, Input, InputReader, InputWriter};
use crate::job::{Retain, Retention, Stored, parameter_shape};
pub use crate::schedule::{Missed, Overlap, Timing};
pub use crate::shape::{Field, Shape};
pub use crate::task::{
    Batch, Concurrency, Context, Injected, IntoBatchOutcome, IntoOutcome, IntoTaskError,
    MissingState, Rate, Registration, Running, ScheduleDescriptor, Source, Task, TaskDescriptor,
    TaskError, TaskOptions, Unique, blocking, run_in_batch,
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

/// The attempt whose future is `task`. Its bound is where a task that is not `Send` is reported;
/// `outcome` says how it ended.
pub fn attempt<'a, F: Future + Send + 'a, T>(
    task: F,
    outcome: fn(F::Output) -> Result<T, TaskError>,
) -> Running<'a, F::Output, T> {
    Running::new(Box::pin(task), outcome)
}

/// Returns its argument. Its bound is where a task of many jobs that is not `Send` is reported.
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
pub trait Storable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {}

/// A parameter of a task that is part of its input.
///
/// It has no bound on `T`: [`parameter`] has, so that a type that does not meet it is reported
/// once. What can be done without knowing `T` is done elsewhere, because this is compiled for every
/// type that is a parameter anywhere.
#[derive(Debug)]
pub struct Parameter<T> {
    named: Named,
    stored: fn(&T) -> &dyn Stored,
    read: Read<T>,
    default: Option<fn() -> T>,
    shape: fn(&Named) -> Field,
}

/// Names a parameter.
#[must_use]
pub const fn parameter<T: Storable>(name: &'static str) -> Parameter<T> {
    Parameter {
        named: Named {
            name,
            has_default: false,
            is_secret: false,
        },
        stored: stored::<T>,
        read: decode::read::<T>,
        default: None,
        shape: shape::<T>,
    }
}

fn stored<T: Serialize>(value: &T) -> &dyn Stored {
    value
}

fn shape<T: DeserializeOwned>(named: &Named) -> Field {
    named.shape(type_name::<T>(), decode::probe::<T>)
}

impl<T> Parameter<T> {
    /// Names what stands for the parameter in an input that does not have it.
    #[must_use]
    pub const fn or(mut self, default: fn() -> T) -> Self {
        self.default = Some(default);
        self.named.has_default = true;
        self
    }

    /// Keeps the value of the parameter out of errors.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.named.is_secret = true;
        self
    }

    /// The value of the parameter, to be written.
    #[must_use]
    pub fn value<'a>(&'a self, value: &'a T) -> Value<'a> {
        Value {
            named: &self.named,
            stored: (self.stored)(value),
        }
    }

    /// Reads the value of the parameter.
    ///
    /// # Errors
    ///
    /// Fails if it is missing and not optional, or of another type.
    pub fn read(&self, reader: &InputReader<'_>) -> Result<T, DecodeError> {
        let mut pot = Pot::new(self.read);
        match self.named.plant(reader, &mut pot) {
            Ok(()) => match (pot.value, self.default) {
                (Some(value), _) => Ok(value),
                (None, Some(default)) => Ok(default()),
                (None, None) => Err(DecodeError::Absent),
            },
            Err(error) => Err(error),
        }
    }

    /// What the parameter holds.
    #[must_use]
    pub fn shape(&self) -> Field {
        (self.shape)(&self.named)
    }
}

/// What a parameter is whatever its type.
#[derive(Debug)]
struct Named {
    name: &'static str,
    has_default: bool,
    is_secret: bool,
}

impl Named {
    /// Plants the value of the parameter, or nothing if its default stands for it.
    fn plant<'de>(
        &self,
        reader: &InputReader<'de>,
        pot: &mut dyn Seed<'de>,
    ) -> Result<(), DecodeError> {
        if self.has_default && !reader.has(self.name) {
            return Ok(());
        }
        match reader.plant(self.name, pot) {
            Err(error) if self.is_secret => Err(error.of_secret()),
            planted => planted,
        }
    }

    fn shape(&self, type_name: &'static str, probe: Probe) -> Field {
        let mut field = parameter_shape(self.name, type_name, probe);
        field.optional |= self.has_default;
        field
    }
}

/// The value of a parameter, whatever its type is.
pub struct Value<'a> {
    named: &'a Named,
    stored: &'a dyn Stored,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("name", &self.named.name)
            .finish_non_exhaustive()
    }
}

/// Writes the parameters of an input.
///
/// # Errors
///
/// See [`InputWriter::parameter`].
pub fn encode(values: &[Value<'_>]) -> Result<Vec<u8>, EncodeError> {
    // More parameters than that are more than a fn can sensibly have.
    let mut writer = InputWriter::new(u8::try_from(values.len()).unwrap_or(u8::MAX));
    for Value { named, stored } in values {
        match writer.stored(named.name, *stored) {
            Err(_) if named.is_secret => return Err(EncodeError::of_secret(named.name)),
            written => written?,
        }
    }
    Ok(writer.finish())
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
