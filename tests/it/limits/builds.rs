//! Keys, while builds that know other keys run beside each other or after one another.

use std::time::Duration;

use pgq::{CancellationToken, JobState, Run};
use pgq_tests::audit;
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{database, drain, worker};

const TIME: Duration = Duration::from_millis(2);

/// The first build of a task, and the next ones.
mod ordered {
    use super::{PgPool, TIME, audit};

    #[pgq::task(name = "limits/first_name", ordered_by = [account])]
    pub(super) async fn first(
        context: &pgq::Context,
        pool: &PgPool,
        account: u32,
        number: u32,
    ) -> anyhow::Result<()> {
        let _ = number;
        super::super::work(context, pool, &account.to_string(), TIME).await
    }

    #[pgq::task(
        name = "limits/next_name",
        aliases = ["limits/first_name"],
        ordered_by = [account],
        register = false
    )]
    pub(super) async fn renamed(
        context: &pgq::Context,
        pool: &PgPool,
        account: u32,
        number: u32,
    ) -> anyhow::Result<()> {
        let _ = number;
        super::super::work(context, pool, &account.to_string(), TIME).await
    }

    /// Without an order.
    #[derive(Debug)]
    pub(super) struct Unordered;

    impl pgq::Task for Unordered {
        const NAME: &'static str = "limits/first_name";
        type Input = <first as pgq::Task>::Input;
        type Output = ();

        async fn run(context: &pgq::Context, input: Self::Input) -> Result<(), pgq::TaskError> {
            <first as pgq::Task>::run(context, input).await
        }
    }

    /// The ledger shows no two of a key beside each other, and each after those before it.
    pub(super) async fn audit(pool: &PgPool) -> anyhow::Result<()> {
        audit::order(&audit::read(pool).await?)
    }
}

async fn enqueue(pool: &PgPool, numbers: std::ops::Range<u32>) -> anyhow::Result<()> {
    for number in numbers {
        for account in 0..3 {
            ordered::first::enqueue(pool, account, number).await?;
        }
    }
    Ok(())
}

/// Runs the task of the first build until it has set jobs aside, and stops.
async fn leave_some_aside(database: &TestDatabase) -> anyhow::Result<()> {
    // Nobody writes to it: those that run cannot end before the worker is told to stop.
    let mut held = database.pool().begin().await?;
    sqlx::query("lock table ledger in exclusive mode")
        .execute(&mut *held)
        .await?;
    let stop = CancellationToken::new();
    let run = worker::<ordered::first>(database)
        .state(database.pool().clone())
        .concurrency(2)
        .stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());
    eventually("jobs are set aside", async || {
        Ok(super::count(database.pool(), "set_aside").await? > 0)
    })
    .await?;
    stop.cancel();
    held.rollback().await?;
    run.await??;
    anyhow::ensure!(super::count(database.pool(), "set_aside").await? > 0);
    Ok(())
}

#[tokio::test]
async fn jobs_that_wait_for_keys_go_on_when_their_task_has_none_any_more() -> anyhow::Result<()> {
    let database = database().await?;
    enqueue(database.pool(), 0..60).await?;
    leave_some_aside(&database).await?;

    let run = worker::<ordered::Unordered>(&database).state(database.pool().clone());
    drain([run]).await?;

    assert_eq!(super::count(database.pool(), "finished").await?, 180);
    Ok(())
}

#[tokio::test]
async fn a_worker_with_keys_holds_up_no_jobs_of_a_queue_that_it_does_not_serve()
-> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    enqueue(pool, 0..60).await?;
    leave_some_aside(&database).await?;
    let stop = CancellationToken::new();
    let elsewhere = worker::<ordered::first>(&database)
        .queue("elsewhere")
        .served_elsewhere("default")
        .state(pool.clone())
        .stop_on(stop.clone());
    let elsewhere = tokio::spawn(elsewhere.into_future());
    eventually("the worker is there", async || {
        Ok(super::count(pool, "worker").await? > 0)
    })
    .await?;

    let run = worker::<ordered::Unordered>(&database).state(pool.clone());
    drain([run]).await?;

    assert_eq!(super::count(pool, "finished").await?, 180);
    stop.cancel();
    elsewhere.await??;
    Ok(())
}

#[tokio::test]
async fn an_old_build_that_starts_again_takes_no_order_from_new_ones() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    enqueue(pool, 0..20).await?;
    let stop = CancellationToken::new();
    let new = || {
        worker::<ordered::first>(&database)
            .state(pool.clone())
            .stop_on(stop.clone())
    };
    let runs: Vec<_> = (0..2).map(|_| tokio::spawn(new().into_future())).collect();
    eventually("it has begun", async || {
        Ok(super::count(pool, "finished").await? > 0)
    })
    .await?;

    // It serves another queue, so that it runs none of the jobs itself.
    let old = |run: Run| {
        run.queue("elsewhere")
            .served_elsewhere("default")
            .state(pool.clone())
    };
    drain([old(worker::<ordered::Unordered>(&database))]).await?;
    enqueue(pool, 20..40).await?;

    eventually("all have ended", async || {
        Ok(super::count(pool, "finished").await? == 120)
    })
    .await?;
    stop.cancel();
    for run in runs {
        run.await??;
    }
    ordered::audit(pool).await
}

#[tokio::test]
async fn the_order_is_kept_by_a_task_that_is_renamed() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    enqueue(pool, 0..60).await?;
    leave_some_aside(&database).await?;
    for number in 60..70 {
        ordered::renamed::enqueue(pool, 1, number).await?;
    }

    let runs = (0..2).map(|_| worker::<ordered::renamed>(&database).state(pool.clone()));
    drain(runs).await?;

    assert_eq!(super::count(pool, "finished").await?, 190);
    let job = ordered::renamed::enqueue(pool, 1, 70).await?;
    assert_eq!(job.status(pool).await?, JobState::Ready);
    ordered::audit(pool).await
}
