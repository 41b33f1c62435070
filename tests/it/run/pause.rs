//! Pausing queues and tasks while workers run.

use std::sync::Arc;
use std::time::Duration;

use pgq::driver::Pausable;
use pgq::{CancellationToken, JobState, Pgq, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::both::{Place, on_both_drivers};
use super::wake::{NEVER, until_parked};
use super::{DEADLINE, drain, worker};

#[pgq::task(aliases = ["spoke"])]
async fn speak() -> anyhow::Result<String> {
    Ok("hear, hear".to_owned())
}

/// What was deployed before [`speak`].
mod before {
    #[pgq::task(register = false)]
    pub(super) async fn spoke() -> anyhow::Result<String> {
        anyhow::bail!("the old code must not run");
    }
}

#[pgq::task]
async fn listen() {}

/// Runs until it is allowed to end.
#[pgq::task]
async fn hold_forth(gate: &Arc<Semaphore>, _text: String) -> anyhow::Result<()> {
    gate.acquire().await?.forget();
    Ok(())
}

/// A worker that runs until it is stopped.
pub(super) struct Running {
    pub(super) stop: CancellationToken,
    running: JoinHandle<pgq::Result<()>>,
}

impl Running {
    pub(super) fn start(run: Run) -> Self {
        let stop = CancellationToken::new();
        let run = run.stop_on(stop.clone());
        Self {
            stop,
            running: tokio::spawn(run.into_future()),
        }
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}

async fn until_ready(pool: &PgPool, job: pgq::JobHandle<()>) -> anyhow::Result<()> {
    eventually("the job is ready again", || async {
        Ok(job.status(pool).await? == JobState::Ready)
    })
    .await
}

on_both_drivers! {
    a_worker_that_starts_leaves_what_is_paused,
    an_idle_worker_takes_paused_jobs_for_not_there,
}

async fn a_worker_that_starts_leaves_what_is_paused(place: &Place) -> anyhow::Result<()> {
    let (driver, tasks) = (&place.driver, ["speak", "listen"]);
    let paused = speak::enqueue(driver).await?;
    let free = listen::enqueue(driver).await?;
    let elsewhere = listen::job().queue("elsewhere").enqueue(driver).await?;
    driver.pause(&Pausable::Task(tasks[0].to_owned())).await?;
    driver
        .pause(&Pausable::Queue("elsewhere".to_owned()))
        .await?;
    let run = || {
        let run = place.worker::<speak>().task::<listen>();
        run.queue("default").queue("elsewhere")
    };

    assert_eq!(drain(run()).await?.completed, 1);
    assert_eq!(free.status(driver).await?, JobState::Completed);
    for (state, deliveries) in [
        (
            paused.job(driver).await?.state,
            paused.job(driver).await?.deliveries,
        ),
        (
            elsewhere.job(driver).await?.state,
            elsewhere.job(driver).await?.deliveries,
        ),
    ] {
        assert_eq!((state, deliveries), (JobState::Ready, 0));
    }

    driver.resume(&Pausable::Task(tasks[0].to_owned())).await?;
    assert_eq!(drain(run()).await?.completed, 1);
    driver
        .resume(&Pausable::Queue("elsewhere".to_owned()))
        .await?;
    assert_eq!(drain(run()).await?.completed, 1);
    Ok(())
}

async fn an_idle_worker_takes_paused_jobs_for_not_there(place: &Place) -> anyhow::Result<()> {
    let job = speak::enqueue(&place.driver).await?;
    // Every task that the worker has.
    place
        .driver
        .pause(&Pausable::Task("speak".to_owned()))
        .await?;

    assert_eq!(drain(place.worker::<speak>()).await?.completed, 0);

    assert_eq!(job.status(&place.driver).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn a_pause_and_its_end_reach_a_worker_that_does_not_poll() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let pgq = Pgq::from_pool(pool.clone());
    let running = Running::start(worker::<speak>(&database).poll_interval(NEVER));
    until_parked(pool, 1).await?;

    assert!(pgq.pause_queue("default").await?);
    // It waits for no jobs there any more, so it knows.
    until_parked(pool, 0).await?;
    let job = speak::enqueue(pool).await?;
    assert!(pgq.pause_task("speak").await?);
    assert!(pgq.resume_queue("default").await?);
    until_parked(pool, 0).await?;
    assert_eq!(job.job(pool).await?.deliveries, 0);

    assert!(pgq.resume_task("speak").await?);
    assert_eq!(job.wait_for(pool, DEADLINE).await?, "hear, hear");
    running.stop().await
}

#[tokio::test]
async fn a_pause_that_nobody_is_told_of_is_found_by_polling() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let poll = Duration::from_millis(20);
    let running = Running::start(worker::<speak>(&database).poll_interval(poll));
    until_parked(pool, 1).await?;

    sqlx::query("insert into pgq_jobs.pause (kind, name) values ('queue', 'default')")
        .execute(pool)
        .await?;
    until_parked(pool, 0).await?;
    let job = speak::enqueue(pool).await?;
    assert_eq!(job.job(pool).await?.deliveries, 0);

    sqlx::query("delete from pgq_jobs.pause")
        .execute(pool)
        .await?;
    assert_eq!(job.wait_for(pool, DEADLINE).await?, "hear, hear");
    running.stop().await
}

#[tokio::test]
async fn jobs_under_an_alias_of_a_paused_task_wait_as_well() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let pgq = Pgq::from_pool(pool.clone());
    let old = before::spoke::enqueue(pool).await?;
    speak::enqueue(pool).await?;

    for name in ["speak", "spoke"] {
        pgq.pause_task(name).await?;
        assert_eq!(drain(worker::<speak>(&database)).await?.completed, 0);
        pgq.resume_task(name).await?;
    }

    assert_eq!(drain(worker::<speak>(&database)).await?.completed, 2);
    assert_eq!(old.wait(pool).await?, "hear, hear");
    Ok(())
}

#[tokio::test]
async fn jobs_that_have_not_started_go_back_and_those_that_run_end() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let pgq = Pgq::from_pool(pool.clone());
    let gate = Arc::new(Semaphore::new(0));
    let running = Running::start(
        worker::<hold_forth>(&database)
            .state(Arc::clone(&gate))
            // Of two large inputs the second waits in the worker.
            .input_memory(1)
            .poll_interval(NEVER),
    );
    let texts = ["x".repeat(10_000), "y".repeat(10_000)];
    let jobs = hold_forth::enqueue_many(pool, texts).await?;
    for job in &jobs {
        eventually("the job is claimed", || async {
            Ok(job.status(pool).await? == JobState::Running)
        })
        .await?;
    }

    pgq.pause_task("hold_forth").await?;
    until_ready(pool, jobs[1]).await?;
    let given_back = jobs[1].job(pool).await?;
    assert_eq!((given_back.attempt, given_back.deliveries), (0, 1));

    gate.add_permits(2);
    jobs[0].wait_for(pool, DEADLINE).await?;
    assert_eq!(jobs[1].status(pool).await?, JobState::Ready);
    pgq.resume_task("hold_forth").await?;
    jobs[1].wait_for(pool, DEADLINE).await?;
    running.stop().await
}

#[tokio::test]
async fn what_is_paused_is_listed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pgq = Pgq::from_pool(database.pool().clone());
    assert!(!pgq.resume_task("speak").await?);
    assert!(pgq.pause_task("speak").await?);
    assert!(!pgq.pause_task("speak").await?);
    pgq.pause_queue("mail").await?;

    let listed: Vec<_> = pgq
        .paused()
        .await?
        .into_iter()
        .map(|pause| pause.what)
        .collect();

    let expected = [
        Pausable::Queue("mail".to_owned()),
        Pausable::Task("speak".to_owned()),
    ];
    assert_eq!(listed, expected);
    Ok(())
}
