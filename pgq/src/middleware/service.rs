//! [`TaskService`]: the boxed stack of layers.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context as Poller, Poll};

use futures_util::future::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::{Completed, Execution};
use crate::task::{Context, IntoTaskError, RunResult, TaskDescriptor, TaskError};

/// What a layer is around: the layers that were added before it, and inside of them the task.
///
/// Made by the worker, and given to [`Layer::layer`]. It is cloned for each attempt.
pub struct TaskService {
    stack: Option<Box<dyn Boxed>>,
}

type Ended = BoxFuture<'static, Result<Completed, TaskError>>;

/// A service of any type.
trait Boxed: Send + Sync {
    fn copy(&self) -> Box<dyn Boxed>;
    fn poll_ready(&mut self, poller: &mut Poller<'_>) -> Poll<Result<(), TaskError>>;
    fn call(&mut self, execution: Execution) -> Ended;
}

impl TaskService {
    /// The task alone.
    pub(crate) const fn task() -> Self {
        Self { stack: None }
    }

    /// Puts a layer around it.
    pub(crate) fn layer<L>(self, layer: &L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Execution, Response = Completed> + Clone + Send + Sync + 'static,
        <L::Service as Service<Execution>>::Error: IntoTaskError,
        <L::Service as Service<Execution>>::Future: Send + 'static,
    {
        Self {
            stack: Some(Box::new(Any(layer.layer(self)))),
        }
    }

    /// Runs one attempt of `task` through every layer.
    pub(crate) fn run<'a>(
        &self,
        task: &TaskDescriptor,
        context: &'a Context,
        input: Vec<u8>,
    ) -> BoxFuture<'a, RunResult> {
        if self.stack.is_none() {
            let task = *task;
            return Box::pin(async move {
                let (ended, run) = context.run_once(&task, input).await;
                context.count(run);
                ended
            });
        }
        let mut service = self.clone();
        let execution = Execution::new(task, context, input);
        Box::pin(async move {
            let ended = match poll_fn(|poller| service.poll_ready(poller)).await {
                Ok(()) => service.call(execution).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(completed) => {
                    let (result, run) = completed.into_parts();
                    context.count(run);
                    RunResult::Completed(result)
                }
                Err(error) => RunResult::Failed(error),
            }
        })
    }
}

impl Service<Execution> for TaskService {
    type Response = Completed;
    type Error = TaskError;
    type Future = Ended;

    fn poll_ready(&mut self, poller: &mut Poller<'_>) -> Poll<Result<(), TaskError>> {
        match &mut self.stack {
            Some(stack) => stack.poll_ready(poller),
            None => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, execution: Execution) -> Ended {
        match &mut self.stack {
            Some(stack) => stack.call(execution),
            None => Box::pin(execution.run()),
        }
    }
}

impl Clone for TaskService {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.as_ref().map(|stack| stack.copy()),
        }
    }
}

impl fmt::Debug for TaskService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskService")
            .field("layered", &self.stack.is_some())
            .finish()
    }
}

/// A service whose errors are made those of a task.
struct Any<S>(S);

impl<S> Boxed for Any<S>
where
    S: Service<Execution, Response = Completed> + Clone + Send + Sync + 'static,
    S::Error: IntoTaskError,
    S::Future: Send + 'static,
{
    fn copy(&self) -> Box<dyn Boxed> {
        Box::new(Self(self.0.clone()))
    }

    fn poll_ready(&mut self, poller: &mut Poller<'_>) -> Poll<Result<(), TaskError>> {
        let ready = self.0.poll_ready(poller);
        ready.map_err(IntoTaskError::into_task_error)
    }

    fn call(&mut self, execution: Execution) -> Ended {
        let ended = self.0.call(execution);
        Box::pin(async move { ended.await.map_err(IntoTaskError::into_task_error) })
    }
}
