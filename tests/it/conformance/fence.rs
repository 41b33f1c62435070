//! What every driver promises about claims that nobody waits for any more.

use pgq::driver::{Ask, Claim, Claimed, KeyAsk, WorkerId};

use super::keys::keyed;
use super::{Storage, TASK, conformance, one};

conformance! {
    a_claim_below_the_fence_takes_nothing,
    a_claim_of_keys_below_the_fence_takes_nothing,
    a_claim_from_the_fence_on_takes_jobs,
    a_fence_is_not_lowered,
    the_fence_of_a_worker_is_its_own,
    a_stranger_has_no_fence,
}

fn is_refused(claimed: &Claimed) -> bool {
    matches!(claimed, Claimed::LeaseLost)
}

async fn a_claim_below_the_fence_takes_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let late = worker.next_claim();

    storage.fence_claims(worker.id, late.number + 1).await?;

    assert!(is_refused(&storage.claim(late).await?));
    assert_eq!(worker.held().await?, []);
    assert_eq!(worker.claim_all().await?.len(), 1);
    Ok(())
}

async fn a_claim_of_keys_below_the_fence_takes_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(keyed(None, Some(7), 3)).await?;
    let worker = storage.worker().await?;
    let claim = worker.next_claim();
    storage.fence_claims(worker.id, claim.number + 1).await?;

    let late = storage.ask(Ask {
        claim,
        permits: Vec::new(),
        prefetch: 0,
        rate: None,
        keys: Some(KeyAsk {
            task: TASK.to_owned(),
            names: vec![TASK.to_owned()],
            running: Some(2),
            rate: None,
            ended: Vec::new(),
            all: true,
        }),
    });

    assert!(is_refused(&late.await?.claimed));
    assert_eq!(worker.held().await?, []);
    assert_eq!(worker.ask_keys(10, None).await?.len(), 2);
    Ok(())
}

async fn a_claim_from_the_fence_on_takes_jobs(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claim = worker.next_claim();

    storage.fence_claims(worker.id, claim.number).await?;

    let number = claim.number;
    assert_eq!(worker.make(claim).await?.len(), 1);
    assert_eq!(worker.held().await?, [(id, number)]);
    Ok(())
}

async fn a_fence_is_not_lowered(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    storage.fence_claims(worker.id, 10).await?;

    storage.fence_claims(worker.id, 5).await?;

    let claim = Claim {
        number: 9,
        ..worker.next_claim()
    };
    assert!(is_refused(&storage.claim(claim).await?));
    Ok(())
}

async fn the_fence_of_a_worker_is_its_own(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (worker, other) = (storage.worker().await?, storage.worker().await?);

    storage.fence_claims(worker.id, 10).await?;

    assert_eq!(other.claim_all().await?.len(), 1);
    Ok(())
}

async fn a_stranger_has_no_fence(storage: &Storage) -> anyhow::Result<()> {
    storage.fence_claims(WorkerId::random(), 10).await?;
    Ok(())
}
