//! Tasks: code that can be run as a job.

mod batch;
mod blocking;
mod cancel;
mod children;
mod complete;
mod context;
mod descriptor;
mod due;
mod error;
mod fingerprint;
mod host;
mod invalid;
mod known;
mod limits;
mod options;
mod outcome;
mod panic;
mod progress;
mod pulse;
mod refusal;
mod registry;
mod retain;
mod run;
mod running;
mod state;
mod thread;
mod transaction;
mod unique;
mod vital;
mod watched;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::job::Input;

pub(crate) use self::batch::{BATCH_MAX, Batches};
pub use self::batch::{Batch, IntoBatchOutcome, run_in_batch};
pub use self::blocking::blocking;
pub(crate) use self::cancel::Cancel;
pub use self::cancel::CancelReason;
pub use self::complete::{CompleteError, CompleteIn};
pub(crate) use self::context::Attempt;
pub use self::context::{Context, MissingState};
pub use self::descriptor::{Injected, Registration, ScheduleDescriptor, Source, TaskDescriptor};
pub(crate) use self::descriptor::{RunResult, key_name};
pub(crate) use self::due::{due_ticks, start};
pub use self::error::TaskError;
pub(crate) use self::error::Verdict;
pub(crate) use self::fingerprint::fingerprint;
pub(crate) use self::host::Host;
pub(crate) use self::known::{
    KnownSchedule, enqueue, job_of, keys_of, needs_input, needs_task, template,
};
pub use self::limits::{Concurrency, Rate};
pub use self::options::TaskOptions;
pub use self::outcome::{IntoOutcome, IntoTaskError};
pub(crate) use self::panic::{contained, panic_message};
pub(crate) use self::pulse::Pulse;
pub(crate) use self::refusal::refusal;
pub use self::registry::{Problem, Problems, Registry};
pub(crate) use self::run::{HeldRun, Run};
pub use self::running::Running;
pub use self::state::StateMap;
#[cfg(feature = "postgres")]
pub(crate) use self::transaction::AttemptTransaction;
pub(crate) use self::transaction::Committed;
#[cfg(feature = "postgres")]
pub(crate) use self::transaction::MakeTransaction;
pub use self::unique::Unique;
pub(crate) use self::vital::Vital;
pub(crate) use self::watched::watched;

/// Code that can be run as a job.
///
/// [`#[pgq::task]`](macro@crate::task) implements it for a type of the fn's own name. By hand it is
/// implemented with the same powers, and registered by [`Run::task`](crate::Run::task); its jobs are
/// made by [`JobBuilder`](crate::JobBuilder) and [`enqueue_many`](crate::enqueue_many).
///
/// # Examples
///
/// ```
/// use pgq::{Context, Registry, Run, Task, TaskError, TaskOptions};
///
/// enum Greet {}
///
/// impl Task for Greet {
///     const NAME: &'static str = "greet";
///     const OPTIONS: TaskOptions = TaskOptions::new().queue("mail").max_attempts(3);
///     type Input = String;
///     type Output = ();
///
///     async fn run(_: &Context, name: String) -> Result<(), TaskError> {
///         println!("hello {name}");
///         Ok(())
///     }
/// }
///
/// let worker = Run::new(Registry::new()).task::<Greet>();
/// assert!(worker.check().is_ok());
/// ```
pub trait Task: Sized + 'static {
    /// The name that rows carry. After a change the old one belongs into [`ALIASES`](Self::ALIASES),
    /// or the old rows are left to builds that know it.
    const NAME: &'static str;

    /// Names that the task had before. Workers run the rows that carry them as well.
    const ALIASES: &'static [&'static str] = &[];

    /// How jobs of this task are run unless their enqueuer says otherwise.
    const OPTIONS: TaskOptions = TaskOptions::new();

    /// The names of the parameters whose values are not shown, in errors or in reports of tests.
    const SECRETS: &'static [&'static str] = &[];

    /// What a job of this task is given.
    type Input: Input;

    /// What a job of this task ends with.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// What [`run`](Self::run) takes from [`Context::state`]; checked before the first claim.
    #[must_use]
    fn injected() -> Vec<Injected> {
        Vec::new()
    }

    /// Runs one attempt.
    fn run(
        context: &Context,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, TaskError>> + Send;
}
