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
        (AttemptEnd::NotStarted(Duration::ZERO), None),
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
