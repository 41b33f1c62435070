//! No job is stranded below a cursor, whatever happens around the claims.
//!
//! Transactions that enqueue stay open across claims and come back late; claims are slow, fail, are
//! dropped and lose their connections; a crash of the server takes claims back. Now and then one
//! driver must find every job that is ready, and at the end every job that was committed has run
//! once, and none ran twice at the same time.
//!
//! The order of events is random. In `steps` the seed decides all of it: many small worlds, in which
//! one thing happens at a time. In `world` a few drivers, producers and accidents race each other,
//! and the seed does not decide how the server interleaves what it is sent. A failure names its
//! seed, and `PGQ_SEED` runs one seed again.

mod fleet;
mod other;
mod promotions;
mod steps;
mod unanswered;
mod world;

use std::env;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use pgq_tests::database::TestDatabase;
use tokio::task::JoinSet;

use self::fleet::Member;
use self::steps::Stage;
use self::world::World;

/// Runs one seed again.
const SEED: &str = "PGQ_SEED";

/// How many races there are, side by side.
const RACES: u64 = 4;
/// How many worlds go step by step.
const WORLDS: u64 = 300;
/// How many of them at once.
const STAGES: usize = 4;
/// How many worlds promote.
const PROMOTIONS: u64 = 10;

/// The seed that was asked for, or as many as that.
fn seeds(count: u64) -> anyhow::Result<Vec<u64>> {
    if let Ok(seed) = env::var(SEED) {
        return Ok(vec![
            seed.parse().with_context(|| format!("{SEED}={seed}"))?,
        ]);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok((0..count).map(|number| now * count + number).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_step_of_others_strands_a_job() -> anyhow::Result<()> {
    let seeds = Arc::new(Mutex::new(seeds(WORLDS)?));
    let mut stages = JoinSet::new();
    for _ in 0..STAGES {
        let seeds = Arc::clone(&seeds);
        stages.spawn(async move {
            let mut stage = Stage::new().await?;
            let next = || seeds.lock().unwrap().pop();
            while let Some(seed) = next() {
                let lived = stage.run(seed).await;
                lived.with_context(|| format!("{SEED}={seed}"))?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(stage) = stages.join_next().await {
        stage??;
    }
    Ok(())
}

#[tokio::test]
async fn no_late_transaction_keeps_a_due_job_from_promotion() -> anyhow::Result<()> {
    let mut stage = promotions::Stage::new().await?;
    for seed in seeds(PROMOTIONS)? {
        let lived = stage.run(seed).await;
        lived.with_context(|| format!("{SEED}={seed}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_race_strands_a_job() -> anyhow::Result<()> {
    let mut runs = JoinSet::new();
    for seed in seeds(RACES)? {
        runs.spawn(async move {
            world::run(seed)
                .await
                .with_context(|| format!("{SEED}={seed}"))
        });
    }
    while let Some(run) = runs.join_next().await {
        run??;
    }
    Ok(())
}

#[tokio::test]
async fn a_row_that_another_claim_gave_back_is_found() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let world = World::new(&database);
    let member = Member::new(&world, "own").await?;
    let ids = world.enqueue(4).await?;
    let mut other = database.pool().begin().await?;
    sqlx::query("select from pgq_jobs.ready where id = any ($1) for update")
        .bind(&ids[..2])
        .execute(&mut *other)
        .await?;

    let around = [member.claim_shared(1).await?, member.claim_shared(9).await?];
    let nothing = member.claim_shared(9).await?;
    other.rollback().await?;
    let back = member.claim_shared(9).await?;

    assert_eq!(around.concat(), ids[2..]);
    assert_eq!((nothing, back), (vec![], ids[..2].to_vec()));
    Ok(())
}
