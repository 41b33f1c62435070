//! What `pgq::testing` promises to users' tests.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use pgq::driver::{Driver, Enqueue, Start};
use pgq::memory::MemoryDriver;
use pgq::testing::{Harness, Outcome};
use pgq::{
    Backoff, Context, Injected, JobBuilder, JobError, JobState, Registration, Registry, Source,
    Task, TaskDescriptor, TaskError, TaskOptions,
};

// The tasks are written by hand, which proves that the macro is not needed.

/// Greets, and remembers whom.
struct Greet;

#[derive(Debug, Default)]
struct Guests(Mutex<Vec<String>>);

impl Task for Greet {
    const NAME: &'static str = "testing/greet";
    type Input = String;
    type Output = String;

    fn injected() -> Vec<Injected> {
        vec![Injected::of::<Guests>()]
    }

    async fn run(context: &Context, name: String) -> Result<String, TaskError> {
        let guests: &Guests = context.state()?;
        guests.0.lock().unwrap().push(name.clone());
        Ok(format!("hello {name}"))
    }
}

/// Does what its input says.
struct Act;

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Play {
    Fail,
    GiveUp,
    Panic,
    Hang,
    /// Enqueues that many jobs, one after another.
    Again(u64),
}

impl Task for Act {
    const NAME: &'static str = "testing/act";
    const OPTIONS: TaskOptions = TaskOptions::new()
        .queue("acts")
        .max_attempts(3)
        .timeout(Duration::from_millis(1))
        .backoff(Backoff::exponential(
            Duration::from_secs(10),
            Duration::from_secs(15),
        ));
    type Input = Play;
    type Output = ();

    async fn run(context: &Context, play: Play) -> Result<(), TaskError> {
        match play {
            Play::Fail => Err(TaskError::retryable("no luck")),
            Play::GiveUp => Err(TaskError::permanent("no hope")),
            Play::Panic => panic!("at the disco"),
            Play::Hang => std::future::pending().await,
            Play::Again(0) => Ok(()),
            Play::Again(more) => {
                let storage: &MemoryDriver = context.state()?;
                let job = JobBuilder::<Self>::new(Play::Again(more - 1));
                job.enqueue(storage).await.map_err(TaskError::permanent)?;
                Ok(())
            }
        }
    }
}

/// Is known to this binary without being named.
struct Linked;

impl Task for Linked {
    const NAME: &'static str = "testing/linked";
    type Input = ();
    type Output = ();

    async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
        Ok(())
    }
}

const fn registration<T: Task>() -> Registration {
    Registration::Task(TaskDescriptor::of::<T>(Source {
        file: file!(),
        line: line!(),
    }))
}

pgq::__private::inventory::submit! { registration::<Linked>() }

fn harness() -> Harness {
    let mut registry = Registry::new();
    registry.add(registration::<Greet>());
    registry.add(registration::<Act>());
    Harness::with_registry(registry)
}

fn greet(name: &str) -> JobBuilder<Greet> {
    JobBuilder::new(name.to_owned())
}

fn act(play: Play) -> JobBuilder<Act> {
    JobBuilder::new(play)
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>();
    text.expect("the panic has a message")
}

/// The message of an assertion that fails.
fn failure(assertion: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(assertion)).expect_err("the assertion fails");
    message(&*payload).to_owned()
}

/// The message with which `run_due` gives up.
async fn why_it_cannot_run(harness: Harness) -> anyhow::Result<String> {
    let run = tokio::spawn(async move { harness.run_due().await });
    let payload = run.await.expect_err("the run gives up").try_into_panic()?;
    Ok(message(&*payload).to_owned())
}

#[tokio::test]
async fn a_task_runs_with_its_state_and_leaves_its_result() -> anyhow::Result<()> {
    let harness = harness().state(Guests::default());
    let job = greet("ada").enqueue(&harness).await?;

    let before = job.status(&harness).await?;
    let report = harness.run_due().await;

    report.assert_completed();
    assert_eq!(before, JobState::Ready);
    assert_eq!((report.completed(), report.runs()[0].job), (1, job.id()));
    assert_eq!(job.wait(&harness).await?, "hello ada");
    Ok(())
}

#[tokio::test]
async fn tasks_of_this_binary_are_found() -> anyhow::Result<()> {
    let harness = Harness::new();
    let job = JobBuilder::<Linked>::new(()).enqueue(&harness).await?;

    harness.run_due().await.assert_completed();

    job.wait(&harness).await?;
    Ok(())
}

#[tokio::test]
async fn a_delayed_job_runs_once_its_time_has_come() -> anyhow::Result<()> {
    let harness = harness().state(Guests::default());
    let minute = Duration::from_secs(60);
    greet("ada").delay(minute).enqueue(&harness).await?;
    let at = harness.clock().now() + 2 * minute;
    greet("bob").run_at(at).enqueue(&harness).await?;

    let mut completed = Vec::new();
    for _ in 0..4 {
        completed.push(harness.run_due().await.completed());
        harness.advance(minute);
    }

    assert_eq!(completed, [0, 1, 1, 0]);
    Ok(())
}

#[tokio::test]
async fn a_failed_attempt_runs_again_after_its_backoff() -> anyhow::Result<()> {
    let harness = harness();
    let job = act(Play::Fail).enqueue(&harness).await?;

    let first = harness.run_due().await;
    let too_early = harness.run_due().await;
    harness.advance(Duration::from_secs(10));
    let second = harness.run_due().await;
    harness.advance(Duration::from_secs(15));
    let third = harness.run_due().await;

    let retried = |seconds| Outcome::Retried {
        after: Duration::from_secs(seconds),
        error: "no luck".to_owned(),
    };
    let failed = Outcome::Failed {
        error: "no luck".to_owned(),
    };
    assert_eq!(
        (first.retried(), &first.runs()[0].outcome),
        (1, &retried(10))
    );
    assert_eq!(too_early.runs(), []);
    assert_eq!(
        (second.runs()[0].attempt, &second.runs()[0].outcome),
        (2, &retried(15))
    );
    assert_eq!((third.failed(), &third.runs()[0].outcome), (1, &failed));
    let error = job.wait(&harness).await;
    assert!(matches!(error, Err(JobError::Failed { attempts: 3, .. })));
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_in_a_task_stays_in_its_report() -> anyhow::Result<()> {
    let cases = [
        (Play::GiveUp, "failed: no hope"),
        (Play::Panic, "retried after 10s: panicked: at the disco"),
        (Play::Hang, "retried after 10s: timed out after 1ms"),
    ];

    for (play, expected) in cases {
        let harness = harness();
        act(play).enqueue(&harness).await?;
        let report = harness.run_due().await;
        assert_eq!(report.runs()[0].outcome.to_string(), expected);
    }
    Ok(())
}

#[tokio::test]
async fn jobs_that_running_jobs_enqueue_run_too() -> anyhow::Result<()> {
    let harness = harness();
    let storage = harness.storage().clone();
    let harness = harness.state(storage);
    act(Play::Again(4)).enqueue(&harness).await?;

    let report = harness.run_due().await;

    report.assert_completed();
    assert_eq!(report.completed(), 5);
    Ok(())
}

#[tokio::test]
async fn jobs_without_end_are_found_out() -> anyhow::Result<()> {
    let harness = harness();
    let storage = harness.storage().clone();
    let harness = harness.state(storage);
    act(Play::Again(u64::MAX)).enqueue(&harness).await?;

    let message = why_it_cannot_run(harness).await?;

    let expected = "cannot go on: 10000 attempts ran and more are due";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("`testing/act`"), "{message}");
    assert!(message.contains(file!()), "{message}");
    Ok(())
}

#[tokio::test]
async fn jobs_of_all_queues_run_by_priority_then_by_age() -> anyhow::Result<()> {
    let harness = harness().state(Guests::default());
    let low = greet("low").enqueue(&harness).await?;
    let other = act(Play::Again(0)).priority(5).enqueue(&harness).await?;
    let high = greet("high").priority(9).enqueue(&harness).await?;
    let same = greet("same").priority(5).enqueue(&harness).await?;

    let report = harness.run_due().await;

    let order: Vec<_> = report.runs().iter().map(|run| run.job).collect();
    assert_eq!(order, [high.id(), other.id(), same.id(), low.id()]);
    Ok(())
}

#[tokio::test]
async fn only_a_task_that_runs_needs_its_state() -> anyhow::Result<()> {
    let harness = harness();
    act(Play::Again(0)).enqueue(&harness).await?;
    harness.run_due().await.assert_completed();
    greet("ada").enqueue(&harness).await?;

    let message = why_it_cannot_run(harness).await?;

    assert!(message.contains("task `testing/greet` at"), "{message}");
    assert!(
        message.contains("Guests`, which was not given"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn jobs_of_an_unknown_task_wait() -> anyhow::Result<()> {
    let harness = harness();
    let job = JobBuilder::<Linked>::new(()).enqueue(&harness).await?;

    let report = harness.run_due().await;

    assert_eq!(report.unknown_tasks(), [Linked::NAME]);
    assert_eq!(report.runs(), []);
    assert_eq!(job.status(&harness).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn to_know_no_task_at_all_is_a_mistake() -> anyhow::Result<()> {
    let harness = Harness::with_registry(Registry::new());
    JobBuilder::<Linked>::new(()).enqueue(&harness).await?;

    let message = why_it_cannot_run(harness).await?;

    assert!(
        message.contains("no task is linked into this binary"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn input_of_another_build_waits_and_corrupt_input_fails() -> anyhow::Result<()> {
    let harness = harness().state(Guests::default());
    let corrupt = |fingerprint| Enqueue {
        task: Greet::NAME.into(),
        queue: "default".into(),
        priority: 0,
        max_attempts: 1,
        fingerprint,
        start: Start::Now,
        durability: pgq::Durability::Durable,
        jobs: vec![vec![1, 7].into()],
    };
    for fingerprint in [Some(pgq::contract::fingerprint::<Greet>()), None, Some(99)] {
        Driver::enqueue(harness.storage(), corrupt(fingerprint)).await?;
    }

    let report = harness.run_due().await;

    let states: Vec<_> = harness
        .storage()
        .jobs()
        .iter()
        .map(|job| job.state)
        .collect();
    let scheduled = JobState::Scheduled;
    assert_eq!(states, [JobState::Failed, JobState::Failed, scheduled]);
    assert_eq!(
        (report.completed(), report.retried(), report.failed()),
        (0, 0, 2)
    );
    Ok(())
}

#[tokio::test]
async fn enqueued_tells_the_inputs_of_unfinished_jobs() -> anyhow::Result<()> {
    let harness = harness().state(Guests::default());
    greet("done").enqueue(&harness).await?;
    harness.run_due().await.assert_completed();
    greet("ada").enqueue(&harness).await?;
    act(Play::Fail).enqueue(&harness).await?;
    let delay = Duration::from_secs(1);
    greet("bob").delay(delay).enqueue(&harness).await?;

    assert_eq!(harness.enqueued::<Greet>(), ["ada", "bob"]);
    assert_eq!(harness.enqueued::<Act>(), [Play::Fail]);
    assert_eq!(harness.enqueued::<Linked>(), []);
    Ok(())
}

#[tokio::test]
async fn an_assertion_that_fails_lists_what_is_enqueued() -> anyhow::Result<()> {
    let harness = harness();
    let nothing = failure(|| harness.assert_enqueued::<Greet>(|_| true));
    greet("ada").enqueue(&harness).await?;
    let delay = Duration::from_secs(1);
    act(Play::Again(7)).delay(delay).enqueue(&harness).await?;

    harness.assert_enqueued::<Greet>(|name| name == "ada");
    harness.assert_not_enqueued::<Greet>(|name| name == "bob");
    let missing = failure(|| harness.assert_enqueued::<Greet>(|name| name == "bob"));
    let unwanted = failure(|| harness.assert_not_enqueued::<Act>(|_| true));

    let jobs = "these jobs are:\n  \
                - job 1, `testing/greet` in queue `default`, ready: \"ada\"\n  \
                - job 2, `testing/act` in queue `acts`, scheduled: {\"Again\":7}";
    assert!(nothing.ends_with("enqueued, but no job is"), "{nothing}");
    assert!(missing.ends_with(jobs), "{missing}");
    assert!(unwanted.ends_with(jobs), "{unwanted}");
    Ok(())
}

#[tokio::test]
async fn a_report_shows_what_did_not_complete() -> anyhow::Result<()> {
    let harness = harness();
    let idle = harness.run_due().await;
    act(Play::Fail).enqueue(&harness).await?;
    act(Play::Again(0)).enqueue(&harness).await?;
    let failed = harness.run_due().await;

    let nothing = failure(|| idle.assert_completed());
    let lines = failure(|| failed.assert_completed());

    assert!(nothing.ends_with("but nothing ran"), "{nothing}");
    let runs = "these 2 attempts ran:\n  \
                - job 1, `testing/act`, attempt 1: retried after 10s: no luck\n  \
                - job 2, `testing/act`, attempt 1: completed";
    assert!(lines.ends_with(runs), "{lines}");
    Ok(())
}

#[tokio::test]
async fn harnesses_share_nothing() -> anyhow::Result<()> {
    let (first, second) = (harness(), harness());
    act(Play::Fail).enqueue(&first).await?;

    first.advance(Duration::from_secs(60));

    assert_eq!(second.enqueued::<Act>(), []);
    assert!(second.clock().now() < first.clock().now());
    Ok(())
}

#[pgq::task(name = "testing/log_in")]
async fn log_in(user: String, #[secret] password: String) {
    let _ = (user, password);
}

#[tokio::test]
async fn a_secret_is_in_no_message_of_a_harness() -> anyhow::Result<()> {
    let mut registry = Registry::new();
    registry.add(registration::<log_in>());
    let knows = Harness::with_registry(registry);
    let knows_nothing = Harness::with_registry(Registry::new());

    for (harness, shown) in [
        (&knows, r#"{"password":"(secret)","user":"me"}"#),
        (&knows_nothing, "bytes"),
    ] {
        let job = log_in::job("me".to_owned(), "hunter2".to_owned());
        assert!(!format!("{job:?}").contains("hunter2"));
        job.enqueue(harness).await?;

        let message = failure(|| harness.assert_not_enqueued::<log_in>(|_| true));

        assert!(message.contains(shown), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        // As text, and as numbers.
        let debug = format!("{harness:?}");
        assert!(
            !debug.contains("hunter2") && !debug.contains("104, 117, 110"),
            "{debug}"
        );
    }
    Ok(())
}
