//! Tasks that are given the inputs of many jobs in one call.

mod call;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Instrument;

use self::call::run_call;
use super::{Context, Host, IntoTaskError, Task, TaskError, Vital};

/// How jobs of one task are collected for one call. The option `batch` of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// The most jobs of one call, 1 to 10,000.
    pub max: usize,
    /// How long the first job of a call waits for others. Default: 50 ms.
    pub wait: Duration,
}

/// The most jobs that one call can be given.
pub(crate) const BATCH_MAX: usize = 10_000;

impl Batch {
    /// Calls with up to `max` jobs.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self {
            max,
            wait: Duration::from_millis(50),
        }
    }

    /// Sets how long the first job of a call waits for others.
    #[must_use]
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// What a task of many jobs may return: `()`, a `Vec` with a `Result` for each job, in the order of
/// the inputs, or a `Result` of either, whose error fails them all.
#[diagnostic::on_unimplemented(
    message = "a task with the option `batch` cannot return `{Self}`",
    label = "not an outcome for each job",
    note = "return a `Vec` with a `Result` for each input, in their order; `()` or `Result<(), E>` if all jobs end alike; or `Result<Vec<Result<T, E>>, E>`"
)]
pub trait IntoBatchOutcome {
    /// The result that is stored with each job.
    type Ok;

    /// Says how the attempt of each of `jobs` ended.
    ///
    /// # Errors
    ///
    /// Returns an error that is that of each job.
    fn into_batch_outcome(self, jobs: usize)
    -> Result<Vec<Result<Self::Ok, TaskError>>, TaskError>;
}

impl IntoBatchOutcome for () {
    type Ok = ();

    fn into_batch_outcome(self, jobs: usize) -> Result<Vec<Result<(), TaskError>>, TaskError> {
        Ok((0..jobs).map(|_| Ok(())).collect())
    }
}

impl<T, E: IntoTaskError> IntoBatchOutcome for Vec<Result<T, E>> {
    type Ok = T;

    fn into_batch_outcome(self, jobs: usize) -> Result<Vec<Result<T, TaskError>>, TaskError> {
        if self.len() != jobs {
            return Err(TaskError::retryable(format!(
                "the task was given {jobs} jobs, and returned {} outcomes: whose they are is unknown",
                self.len()
            )));
        }
        let outcomes = self.into_iter();
        Ok(outcomes
            .map(|outcome| outcome.map_err(E::into_task_error))
            .collect())
    }
}

impl<B: IntoBatchOutcome, E: IntoTaskError> IntoBatchOutcome for Result<B, E> {
    type Ok = B::Ok;

    fn into_batch_outcome(self, jobs: usize) -> Result<Vec<Result<B::Ok, TaskError>>, TaskError> {
        self.map_err(E::into_task_error)?.into_batch_outcome(jobs)
    }
}

/// How the attempts of one call ended, in the order of its inputs; or the error of each.
type Outcomes<T> = Result<Vec<Result<<T as Task>::Output, TaskError>>, TaskError>;

/// One job that waits for the outcome of a call.
struct Member<T: Task> {
    input: T::Input,
    job: Waiting<T::Output>,
}

/// Who waits for the outcome of a job.
struct Waiting<O> {
    /// Those of its attempt.
    vital: Arc<Vital>,
    reply: oneshot::Sender<Result<O, TaskError>>,
}

/// The jobs that are collected for the next call of a task.
struct Open<T: Task> {
    members: Vec<Member<T>>,
    /// Starts the call before the time is over.
    full: oneshot::Sender<Vec<Member<T>>>,
    number: u64,
    /// Those of the call.
    vital: Arc<Vital>,
}

/// The jobs that are collected, by their task. One for each start of a worker.
#[derive(Default)]
pub(crate) struct Batches(Mutex<Collecting>);

#[derive(Default)]
struct Collecting {
    open: HashMap<TypeId, Box<dyn Any + Send>>,
    /// How many calls have been begun.
    count: u64,
}

impl Batches {
    fn lock(&self) -> MutexGuard<'_, Collecting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

/// Runs the attempt of one job together with those of others, as [`Batch`] in the options of the task
/// says; for the `run` of a [`Task`] that is written by hand.
///
/// `call` is given the inputs of all of them, and a context that is that of the first job, except
/// that nothing can be completed through it, and that it is told to end only when each of the jobs
/// has been. Of the jobs of one call only one `call` is made.
///
/// # Errors
///
/// Returns the error of this job, or that of the call: if it takes longer than the time limit of the
/// task, panics, or returns another number of outcomes than there are jobs, each of its jobs fails.
///
/// # Cancel safety
///
/// A dropped call leaves the others to go on. When all of them are dropped, so is the call.
pub async fn run_in_batch<T, C, F>(
    context: &Context,
    input: T::Input,
    call: C,
) -> Result<T::Output, TaskError>
where
    T: Task,
    C: FnOnce(Context, Vec<T::Input>) -> F + Send + 'static,
    F: Future<Output = Outcomes<T>> + Send + 'static,
{
    let own = context.own();
    let (reply, outcome) = oneshot::channel();
    let vital = Arc::clone(&own.vital);
    let job = Waiting { vital, reply };
    let member = Member { input, job };
    let begun = if let Some(host) = &own.host
        && let Some(batches) = host.batches()
        && let Some(batch) = T::OPTIONS.batch
    {
        join::<T, C, F>((host, batches), batch, context, member, call)
    } else {
        // Nobody to wait for.
        let context = context.of_batch();
        let vital = Arc::clone(&context.own().vital);
        tokio::spawn(run_call(context, vec![member], call).in_current_span());
        vital
    };
    let _part = own.vital.take_part(begun);
    outcome.await.unwrap_or_else(|_| {
        let problem = "the call that the job was part of has ended without an outcome";
        Err(TaskError::retryable(problem))
    })
}

/// Adds a job to those that are collected; the first one begins a call. Returns the vital signs of the
/// call.
fn join<T, C, F>(
    (host, batches): (&Arc<dyn Host>, &Batches),
    batch: Batch,
    context: &Context,
    member: Member<T>,
    call: C,
) -> Arc<Vital>
where
    T: Task,
    C: FnOnce(Context, Vec<T::Input>) -> F + Send + 'static,
    F: Future<Output = Outcomes<T>> + Send + 'static,
{
    let mut collecting = batches.lock();
    let begun = take_open::<T>(&mut collecting);
    let mut open = begun.unwrap_or_else(|| {
        collecting.count += 1;
        let number = collecting.count;
        let (full, is_full) = oneshot::channel();
        let (host, context) = (Arc::clone(host), context.of_batch());
        let vital = Arc::clone(&context.own().vital);
        let task = async move {
            let members = collect::<T>(&*host, batch.wait, number, is_full).await;
            run_call(context, members, call).await;
        };
        let span = tracing::info_span!(parent: None, "pgq.batch", task = T::NAME);
        tokio::spawn(task.instrument(span));
        Open {
            members: Vec::new(),
            full,
            number,
            vital,
        }
    });
    let vital = Arc::clone(&open.vital);
    open.members.push(member);
    if open.members.len() < batch.max {
        collecting.open.insert(TypeId::of::<T>(), Box::new(open));
    } else {
        // Fails only if the runtime is being dropped.
        let _ = open.full.send(open.members);
    }
    vital
}

fn take_open<T: Task>(collecting: &mut Collecting) -> Option<Open<T>> {
    let open = collecting.open.remove(&TypeId::of::<T>())?;
    open.downcast().ok().map(|open| *open)
}

/// Waits until the call is full, or its time has come.
async fn collect<T: Task>(
    host: &dyn Host,
    wait: Duration,
    number: u64,
    mut is_full: oneshot::Receiver<Vec<Member<T>>>,
) -> Vec<Member<T>> {
    let full = tokio::time::timeout(wait, &mut is_full).await;
    if let Ok(members) = full {
        return members.unwrap_or_default();
    }
    let late = host.batches().and_then(|batches| {
        let mut collecting = batches.lock();
        let open = take_open::<T>(&mut collecting)?;
        if open.number == number {
            return Some(open.members);
        }
        // It was full at the last moment, and this is the next one.
        collecting.open.insert(TypeId::of::<T>(), Box::new(open));
        None
    });
    match late {
        Some(members) => members,
        None => is_full.await.unwrap_or_default(),
    }
}
