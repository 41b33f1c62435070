//! Runs claimed jobs, each on a task of its own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use super::attempt::run_attempt;
use super::board::GivenUp;
use super::claimer::report;
use super::conclude::{Conclusion, complete_with_children, conclude};
use super::decide::{AttemptEnd, Decision, decide, refused};
use super::describe::{Read, describe};
use super::fetcher::{Fetched, Wanted};
use super::finisher::keep_logs;
use super::hub::{Hub, Tally};
use super::observed::{completed, decided, log, started};
use super::persist::persist;
use crate::driver::{ClaimedInput, ClaimedJob, End, NewLog};
use crate::job::{JobId, Marks};
use crate::logs::{self, Buffer};
use crate::task::{
    Attempt, CancelReason, Context, Host, TaskDescriptor, Vital, contained, panic_message,
};
use crate::trace::{self, Process};

/// Starts every job that may start.
pub(crate) fn start_jobs(hub: &Arc<Hub>) {
    loop {
        let Some(job) = hub.board().take() else {
            return;
        };
        hub.meters.slot_taken();
        // Made here: an attempt that is aborted before it was ever polled has no locals to drop.
        let slot = Slot {
            bytes: job.input.missing(),
            permit: Arc::new(Permit {
                hub: Arc::clone(hub),
                attempt: (job.id, job.claim),
                queue: Arc::clone(&job.queue),
                task: Arc::clone(&job.task),
            }),
        };
        let (bare, vital) = (job.bare(), Arc::<Vital>::default());
        let running = Box::pin(run_job(slot, job, Arc::clone(&vital)));
        // Whoever drops the last share of a permit comes here, on a thread of its own too.
        let handle = hub.attempts.spawn_on(running, &hub.runtime).abort_handle();
        hub.board().started(bare, vital, handle);
    }
}

/// Gives the slot of a job back, and the memory of its input, however the job ends: an abort drops
/// the future.
struct Slot {
    bytes: usize,
    /// Dropped after the slot.
    permit: Arc<Permit>,
}

/// Counts a job under the limits of its queue and task, until nothing of it runs any more: a thread
/// that blocks has a share.
struct Permit {
    hub: Arc<Hub>,
    attempt: (JobId, i64),
    queue: Arc<str>,
    task: Arc<str>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let permit = &self.permit;
        permit.hub.meters.slot_freed();
        permit
            .hub
            .board()
            .leave(permit.attempt, &permit.queue, self.bytes);
        // Dropped with the slot, the permit does the same.
        if Arc::strong_count(permit) > 1 {
            start_jobs(&permit.hub);
            permit.hub.claim.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.hub.board().release(&self.queue, &self.task);
        start_jobs(&self.hub);
        self.hub.claim.notify_one();
    }
}

async fn run_job(slot: Slot, mut job: ClaimedJob, vital: Arc<Vital>) {
    let hub = Arc::clone(&slot.permit.hub);
    let Some(task) = hub.setup.registry.task(&job.task) else {
        // Cannot be: a claim names the tasks of the registry. The job would go back in any case.
        hub.board().drop_lost(job.id);
        hub.reconcile.notify_one();
        return;
    };
    let began = Instant::now();
    let mut seen = Seen::default();
    let running = run_seen(&slot, task, &mut job, Arc::clone(&vital), &mut seen);
    let running = AssertUnwindSafe(running).catch_unwind().await;
    let panic = running.err().map(panic_message);
    let ended = match seen.ended {
        // What it has come to stands, whatever an observer made of it.
        Some(ended) => ended,
        None => broke_down(&hub, task, &job, vital, panic, began.elapsed()),
    };
    settle(&hub, &job, ended, seen.captured).await;
    drop(slot);
}

/// What is known of an attempt, also if an observer of it has panicked.
#[derive(Default)]
struct Seen {
    captured: Option<Arc<Buffer>>,
    ended: Option<Ended>,
}

/// Runs an attempt within its span.
async fn run_seen(
    slot: &Slot,
    task: &TaskDescriptor,
    job: &mut ClaimedJob,
    vital: Arc<Vital>,
    seen: &mut Seen,
) {
    let hub = &slot.permit.hub;
    let (span, captured) = logs::capturing(|| {
        trace::process(Process {
            job: job.id,
            task: task.name(),
            queue: &job.queue,
            attempt: job.attempt,
            deliveries: job.deliveries,
            worker: &hub.worker,
        })
    });
    seen.captured = captured;
    if let Some(detail) = &job.detail {
        trace::extract(&span, &detail.headers);
    }
    let attempt = async {
        let ended = attempt(hub, task, job, vital, Arc::clone(&slot.permit), &span).await;
        seen.ended = Some(ended);
    };
    attempt.instrument(span.clone()).await;
}

/// Tells whoever is to know how an attempt ended.
async fn settle(hub: &Hub, job: &ClaimedJob, ended: Ended, captured: Option<Arc<Buffer>>) {
    let (id, claim) = (job.id, job.claim);
    match ended {
        Ended::Decided(decision) => {
            let text = captured.and_then(|captured| captured.close());
            let log = text.and_then(|text| log(&decision, job.attempt, text));
            hub.tell_with_log(decision, log).await;
        }
        Ended::Completed => {
            hub.board().forget([(id, claim)]);
            if let Some(text) = captured.and_then(|captured| captured.close()) {
                let log = NewLog {
                    job: id,
                    claim,
                    attempt: job.attempt,
                    is_completed: true,
                    text,
                };
                hub.until_over(Box::pin(keep_logs(hub, vec![log]))).await;
            }
            Tally::add(&hub.setup.tally.completed, 1);
        }
        Ended::Fenced => {
            hub.board().forget([(id, claim)]);
            hub.count_fenced(1);
        }
        Ended::Late => Tally::add(&hub.setup.tally.fenced, 1),
    }
}

/// A subscriber of the program has panicked, to whom the events around an attempt are told, before it was known
/// what that comes to. As a panic of the task it costs the job an attempt: else one that always brings it about
/// would run again and again.
fn broke_down(
    hub: &Arc<Hub>,
    task: &TaskDescriptor,
    job: &ClaimedJob,
    vital: Arc<Vital>,
    panic: Option<String>,
    elapsed: Duration,
) -> Ended {
    if !hub.board().broke_down(job.id, job.claim) {
        return Ended::Late;
    }
    let message = panic.unwrap_or_default();
    let end = AttemptEnd::Panicked(format!("outside of the task: {message}"));
    Ended::Decided(end_outside(hub, task, job, vital, end, elapsed))
}

/// Decides what an end comes to that was not found out within the attempt, and tells the hooks.
fn end_outside(
    hub: &Arc<Hub>,
    task: &TaskDescriptor,
    job: &ClaimedJob,
    vital: Arc<Vital>,
    end: AttemptEnd,
    elapsed: Duration,
) -> Decision {
    let result_max = hub.setup.config.result_max;
    let decision = decide(end, job, task, &[], result_max, fastrand::f64());
    contained(|| {
        let host: Arc<dyn Host> = Arc::<Hub>::clone(hub);
        let attempt = Attempt::new(job, task, host, vital);
        let context = Context::new(attempt, Arc::clone(&hub.setup.state));
        decided(hub, &context, task, elapsed, &decision);
    });
    decision
}

/// How an attempt ended.
enum Ended {
    /// The storage is to be told.
    Decided(Decision),
    /// The storage knows, because a transaction of the task has completed the job.
    Completed,
    /// The job is not this worker's any more.
    Fenced,
    /// It was given up, or its job is lost, or the worker is over.
    Late,
}

/// Runs an attempt, if the worker still holds its job.
#[expect(
    clippy::too_many_lines,
    reason = "the steps of an attempt, one after the other"
)]
async fn attempt(
    hub: &Arc<Hub>,
    task: &TaskDescriptor,
    job: &mut ClaimedJob,
    vital: Arc<Vital>,
    permit: Arc<Permit>,
    span: &Span,
) -> Ended {
    let host: Arc<dyn Host> = Arc::<Hub>::clone(hub);
    let attempt = Attempt::new(job, task, host, vital);
    let context = Context::new(attempt, Arc::clone(&hub.setup.state)).keeping(permit);
    let input = if job.expired {
        Err(Unstarted::Ended(AttemptEnd::Expired))
    } else if job.marks.has(Marks::SUSPECT) && !Box::pin(is_tried(hub, job.id)).await {
        Err(Unstarted::NotHeld)
    } else {
        input(hub, job, task, &context).await
    };
    let began = Instant::now();
    let end = match input {
        Ok(input) => {
            started(hub, &context, task, job.waited);
            let (layers, grace) = (&hub.setup.layers, hub.setup.config.cancel_grace);
            run_attempt(task, layers, &context, input, grace).await
        }
        Err(Unstarted::NotHeld) => {
            tracing::warn!("the job was taken from this worker before it started");
            hub.reconcile.notify_one();
            return Ended::Fenced;
        }
        Err(Unstarted::Ended(end)) => end,
    };
    let end = match conclude(&context, end).await {
        Conclusion::Decide(end) => end,
        Conclusion::Completed => {
            contained(|| {
                tracing::debug!("a transaction of the task completed the job");
                completed(hub, &context, task, began.elapsed());
            });
            return Ended::Completed;
        }
        Conclusion::Fenced => {
            contained(|| {
                tracing::warn!(
                    "the job was taken from this worker; nothing of the attempt is recorded"
                );
            });
            return Ended::Fenced;
        }
    };
    if !hub.board().ending(job.id, job.claim) {
        contained(|| tracing::info!("an attempt that counted no more has ended"));
        return Ended::Late;
    }
    if let AttemptEnd::TimedOut(_) | AttemptEnd::Cancelled(_) = end {
        leave_thread(hub, &context, job.claim);
    }
    let end = end.told(context.cancel_reason());
    let error_type = end.error_type();
    let decision = decide(
        end,
        job,
        task,
        hub.setup.fingerprints.as_deref().unwrap_or_default(),
        hub.setup.config.result_max,
        fastrand::f64(),
    );
    let decision = match with_children(hub, &context, job, task, decision).await {
        Ended::Decided(decision) => decision,
        ended => {
            if let Ended::Completed = ended {
                contained(|| {
                    completed(hub, &context, task, began.elapsed());
                    tracing::debug!("attempt completed");
                });
            }
            return ended;
        }
    };
    let observe = || {
        decided(hub, &context, task, began.elapsed(), &decision);
        if job.expired {
            tracing::info!("the job was to be started sooner, and has ended as expired");
        } else if let Decision::End(ending) = &decision {
            let error = ending.error.as_deref().unwrap_or_default();
            if let (End::Unstarted(delay), None) = (ending.end, &ending.error) {
                tracing::debug!(
                    ?delay,
                    "the job goes back before an attempt of it has begun"
                );
                return;
            }
            tracing::warn!(error, end = ?ending.end, "attempt ended without a result");
            if let End::Failed | End::Retry(_) = ending.end {
                trace::failed(span, error_type, error);
            }
        } else {
            tracing::debug!("attempt completed");
        }
    };
    contained(observe);
    Ended::Decided(decision)
}

/// Completes a job that has children together with them.
async fn with_children(
    hub: &Hub,
    context: &Context,
    job: &ClaimedJob,
    task: &TaskDescriptor,
    decision: Decision,
) -> Ended {
    let Decision::Complete(completion) = &decision else {
        return Ended::Decided(decision);
    };
    if !context.has_children() {
        return Ended::Decided(decision);
    }
    let completing = Box::pin(complete_with_children(hub, context, completion));
    let Some(completed) = hub.until_over(completing).await else {
        return Ended::Late;
    };
    match completed {
        Ok(Conclusion::Completed) => Ended::Completed,
        Ok(_) => Ended::Fenced,
        Err(error) => Ended::Decided(refused(job, task, &error)),
    }
}

/// Takes note of a thread that goes on after its attempt.
fn leave_thread(hub: &Arc<Hub>, context: &Context, claim: i64) {
    let attempt = (context.job_id(), claim);
    let left = Arc::downgrade(hub);
    let ended = move || {
        if let Some(hub) = left.upgrade() {
            hub.board().thread_ended(attempt);
        }
    };
    let began = || hub.board().leave_thread(attempt, context.task_name());
    if context.pulse().thread.on_end(began, ended) {
        let stuck = hub.board().stuck(context.task());
        tracing::warn!(
            stuck,
            "the thread of a task goes on after its attempt has ended"
        );
    }
}

/// Ends attempts that were given up, for the storage and for the hooks.
pub(super) async fn end_given_up(hub: Arc<Hub>, given_up: Vec<GivenUp>) {
    start_jobs(&hub);
    hub.claim.notify_one();
    for GivenUp { job, vital, stuck } in given_up {
        let Some(task) = hub.setup.registry.task(&job.task) else {
            continue;
        };
        vital.cancel.fire(CancelReason::TimedOut);
        contained(|| {
            tracing::warn!(
                job = job.id.as_i64(),
                task = task.name(),
                attempt = job.attempt,
                stuck,
                "a task does not end although it must, because it never pauses at an `await`; its slot \
                 is free, but it holds a thread of the runtime. Let it run as `#[pgq::task(blocking)]`",
            );
        });
        let limit = task.options.timeout.unwrap_or_default();
        let end = AttemptEnd::TimedOut(limit).told(vital.cancel.reason());
        let decision = end_outside(&hub, task, &job, vital, end, limit);
        hub.tell(decision).await;
    }
}

/// Why a task was not run.
enum Unstarted {
    /// The worker does not hold the job any more.
    NotHeld,
    Ended(AttemptEnd),
}

/// Notes that a suspect is about to run, whatever becomes of this process. Returns `false` if the worker
/// must not run it.
async fn is_tried(hub: &Hub, job: JobId) -> bool {
    let call = || hub.setup.driver.try_suspect(hub.worker, job);
    match persist("note which suspect runs", 0, call).await {
        Ok(is_alive) => is_alive,
        Err(error) => {
            tracing::error!(error = %report(&error), "failed to note which suspect runs");
            false
        }
    }
}

/// Takes the input out of a job; waits for one that is kept apart. Of a job that is unread the keys are made.
async fn input(
    hub: &Hub,
    job: &mut ClaimedJob,
    task: &TaskDescriptor,
    context: &Context,
) -> Result<Vec<u8>, Unstarted> {
    let input = match &mut job.input {
        ClaimedInput::Here(input) => std::mem::take(input),
        ClaimedInput::Apart { bytes } => {
            Box::pin(fetch(hub, job.id, job.claim, *bytes, context)).await?
        }
    };
    if !job.marks.has(Marks::UNREAD) {
        return Ok(input);
    }
    match Box::pin(describe(hub, job, task, &input)).await {
        Read::Run => Ok(input),
        Read::End(end) => Err(Unstarted::Ended(end)),
        Read::NotHeld => Err(Unstarted::NotHeld),
    }
}

async fn fetch(
    hub: &Hub,
    job: JobId,
    claim: i64,
    bytes: usize,
    context: &Context,
) -> Result<Vec<u8>, Unstarted> {
    let (reply, answer) = oneshot::channel();
    let wanted = Wanted {
        job,
        claim,
        bytes,
        reply,
    };
    let fetched = async {
        hub.wanted.send(wanted).await.ok()?;
        answer.await.ok()
    };
    tokio::select! {
        fetched = fetched => match fetched {
            Some(Fetched::Input(input)) => Ok(input),
            Some(Fetched::Gone) => Err(Unstarted::Ended(AttemptEnd::InputGone)),
            Some(Fetched::NotHeld) => Err(Unstarted::NotHeld),
            Some(Fetched::Unreadable(error)) => {
                Err(Unstarted::Ended(AttemptEnd::InputUnreadable(report(&error))))
            }
            // The worker is being dropped.
            None => Err(Unstarted::Ended(AttemptEnd::NotStarted(Duration::ZERO))),
        },
        () = context.cancelled().cancelled() => Err(Unstarted::Ended(AttemptEnd::NotStarted(Duration::ZERO))),
    }
}
