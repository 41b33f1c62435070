//! What becomes of a job when an attempt of it ended. Pure: random numbers are arguments.

use std::time::Duration;

use crate::driver::{ClaimedJob, Completion, DriverError, End, Ending};
use crate::task::{CancelReason, TaskDescriptor, Verdict};

/// How one attempt ended.
#[derive(Debug)]
pub(crate) enum AttemptEnd {
    /// The encoded result; `None` stands for `()`.
    Completed(Option<Vec<u8>>),
    /// The input was kept apart, and is not there.
    InputGone,
    /// The input was kept apart, and the storage cannot read it, for this reason.
    InputUnreadable(String),
    /// The worker stopped before the task was run.
    NotStarted,
    /// The time to start the job was over when it was claimed.
    Expired,
    /// The task returned an error.
    Failed {
        /// The messages of the error and its causes.
        report: String,
        /// What the error says of the job.
        verdict: Verdict,
    },
    /// The task failed, with this report, after it was told that its worker stops.
    Stopped(String),
    /// The task took longer than this.
    TimedOut(Duration),
    /// The task panicked with this message.
    Panicked(String),
    /// Somebody has cancelled the job; what the task then said, if it failed.
    Cancelled(Option<String>),
    /// The task returned, but the transaction that was to complete the job did not commit; why, if
    /// that is known.
    Uncommitted(Option<String>),
}

impl AttemptEnd {
    /// What an end comes to that followed a word to end.
    pub(crate) fn told(self, reason: Option<CancelReason>) -> Self {
        match (reason, self) {
            // Whatever it returned.
            (Some(CancelReason::Cancelled), Self::Failed { report, .. }) => {
                Self::Cancelled(Some(report))
            }
            (Some(CancelReason::Cancelled), Self::Panicked(message)) => {
                Self::Cancelled(Some(panicked(&message)))
            }
            (Some(CancelReason::Cancelled), Self::Cancelled(report)) => Self::Cancelled(report),
            (Some(CancelReason::Cancelled), _) => Self::Cancelled(None),
            (
                Some(CancelReason::Shutdown | CancelReason::LeaseLost),
                Self::Failed {
                    report,
                    verdict: Verdict::Retry(None),
                },
            ) => Self::Stopped(report),
            (_, end) => end,
        }
    }
}

impl AttemptEnd {
    /// What kind of error it is, for people who count them.
    pub(crate) const fn error_type(&self) -> &'static str {
        match self {
            Self::TimedOut(_) => "timeout",
            Self::Panicked(_) => "panic",
            Self::InputGone
            | Self::InputUnreadable(_)
            | Self::Failed {
                verdict: Verdict::Undecodable,
                ..
            } => "input",
            Self::Failed { .. }
            | Self::Stopped(_)
            | Self::Uncommitted(_)
            | Self::Completed(_)
            | Self::NotStarted
            | Self::Expired
            | Self::Cancelled(_) => "error",
        }
    }
}

/// What the storage is to be told of an attempt.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It ended with a result.
    Complete(Completion),
    /// It ended in any other way.
    End(Ending),
}

impl Decision {
    /// The size of the result, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Complete(completion) => completion.result.as_ref().map_or(0, Vec::len),
            Self::End(_) => 0,
        }
    }
}

/// How long a job of another build's input waits before it is offered again. It costs the job no
/// attempt, so this only bounds how often builds that cannot run it look at it.
const UNKNOWN_INPUT_DELAY: Duration = Duration::from_secs(60);

/// The longest error text that is stored, in bytes.
const ERROR_MAX: usize = 16 * 1024;

/// The error of a job whose input somebody has deleted.
const INPUT_GONE: &str = "the input is gone: `large_input` has no row of this job";

/// The error of an attempt that has completed its job in a transaction without effect.
const UNCOMMITTED: &str = "the completing transaction did not commit";

/// What stands at the end of an error text that was cut.
const CUT_MARK: &str = "… (cut)";

/// Decides what becomes of `job`, whose attempt by `task` ended with `end`.
///
/// `known` are the fingerprints of input that the task's own build can read besides its own.
/// `result_max` is the largest result that is stored, in bytes. `random` is in `0.0..1.0`; it
/// spreads the delay before the next attempt.
pub(crate) fn decide(
    end: AttemptEnd,
    job: &ClaimedJob,
    task: &TaskDescriptor,
    known: &[i64],
    result_max: usize,
    random: f64,
) -> Decision {
    match end {
        AttemptEnd::Completed(result) => complete(result, job, task, result_max),
        AttemptEnd::InputGone => ending(job, task, End::Failed, INPUT_GONE.to_owned()),
        AttemptEnd::InputUnreadable(report) => failed(
            format!("the input cannot be read: {report}"),
            job,
            task,
            random,
        ),
        AttemptEnd::NotStarted => Decision::End(Ending::unstarted(job.id, job.claim)),
        AttemptEnd::Expired => Decision::End(Ending::expired(job, task.options.retain)),
        AttemptEnd::Failed { report, verdict } => match verdict {
            Verdict::Retry(None) => failed(report, job, task, random),
            Verdict::Retry(Some(delay)) => retry(report, job, task, delay),
            Verdict::Snooze(delay) => Decision::End(Ending::released(job.id, job.claim, delay)),
            Verdict::Fail => ending(job, task, End::Failed, report),
            Verdict::Cancel => ending(job, task, End::Cancelled, report),
            Verdict::Undecodable => undecodable(&report, job, task, known),
        },
        // Its worker is to blame, so it costs no attempt.
        AttemptEnd::Stopped(report) => ending(job, task, End::Release(Duration::ZERO), report),
        AttemptEnd::TimedOut(limit) => {
            failed(format!("timed out after {limit:?}"), job, task, random)
        }
        AttemptEnd::Panicked(message) => failed(panicked(&message), job, task, random),
        AttemptEnd::Cancelled(report) => Decision::End(Ending {
            job: job.id,
            claim: job.claim,
            end: End::Cancelled,
            error: report.map(storable),
            retention: task.options.retain.completed,
        }),
        AttemptEnd::Uncommitted(None) => failed(UNCOMMITTED.to_owned(), job, task, random),
        AttemptEnd::Uncommitted(Some(why)) => {
            failed(format!("{UNCOMMITTED}: {why}"), job, task, random)
        }
    }
}

fn panicked(message: &str) -> String {
    format!("panicked: {message}")
}

fn complete(
    result: Option<Vec<u8>>,
    job: &ClaimedJob,
    task: &TaskDescriptor,
    result_max: usize,
) -> Decision {
    let size = result.as_ref().map_or(0, Vec::len);
    if size > result_max {
        let error = format!("the result has {size} bytes, but at most {result_max} are allowed");
        return ending(job, task, End::Failed, error);
    }
    Decision::Complete(Completion {
        job: job.id,
        claim: job.claim,
        result,
        retain: task.options.retain,
    })
}

/// What becomes of a job whose children the storage refuses: it would refuse them again.
pub(crate) fn refused(job: &ClaimedJob, task: &TaskDescriptor, error: &DriverError) -> Decision {
    let mut report = format!("the jobs that it enqueues cannot be stored: {error}");
    if let Some(source) = std::error::Error::source(error) {
        report.push_str(&format!(": {source}"));
    }
    ending(job, task, End::Failed, report)
}

/// Input of a build that this one can read, and that does not decode, is corrupt. Input of another
/// build may be known to that build.
fn undecodable(error: &str, job: &ClaimedJob, task: &TaskDescriptor, known: &[i64]) -> Decision {
    // A job that carries an alias has the fingerprint of that name.
    let own = || (task.shape)().fingerprint(&job.task);
    let is_known = |fingerprint| fingerprint == own() || known.contains(&fingerprint);
    let end = match job.fingerprint {
        Some(other) if !is_known(other) => End::Unstarted(UNKNOWN_INPUT_DELAY),
        _ => End::Failed,
    };
    ending(
        job,
        task,
        end,
        format!("the input does not decode: {error}"),
    )
}

/// The job runs again after its backoff, while it has attempts left.
fn failed(error: String, job: &ClaimedJob, task: &TaskDescriptor, random: f64) -> Decision {
    let delay = task.options.backoff.delay(job.attempt, random);
    retry(error, job, task, delay)
}

/// The job runs again after `delay`, while it has attempts left.
fn retry(error: String, job: &ClaimedJob, task: &TaskDescriptor, delay: Duration) -> Decision {
    let end = if job.attempt < job.max_attempts {
        End::Retry(delay)
    } else {
        End::Failed
    };
    ending(job, task, end, error)
}

fn ending(job: &ClaimedJob, task: &TaskDescriptor, end: End, error: String) -> Decision {
    let retain = task.options.retain;
    Decision::End(Ending {
        job: job.id,
        claim: job.claim,
        end,
        error: Some(storable(error)),
        retention: match end {
            End::Cancelled | End::Expired => retain.completed,
            End::Failed | End::Retry(_) | End::Release(_) | End::Unstarted(_) => retain.failed,
        },
    })
}

/// Makes an error text one that can be stored: without NUL, which PostgreSQL refuses in a text,
/// and of bounded length.
fn storable(error: String) -> String {
    let mut error = if error.contains('\0') {
        error.replace('\0', "\u{fffd}")
    } else {
        error
    };
    if error.len() > ERROR_MAX {
        error.truncate(error.floor_char_boundary(ERROR_MAX - CUT_MARK.len()));
        error.push_str(CUT_MARK);
    }
    error
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backoff::Backoff;
    use crate::driver::ClaimedInput;
    use crate::job::{Input as _, JobId, Marks};
    use crate::task::{Context, Source, Task, TaskError, TaskOptions, fingerprint};

    const EARLIER: i64 = 8;
    const RESULT_MAX: usize = 4;

    struct Tested;

    impl Task for Tested {
        const NAME: &'static str = "tested";
        const OPTIONS: TaskOptions = TaskOptions::new().backoff(Backoff::exponential(
            Duration::from_secs(10),
            Duration::from_secs(1000),
        ));
        type Input = ();
        type Output = ();

        async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
            Ok(())
        }
    }

    /// The second of three attempts.
    fn job() -> ClaimedJob {
        ClaimedJob {
            id: JobId::from_i64(11),
            claim: 13,
            task: Arc::from(Tested::NAME),
            queue: Arc::from("default"),
            priority: 0,
            attempt: 2,
            max_attempts: 3,
            deliveries: 2,
            fingerprint: Some(fingerprint::<Tested>()),
            input: ClaimedInput::Here(Vec::new()),
            marks: Marks::NONE,
            detail: None,
            expired: false,
            waited: None,
        }
    }

    fn decide_on(end: AttemptEnd, job: &ClaimedJob) -> Decision {
        let task = TaskDescriptor::of::<Tested>(Source {
            file: file!(),
            line: line!(),
        });
        decide(end, job, &task, &[EARLIER], RESULT_MAX, 0.5)
    }

    fn ended(end: AttemptEnd, job: &ClaimedJob) -> (End, String) {
        match decide_on(end, job) {
            Decision::End(ending) => {
                assert_eq!((ending.job, ending.claim), (job.id, job.claim));
                (ending.end, ending.error.unwrap())
            }
            Decision::Complete(completion) => panic!("completed: {completion:?}"),
        }
    }

    fn failure(verdict: Verdict) -> AttemptEnd {
        AttemptEnd::Failed {
            report: "no luck".to_owned(),
            verdict,
        }
    }

    fn undecodable_input() -> AttemptEnd {
        AttemptEnd::Failed {
            report: "the stored value is empty".to_owned(),
            verdict: Verdict::Undecodable,
        }
    }

    #[test]
    fn a_result_up_to_the_limit_completes_the_job() {
        for result in [None, Some(vec![1, 2, 3, 4])] {
            match decide_on(AttemptEnd::Completed(result.clone()), &job()) {
                Decision::Complete(completion) => {
                    assert_eq!((completion.job, completion.claim), (job().id, 13));
                    assert_eq!(completion.result, result);
                }
                Decision::End(ending) => panic!("{ending:?}"),
            }
        }
    }

    #[test]
    fn a_result_above_the_limit_fails_the_job() {
        let decided = ended(AttemptEnd::Completed(Some(vec![0; 5])), &job());

        let error = "the result has 5 bytes, but at most 4 are allowed";
        assert_eq!(decided, (End::Failed, error.to_owned()));
    }

    #[test]
    fn a_failure_is_retried_while_attempts_are_left() {
        let seconds = |seconds| End::Retry(Duration::from_secs(seconds));
        let timeout = || AttemptEnd::TimedOut(Duration::from_millis(1500));
        let panic = || AttemptEnd::Panicked("at the disco".to_owned());
        let again = || failure(Verdict::Retry(None));
        let in_an_hour = || failure(Verdict::Retry(Some(Duration::from_secs(3600))));
        let cases = [
            (again(), 1, seconds(10), "no luck"),
            (again(), 2, seconds(20), "no luck"),
            (again(), 3, End::Failed, "no luck"),
            (again(), 4, End::Failed, "no luck"),
            (in_an_hour(), 2, seconds(3600), "no luck"),
            (in_an_hour(), 3, End::Failed, "no luck"),
            (failure(Verdict::Fail), 1, End::Failed, "no luck"),
            (failure(Verdict::Cancel), 1, End::Cancelled, "no luck"),
            (timeout(), 2, seconds(20), "timed out after 1.5s"),
            (timeout(), 3, End::Failed, "timed out after 1.5s"),
            (panic(), 2, seconds(20), "panicked: at the disco"),
            (panic(), 3, End::Failed, "panicked: at the disco"),
        ];

        for (end, attempt, expected, error) in cases {
            let job = ClaimedJob { attempt, ..job() };
            let what = format!("attempt {attempt} {end:?}");
            assert_eq!(ended(end, &job), (expected, error.to_owned()), "{what}");
        }
    }

    #[test]
    fn a_snoozed_job_is_given_back_without_an_error() {
        let snooze = failure(Verdict::Snooze(Duration::from_secs(5)));
        // On its last attempt, too.
        let job = ClaimedJob {
            attempt: 3,
            ..job()
        };

        match decide_on(snooze, &job) {
            Decision::End(ending) => {
                assert_eq!(ending.end, End::Release(Duration::from_secs(5)));
                assert_eq!(ending.error, None);
            }
            Decision::Complete(completion) => panic!("completed: {completion:?}"),
        }
    }

    #[test]
    fn a_task_that_was_told_to_stop_is_given_back() {
        // On its last attempt, too.
        let job = ClaimedJob {
            attempt: 3,
            ..job()
        };

        let decided = ended(AttemptEnd::Stopped("no time".to_owned()), &job);

        assert_eq!(
            decided,
            (End::Release(Duration::ZERO), "no time".to_owned())
        );
    }

    #[test]
    fn a_job_that_was_cancelled_ends_so_whatever_its_task_returned() {
        let cases = [
            (AttemptEnd::Completed(None), None),
            (failure(Verdict::Retry(None)), Some("no luck")),
            (failure(Verdict::Fail), Some("no luck")),
            (AttemptEnd::TimedOut(Duration::from_secs(1)), None),
            (
                AttemptEnd::Panicked("at the disco".to_owned()),
                Some("panicked: at the disco"),
            ),
            (AttemptEnd::NotStarted, None),
        ];

        for (end, error) in cases {
            let what = format!("{end:?}");
            match decide_on(end.told(Some(CancelReason::Cancelled)), &job()) {
                Decision::End(ending) => {
                    assert_eq!(ending.end, End::Cancelled, "{what}");
                    assert_eq!(ending.error.as_deref(), error, "{what}");
                }
                Decision::Complete(_) => panic!("completed: {what}"),
            }
        }
    }

    #[test]
    fn the_random_number_spreads_the_delay() {
        let task = TaskDescriptor::of::<Tested>(Source {
            file: file!(),
            line: line!(),
        });

        let decided = decide(
            failure(Verdict::Retry(None)),
            &job(),
            &task,
            &[],
            RESULT_MAX,
            0.0,
        );

        let early = End::Retry(Duration::from_secs(15));
        assert!(matches!(decided, Decision::End(ending) if ending.end == early));
    }

    #[test]
    fn input_that_does_not_decode_is_left_to_the_build_that_wrote_it() {
        let release = End::Unstarted(Duration::from_secs(60));
        let cases = [
            (Some(fingerprint::<Tested>()), End::Failed),
            (Some(EARLIER), End::Failed),
            (None, End::Failed),
            (Some(EARLIER + 1), release),
        ];

        for (fingerprint, expected) in cases {
            // On its last attempt, too.
            let job = ClaimedJob {
                fingerprint,
                attempt: 3,
                ..job()
            };
            let (end, error) = ended(undecodable_input(), &job);
            assert_eq!(end, expected, "{fingerprint:?}");
            assert_eq!(
                error,
                "the input does not decode: the stored value is empty"
            );
        }
    }

    #[test]
    fn corrupt_input_of_an_alias_fails_its_job() {
        let job = ClaimedJob {
            task: Arc::from("its_old_name"),
            fingerprint: Some(<Tested as Task>::Input::shape().fingerprint("its_old_name")),
            ..job()
        };

        let (end, _) = ended(undecodable_input(), &job);

        assert_eq!(end, End::Failed);
    }

    #[test]
    fn an_error_text_can_be_stored() {
        let long = "ä".repeat(ERROR_MAX);

        assert_eq!(storable("a\0b".to_owned()), "a\u{fffd}b");
        assert_eq!(storable("a".repeat(ERROR_MAX)).len(), ERROR_MAX);
        for error in [long.clone(), format!("a{long}"), "\0".repeat(ERROR_MAX)] {
            let stored = storable(error);
            assert!(stored.ends_with(CUT_MARK));
            assert!((ERROR_MAX - 3..=ERROR_MAX).contains(&stored.len()));
        }
    }
}
