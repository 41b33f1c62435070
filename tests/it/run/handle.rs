//! Telling a worker what to do while it runs.

use std::sync::Arc;
use std::time::Duration;

use pgq::{JobState, Queue};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use super::wake::NEVER;
use super::{DEADLINE, worker};

/// Says that it has begun, and runs until it is allowed to end.
#[pgq::task]
async fn stay(entered: &Arc<Entered>, gate: &Arc<Semaphore>) -> anyhow::Result<()> {
    entered.0.add_permits(1);
    gate.acquire().await?.forget();
    Ok(())
}

struct Entered(Semaphore);

impl Entered {
    async fn one(&self) -> anyhow::Result<()> {
        self.0.acquire().await?.forget();
        Ok(())
    }
}

#[pgq::task]
async fn pass_by() {}

/// Waits until the only worker says that it serves these queues.
async fn until_served(pool: &PgPool, queues: &str) -> anyhow::Result<()> {
    eventually("the worker says what it serves", || async {
        let sql = "select queues::text from pgq_jobs.worker";
        let said: String = sqlx::query_scalar(sql).fetch_one(pool).await?;
        Ok(said == queues)
    })
    .await
}

#[tokio::test]
async fn queues_are_added_and_removed_while_a_worker_runs() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let run = worker::<pass_by>(&database).poll_interval(NEVER);
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());
    let here = || async {
        let job = pass_by::enqueue(pool).await?;
        anyhow::Ok(job.wait_for(pool, DEADLINE).await?)
    };
    let later = || pass_by::job().queue("later").enqueue(pool);
    let waits = later().await?;
    here().await?;
    assert_eq!(waits.status(pool).await?, JobState::Ready);

    handle.add_queue(Queue::new("later").concurrency(2))?;
    waits.wait_for(pool, DEADLINE).await?;
    // It is woken for one that comes when the queue is empty.
    later().await?.wait_for(pool, DEADLINE).await?;
    until_served(pool, "{default,later}").await?;

    handle.remove_queue("later");
    until_served(pool, "{default}").await?;
    let left = later().await?;
    here().await?;
    assert_eq!(left.job(pool).await?.deliveries, 0);

    handle.add_queue("later")?;
    left.wait_for(pool, DEADLINE).await?;
    handle.drain();
    Ok(running.await??)
}

#[tokio::test]
async fn nothing_is_claimed_from_a_queue_before_the_storage_knows_that_it_is_served()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let fails_once = "create sequence public.said;
        create function public.fail_once() returns trigger language plpgsql as $$
        begin
            if nextval('public.said') = 1 then
                raise exception 'once';
            end if;
            return new;
        end $$;
        create trigger fail_once before update of queues on pgq_jobs.worker
        for each row execute function public.fail_once();
        create table public.served (queues text[]);
        create function public.note_served() returns trigger language plpgsql as $$
        begin
            insert into public.served select queues from pgq_jobs.worker where id = new.worker;
            return new;
        end $$;
        create trigger note_served after insert on pgq_jobs.running
        for each row execute function public.note_served()";
    let run = worker::<pass_by>(&database).poll_interval(NEVER);
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());
    let here = pass_by::enqueue(pool).await?;
    here.wait_for(pool, DEADLINE).await?;
    sqlx::raw_sql(fails_once).execute(pool).await?;
    let waits = pass_by::job().queue("later").enqueue(pool).await?;

    handle.add_queue("later")?;
    waits.wait_for(pool, DEADLINE).await?;

    let served: String = sqlx::query_scalar("select queues::text from public.served")
        .fetch_one(pool)
        .await?;
    assert_eq!(served, "{default,later}");
    let said: i64 = sqlx::query_scalar("select last_value from public.said")
        .fetch_one(pool)
        .await?;
    assert_eq!(said, 2);
    handle.drain();
    Ok(running.await??)
}

#[tokio::test]
async fn a_queue_that_cannot_be_is_refused() {
    let handle = pgq::run().handle();

    for queue in [
        Queue::new(""),
        Queue::new("mail").concurrency(0),
        Queue::new("mail").weight(0),
    ] {
        assert!(handle.add_queue(queue).is_err());
    }
}

#[tokio::test]
async fn a_worker_waits_for_what_runs_when_it_drains_and_not_when_it_stops() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Arc::new(Semaphore::new(0));
    let entered = Arc::new(Entered(Semaphore::new(0)));
    let run = || {
        worker::<stay>(&database)
            .state(Arc::clone(&gate))
            .state(Arc::clone(&entered))
            // Far beyond what the test has patience for.
            .drain_deadline(Duration::from_secs(3600))
    };
    let first = run();
    let handle = first.handle();
    let running = tokio::spawn(first.into_future());
    let job = stay::enqueue(pool).await?;
    entered.one().await?;

    handle.drain();
    gate.add_permits(1);
    running.await??;
    assert_eq!(job.status(pool).await?, JobState::Completed);

    let next = stay::enqueue(pool).await?;
    let second = run();
    let handle = second.handle();
    let running = tokio::spawn(second.into_future());
    entered.one().await?;
    handle.stop();
    running.await??;
    assert_eq!(next.status(pool).await?, JobState::Ready);
    Ok(())
}
