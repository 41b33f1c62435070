//! Changes to jobs that hold keys.

use pgq::Conflict;
use pgq::driver::{End, Enqueue, NewJob, NewKey, Start};

use super::super::{LONG, Storage, conformance, one};
use super::handle;

conformance! {
    a_deleted_job_frees_its_key,
    a_requeued_job_runs_without_its_key,
}

/// A job that is the same as every other of these.
fn unique() -> Enqueue {
    let key = NewKey {
        key: b"k".to_vec(),
        within: None,
        conflict: Conflict::Skip,
    };
    Enqueue {
        jobs: vec![NewJob::new(b"\x01".to_vec()).key(key)],
        ..one()
    }
}

async fn a_deleted_job_frees_its_key(storage: &Storage) -> anyhow::Result<()> {
    for start in [Start::Now, Start::After(LONG)] {
        let again = || Enqueue { start, ..unique() };
        let first = storage.enqueue_unique(again()).await?.added();
        assert_eq!(first.len(), 1, "{start:?}");
        handle(first[0]).delete(storage.driver()).await?;

        let second = storage.enqueue_unique(again()).await?.added();
        assert_eq!(second.len(), 1, "{start:?}");
        handle(second[0]).delete(storage.driver()).await?;
    }
    Ok(())
}

async fn a_requeued_job_runs_without_its_key(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let first = storage.enqueue_unique(unique()).await?.added()[0];
    worker.end(&worker.claim_one().await?, End::Failed).await?;

    handle(first).requeue(storage.driver()).await?;
    let second = storage.enqueue_unique(unique()).await?.added();
    assert_eq!(second.len(), 1);

    let claimed = worker.claim_all().await?;
    assert_eq!(claimed.len(), 2);
    // It frees nothing of the other one.
    worker.complete(&claimed[0]).await?;
    assert!(storage.enqueue_unique(unique()).await?.added().is_empty());
    Ok(())
}
