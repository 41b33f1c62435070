//! Tasks that are given the inputs of many jobs in one call.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::panic::panic_message;
use super::{CancelReason, Context, Host, IntoTaskError, Task, TaskError};

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
    reply: oneshot::Sender<Result<T::Output, TaskError>>,
}

/// The jobs that are collected for the next call of a task.
struct Open<T: Task> {
    members: Vec<Member<T>>,
    /// Starts the call before the time is over.
    full: oneshot::Sender<Vec<Member<T>>>,
    number: u64,
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
/// that nothing can be completed through it. Of the jobs of one call only one `call` is made.
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
    let host = context.own().host.clone();
    let (reply, outcome) = oneshot::channel();
    let member = Member { input, reply };
    match (
        host.filter(|host| host.batches().is_some()),
        T::OPTIONS.batch,
    ) {
        (Some(host), Some(batch)) => join::<T, C, F>(&host, batch, context, member, call),
        // Nobody to wait for.
        _ => {
            tokio::spawn(run_call(context.clone(), vec![member], call).in_current_span());
        }
    }
    outcome.await.unwrap_or_else(|_| {
        let problem = "the call that the job was part of has ended without an outcome";
        Err(TaskError::retryable(problem))
    })
}

/// Adds a job to those that are collected; the first one begins a call.
fn join<T, C, F>(host: &Arc<dyn Host>, batch: Batch, context: &Context, member: Member<T>, call: C)
where
    T: Task,
    C: FnOnce(Context, Vec<T::Input>) -> F + Send + 'static,
    F: Future<Output = Outcomes<T>> + Send + 'static,
{
    let Some(batches) = host.batches() else {
        return;
    };
    let mut collecting = batches.lock();
    let begun = take_open::<T>(&mut collecting);
    let mut open = begun.unwrap_or_else(|| {
        collecting.count += 1;
        let number = collecting.count;
        let (full, is_full) = oneshot::channel();
        let (host, context) = (Arc::clone(host), context.clone());
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
        }
    });
    open.members.push(member);
    if open.members.len() < batch.max {
        collecting.open.insert(TypeId::of::<T>(), Box::new(open));
    } else {
        // Fails only if the runtime is being dropped.
        let _ = open.full.send(open.members);
    }
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

/// Makes the call, and tells each job its outcome. Ends the call when nobody waits for it any more.
async fn run_call<T, C, F>(first: Context, mut members: Vec<Member<T>>, call: C)
where
    T: Task,
    C: FnOnce(Context, Vec<T::Input>) -> F,
    F: Future<Output = Outcomes<T>>,
{
    members.retain(|member| !member.reply.is_closed());
    if members.is_empty() {
        return;
    }
    let (inputs, mut replies): (Vec<_>, Vec<_>) = members
        .into_iter()
        .map(|member| (member.input, member.reply))
        .unzip();
    let nobody_waits = async {
        for reply in &mut replies {
            reply.closed().await;
        }
    };
    let context = first.of_batch();
    let outcomes = tokio::select! {
        outcomes = limited::<T, F>(call, context.clone(), inputs) => outcomes,
        () = nobody_waits => return,
        never = follow(&first, &context) => match never {},
    };
    match outcomes {
        Ok(outcomes) => {
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // One that was ended meanwhile does not want it.
                let _ = reply.send(outcome);
            }
        }
        Err(error) => {
            for reply in replies {
                let _ = reply.send(Err(error.again()));
            }
        }
    }
}

/// Tells a call to end as its first job is told, unless that is for a reason of the job's own. Ends
/// never.
async fn follow(first: &Context, call: &Context) -> Infallible {
    first.cancelled().cancelled().await;
    match first.cancel_reason() {
        Some(CancelReason::Cancelled) | None => {}
        Some(reason) => call.cancel().fire(reason),
    }
    std::future::pending().await
}

/// Makes the call within the time limit of its task, and lets no panic out.
async fn limited<T, F>(
    call: impl FnOnce(Context, Vec<T::Input>) -> F,
    context: Context,
    inputs: Vec<T::Input>,
) -> Outcomes<T>
where
    T: Task,
    F: Future<Output = Outcomes<T>>,
{
    // The limit is inside, because dropping a call that timed out may panic too.
    let run = async {
        let run = call(context, inputs);
        match T::OPTIONS.timeout {
            None => run.await,
            Some(limit) => tokio::time::timeout(limit, run).await.unwrap_or_else(|_| {
                Err(TaskError::retryable(format!("timed out after {limit:?}")))
            }),
        }
    };
    AssertUnwindSafe(run)
        .catch_unwind()
        .await
        .unwrap_or_else(|payload| {
            let message = panic_message(payload);
            Err(TaskError::retryable(format!("panicked: {message}")))
        })
}
