//! [`Execution`] and [`Completed`]: what goes into a layer, and what comes out of it.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::job::{DecodeError, decode_value};
use crate::task::{Context, HeldRun, RunResult, TaskDescriptor, TaskError};

/// One attempt that is about to run its task: the request of a [`TaskService`](super::TaskService).
///
/// A clone runs the task of the same attempt once more, also at the same time. Each run has its own
/// [`JobTransaction`](crate::JobTransaction), and its own [children](Context::then): those count whose
/// [`Completed`] the layers return. The transactions of the other runs are rolled back as soon as they
/// fail, or nobody waits for them or has their [`Completed`] any more. What a run has left behind, such as
/// a thread, is refused both once the run is over.
#[derive(Clone)]
pub struct Execution {
    context: Context,
    task: TaskDescriptor,
    input: Arc<Vec<u8>>,
}

/// How a run of a task ended well: the response of a [`TaskService`](super::TaskService). Two are equal if
/// their results are.
///
/// It carries what the run has left: its [`JobTransaction`](crate::JobTransaction), which stays open for as
/// long as this is there, and its [children](Context::then). So the attempt ends as the run whose
/// `Completed` the layers return. One that a layer has kept of another attempt is a result, and nothing
/// else.
#[derive(Clone)]
pub struct Completed {
    result: Option<Vec<u8>>,
    run: Arc<HeldRun>,
}

impl Execution {
    pub(crate) fn new(task: &TaskDescriptor, context: &Context, input: Vec<u8>) -> Self {
        Self {
            context: context.clone(),
            task: *task,
            input: Arc::new(input),
        }
    }

    /// What the attempt knows of itself. It is of no single run: what is enqueued by its
    /// [`then`](Context::then) follows the attempt whichever run counts, and it has no
    /// [`JobTransaction`](crate::JobTransaction).
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The task that is to run.
    #[must_use]
    pub const fn task(&self) -> &TaskDescriptor {
        &self.task
    }

    /// The size of the encoded input, in bytes.
    #[must_use]
    pub fn input_size(&self) -> usize {
        self.input.len()
    }

    /// Runs the task.
    pub(super) async fn run(self) -> Result<Completed, TaskError> {
        let Self {
            context,
            task,
            input,
        } = self;
        // Copied only where a layer has kept a clone.
        let input = Arc::unwrap_or_clone(input);
        let (ended, run) = context.run_once(&task, input).await;
        match ended {
            RunResult::Completed(result) => Ok(Completed { result, run }),
            RunResult::Undecodable(error) => Err(TaskError::undecodable(error)),
            RunResult::Failed(error) => Err(error),
        }
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("task", &self.task.name())
            .field("job", &self.context.job_id())
            .field("attempt", &self.context.attempt())
            .field("input_size", &self.input_size())
            .finish_non_exhaustive()
    }
}

impl Completed {
    /// Decodes the result. `T` must be the result of the task.
    ///
    /// # Errors
    ///
    /// Fails if it is not a `T`, and with [`DecodeError::Absent`] if it is `()`.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        decode_value(self.result.as_deref().ok_or(DecodeError::Absent)?)
    }

    /// The size of the encoded result, in bytes; 0 if it is `()`.
    #[must_use]
    pub fn size(&self) -> usize {
        self.result.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn into_parts(self) -> (Option<Vec<u8>>, Arc<HeldRun>) {
        (self.result, self.run)
    }
}

impl PartialEq for Completed {
    fn eq(&self, other: &Self) -> bool {
        self.result == other.result
    }
}

impl Eq for Completed {}

impl fmt::Debug for Completed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completed")
            .field("size", &self.size())
            .finish()
    }
}
