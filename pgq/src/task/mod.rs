//! Tasks: code that can be run as a job.

mod context;
mod descriptor;
mod error;
mod options;
mod outcome;
mod registry;
mod state;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::job::Input;

pub(crate) use self::context::Attempt;
pub use self::context::{Context, MissingState};
pub(crate) use self::descriptor::RunResult;
pub use self::descriptor::{Injected, Registration, ScheduleDescriptor, Source, TaskDescriptor};
pub use self::error::TaskError;
pub(crate) use self::error::Verdict;
pub use self::options::TaskOptions;
pub use self::outcome::{IntoOutcome, IntoTaskError};
pub use self::registry::{Problem, Problems, Registry};
pub use self::state::StateMap;

/// Code that can be run as a job.
///
/// [`#[pgq::task]`](macro@crate::task) implements it for a type of the fn's own name.
pub trait Task: Sized + 'static {
    /// The name that rows carry. Renaming it leaves the old rows to builds that know the old name.
    const NAME: &'static str;

    /// How jobs of this task are run unless their enqueuer says otherwise.
    const OPTIONS: TaskOptions = TaskOptions::new();

    /// Tells inputs of this build from those of another one. Two builds whose input types read
    /// each other's bytes may share it.
    const FINGERPRINT: i64;

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
