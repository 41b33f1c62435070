#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)
)]
#![cfg_attr(
    not(feature = "postgres"),
    allow(
        dead_code,
        unused_imports,
        reason = "what the driver needs of the other modules"
    )
)]

// Generated code names `::pgq`, also inside this crate's own doc tests and examples.
#[allow(unused_extern_crates, reason = "named by generated code only")]
extern crate self as pgq;

mod app;
mod backoff;
mod client;
pub mod contract;
mod decode;
pub mod driver;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
mod job;
mod limit;
pub mod logs;
#[cfg(feature = "testing")]
pub mod memory;
pub mod metrics;
pub mod middleware;
#[cfg(feature = "postgres")]
pub mod postgres;
mod queue;
mod schedule;
mod scheduler;
mod shape;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;
mod worker;

#[doc = include_str!("../docs/clients.md")]
pub mod clients {}

#[doc = include_str!("../docs/clocks.md")]
pub mod clocks {}

#[doc = include_str!("../docs/connections.md")]
pub mod connections {}

#[doc = include_str!("../docs/durability.md")]
pub mod durability {}
#[doc = include_str!("../docs/poolers.md")]
pub mod poolers {}

#[doc = include_str!("../docs/roles.md")]
pub mod roles {}

#[doc = include_str!("../docs/schedules.md")]
pub mod schedules {}

#[doc = include_str!("../docs/sql.md")]
pub mod sql {}

#[doc = include_str!("../docs/tls.md")]
pub mod tls {}

#[doc = include_str!("../docs/troubleshooting.md")]
pub mod troubleshooting {}

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use self::app::{Bounded, Queue, Report, Run, WorkerHandle, run};
#[cfg(feature = "postgres")]
pub use self::app::{Pgq, Within};
pub use self::backoff::Backoff;
#[cfg(feature = "sync-postgres")]
pub use self::client::{BlockingEnqueuer, enqueue_many_blocking};
pub use self::client::{
    ChangeError, Changes, EnqueueError, Enqueuer, INPUT_MAX_DEFAULT, JobBuilder, JobError,
    JobHandle, Jobs, ListedSchedules, NamedError, NamedJob, Reader, ScheduleBuilder, ScheduleEdit,
    ScheduleError, ScheduleHandle, ScheduleInfo, Schedules, count_jobs, enqueue_many, wait_all,
    wait_all_for, wait_any, workers,
};
pub use self::driver::{Attempt, AttemptOutcome, Start};
pub use self::error::{Error, Result};
pub use self::job::{
    Conflict, DecodeError, Durability, EncodeError, Enqueued, INPUT_INLINE_MAX, INPUT_MAX, Input,
    Job, JobId, JobState, Retain, Retention,
};
pub use self::limit::{FleetLimit, FleetRate, KeyLimit, Limited};
#[cfg(feature = "postgres")]
pub use self::postgres::{JobConnection, JobTransaction};
pub use self::queue::{
    ATTEMPTS_MAX, DEFAULT_QUEUE, HEADER_VALUE_MAX, HEADERS_MAX, NAME_MAX, PRIORITY_MAX, TAGS_MAX,
};
pub use self::schedule::{InvalidTiming, Missed, Overlap, Timing, When};
pub use self::task::{
    Batch, CancelReason, CompleteError, CompleteIn, Concurrency, Context, Injected,
    IntoBatchOutcome, IntoOutcome, IntoTaskError, MissingState, Problem, Problems, Rate,
    Registration, Registry, ScheduleDescriptor, Source, StateMap, Task, TaskDescriptor, TaskError,
    TaskOptions, Unique, run_in_batch,
};
#[cfg(all(feature = "macros", feature = "testing"))]
pub use pgq_macros::test;
#[cfg(feature = "macros")]
pub use pgq_macros::{cron, task};
pub use tokio_util::sync::CancellationToken;
