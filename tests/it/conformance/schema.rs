//! What every driver promises about its schema and its connections.

use super::{Storage, conformance, one};

conformance! {
    migrating_again_changes_nothing,
    a_detached_driver_is_on_the_same_storage,
}

async fn migrating_again_changes_nothing(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;

    let (first, second) = tokio::join!(storage.migrate(), storage.migrate());

    first?;
    second?;
    storage.check_schema().await?;
    assert_eq!(storage.worker().await?.claim_one().await?.id, id);
    Ok(())
}

async fn a_detached_driver_is_on_the_same_storage(storage: &Storage) -> anyhow::Result<()> {
    let detached = storage.detached();

    let id = storage.put(one()).await?;

    let found = detached.find(id).await?.map(|job| job.id);
    assert_eq!(found, Some(id));
    Ok(())
}
