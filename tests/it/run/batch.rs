//! Tasks that are given many jobs in one call.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use pgq::middleware::{Execution, TaskService};
use pgq::{
    CancelReason, CancellationToken, Context, JobError, JobHandle, JobState, Run, TaskError,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::{PATIENCE, eventually};
use tokio::sync::Semaphore;
use tower::Service as _;

use super::middleware::layer;
use super::{DEADLINE, drain, worker};

/// The inputs of each call.
#[derive(Clone, Debug, Default)]
struct Calls(Arc<Mutex<Vec<Vec<i32>>>>);

impl Calls {
    fn note(&self, numbers: &[i32]) {
        if let Ok(mut calls) = self.0.lock() {
            let mut call = numbers.to_vec();
            call.sort_unstable();
            calls.push(call);
        }
    }

    fn all(&self) -> Vec<Vec<i32>> {
        self.0.lock().map(|calls| calls.clone()).unwrap_or_default()
    }
}

/// Fails for negative numbers; for -2 it may be tried again.
#[pgq::task(
    name = "batch/double",
    batch(max = 4, wait = "1h"),
    backoff(fixed = "1ms")
)]
async fn double(calls: &Calls, numbers: Vec<i32>) -> Vec<Result<i32, TaskError>> {
    calls.note(&numbers);
    numbers
        .into_iter()
        .map(|number| match number {
            -1 => Err(TaskError::permanent("negative")),
            -2 => Err(TaskError::cancel("negative")),
            number => Ok(number * 2),
        })
        .collect()
}

#[tokio::test]
async fn a_call_is_given_as_many_jobs_as_it_takes_and_each_has_its_own_outcome()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let calls = Calls::default();
    let jobs = double::enqueue_many(database.pool(), [1, -1, 3, -2, 5, 6, 7, 8]).await?;

    // A call waits for an hour, unless it is full.
    let run = worker::<double>(&database).state(calls.clone());
    let report = drain(run).await?;

    assert_eq!(
        (report.completed, report.failed, report.cancelled),
        (6, 1, 1)
    );
    let sizes: Vec<usize> = calls.all().iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 4]);
    assert_eq!(jobs[0].wait(database.pool()).await?, 2);
    assert_eq!(jobs[7].wait(database.pool()).await?, 16);
    let failed = jobs[1].wait(database.pool()).await;
    assert!(
        matches!(failed, Err(JobError::Failed { attempts: 1, .. })),
        "{failed:?}"
    );
    let cancelled = jobs[3].wait(database.pool()).await;
    assert!(
        matches!(cancelled, Err(JobError::Cancelled { .. })),
        "{cancelled:?}"
    );
    Ok(())
}

/// Takes what there is.
#[pgq::task(name = "batch/sum", batch(max = 100, wait = "1ms"))]
async fn sum(calls: &Calls, context: &Context, numbers: Vec<i32>) {
    assert_eq!(context.task(), "batch/sum");
    calls.note(&numbers);
}

#[tokio::test]
async fn a_call_does_not_wait_for_longer_than_it_should() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let calls = Calls::default();
    sum::enqueue(database.pool(), 7).await?;

    let report = drain(worker::<sum>(&database).state(calls.clone())).await?;

    assert_eq!((report.completed, calls.all()), (1, vec![vec![7]]));
    Ok(())
}

#[tokio::test]
async fn no_job_is_lost_or_run_twice_between_calls() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let calls = Calls::default();
    let numbers: Vec<i32> = (0..5000).collect();
    sum::enqueue_many(database.pool(), numbers.iter().copied()).await?;

    let report = drain(worker::<sum>(&database).state(calls.clone())).await?;

    let mut run: Vec<i32> = calls.all().concat();
    run.sort_unstable();
    assert_eq!((report.completed, run), (5000, numbers));
    assert!(calls.all().iter().all(|call| call.len() <= 100));
    Ok(())
}

/// How a call of many jobs goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Wrong {
    Panics,
    ReturnsTooFew,
    Fails,
}

/// Goes wrong as its first job says.
#[pgq::task(name = "batch/wrong", batch(max = 2, wait = "1h"), max_attempts = 1)]
async fn wrong(how: Vec<Wrong>) -> anyhow::Result<Vec<Result<(), TaskError>>> {
    match how[0] {
        Wrong::Panics => panic!("at the disco"),
        Wrong::ReturnsTooFew => Ok(vec![Ok(())]),
        Wrong::Fails => anyhow::bail!("no luck"),
    }
}

#[pgq::task(
    name = "batch/hang",
    batch(max = 2, wait = "1h"),
    max_attempts = 1,
    timeout = "50ms"
)]
async fn hang(numbers: Vec<u8>) {
    let _ = numbers;
    std::future::pending::<()>().await;
}

/// Checks that both jobs of a call have failed.
async fn have_failed<T>(
    database: &TestDatabase,
    jobs: Vec<JobHandle<T>>,
    error: &str,
) -> anyhow::Result<()> {
    for job in jobs {
        let job = job.job(database.pool()).await?;
        assert_eq!(
            (job.state, job.error.as_deref()),
            (JobState::Failed, Some(error))
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_job_of_a_call_that_goes_wrong_fails() -> anyhow::Result<()> {
    let cases = [
        (Wrong::Panics, "panicked: at the disco"),
        (
            Wrong::ReturnsTooFew,
            "the task was given 2 jobs, and returned 1 outcomes: whose they are is unknown",
        ),
        (Wrong::Fails, "no luck"),
    ];
    for (how, error) in cases {
        let database = TestDatabase::migrated().await?;
        let jobs = wrong::enqueue_many(database.pool(), [how, how]).await?;

        drain(worker::<wrong>(&database)).await?;

        have_failed(&database, jobs, error).await?;
    }
    Ok(())
}

#[tokio::test]
async fn each_job_of_a_call_that_takes_too_long_fails() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let jobs = hang::enqueue_many(database.pool(), [1, 2]).await?;

    drain(worker::<hang>(&database)).await?;

    have_failed(&database, jobs, "timed out after 50ms").await
}

#[tokio::test]
async fn an_input_that_does_not_decode_fails_alone() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let calls = Calls::default();
    let jobs = double::enqueue_many(database.pool(), [1, 2, 3, 4, 5]).await?;
    sqlx::query("update pgq_jobs.ready set input = '\\x01ff' where id = $1")
        .bind(jobs[1].id().as_i64())
        .execute(database.pool())
        .await?;

    let report = drain(worker::<double>(&database).state(calls.clone())).await?;

    assert_eq!((report.completed, report.failed), (4, 1));
    assert_eq!(calls.all(), [[1, 3, 4, 5]]);
    Ok(())
}

/// Says when its call began, and when it was dropped.
#[derive(Clone, Debug)]
struct Watch {
    began: Arc<Semaphore>,
    dropped: Arc<Semaphore>,
}

struct Dropped(Arc<Semaphore>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[pgq::task(name = "batch/hold", batch(max = 2, wait = "1h"))]
async fn hold(watch: &Watch, numbers: Vec<u8>) -> Vec<Result<(), TaskError>> {
    let _dropped = Dropped(Arc::clone(&watch.dropped));
    watch.began.add_permits(numbers.len());
    std::future::pending().await
}

#[tokio::test]
async fn a_call_ends_with_its_worker_and_its_jobs_go_back() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let watch = Watch {
        began: Arc::new(Semaphore::new(0)),
        dropped: Arc::new(Semaphore::new(0)),
    };
    let jobs = hold::enqueue_many(database.pool(), [1, 2]).await?;
    let stop = CancellationToken::new();
    let run = worker::<hold>(&database)
        .state(watch.clone())
        .drain_deadline(Duration::ZERO)
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let began = tokio::time::timeout(DEADLINE, watch.began.acquire_many(2)).await;
    began.context("the call did not begin")??.forget();

    stop.cancel();
    running.await??;

    eventually("the call was dropped", || async {
        Ok(watch.dropped.available_permits() == 1)
    })
    .await?;
    for job in jobs {
        assert_eq!(job.status(database.pool()).await?, JobState::Ready);
    }
    Ok(())
}

#[pgq::test]
async fn a_test_calls_a_task_of_many_with_one_job_at_a_time(
    harness: pgq::testing::Harness,
) -> anyhow::Result<()> {
    let calls = Calls::default();
    let harness = harness.state(calls.clone());
    let jobs = double::enqueue_many(&harness, [1, 2]).await?;

    harness.run_due().await.assert_completed();

    assert_eq!(jobs[1].wait(&harness).await?, 4);
    assert_eq!(calls.all(), [[1], [2]]);
    Ok(())
}

/// Ends when it is told to, or allowed to. Fails in the first case.
#[pgq::task(name = "batch/listen", batch(max = 2, wait = "1h"), max_attempts = 1)]
async fn listen(call: &Arc<Call>, context: &Context, numbers: Vec<u8>) -> anyhow::Result<()> {
    call.began.add_permits(numbers.len());
    tokio::select! {
        () = context.cancelled().cancelled() => {
            let mut told = call.told.lock().unwrap_or_else(PoisonError::into_inner);
            *told = context.cancel_reason();
            anyhow::bail!("told to end")
        }
        allowed = call.gate.acquire() => {
            allowed?.forget();
            Ok(())
        }
    }
}

/// What becomes of a call, and of the attempts of its jobs.
#[derive(Debug)]
struct Call {
    began: Semaphore,
    gate: Semaphore,
    told: Mutex<Option<CancelReason>>,
    /// One for each attempt that was dropped, or has returned.
    left: Arc<Semaphore>,
}

impl Call {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Semaphore::new(0),
            gate: Semaphore::new(0),
            told: Mutex::new(None),
            left: Arc::new(Semaphore::new(0)),
        })
    }

    /// A worker of [`listen`].
    fn worker(self: &Arc<Self>, database: &TestDatabase) -> Run {
        let left = Arc::clone(&self.left);
        let watch = layer(move |mut task: TaskService, execution: Execution| {
            let left = Dropped(Arc::clone(&left));
            async move {
                let _left = left;
                task.call(execution).await
            }
        });
        let run = worker::<listen>(database).layer(watch);
        run.state(Arc::clone(self))
    }

    fn told(&self) -> Option<CancelReason> {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn one(of: &Semaphore, what: &'static str) -> anyhow::Result<()> {
    let permit = tokio::time::timeout(DEADLINE, of.acquire()).await;
    permit.context(what)??.forget();
    Ok(())
}

#[tokio::test]
async fn a_job_that_was_lost_does_not_end_the_call_of_the_others() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let call = Call::new();
    let jobs = listen::enqueue_many(database.pool(), [1, 2]).await?;
    // It compares what it holds with the rows once in three leases.
    let run = call.worker(&database).lease(Duration::from_secs(1));
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());
    one(&call.began, "the call did not begin").await?;

    sqlx::query("delete from pgq_jobs.running where id = $1")
        .bind(jobs[0].id().as_i64())
        .execute(database.pool())
        .await?;
    one(&call.left, "the job is not lost").await?;
    call.gate.add_permits(1);

    let other = jobs[1].wait_for(database.pool(), DEADLINE).await;
    assert_eq!((call.told(), other?), (None, ()));
    handle.drain();
    Ok(running.await??)
}

#[tokio::test]
async fn a_call_whose_first_job_was_cancelled_is_told_of_a_shutdown() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let call = Call::new();
    let jobs = listen::enqueue_many(database.pool(), [1, 2]).await?;
    let run = call.worker(&database).cancel_grace(Duration::ZERO);
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());
    one(&call.began, "the call did not begin").await?;

    jobs[0].cancel(database.pool()).await?;
    one(&call.left, "the job was not cancelled").await?;
    assert_eq!(call.told(), None);
    handle.stop();
    running.await??;

    assert_eq!(call.told(), Some(CancelReason::Shutdown));
    let states = [
        jobs[0].status(database.pool()).await?,
        jobs[1].status(database.pool()).await?,
    ];
    assert_eq!(states, [JobState::Cancelled, JobState::Ready]);
    Ok(())
}

#[tokio::test]
async fn a_call_is_told_when_all_of_its_jobs_are_cancelled() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let call = Call::new();
    let jobs = listen::enqueue_many(database.pool(), [1, 2]).await?;
    let run = call.worker(&database).cancel_grace(DEADLINE);
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());
    one(&call.began, "the call did not begin").await?;

    for job in &jobs {
        job.cancel(database.pool()).await?;
    }
    for job in &jobs {
        let ended = job.wait_for(database.pool(), DEADLINE).await;
        assert!(
            matches!(ended, Err(JobError::Cancelled { .. })),
            "{ended:?}"
        );
    }

    assert_eq!(call.told(), Some(CancelReason::Cancelled));
    handle.drain();
    Ok(running.await??)
}

/// Holds its thread until it is allowed to end.
#[pgq::task(
    name = "batch/block",
    batch(max = 2, wait = "1h"),
    max_attempts = 1,
    timeout = "50ms"
)]
async fn block(gate: &Arc<Mutex<Receiver<()>>>, numbers: Vec<u8>) -> anyhow::Result<()> {
    let _ = numbers;
    let gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(gate.recv_timeout(PATIENCE)?)
}

// The call holds one thread; the others are for the worker.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_holds_its_thread_past_its_time_limit_frees_its_slots() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (open, gate) = mpsc::channel();
    let jobs = block::enqueue_many(database.pool(), [1, 2]).await?;
    let run = worker::<block>(&database)
        .task::<sum>()
        .state(Arc::new(Mutex::new(gate)))
        .state(Calls::default())
        .concurrency(2);
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());
    eventually("the jobs are claimed", || async {
        Ok(super::count(database.pool(), "running").await? == 2)
    })
    .await?;

    let next = sum::enqueue(database.pool(), 7).await?;
    next.wait_for(database.pool(), DEADLINE).await?;
    // The other slot may have been free before the end of its job was told.
    for job in &jobs {
        let ended = job.wait_for(database.pool(), DEADLINE).await;
        assert!(matches!(ended, Err(JobError::Failed { .. })), "{ended:?}");
    }
    have_failed(&database, jobs, "timed out after 50ms").await?;
    open.send(())?;
    handle.drain();
    Ok(running.await??)
}

mod named {
    pub(super) use pgq::JobTransaction as Transaction;
}

#[pgq::task(name = "batch/within", batch(max = 10))]
async fn within(_tx: &named::Transaction, _numbers: Vec<i32>) {}

#[tokio::test]
async fn a_transaction_of_one_job_is_refused_at_the_start() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;

    let problems = worker::<within>(&database).check().err();

    let problems = problems.context("it was accepted")?.to_string();
    let expected = "with the option `batch` a call is of many jobs, and a \
                    `pgq::postgres::transaction::JobTransaction` is of one";
    assert!(problems.contains(expected), "{problems}");
    Ok(())
}
