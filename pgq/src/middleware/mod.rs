//! What runs around tasks: layers of `tower`, and hooks.
//!
//! A *layer* is around the execution of a task: it may look at the attempt, measure it, let it wait,
//! not run it at all, and put another error in the place of the one it failed with. Any
//! [`tower_layer::Layer`] will do that makes a [`tower_service::Service`] of [`Execution`] out of a
//! [`TaskService`], those of the crate `tower` included; see [`Run::layer`](crate::Run::layer).
//!
//! A layer may run the task more than once, also at the same time: [`Execution`] says what becomes of what
//! each run has done.
//!
//! *Hooks* are told what happens and change nothing; see [`Hooks`].
//!
//! Neither costs anything where none is set.
//!
//! # Examples
//!
//! ```
//! use pgq::TaskError;
//! use pgq::middleware::{Completed, Execution, TaskService};
//! use tower::{Service as _, ServiceExt as _};
//!
//! /// Gives every task a second chance at once.
//! async fn twice(mut task: TaskService, execution: Execution) -> Result<Completed, TaskError> {
//!     match task.ready().await?.call(execution.clone()).await {
//!         Err(error) if error.is_retryable() => task.call(execution).await,
//!         ended => ended,
//!     }
//! }
//!
//! let worker = pgq::run().layer(tower::layer::layer_fn(|task: TaskService| {
//!     tower::service_fn(move |execution| twice(task.clone(), execution))
//! }));
//! # drop(worker);
//! ```

mod execution;
mod hooks;
mod service;

pub use self::execution::{Completed, Execution};
pub(crate) use self::hooks::HookList;
pub use self::hooks::{DeadLetter, Enqueued, Failure, Hooks, Success};
pub use self::service::TaskService;
