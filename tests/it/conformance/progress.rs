//! What every driver promises about the progress of attempts.

use std::time::Duration;

use pgq::driver::{End, NewProgress};

use super::{Storage, conformance, one};

conformance! {
    the_latest_progress_is_kept,
    only_who_holds_a_job_reports_its_progress,
    an_earlier_attempt_does_not_overwrite_a_later_one,
}

fn at(done: i64) -> NewProgress {
    NewProgress {
        done,
        total: 10,
        message: format!("part {done}"),
    }
}

async fn the_latest_progress_is_kept(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    assert_eq!(storage.progress(claimed.id).await?, None);

    for done in [1, 2] {
        let progress = at(done);
        let held = storage.set_progress(worker.id, claimed.id, claimed.claim, &progress);
        assert!(held.await?);
    }
    worker.complete(&claimed).await?;

    let progress = storage.progress(claimed.id).await?;
    let told = progress.map(|kept| (kept.done, kept.total, kept.message, kept.attempt));
    assert_eq!(told, Some((2, 10, "part 2".to_owned(), 1)));
    Ok(())
}

async fn only_who_holds_a_job_reports_its_progress(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (worker, other) = (storage.worker().await?, storage.worker().await?);
    let claimed = worker.claim_one().await?;
    let (id, claim) = (claimed.id, claimed.claim);

    assert!(!storage.set_progress(other.id, id, claim, &at(1)).await?);
    assert!(
        !storage
            .set_progress(worker.id, id, claim + 1, &at(1))
            .await?
    );
    worker.complete(&claimed).await?;
    assert!(!storage.set_progress(worker.id, id, claim, &at(1)).await?);

    assert_eq!(storage.progress(id).await?, None);
    Ok(())
}

async fn an_earlier_attempt_does_not_overwrite_a_later_one(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let first = worker.claim_one().await?;
    worker.end(&first, End::Release(Duration::ZERO)).await?;
    let second = worker.claim_one().await?;
    let (early, late) = (at(1), at(7));
    let of_second = storage.set_progress(worker.id, second.id, second.claim, &late);
    assert!(of_second.await?);

    let of_first = storage.set_progress(worker.id, first.id, first.claim, &early);
    assert!(!of_first.await?);

    let progress = storage.progress(first.id).await?;
    assert_eq!(progress.map(|kept| kept.done), Some(7));
    Ok(())
}
