//! Jobs that wait for keys, and transactions of users that are open for long.

use std::sync::Arc;
use std::time::Duration;

use pgq::{CancellationToken, Context, JobHandle, JobState};
use pgq_tests::audit;
use pgq_tests::database::TestDatabase;
use pgq_tests::{PATIENCE, eventually};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{database, worker};

/// The job of number 0 goes on until it is let.
#[pgq::task(
    name = "limits/settled",
    ordered_by = [account],
    unique(by = [number], conflict = "replace")
)]
async fn settled(
    context: &Context,
    pool: &PgPool,
    gate: &Arc<Notify>,
    account: u32,
    number: u32,
) -> anyhow::Result<()> {
    let job = context.job_id().as_i64();
    let mut connection = pool.acquire().await?;
    let running = audit::start(&mut connection, &account.to_string(), job).await?;
    drop(connection);
    if number == 0 {
        gate.notified().await;
    }
    let mut connection = pool.acquire().await?;
    Ok(audit::end(&mut connection, running).await?)
}

/// A worker that runs the first job of account 1, and has set two behind it aside.
struct Waiting {
    database: TestDatabase,
    gate: Arc<Notify>,
    stop: CancellationToken,
    run: JoinHandle<pgq::Result<()>>,
    jobs: Vec<JobHandle<()>>,
}

impl Waiting {
    async fn begin() -> anyhow::Result<Self> {
        let database = database().await?;
        let pool = database.pool();
        let mut jobs = Vec::new();
        for number in 0..3 {
            jobs.push(settled::enqueue(pool, 1, number).await?);
        }
        let (gate, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let run = worker::<settled>(&database)
            .state(Arc::clone(&gate))
            .state(pool.clone())
            .stop_on(stop.clone());
        let run = tokio::spawn(run.into_future());
        for job in &jobs[1..] {
            until(pool, job, JobState::Scheduled).await?;
        }
        Ok(Self {
            database,
            gate,
            stop,
            run,
            jobs,
        })
    }

    fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// Lets the first job end, and waits until a job of another account has run after it.
    async fn end_first(&self) -> anyhow::Result<()> {
        self.gate.notify_one();
        until(self.pool(), &self.jobs[0], JobState::Completed).await?;
        for number in 10..13 {
            let other = settled::enqueue(self.pool(), 2, number).await?;
            tokio::time::timeout(PATIENCE, other.wait(self.pool())).await??;
        }
        Ok(())
    }

    /// All jobs end, and never two of an account beside each other.
    async fn end(self) -> anyhow::Result<()> {
        for job in &self.jobs {
            until(self.pool(), job, JobState::Completed).await?;
        }
        audit::limit(&audit::read(self.pool()).await?, 1)?;
        self.stop.cancel();
        self.run.await??;
        Ok(())
    }
}

async fn until(pool: &PgPool, job: &JobHandle<()>, state: JobState) -> anyhow::Result<()> {
    eventually(&format!("the job is {state:?}"), async || {
        Ok(job.status(pool).await? == state)
    })
    .await
}

#[tokio::test]
async fn an_open_transaction_over_the_job_next_for_a_key_holds_up_that_key_alone()
-> anyhow::Result<()> {
    let waiting = Waiting::begin().await?;
    let mut transaction = waiting.pool().begin().await?;
    let next = settled::enqueue(&mut transaction, 1, 1).await?;
    assert_eq!(next.id(), waiting.jobs[1].id());

    waiting.end_first().await?;

    let last = waiting.jobs[2].status(waiting.pool()).await?;
    assert_eq!(last, JobState::Scheduled);
    transaction.rollback().await?;
    let ledger = async { audit::read(waiting.pool()).await };
    waiting.jobs[2].wait(waiting.pool()).await?;
    audit::order(&ledger.await?)?;
    waiting.end().await
}

#[tokio::test]
async fn a_key_goes_on_when_the_job_next_for_it_is_replaced_by_one_of_another() -> anyhow::Result<()>
{
    let waiting = Waiting::begin().await?;
    let mut transaction = waiting.pool().begin().await?;
    settled::enqueue(&mut transaction, 3, 1).await?;

    waiting.end_first().await?;
    transaction.commit().await?;

    waiting.end().await
}

#[tokio::test]
async fn a_key_goes_on_when_a_job_that_held_it_is_replaced_by_one_of_another() -> anyhow::Result<()>
{
    let waiting = Waiting::begin().await?;
    let put_off = settled::job(3, 1).delay(Duration::from_secs(3600));
    put_off.enqueue(waiting.pool()).await?;

    waiting.end_first().await?;

    until(waiting.pool(), &waiting.jobs[2], JobState::Completed).await?;
    settled::enqueue(waiting.pool(), 3, 1).await?;
    waiting.end().await
}
