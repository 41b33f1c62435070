//! Layers that run the task of an attempt more than once: what the runs leave is each their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI16, Ordering};

use pgq::driver::Listing;
use pgq::middleware::{Completed, Execution, TaskService};
use pgq::{Context, JobHandle, JobState, JobTransaction, Run, Task, TaskError};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;
use tower::{Service as _, ServiceExt as _};

use super::both::{Place, on_both_drivers};
use super::middleware::layer;
use super::{DEADLINE, drain, worker};

on_both_drivers!(
    the_winner_of_a_race_keeps_its_children,
    a_run_after_the_one_that_counts_takes_nothing_from_it,
    what_a_run_has_left_behind_adds_no_child_to_the_next,
    what_a_layer_enqueues_follows_the_attempt_whichever_run_counts,
);

/// Comes after a run, whose number it has as its priority.
#[pgq::task(name = "runs/after")]
async fn after() {}

/// What the runs of one test know of each other.
#[derive(Clone, Debug)]
struct Runs(Arc<Known>);

#[derive(Debug)]
struct Known {
    count: AtomicI16,
    /// How many have written.
    written: Semaphore,
    /// Whether the first one, which nobody waits for any more, may go on.
    left: Semaphore,
    /// What it was given then.
    given: OnceCell<Vec<&'static str>>,
    told: Semaphore,
}

impl Runs {
    fn new() -> Self {
        Self(Arc::new(Known {
            count: AtomicI16::new(0),
            written: Semaphore::new(0),
            left: Semaphore::new(0),
            given: OnceCell::new(),
            told: Semaphore::new(0),
        }))
    }

    /// The number of a run that begins, from 1.
    fn next(&self) -> i16 {
        self.0.count.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Waits for what another run does.
async fn await_one(semaphore: &Semaphore) {
    let acquired = timeout(DEADLINE, semaphore.acquire()).await;
    acquired
        .expect("the other run did not get there")
        .expect("a semaphore that is open")
        .forget();
}

/// What a run leaves: a child, and an entry if there is a transaction.
async fn leave(ctx: &Context, tx: Option<&JobTransaction>, run: i16) -> anyhow::Result<()> {
    ctx.then(after::job().priority(run))?;
    if let Some(tx) = tx {
        sqlx::query("insert into entry values ($1)")
            .bind(run)
            .execute(&mut *tx.connection().await?)
            .await?;
    }
    Ok(())
}

/// The first run completes when the second one has written, which never ends.
async fn race(ctx: &Context, tx: Option<&JobTransaction>, runs: &Runs) -> anyhow::Result<i16> {
    let run = runs.next();
    leave(ctx, tx, run).await?;
    if run > 1 {
        runs.0.written.add_permits(1);
        std::future::pending::<()>().await;
    }
    await_one(&runs.0.written).await;
    Ok(run)
}

/// The first run completes, the second one fails.
async fn fail_later(
    ctx: &Context,
    tx: Option<&JobTransaction>,
    runs: &Runs,
) -> anyhow::Result<i16> {
    let run = runs.next();
    leave(ctx, tx, run).await?;
    anyhow::ensure!(run == 1, "no luck");
    Ok(run)
}

/// The thread of the first run goes on while the second one runs.
fn go_on(ctx: &Context, tx: Option<&JobTransaction>, runs: &Runs) -> anyhow::Result<i16> {
    let run = runs.next();
    Handle::current().block_on(async {
        leave(ctx, tx, run).await?;
        if run > 1 {
            runs.0.left.add_permits(1);
            await_one(&runs.0.told).await;
            return Ok(run);
        }
        runs.0.written.add_permits(1);
        await_one(&runs.0.left).await;
        let mut given = Vec::new();
        given.extend(
            ctx.then(after::job().priority(9))
                .is_ok()
                .then_some("child"),
        );
        if let Some(tx) = tx {
            given.extend(tx.connection().await.is_ok().then_some("connection"));
        }
        runs.0.given.set(given)?;
        runs.0.told.add_permits(1);
        Ok(run)
    })
}

#[pgq::task(name = "runs/race", max_attempts = 1)]
async fn races(ctx: &Context, runs: &Runs) -> anyhow::Result<i16> {
    race(ctx, None, runs).await
}

#[pgq::task(name = "runs/race_within", max_attempts = 1)]
async fn races_within(ctx: &Context, tx: &JobTransaction, runs: &Runs) -> anyhow::Result<i16> {
    race(ctx, Some(tx), runs).await
}

#[pgq::task(name = "runs/fail_later", max_attempts = 1)]
async fn fails_later(ctx: &Context, runs: &Runs) -> anyhow::Result<i16> {
    fail_later(ctx, None, runs).await
}

#[pgq::task(name = "runs/fail_later_within", max_attempts = 1)]
async fn fails_later_within(
    ctx: &Context,
    tx: &JobTransaction,
    runs: &Runs,
) -> anyhow::Result<i16> {
    fail_later(ctx, Some(tx), runs).await
}

#[pgq::task(name = "runs/go_on", blocking, max_attempts = 1)]
fn goes_on(ctx: &Context, runs: &Runs) -> anyhow::Result<i16> {
    go_on(ctx, None, runs)
}

#[pgq::task(name = "runs/go_on_within", blocking, max_attempts = 1)]
fn goes_on_within(ctx: &Context, tx: &JobTransaction, runs: &Runs) -> anyhow::Result<i16> {
    go_on(ctx, Some(tx), runs)
}

/// Runs the task twice at once, and drops the one that is slower.
async fn hedge(mut task: TaskService, execution: Execution) -> Result<Completed, TaskError> {
    let first = task.call(execution.clone());
    let second = task.ready().await?.call(execution);
    tokio::select! {
        biased;
        ended = first => ended,
        ended = second => ended,
    }
}

/// Returns what the first run has returned.
async fn compare(mut task: TaskService, execution: Execution) -> Result<Completed, TaskError> {
    let first = task.call(execution.clone()).await?;
    let second = task.ready().await?.call(execution).await;
    assert!(second.is_err(), "{second:?}");
    Ok(first)
}

/// Drops the first run once it has written, and runs the task again.
async fn give_up(
    runs: Runs,
    mut task: TaskService,
    execution: Execution,
) -> Result<Completed, TaskError> {
    tokio::select! {
        _ = task.call(execution.clone()) => {}
        () = await_one(&runs.0.written) => {}
    }
    task.ready().await?.call(execution).await
}

impl Place {
    /// Which runs have left a child.
    async fn children(&self) -> anyhow::Result<Vec<i16>> {
        let waiting = Listing::of(JobState::Ready, 100);
        let jobs = self.driver.list(&waiting).await?.jobs;
        Ok(jobs.iter().map(|job| job.priority).collect())
    }

    /// A worker that leaves the children where they are.
    fn runs<T: Task>(&self, runs: &Runs) -> Run {
        self.worker::<T>().state(runs.clone())
    }
}

async fn the_winner_of_a_race_keeps_its_children(place: &Place) -> anyhow::Result<()> {
    let job = races::enqueue(&place.driver).await?;

    let run = place.runs::<races>(&Runs::new()).layer(layer(hedge));
    drain(run).await?;

    assert_eq!(job.wait(&place.driver).await?, 1);
    assert_eq!(place.children().await?, [1]);
    Ok(())
}

async fn a_run_after_the_one_that_counts_takes_nothing_from_it(
    place: &Place,
) -> anyhow::Result<()> {
    let job = fails_later::enqueue(&place.driver).await?;

    let run = place
        .runs::<fails_later>(&Runs::new())
        .layer(layer(compare));
    drain(run).await?;

    assert_eq!(job.wait(&place.driver).await?, 1);
    assert_eq!(place.children().await?, [1]);
    Ok(())
}

async fn what_a_run_has_left_behind_adds_no_child_to_the_next(place: &Place) -> anyhow::Result<()> {
    let runs = Runs::new();
    let job = goes_on::enqueue(&place.driver).await?;
    let known = runs.clone();
    let again = layer(move |task, execution| give_up(known.clone(), task, execution));

    drain(place.runs::<goes_on>(&runs).layer(again)).await?;

    assert_eq!(job.wait(&place.driver).await?, 2);
    assert_eq!(runs.0.given.get(), Some(&Vec::new()));
    assert_eq!(place.children().await?, [2]);
    Ok(())
}

async fn what_a_layer_enqueues_follows_the_attempt_whichever_run_counts(
    place: &Place,
) -> anyhow::Result<()> {
    let job = fails_later::enqueue(&place.driver).await?;
    let own = layer(|mut task: TaskService, execution: Execution| async move {
        let context = execution.context().clone();
        assert!(context.state::<JobTransaction>().is_err());
        context
            .then(after::job().priority(5))
            .map_err(TaskError::retryable)?;
        task.call(execution).await
    });

    let run = place.runs::<fails_later>(&Runs::new());
    drain(run.layer(layer(compare)).layer(own)).await?;

    assert_eq!(job.wait(&place.driver).await?, 1);
    let mut children = place.children().await?;
    children.sort_unstable();
    assert_eq!(children, [1, 5]);
    Ok(())
}

/// A database with a ledger of the runs that have taken effect.
async fn database() -> anyhow::Result<TestDatabase> {
    let database = TestDatabase::migrated().await?;
    sqlx::query("create table entry (run smallint not null)")
        .execute(database.pool())
        .await?;
    Ok(database)
}

/// One run has counted, wholly, and no transaction is left open.
async fn only(pool: &PgPool, job: JobHandle<i16>, run: i16) -> anyhow::Result<()> {
    assert_eq!(job.wait(pool).await?, run);
    let entries: Vec<i16> = sqlx::query_scalar("select run from entry")
        .fetch_all(pool)
        .await?;
    assert_eq!(entries, [run]);
    let children: Vec<i16> = sqlx::query_scalar("select priority from pgq_jobs.ready")
        .fetch_all(pool)
        .await?;
    assert_eq!(children, [run]);
    pgq_tests::eventually("no transaction is open", async || {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where state like 'idle in transaction%' and datname = current_database()",
        )
        .fetch_one(pool)
        .await?;
        Ok(open == 0)
    })
    .await
}

#[tokio::test]
async fn the_winner_of_a_race_commits_what_it_has_written() -> anyhow::Result<()> {
    let database = database().await?;
    let job = races_within::enqueue(database.pool()).await?;

    let run = worker::<races_within>(&database).state(Runs::new());
    drain(run.layer(layer(hedge))).await?;

    only(database.pool(), job, 1).await
}

#[tokio::test]
async fn a_run_that_counts_commits_although_a_later_one_fails() -> anyhow::Result<()> {
    let database = database().await?;
    let job = fails_later_within::enqueue(database.pool()).await?;

    let run = worker::<fails_later_within>(&database).state(Runs::new());
    drain(run.layer(layer(compare))).await?;

    only(database.pool(), job, 1).await
}

#[tokio::test]
async fn what_a_run_has_left_behind_writes_in_no_transaction_of_the_next() -> anyhow::Result<()> {
    let database = database().await?;
    let runs = Runs::new();
    let job = goes_on_within::enqueue(database.pool()).await?;
    let known = runs.clone();
    let again = layer(move |task, execution| give_up(known.clone(), task, execution));

    let run = worker::<goes_on_within>(&database).state(runs.clone());
    drain(run.layer(again)).await?;

    assert_eq!(runs.0.given.get(), Some(&Vec::new()));
    only(database.pool(), job, 2).await
}

/// What holds a connection of a run that nobody waits for: it goes back with it.
#[pgq::task(name = "runs/holds_on", blocking, timeout = "50ms", max_attempts = 1)]
fn holds_on(tx: &JobTransaction, runs: &Runs) {
    Handle::current().block_on(async {
        let connection = tx.connection().await.expect("a connection");
        await_one(&runs.0.left).await;
        drop(connection);
        runs.0.told.add_permits(1);
        await_one(&runs.0.left).await;
    });
}

#[tokio::test]
async fn a_connection_that_is_in_use_when_its_run_ends_is_rolled_back_after_that()
-> anyhow::Result<()> {
    let database = database().await?;
    let runs = Runs::new();
    let open = async || -> anyhow::Result<bool> {
        let count: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where state = 'idle in transaction' and datname = current_database()",
        )
        .fetch_one(database.pool())
        .await?;
        Ok(count > 0)
    };
    let job = holds_on::enqueue(database.pool()).await?;
    drain(worker::<holds_on>(&database).state(runs.clone())).await?;
    assert_eq!(job.status(database.pool()).await?, JobState::Failed);
    assert!(open().await?);

    runs.0.left.add_permits(1);
    await_one(&runs.0.told).await;

    pgq_tests::eventually("the connection has gone back", async || Ok(!open().await?)).await?;
    runs.0.left.add_permits(1);
    Ok(())
}
