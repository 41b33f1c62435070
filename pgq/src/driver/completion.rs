//! Completion inside a transaction that is somebody else's.

use super::{Completion, Enqueue, WorkerId};

/// Whether a worker still holds a job under a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It does.
    Held,
    /// A transaction is open that would end the attempt, or that was cut off and has not been rolled
    /// back yet: ask again.
    InDoubt,
    /// It does not: the attempt has ended, or the job was taken from the worker.
    Gone,
}

/// The end of an attempt inside a transaction that is somebody else's.
#[derive(Clone, Debug)]
pub struct CompletionWithin {
    /// The schema that the jobs are in, as [`Driver::schema_name`](super::Driver::schema_name) says.
    pub schema: String,
    /// Who holds the job.
    pub worker: WorkerId,
    /// The end.
    pub completion: Completion,
    /// What is enqueued with it.
    pub children: Vec<Enqueue>,
}
