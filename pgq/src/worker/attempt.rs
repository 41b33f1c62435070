//! One attempt: runs a task within its time limit, and lets no panic out.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::decide::AttemptEnd;
use crate::middleware::TaskService;
use crate::task::{
    CancelReason, Context, RunResult, TaskDescriptor, Verdict, panic_message, watched,
};

/// Runs one attempt of `task` within its layers, and says how it ended. A task that is cancelled has
/// `grace` to end by itself.
///
/// Everything that belongs to the user is run and dropped in here: decoding, the task, its
/// destructors after a timeout, and the message of its error.
///
/// # Cancel safety
///
/// A dropped call drops the task where it stands. What its destructors then do, a panic included,
/// is the caller's to contain.
pub(crate) async fn run_attempt(
    task: &TaskDescriptor,
    layers: &TaskService,
    context: &Context,
    input: Vec<u8>,
    grace: Duration,
) -> AttemptEnd {
    // The time limit is inside, because dropping a task that timed out may panic too.
    let attempt = async {
        // A call for many jobs has the limit, and its jobs may have waited for each other.
        let limit = task
            .options
            .timeout
            .filter(|_| task.options.batch.is_none());
        // One that is so far away that there is no such time never comes.
        if let Some(end) = limit.and_then(|limit| Instant::now().checked_add(limit)) {
            context.pulse().must_end(end);
        }
        let run = layers.run(task, context, input);
        tokio::select! {
            biased;
            result = watched(context.pulse(), run) => end_of(result),
            end = overdue(limit, context, grace) => end,
        }
    };
    let end = AssertUnwindSafe(attempt).catch_unwind().await;
    context.pulse().ended();
    end.unwrap_or_else(|payload| AttemptEnd::Panicked(panic_message(payload)))
}

/// Waits until the task must not run on: its time limit is over, or it has been cancelled and did
/// not end within `grace`.
async fn overdue(limit: Option<Duration>, context: &Context, grace: Duration) -> AttemptEnd {
    let timed_out = async {
        match limit {
            Some(limit) => {
                // Apart, as most attempts have no time limit, and their memory is to stay small.
                Box::pin(tokio::time::sleep(limit)).await;
                limit
            }
            None => std::future::pending().await,
        }
    };
    let cancelled = async {
        context.cancelled().cancelled().await;
        match context.cancel_reason() {
            Some(CancelReason::Cancelled) => Box::pin(tokio::time::sleep(grace)).await,
            // Its worker sees to it.
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        limit = timed_out => {
            context.cancel().fire(CancelReason::TimedOut);
            AttemptEnd::TimedOut(limit)
        }
        () = cancelled => AttemptEnd::Cancelled(None),
    }
}

fn end_of(result: RunResult) -> AttemptEnd {
    match result {
        RunResult::Completed(result) => AttemptEnd::Completed(result),
        RunResult::Undecodable(error) => AttemptEnd::Failed {
            verdict: Verdict::Undecodable,
            report: error.to_string(),
        },
        RunResult::Failed(error) => AttemptEnd::Failed {
            verdict: error.verdict(),
            report: error.report(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::task::{Source, Task, TaskError, TaskOptions};

    const GRACE: Duration = Duration::from_millis(1);

    /// Does what its input says.
    struct Act;

    impl Task for Act {
        const NAME: &'static str = "act";
        const OPTIONS: TaskOptions = TaskOptions::new().timeout(Duration::from_millis(1));
        type Input = String;
        type Output = i32;

        async fn run(_: &Context, input: String) -> Result<i32, TaskError> {
            match input.as_str() {
                "return" => Ok(7),
                "fail" => Err(TaskError::retryable("no luck")),
                "give up" => Err(TaskError::permanent("never")),
                "hang" => std::future::pending().await,
                "hang, then panic when dropped" => {
                    let _bomb = Bomb;
                    std::future::pending().await
                }
                "panic with text" => panic!("literal"),
                "panic with a bomb" => std::panic::panic_any(Bomb),
                "panic in the error" => Err(TaskError::retryable(Unprintable)),
                other => panic!("formatted {other}"),
            }
        }
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }

    #[derive(Debug)]
    struct Unprintable;

    impl fmt::Display for Unprintable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("unprintable");
        }
    }

    impl std::error::Error for Unprintable {}

    const ACT: TaskDescriptor = TaskDescriptor::of::<Act>(Source {
        file: file!(),
        line: line!(),
    });

    async fn act(input: &str) -> AttemptEnd {
        let input = crate::job::encode_value(input).unwrap();
        let layers = TaskService::task();
        run_attempt(&ACT, &layers, &Context::for_test(), input, GRACE).await
    }

    #[tokio::test]
    async fn an_attempt_ends_as_its_task_did() {
        let cases = [
            ("return", AttemptEnd::Completed(Some(vec![1, 7]))),
            ("fail", failed("no luck", Verdict::Retry(None))),
            ("give up", failed("never", Verdict::Fail)),
            ("hang", AttemptEnd::TimedOut(Duration::from_millis(1))),
            ("panic with text", panicked("literal")),
            ("panic in the error", panicked("unprintable")),
            ("x", panicked("formatted x")),
        ];

        for (input, expected) in cases {
            let end = act(input).await;
            assert_eq!(format!("{end:?}"), format!("{expected:?}"), "{input}");
        }
    }

    #[tokio::test]
    async fn a_destructor_that_panics_does_not_get_out() {
        let dropped = act("hang, then panic when dropped").await;
        let thrown = act("panic with a bomb").await;

        assert_eq!(format!("{dropped:?}"), format!("{:?}", panicked("bomb")));
        assert_eq!(
            format!("{thrown:?}"),
            format!("{:?}", panicked("a value that is not text"))
        );
    }

    #[tokio::test]
    async fn a_task_that_ignores_its_cancellation_is_dropped_after_the_grace_time() {
        struct Hang;

        impl Task for Hang {
            const NAME: &'static str = "hang";
            type Input = ();
            type Output = ();

            async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
                std::future::pending().await
            }
        }
        const HANG: TaskDescriptor = TaskDescriptor::of::<Hang>(Source {
            file: file!(),
            line: line!(),
        });
        let context = Context::for_test();
        let input = crate::job::encode_value(&()).unwrap();

        context.cancel().fire(CancelReason::Cancelled);
        let end = run_attempt(&HANG, &TaskService::task(), &context, input, GRACE).await;

        assert!(matches!(end, AttemptEnd::Cancelled(None)), "{end:?}");
    }

    #[tokio::test]
    async fn input_of_another_type_does_not_decode() {
        let layers = TaskService::task();
        let end = run_attempt(&ACT, &layers, &Context::for_test(), vec![1, 7], GRACE).await;

        let undecodable = Verdict::Undecodable;
        assert!(
            matches!(end, AttemptEnd::Failed { verdict, .. } if verdict == undecodable),
            "{end:?}"
        );
    }

    fn failed(report: &str, verdict: Verdict) -> AttemptEnd {
        AttemptEnd::Failed {
            report: report.to_owned(),
            verdict,
        }
    }

    fn panicked(message: &str) -> AttemptEnd {
        AttemptEnd::Panicked(message.to_owned())
    }
}
