//! Waiting for jobs to end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgq::{
    CancellationToken, JobError, JobHandle, Pgq, TaskError, wait_all, wait_all_for, wait_any,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::both::{Place, on_both_drivers};
use super::{DEADLINE, drain, worker};

on_both_drivers! {
    each_of_many_waits_for_its_own_job,
    what_became_of_each_job_comes_in_their_order,
    the_first_job_that_ends_is_told,
    nobody_waits_beyond_the_deadline,
}

#[derive(Clone, Debug)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn shut() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    fn open(&self) {
        self.0.add_permits(10_000);
    }
}

/// Ends as its number says, when the gate is open. Nothing holds up zero.
#[pgq::task(name = "waiting/numbered", max_attempts = 1)]
async fn numbered(gate: &Gate, number: u32) -> anyhow::Result<u32> {
    match number {
        0 => return Ok(0),
        _ => gate.0.acquire().await?.forget(),
    }
    match number {
        1 => anyhow::bail!("no luck"),
        2 => Err(TaskError::cancel("not wanted"))?,
        number => Ok(number),
    }
}

async fn each_of_many_waits_for_its_own_job(place: &Place) -> anyhow::Result<()> {
    let (gate, stop) = (Gate::shut(), CancellationToken::new());
    let jobs = numbered::enqueue_many(&place.driver, 3..203).await?;
    let run = place
        .worker::<numbered>()
        .state(gate.clone())
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let waits: Vec<_> = jobs
        .into_iter()
        .map(|job| {
            let driver = Arc::clone(&place.driver);
            tokio::spawn(async move { job.wait(&driver).await })
        })
        .collect();

    gate.open();

    for (number, wait) in (3..).zip(waits) {
        assert_eq!(timeout(DEADLINE, wait).await???, number);
    }
    stop.cancel();
    Ok(running.await??)
}

async fn what_became_of_each_job_comes_in_their_order(place: &Place) -> anyhow::Result<()> {
    let gate = Gate::shut();
    gate.open();
    let jobs = numbered::enqueue_many(&place.driver, [1, 2, 3, 0]).await?;
    let waiting = tokio::spawn({
        let (driver, jobs) = (Arc::clone(&place.driver), jobs.clone());
        async move { wait_all(&driver, jobs).await }
    });

    drain(place.worker::<numbered>().state(gate)).await?;

    let ends = timeout(DEADLINE, waiting).await??;
    assert!(matches!(ends[0], Err(JobError::Failed { job, .. }) if job == jobs[0].id()));
    assert!(
        matches!(&ends[1], Err(JobError::Cancelled { reason: Some(why), .. }) if why == "not wanted")
    );
    assert!(matches!((&ends[2], &ends[3]), (Ok(3), Ok(0))));
    Ok(())
}

async fn the_first_job_that_ends_is_told(place: &Place) -> anyhow::Result<()> {
    let (gate, stop) = (Gate::shut(), CancellationToken::new());
    let jobs = numbered::enqueue_many(&place.driver, [4, 5, 0]).await?;
    let run = place
        .worker::<numbered>()
        .state(gate.clone())
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());

    let first = timeout(DEADLINE, wait_any(&place.driver, jobs)).await?;

    assert!(matches!(first, Some((2, Ok(0)))), "{first:?}");
    let of_none = wait_any(&place.driver, Vec::<JobHandle<u32>>::new()).await;
    assert!(of_none.is_none());
    gate.open();
    stop.cancel();
    Ok(running.await??)
}

async fn nobody_waits_beyond_the_deadline(place: &Place) -> anyhow::Result<()> {
    let jobs = numbered::enqueue_many(&place.driver, [3, 4]).await?;

    let ends = wait_all_for(&place.driver, jobs, Duration::from_millis(50)).await;

    for end in ends {
        assert!(
            matches!(end, Err(JobError::DeadlineExceeded { .. })),
            "{end:?}"
        );
    }
    Ok(())
}

/// The sessions that have said that they wait for the end of jobs.
async fn sessions(pool: &PgPool) -> anyhow::Result<Vec<i32>> {
    let sessions = "select distinct pid from pg_locks
                    where locktype = 'advisory' and mode = 'ShareLock' and granted
                      and database = (select oid from pg_database where datname = current_database())
                      and (classid::bigint << 32) | objid::bigint
                          = any (array(select pgq_jobs.parked_lock('pgq_jobs', 'finished', place)
                                       from generate_series(0, 7) as place))";
    Ok(sqlx::query_scalar(sessions).fetch_all(pool).await?)
}

/// How many there are.
async fn parked(pool: &PgPool) -> anyhow::Result<usize> {
    Ok(sessions(pool).await?.len())
}

#[tokio::test]
async fn a_completion_tells_of_itself_only_if_somebody_waits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut listener = PgListener::connect_with(database.pool()).await?;
    listener.listen("pgq_jobs").await?;
    let (gate, stop) = (Gate::shut(), CancellationToken::new());
    let run = worker::<numbered>(&database)
        .state(gate.clone())
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());

    let alone = numbered::enqueue(database.pool(), 0).await?;
    eventually("the job has ended", || async {
        Ok(alone.status(database.pool()).await?.is_finished())
    })
    .await?;
    sqlx::query("select pg_notify('pgq_jobs', 'probe')")
        .execute(database.pool())
        .await?;
    loop {
        match listener.recv().await?.payload() {
            "probe" => break,
            payload => assert_ne!(payload, "finished"),
        }
    }

    let awaited = numbered::enqueue(database.pool(), 7).await?;
    let waiting = tokio::spawn({
        let pool = database.pool().clone();
        async move { awaited.wait(&pool).await }
    });
    eventually("somebody waits", || async {
        Ok(parked(database.pool()).await? == 1)
    })
    .await?;
    gate.open();
    let told = async {
        while listener.recv().await?.payload() != "finished" {}
        anyhow::Ok(())
    };
    timeout(DEADLINE, told).await.context("no wake-up came")??;
    assert_eq!(timeout(DEADLINE, waiting).await???, 7);
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn all_who_wait_in_a_process_share_one_connection() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let jobs = numbered::enqueue_many(database.pool(), 3..53).await?;
    let waits: Vec<_> = jobs
        .into_iter()
        .map(|job| {
            let pool = database.pool().clone();
            tokio::spawn(async move { job.wait(&pool).await })
        })
        .collect();
    eventually("somebody waits", || async {
        Ok(parked(database.pool()).await? > 0)
    })
    .await?;

    assert_eq!(parked(database.pool()).await?, 1);

    let gate = Gate::shut();
    gate.open();
    drain(worker::<numbered>(&database).state(gate)).await?;
    for wait in waits {
        timeout(DEADLINE, wait).await???;
    }
    eventually("nobody waits any more", || async {
        Ok(parked(database.pool()).await? == 0)
    })
    .await
}

#[tokio::test]
async fn a_wait_outlives_the_connection_that_listens() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let job = numbered::enqueue(database.pool(), 7).await?;
    let waiting = tokio::spawn({
        let pool = database.pool().clone();
        async move { job.wait(&pool).await }
    });
    eventually("somebody waits", || async {
        Ok(parked(database.pool()).await? == 1)
    })
    .await?;

    sqlx::query(
        "select pg_terminate_backend(pid) from pg_locks
         where locktype = 'advisory' and mode = 'ShareLock'
           and database = (select oid from pg_database where datname = current_database())
         limit 1",
    )
    .execute(database.pool())
    .await?;
    let gate = Gate::shut();
    gate.open();
    drain(worker::<numbered>(&database).state(gate)).await?;

    assert_eq!(timeout(DEADLINE, waiting).await???, 7);
    Ok(())
}

#[tokio::test]
async fn another_listens_when_the_runtime_of_the_first_who_waits_has_ended() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let jobs = numbered::enqueue_many(pool, [3, 7]).await?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.spawn({
        let (url, job) = (database.url().to_owned(), jobs[0]);
        async move {
            job.wait(&Pgq::connect(&url).await?)
                .await
                .map_err(anyhow::Error::from)
        }
    });
    eventually("the first one waits", || async {
        Ok(parked(pool).await? == 1)
    })
    .await?;
    let first = sessions(pool).await?;
    let waiting = tokio::spawn({
        let (pool, job) = (pool.clone(), jobs[1]);
        async move { job.wait(&pool).await }
    });
    // It waits by the time that these are answered.
    for _ in 0..20 {
        assert_eq!(sessions(pool).await?, first);
    }

    runtime.shutdown_background();

    eventually("the other one listens", || async {
        let now = sessions(pool).await?;
        Ok(now.len() == 1 && now != first)
    })
    .await?;
    let gate = Gate::shut();
    gate.open();
    drain(worker::<numbered>(&database).state(gate)).await?;
    assert_eq!(timeout(DEADLINE, waiting).await???, 7);
    Ok(())
}
