//! What an application does with jobs: enqueue them, look at them, wait for them.

mod attempts;
#[cfg(feature = "sync-postgres")]
mod blocking;
mod builder;
mod change;
mod children;
mod enqueuer;
mod error;
mod fleet;
mod handle;
mod jobs;
mod named;
mod schedules;
mod send;
mod wait;
mod waiting;

#[cfg(feature = "sync-postgres")]
pub use self::blocking::{BlockingEnqueuer, enqueue_many_blocking};
pub use self::builder::{JobBuilder, enqueue_many};
pub use self::change::Changes;
pub use self::enqueuer::{Enqueuer, Reader};
pub use self::error::{ChangeError, EnqueueError, JobError};
pub use self::fleet::workers;
pub use self::handle::JobHandle;
pub use self::jobs::{Jobs, count_jobs};
pub use self::named::{NamedError, NamedJob};
pub use self::schedules::{
    ListedSchedules, ScheduleBuilder, ScheduleEdit, ScheduleError, ScheduleHandle, ScheduleInfo,
    Schedules,
};
pub use self::wait::{wait_all, wait_all_for, wait_any};

/// The largest input that is enqueued unless another limit is set, in bytes: 1 MiB.
pub const INPUT_MAX_DEFAULT: usize = 1024 * 1024;
