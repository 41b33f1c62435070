//! No job is stranded below a cursor, whatever happens around the claims.
//!
//! Transactions that enqueue stay open across claims and come back late; claims are slow, fail, are
//! dropped and lose their connections; a crash of the server takes claims back. Now and then
//! everything pauses, and one driver must find every job that is ready; at the end every job that
//! was committed has run once, and none ran twice at the same time.
//!
//! The order of events is random. A failure names its seed, and `PGQ_SEED` runs one seed again;
//! the seed does not decide how the server interleaves what it is sent.

mod fleet;
mod world;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use pgq_tests::database::TestDatabase;

use self::fleet::Member;
use self::world::World;

/// Runs one seed again.
const SEED: &str = "PGQ_SEED";

/// How many seeds one run tries.
const SEEDS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_job_is_stranded() -> anyhow::Result<()> {
    let seeds = if let Ok(seed) = env::var(SEED) {
        vec![seed.parse().with_context(|| format!("{SEED}={seed}"))?]
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        (0..SEEDS).map(|number| now * SEEDS + number).collect()
    };
    let mut runs = tokio::task::JoinSet::new();
    for seed in seeds {
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
