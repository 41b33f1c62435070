//! What generated code names. Exempt from semantic versioning.

pub use inventory;

pub use crate::client::{EnqueueError, Enqueuer, JobBuilder, JobHandle};
pub use crate::job::{DecodeError, EncodeError, Input, InputReader, InputWriter};
pub use crate::task::{
    Context, Injected, IntoOutcome, Registration, ScheduleDescriptor, Source, Task, TaskDescriptor,
    TaskError, TaskOptions,
};

/// Enqueues one job for each input.
///
/// # Errors
///
/// See [`EnqueueError`].
pub async fn enqueue_many<T: Task>(
    enqueuer: impl Enqueuer,
    inputs: impl IntoIterator<Item = T::Input>,
) -> Result<Vec<JobHandle<T::Output>>, EnqueueError> {
    crate::client::enqueue_many::<T>(enqueuer, inputs).await
}
