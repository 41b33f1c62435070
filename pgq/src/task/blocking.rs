//! Tasks that block, each attempt on a thread of its own.
//!
//! The threads are detached. Those of the runtime's pool for blocking code would keep the process
//! from ending until the last one returns.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Span;

use super::{CancelReason, Context, TaskError};

/// How long a job waits that found no thread.
const NO_THREAD_DELAY: Duration = Duration::from_secs(1);

/// Runs `task` on a thread that has the name of the task, and waits for it.
///
/// The thread has the runtime of the caller entered, and the caller's span.
///
/// # Errors
///
/// Returns the error of the task, and one that snoozes if there is no thread to be had.
///
/// # Panics
///
/// If the task does, with what it panicked with.
///
/// # Cancel safety
///
/// A dropped call leaves the thread to itself: it is told by [`Context::cancelled`], and what it
/// returns is dropped.
pub async fn blocking<I, T>(
    context: &Context,
    input: I,
    task: fn(&Context, I) -> Result<T, TaskError>,
) -> Result<T, TaskError>
where
    I: Send + 'static,
    T: Send + 'static,
{
    let thread = thread::Builder::new().name(format!("pgq {}", context.task()));
    run_on(thread, context, input, task).await
}

async fn run_on<I, T>(
    thread: thread::Builder,
    context: &Context,
    input: I,
    task: fn(&Context, I) -> Result<T, TaskError>,
) -> Result<T, TaskError>
where
    I: Send + 'static,
    T: Send + 'static,
{
    // The thread has its own share of everything that the task borrows.
    let own = context;
    let (context, ended) = (own.clone(), own.clone());
    let dropped = TellWhenDropped(Some(context.clone()));
    let (reply, answer) = oneshot::channel();
    let runtime = Handle::try_current().ok();
    let span = Span::current();
    context.pulse().thread.begin();
    let run = move || {
        let _runtime = runtime.as_ref().map(Handle::enter);
        let _span = span.enter();
        let returned = catch_unwind(AssertUnwindSafe(move || {
            let returned = task(&context, input);
            drop(context);
            returned
        }));
        // Nobody may want it any more. It is dropped here, where its destructor may panic.
        drop(reply.send(returned));
    };
    let detached = thread.spawn(move || {
        contain(run);
        ended.pulse().thread.end();
    });
    if let Err(error) = detached {
        dropped.disarm();
        own.pulse().thread.end();
        // It is the machine that is to blame, so it costs no attempt.
        tracing::warn!(%error, "no thread for a task that blocks; its job goes back for a moment");
        return Err(TaskError::snooze(NO_THREAD_DELAY));
    }
    let returned = answer.await;
    dropped.disarm();
    match returned {
        Ok(Ok(returned)) => returned,
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => Err(TaskError::retryable("the thread of the task is gone")),
    }
}

/// Tells the thread when nobody waits for it any more, unless it has been told why.
struct TellWhenDropped(Option<Context>);

impl TellWhenDropped {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for TellWhenDropped {
    fn drop(&mut self) {
        if let Some(context) = self.0.take() {
            context.cancel().fire(CancelReason::LeaseLost);
        }
    }
}

/// Lets no panic out: the payload of one that leaves a thread is dropped outside of everything, and
/// a panic of that destructor would abort the process.
fn contain(run: impl FnOnce()) {
    let caught: Result<(), Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(run));
    if let Err(payload) = caught {
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[tokio::test]
    async fn a_job_for_which_there_is_no_thread_is_given_back() {
        let thread = thread::Builder::new().stack_size(usize::MAX / 4);

        let returned = run_on(thread, &Context::for_test(), (), |_, ()| Ok(())).await;

        let verdict = returned.unwrap_err().verdict();
        assert_eq!(verdict, Verdict::Snooze(NO_THREAD_DELAY));
    }

    #[tokio::test]
    async fn a_thread_has_the_name_of_its_task() {
        let context = Context::for_test();

        let name = blocking(&context, (), |_, ()| {
            Ok(thread::current().name().map(str::to_owned))
        });

        assert_eq!(name.await.unwrap().as_deref(), Some("pgq test"));
    }

    #[tokio::test]
    async fn a_result_that_nobody_waits_for_is_dropped_and_the_task_is_told() {
        use std::sync::mpsc;

        struct Late(mpsc::Sender<bool>, bool);

        impl Drop for Late {
            fn drop(&mut self) {
                let _ = self.0.send(self.1);
                panic!("a destructor that fails");
            }
        }

        let (dropped, was_told) = mpsc::channel();
        let context = Context::for_test();
        let (started, has_started) = mpsc::channel();

        let mut call = Box::pin(blocking(
            &context,
            (dropped, started),
            |context, (dropped, started)| {
                let _ = started.send(());
                let told = Handle::current().block_on(async {
                    let patience = Duration::from_secs(60);
                    tokio::time::timeout(patience, context.cancelled().cancelled()).await
                });
                Ok(Late(dropped, told.is_ok()))
            },
        ));
        assert!(futures_util::poll!(&mut call).is_pending());
        has_started.recv().unwrap();
        drop(call);

        let told = tokio::task::spawn_blocking(move || was_told.recv());
        assert!(told.await.unwrap().unwrap());
    }
}
