//! Workers and rows that disagree, although nobody has noticed anything.

use std::sync::Arc;
use std::time::Duration;

use pgq::{CancellationToken, JobState};
use pgq_tests::database::TestDatabase;
use tokio::sync::Semaphore;

use super::{DEADLINE, worker};

/// Runs until it is dropped.
#[pgq::task]
async fn sit(seat: &Arc<Seat>) {
    let _sitting = Sitting(Arc::clone(seat));
    seat.taken.add_permits(1);
    std::future::pending::<()>().await;
}

#[pgq::task]
async fn answer(number: u32) -> anyhow::Result<u32> {
    Ok(number)
}

#[derive(Debug)]
struct Seat {
    taken: Semaphore,
    left: Semaphore,
}

struct Sitting(Arc<Seat>);

impl Drop for Sitting {
    fn drop(&mut self) {
        self.0.left.add_permits(1);
    }
}

#[tokio::test]
async fn a_worker_finds_rows_that_were_changed_by_hand() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let seat = Arc::new(Seat {
        taken: Semaphore::new(0),
        left: Semaphore::new(0),
    });
    let stop = CancellationToken::new();
    let run = worker::<sit>(&database)
        .task::<answer>()
        .state(Arc::clone(&seat))
        .lease(Duration::from_secs(1))
        .drain_deadline(Duration::ZERO)
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let sitting = sit::enqueue(pool).await?;
    seat.taken.acquire().await?.forget();

    // One that it runs is gone, and it is given one that it knows nothing of.
    let later = answer::job(7)
        .delay(Duration::from_secs(3600))
        .enqueue(pool)
        .await?;
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "with given as (
             delete from pgq_jobs.scheduled where id = $1
             returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts,
                       deaths, marks, queue, task, input
         )
         insert into pgq_jobs.running
             (id, worker, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
              max_attempts, deaths, marks, queue, task, input)
         select given.id, worker.id, 1000, fingerprint, created_at, now(), deliveries + 1, priority,
                attempt + 1, max_attempts, deaths, marks, queue, task, input
         from given cross join pgq_jobs.worker",
    )
    .bind(later.id().as_i64())
    .execute(&mut *transaction)
    .await?;
    sqlx::query("delete from pgq_jobs.running where id = $1")
        .bind(sitting.id().as_i64())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;

    assert_eq!(later.wait_for(pool, DEADLINE).await?, 7);
    seat.left.acquire().await?.forget();
    let stored = later.job(pool).await?;
    assert_eq!((stored.attempt, stored.deliveries), (1, 2));
    assert_eq!(stored.state, JobState::Completed);
    // The same worker all the time.
    assert!(!running.is_finished());
    stop.cancel();
    Ok(running.await??)
}
