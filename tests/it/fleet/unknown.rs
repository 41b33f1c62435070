//! Workers that do not all know the same tasks.

use anyhow::ensure;
use pgq::JobState;
use pgq_tests::fleet::tasks;

use super::{enqueue_notes, find, fleet, ran, until, until_finished};

#[tokio::test]
async fn a_job_waits_for_a_worker_that_knows_its_task() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let rare = tasks::rare::enqueue(pool).await?.id();
    let known = enqueue_notes(pool, 100).await?;
    let ignorant = fleet.worker().start()?;
    until_finished(pool, known.len()).await?;
    ignorant
        .says("whose task this binary does not have")
        .await?;

    let waits = find(pool, rare).await?;
    assert_eq!(waits.state, JobState::Ready);
    assert_eq!((waits.attempt, waits.deliveries), (0, 0));

    let expert = fleet.worker().with_rare().start()?;
    let done = until(pool, rare, JobState::Completed).await?;
    assert_eq!(ran(done.result.as_deref())?.worker, expert.number());
    assert_eq!((done.attempt, done.deliveries), (1, 1));
    ensure!(ignorant.number() != expert.number(), "one worker only");
    Ok(())
}
