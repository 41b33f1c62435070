//! [`Execution`] and [`Completed`]: what goes into a layer, and what comes out of it.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::job::{DecodeError, decode_value};
use crate::task::{Context, RunResult, TaskDescriptor, TaskError};

/// One attempt that is about to run its task: the request of a [`TaskService`](super::TaskService).
///
/// A clone runs the task of the same attempt once more. What a run that did not complete has written
/// through its [`JobTransaction`](crate::JobTransaction), and its
/// [children](Context::then), are dropped. Let one run end before the next begins: the runs of an attempt
/// have one transaction, and one list of children.
#[derive(Clone)]
pub struct Execution {
    context: Context,
    task: TaskDescriptor,
    input: Arc<Vec<u8>>,
}

/// How a task ended well: the response of a [`TaskService`](super::TaskService).
#[derive(Clone, PartialEq, Eq)]
pub struct Completed {
    result: Option<Vec<u8>>,
}

impl Execution {
    pub(crate) fn new(task: &TaskDescriptor, context: &Context, input: Vec<u8>) -> Self {
        Self {
            context: context.clone(),
            task: *task,
            input: Arc::new(input),
        }
    }

    /// What the attempt knows of itself.
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
        let effects = Effects::of(&context);
        match (task.run)(&context, input).await {
            RunResult::Completed(result) => {
                effects.keep();
                Ok(Completed { result })
            }
            RunResult::Undecodable(error) => Err(TaskError::undecodable(error)),
            RunResult::Failed(error) => Err(error),
        }
    }
}

/// What a run of a task leaves to the end of its attempt: dropped with this, unless the run completes.
struct Effects<'a> {
    context: &'a Context,
    /// How many children the attempt had before.
    children: usize,
    kept: bool,
}

impl<'a> Effects<'a> {
    fn of(context: &'a Context) -> Self {
        Self {
            context,
            children: context.child_count(),
            kept: false,
        }
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Effects<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.context.forget_run(self.children);
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

    pub(super) fn into_result(self) -> Option<Vec<u8>> {
        self.result
    }
}

impl fmt::Debug for Completed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completed")
            .field("size", &self.size())
            .finish()
    }
}
