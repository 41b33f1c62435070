//! Layers around tasks, and hooks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgq::driver::Driver;
use pgq::middleware::{
    Completed, DeadLetter, Enqueued, Execution, Failure, Hooks, Success, TaskService,
};
use pgq::{
    Context, IntoTaskError as _, JobState, Pgq, Registration, Registry, Run, ScheduleDescriptor,
    Source, TaskError, Timing,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use tokio_util::sync::CancellationToken;
use tower::timeout::TimeoutLayer;
use tower::util::ServiceFn;
use tower::{Layer, Service as _, ServiceBuilder, ServiceExt as _, service_fn};

use super::both::{Place, on_both_drivers};
use super::drain;

#[pgq::task(name = "middleware/halve", max_attempts = 2)]
async fn halve(number: u32) -> anyhow::Result<u32> {
    anyhow::ensure!(number.is_multiple_of(2), "{number} is odd");
    Ok(number / 2)
}

#[pgq::task(name = "middleware/hang", max_attempts = 1)]
async fn hang() {
    std::future::pending::<()>().await;
}

#[pgq::task(
    name = "middleware/end_as",
    max_attempts = 1,
    backoff(fixed = "7s", jitter = 0.0)
)]
async fn end_as(kind: String) -> Result<(), TaskError> {
    match &*kind {
        "snooze" => Err(TaskError::snooze(Duration::from_secs(60))),
        "cancel" => Err(TaskError::cancel("unwanted")),
        "panic" => panic!("at the disco"),
        other => panic!("{other}"),
    }
}

on_both_drivers!(
    a_layer_sees_the_attempt_and_its_result,
    the_layer_that_was_added_last_is_the_outermost,
    a_layer_may_run_the_task_again,
    a_layer_may_replace_the_error_and_keep_the_task_from_running,
    a_panic_in_a_layer_is_one_of_the_task,
    a_layer_of_tower_may_fail_with_an_error_of_its_own,
    input_that_does_not_decode_passes_the_layers_as_what_it_is,
    hooks_are_told_what_becomes_of_a_job,
    a_hook_is_told_of_a_job_that_workers_died_of,
    a_hook_that_panics_does_no_harm,
);

/// What was seen, in order.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, what: impl Into<String>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A layer out of a closure.
pub(super) fn layer<F, R>(
    run: F,
) -> impl Layer<
    TaskService,
    Service = ServiceFn<impl FnMut(Execution) -> R + Clone + Send + Sync + 'static>,
>
where
    F: Fn(TaskService, Execution) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Completed, TaskError>>,
{
    tower::layer::layer_fn(move |task: TaskService| {
        let run = run.clone();
        service_fn(move |execution| run(task.clone(), execution))
    })
}

async fn a_layer_sees_the_attempt_and_its_result(place: &Place) -> anyhow::Result<()> {
    let seen = Seen::default();
    let job = halve::enqueue(&place.driver, 14).await?;
    let watch = seen.clone();
    let worker =
        place
            .worker::<halve>()
            .layer(layer(move |mut task: TaskService, execution: Execution| {
                let watch = watch.clone();
                async move {
                    let context = execution.context().clone();
                    let name = execution.task().name();
                    watch.add(format!("{name} {} {}", context.job_id(), context.attempt()));
                    let completed = task.call(execution).await?;
                    watch.add(format!("{:?}", completed.result::<u32>()));
                    Ok(completed)
                }
            }));

    drain(worker).await?;

    let id = job.id();
    assert_eq!(
        seen.take(),
        [format!("middleware/halve {id} 1"), "Ok(7)".to_owned()]
    );
    assert_eq!(job.wait(&place.driver).await?, 7);
    Ok(())
}

async fn the_layer_that_was_added_last_is_the_outermost(place: &Place) -> anyhow::Result<()> {
    let seen = Seen::default();
    halve::enqueue(&place.driver, 2).await?;
    let named = |name: &'static str| {
        let watch = seen.clone();
        layer(move |mut task: TaskService, execution| {
            watch.add(name);
            task.call(execution)
        })
    };

    drain(
        place
            .worker::<halve>()
            .layer(named("inner"))
            .layer(named("outer")),
    )
    .await?;

    assert_eq!(seen.take(), ["outer", "inner"]);
    Ok(())
}

async fn a_layer_may_run_the_task_again(place: &Place) -> anyhow::Result<()> {
    let seen = Seen::default();
    let job = halve::enqueue(&place.driver, 3).await?;
    let watch = seen.clone();
    let worker =
        place
            .worker::<halve>()
            .layer(layer(move |mut task: TaskService, execution: Execution| {
                let watch = watch.clone();
                async move {
                    let first = task.call(execution.clone()).await;
                    watch.add(format!("{:?}", first.map_err(|error| error.report())));
                    task.ready().await?.call(execution).await
                }
            }));

    let report = drain(worker).await?;

    assert_eq!(seen.take(), ["Err(\"3 is odd\")"]);
    assert_eq!(report.retried, 1);
    assert_eq!(job.job(&place.driver).await?.attempt, 1);
    Ok(())
}

async fn a_layer_may_replace_the_error_and_keep_the_task_from_running(
    place: &Place,
) -> anyhow::Result<()> {
    let job = halve::enqueue(&place.driver, 3).await?;
    let other = hang::enqueue(&place.driver).await?;
    let worker = place.worker::<halve>().task::<hang>().layer(layer(
        |mut task: TaskService, execution: Execution| async move {
            if execution.task().name() == "middleware/hang" {
                return Err(TaskError::cancel("not today"));
            }
            let ended = task.call(execution).await;
            ended.map_err(|error| TaskError::permanent(error.report().to_uppercase()))
        },
    ));

    drain(worker).await?;

    let stored = job.job(&place.driver).await?;
    assert_eq!(stored.state, JobState::Failed);
    assert_eq!(stored.error.as_deref(), Some("3 IS ODD"));
    let stored = other.job(&place.driver).await?;
    assert_eq!(stored.state, JobState::Cancelled);
    assert_eq!(stored.error.as_deref(), Some("not today"));
    Ok(())
}

async fn a_panic_in_a_layer_is_one_of_the_task(place: &Place) -> anyhow::Result<()> {
    let job = halve::job(2).max_attempts(1).enqueue(&place.driver).await?;
    let worker = place
        .worker::<halve>()
        .layer(layer(|_, _| async { panic!("in the layer") }));

    drain(worker).await?;

    let error = job.job(&place.driver).await?.error;
    assert_eq!(error.as_deref(), Some("panicked: in the layer"));
    Ok(())
}

async fn a_layer_of_tower_may_fail_with_an_error_of_its_own(place: &Place) -> anyhow::Result<()> {
    let job = hang::enqueue(&place.driver).await?;
    let other = halve::enqueue(&place.driver, 4).await?;
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_millis(20)))
        .concurrency_limit(1);

    drain(place.worker::<hang>().task::<halve>().layer(stack)).await?;

    let error = job.job(&place.driver).await?.error;
    assert_eq!(error.as_deref(), Some("request timed out"));
    assert_eq!(other.wait(&place.driver).await?, 2);
    Ok(())
}

async fn input_that_does_not_decode_passes_the_layers_as_what_it_is(
    place: &Place,
) -> anyhow::Result<()> {
    /// The task as another build has it, with another input.
    enum Other {}

    impl pgq::Task for Other {
        const NAME: &'static str = "middleware/halve";
        type Input = String;
        type Output = ();

        async fn run(_: &Context, _: String) -> Result<(), TaskError> {
            Ok(())
        }
    }

    let job = pgq::JobBuilder::<Other>::new("two".to_owned())
        .enqueue(&place.driver)
        .await?;
    let worker = place.worker::<halve>().layer(layer(
        |mut task: TaskService, execution: Execution| async move {
            let ended = task.call(execution).await;
            ended.map_err(|error| {
                anyhow::Error::new(error)
                    .context("on the way")
                    .into_task_error()
            })
        },
    ));

    let report = drain(worker).await?;

    assert_eq!(report.released, 1, "{report:?}");
    let stored = job.job(&place.driver).await?;
    assert_eq!((stored.state, stored.attempt), (JobState::Scheduled, 0));
    Ok(())
}

/// Hooks that note what they are told.
struct Notes(Seen);

impl Hooks for Notes {
    fn on_enqueue(&self, enqueued: &Enqueued<'_>) {
        let Enqueued {
            task, queue, jobs, ..
        } = enqueued;
        self.0
            .add(format!("enqueued {} {task} in {queue}", jobs.len()));
    }

    fn on_start(&self, context: &Context) {
        self.0.add(format!("started {}", context.attempt()));
    }

    fn on_success(&self, success: &Success<'_>) {
        self.0.add(format!("success {}", success.context.attempt()));
    }

    fn on_failure(&self, failure: &Failure<'_>) {
        let (error, next) = (failure.error, failure.next_attempt_in);
        self.0.add(format!("failure {error}, next {next:?}"));
    }

    fn on_dead_letter(&self, dead: &DeadLetter<'_>) {
        let has_context = if dead.context.is_some() {
            ""
        } else {
            " elsewhere"
        };
        self.0
            .add(format!("dead {}: {}{has_context}", dead.task, dead.error));
    }
}

async fn hooks_are_told_what_becomes_of_a_job(place: &Place) -> anyhow::Result<()> {
    let seen = Seen::default();
    let worker = || {
        place
            .worker::<halve>()
            .task::<end_as>()
            .hooks(Notes(seen.clone()))
    };

    halve::enqueue(&place.driver, 2).await?;
    drain(worker()).await?;
    assert_eq!(seen.take(), ["started 1", "success 1"]);

    for kind in ["snooze", "cancel"] {
        end_as::enqueue(&place.driver, kind.to_owned()).await?;
        drain(worker()).await?;
        assert_eq!(seen.take(), ["started 1"], "{kind}");
    }

    end_as::job("panic".to_owned())
        .max_attempts(2)
        .enqueue(&place.driver)
        .await?;
    drain(worker()).await?;
    let failure = "failure panicked: at the disco, next Some(7s)";
    assert_eq!(seen.take(), ["started 1", failure]);

    end_as::enqueue(&place.driver, "panic".to_owned()).await?;
    drain(worker()).await?;
    assert_eq!(
        seen.take(),
        [
            "started 1",
            "failure panicked: at the disco, next None",
            "dead middleware/end_as: panicked: at the disco"
        ]
    );
    Ok(())
}

/// Claims the job that is ready, and dies with it.
async fn die_of(driver: &dyn Driver, task: &str) -> anyhow::Result<()> {
    let (worker, _) = super::claim_and_die(driver, task, 1).await?;
    let lease = Duration::from_micros(1);
    anyhow::ensure!(driver.heartbeat(worker, lease, 0).await?);
    Ok(())
}

async fn a_hook_is_told_of_a_job_that_workers_died_of(place: &Place) -> anyhow::Result<()> {
    let driver = &*place.driver;
    let job = halve::enqueue(&place.driver, 2).await?;
    for _ in 0..2 {
        die_of(driver, "middleware/halve").await?;
        eventually("the job is rescued", async || {
            Ok(driver.rescue(3).await?.ready == 1)
        })
        .await?;
    }
    die_of(driver, "middleware/halve").await?;

    let seen = Seen::default();
    let stop = CancellationToken::new();
    let worker = place.worker::<halve>().hooks(Notes(seen.clone()));
    let worker = tokio::spawn(worker.stop_on(stop.clone()).into_future());
    let told = || seen.0.lock().unwrap_or_else(PoisonError::into_inner);
    eventually("the hook is told", async || Ok(!told().is_empty())).await?;
    stop.cancel();
    worker.await??;

    let dead = "dead middleware/halve: 3 workers died of this job elsewhere";
    assert_eq!(seen.take(), [dead]);
    let job = driver.find(job.id()).await?;
    assert!(job.is_some_and(|job| job.state == JobState::Failed));
    Ok(())
}

/// Hooks of somebody who is in a hurry.
struct Panicking;

impl Hooks for Panicking {
    fn on_start(&self, _: &Context) {
        std::panic::panic_any(7_u8);
    }

    fn on_success(&self, _: &Success<'_>) {
        panic!("success is suspicious");
    }
}

async fn a_hook_that_panics_does_no_harm(place: &Place) -> anyhow::Result<()> {
    let seen = Seen::default();
    let job = halve::enqueue(&place.driver, 4).await?;

    let report = drain(
        place
            .worker::<halve>()
            .hooks(Panicking)
            .hooks(Notes(seen.clone())),
    )
    .await?;

    assert_eq!(report.completed, 1);
    assert_eq!(job.wait(&place.driver).await?, 2);
    assert_eq!(seen.take(), ["started 1", "success 1"]);
    Ok(())
}

#[tokio::test]
async fn a_handle_tells_its_hooks_what_is_enqueued_through_it() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let seen = Seen::default();
    let pgq = Pgq::from_pool(database.pool().clone()).hooks(Notes(seen.clone()));

    halve::enqueue_many(&pgq, [1, 2, 3]).await?;
    assert_eq!(seen.take(), ["enqueued 3 middleware/halve in default"]);

    let mut transaction = database.pool().begin().await?;
    halve::job(4)
        .queue("apart")
        .enqueue(pgq.within(&mut transaction))
        .await?;
    assert_eq!(seen.take(), ["enqueued 1 middleware/halve in apart"]);

    assert!(halve::job(5).priority(10).enqueue(&pgq).await.is_err());
    halve::enqueue_many(&pgq, []).await?;
    assert!(seen.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_worker_tells_its_hooks_of_the_jobs_of_schedules() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let seen = Seen::default();
    let no_input = || Ok(pgq::__private::InputWriter::new(0).finish());
    let timing = Timing::Every(Duration::from_secs(3600));
    let schedule = ScheduleDescriptor::of::<hang>(timing, no_input, Source::caller());
    let run = || {
        Run::new(Registry::new())
            .task::<hang>()
            .layer(layer(|_, _| async { Err(TaskError::cancel("seen")) }))
            .register(Registration::Schedule(schedule))
            .hooks(Notes(seen.clone()))
            .pool(database.pool().clone())
            .without_signals()
    };

    run().once().deadline(super::DEADLINE).await?;
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '90 minutes'")
        .execute(database.pool())
        .await?;
    run().once().deadline(super::DEADLINE).await?;

    assert_eq!(
        seen.take(),
        ["enqueued 1 middleware/hang in default", "started 1"]
    );
    Ok(())
}
