//! Tests of tasks without a server: jobs run inline, on a clock that is moved by hand. And tests
//! with one: a `Database` of their own. [`#[pgq::test]`](macro@crate::test) gives a test either.
//!
//! A [`Harness`] takes the place of the pool that jobs are enqueued through, and of the workers
//! that run them. Its jobs run as a worker runs them: input is decoded, state is injected, panics
//! and timeouts are contained, and what failed is retried after its backoff, without jitter. They run one
//! after the other, so that no limit of concurrency is reached; rates hold none of them up, nor does a
//! pause.
//!
//! ```
//! use std::time::Duration;
//!
//! use pgq::testing::Harness;
//! use pgq::{JobBuilder, JobState};
//! # use pgq::{Context, Registry, Task, TaskError};
//! # struct Greet;
//! # impl Task for Greet {
//! #     const NAME: &'static str = "greet";
//! #     type Input = String;
//! #     type Output = String;
//! #     async fn run(_: &Context, name: String) -> Result<String, TaskError> {
//! #         Ok(format!("hello {name}"))
//! #     }
//! # }
//! # let registry = Registry::new().with::<Greet>();
//! # tokio::runtime::Runtime::new()?.block_on(async move {
//! let harness = Harness::with_registry(registry);
//! let job = JobBuilder::<Greet>::new("world".to_owned())
//!     .delay(Duration::from_secs(60))
//!     .enqueue(&harness)
//!     .await?;
//! harness.assert_enqueued::<Greet>(|name| name == "world");
//!
//! harness.advance(Duration::from_secs(60));
//! harness.run_due().await.assert_completed();
//!
//! assert_eq!(job.status(&harness).await?, JobState::Completed);
//! assert_eq!(job.wait(&harness).await?, "hello world");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assertions;
#[cfg(feature = "postgres")]
mod database;
mod fixture;
mod harness;
mod inline;
mod report;

#[cfg(all(feature = "postgres", feature = "embedded"))]
pub use self::database::shared_cluster;
#[cfg(feature = "postgres")]
pub use self::database::{Database, DatabaseError};
pub use self::fixture::Fixture;
pub(crate) use self::fixture::run_test;
pub use self::harness::Harness;
pub use self::inline::RUNS_MAX;
pub use self::report::{Outcome, Report, Run};
