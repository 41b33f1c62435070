//! What every driver promises about `complete` and `end`.

use std::time::Duration;

use pgq::driver::{Completion, End, Ending, Hold};
use pgq::{JobId, JobState, Retain};

use super::{LONG, SHORT, Storage, completion, conformance, ending, ids, jobs, one};

conformance! {
    a_completed_job_keeps_its_result,
    a_result_may_be_the_unit,
    a_completion_counts_once,
    a_worker_is_told_whether_it_holds_a_job_under_a_claim,
    another_worker_cannot_complete,
    another_worker_cannot_end,
    an_earlier_claim_of_the_same_worker_cannot_write,
    a_batch_with_a_stale_and_a_current_claim_writes_once,
    the_result_of_a_stale_claim_is_not_kept,
    what_is_not_held_is_left_out_of_a_batch,
    a_job_that_does_not_exist_is_not_held,
    nothing_to_write_is_nothing_written,
    a_job_that_ended_is_not_claimed_again,
    a_failed_job_is_a_dead_letter_with_its_error,
    a_cancelled_job_is_no_dead_letter_and_keeps_its_reason,
    an_ending_counts_once,
    a_retry_waits_and_counts_its_attempt,
    a_retry_without_a_delay_is_due_at_once,
    a_release_gives_the_attempt_back_at_once,
    a_release_may_wait,
    a_job_that_comes_back_goes_behind_the_others,
    endings_of_every_kind_go_together,
    success_forgets_the_error_of_an_earlier_attempt,
    an_error_may_be_missing,
}

async fn a_completed_job_keeps_its_result(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let result: Vec<u8> = (0..=255).collect();
    let completion = Completion {
        result: Some(result.clone()),
        ..completion(&claimed)
    };
    let count = storage.complete(worker.id, &[completion]).await?;

    let job = storage.job(claimed.id).await?;
    assert_eq!((count, job.state), (1, JobState::Completed));
    assert_eq!((job.result, job.error), (Some(result), None));
    assert_eq!(worker.held().await?, []);
    Ok(())
}

async fn a_result_may_be_the_unit(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let completion = Completion {
        result: None,
        ..completion(&claimed)
    };
    storage.complete(worker.id, &[completion]).await?;

    let job = storage.job(claimed.id).await?;
    assert_eq!((job.state, job.result), (JobState::Completed, None));
    Ok(())
}

async fn a_completion_counts_once(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let counts = [
        worker.complete(&claimed).await?,
        worker.complete(&claimed).await?,
        worker.end(&claimed, End::Failed).await?,
    ];

    assert_eq!(counts, [1, 0, 0]);
    assert_eq!(storage.job(claimed.id).await?.state, JobState::Completed);
    Ok(())
}

async fn a_worker_is_told_whether_it_holds_a_job_under_a_claim(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (worker, other) = (storage.worker().await?, storage.worker().await?);
    let claimed = worker.claim_one().await?;
    let (id, claim) = (claimed.id, claimed.claim);

    assert_eq!(storage.hold(worker.id, id, claim).await?, Hold::Held);
    assert_eq!(storage.hold(other.id, id, claim).await?, Hold::Gone);
    assert_eq!(storage.hold(worker.id, id, claim + 1).await?, Hold::Gone);
    worker.complete(&claimed).await?;
    assert_eq!(storage.hold(worker.id, id, claim).await?, Hold::Gone);
    Ok(())
}

async fn another_worker_cannot_complete(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (holder, other) = (storage.worker().await?, storage.worker().await?);
    let claimed = holder.claim_one().await?;

    let count = other.complete(&claimed).await?;

    assert_eq!(count, 0);
    assert_eq!(storage.job(claimed.id).await?.state, JobState::Running);
    assert_eq!(holder.complete(&claimed).await?, 1);
    Ok(())
}

async fn another_worker_cannot_end(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (holder, other) = (storage.worker().await?, storage.worker().await?);
    let claimed = holder.claim_one().await?;

    for end in [End::Failed, End::Retry(LONG), End::Release(Duration::ZERO)] {
        assert_eq!(other.end(&claimed, end).await?, 0, "{end:?}");
    }

    assert_eq!(storage.job(claimed.id).await?.state, JobState::Running);
    assert_eq!(holder.held().await?, [(claimed.id, claimed.claim)]);
    Ok(())
}

async fn an_earlier_claim_of_the_same_worker_cannot_write(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let stale = worker.claim_one().await?;
    worker.end(&stale, End::Release(Duration::ZERO)).await?;
    let claimed = worker.claim_one().await?;

    let counts = [
        worker.complete(&stale).await?,
        worker.end(&stale, End::Failed).await?,
        worker.end(&stale, End::Release(Duration::ZERO)).await?,
    ];

    assert_eq!((claimed.id, claimed.attempt), (stale.id, stale.attempt));
    assert_eq!(counts, [0, 0, 0]);
    assert_eq!(storage.job(claimed.id).await?.state, JobState::Running);
    assert_eq!(worker.complete(&claimed).await?, 1);
    Ok(())
}

async fn a_batch_with_a_stale_and_a_current_claim_writes_once(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b"])).await?;
    let worker = storage.worker().await?;
    let stale = worker.claim_all().await?;
    for job in &stale {
        worker.end(job, End::Release(Duration::ZERO)).await?;
    }
    let current = worker.claim_all().await?;

    let completions = [completion(&stale[0]), completion(&current[0])];
    let completed = storage.complete(worker.id, &completions).await?;
    let endings = [
        ending(&stale[1], End::Failed),
        ending(&current[1], End::Retry(LONG)),
    ];
    let ended = storage.end(worker.id, &endings).await?;

    assert_eq!((completed, ended), (1, 1));
    assert_eq!(storage.job(current[0].id).await?.state, JobState::Completed);
    assert_eq!(storage.job(current[1].id).await?.state, JobState::Scheduled);
    Ok(())
}

async fn the_result_of_a_stale_claim_is_not_kept(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b"])).await?;
    let worker = storage.worker().await?;
    let stale = worker.claim_all().await?;
    for job in &stale {
        worker.end(job, End::Release(Duration::ZERO)).await?;
    }
    let current = worker.claim_all().await?;

    let of = |job, result: &[u8]| Completion {
        result: Some(result.to_vec()),
        ..completion(job)
    };
    let completions = [
        of(&stale[0], b"\x01stale"),
        of(&current[0], b"\x01current"),
        of(&current[1], b"\x01current"),
        of(&stale[1], b"\x01stale"),
    ];
    assert_eq!(storage.complete(worker.id, &completions).await?, 2);

    for job in &current {
        let stored = storage.job(job.id).await?.result;
        assert_eq!(stored.as_deref(), Some(&b"\x01current"[..]));
    }
    Ok(())
}

async fn what_is_not_held_is_left_out_of_a_batch(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b", b"c"])).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    let own = [first.claim_one().await?, first.claim_one().await?];
    let other = second.claim_one().await?;

    let batch = [&own[0], &other, &own[1]].map(completion);
    let count = storage.complete(first.id, &batch).await?;

    assert_eq!(count, 2);
    for job in &own {
        assert_eq!(storage.job(job.id).await?.state, JobState::Completed);
    }
    assert_eq!(storage.job(other.id).await?.state, JobState::Running);
    Ok(())
}

async fn a_job_that_does_not_exist_is_not_held(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let completion = Completion {
        job: JobId::from_i64(1_000_000),
        claim: 1,
        result: None,
        retain: Retain::DEFAULT,
        durability: pgq::Durability::Durable,
    };

    let count = storage.complete(worker.id, &[completion]).await?;

    assert_eq!(count, 0);
    Ok(())
}

async fn nothing_to_write_is_nothing_written(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;

    assert_eq!(storage.complete(worker.id, &[]).await?, 0);
    assert_eq!(storage.end(worker.id, &[]).await?, 0);
    Ok(())
}

async fn a_job_that_ended_is_not_claimed_again(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b"])).await?;
    let worker = storage.worker().await?;
    worker.complete(&worker.claim_one().await?).await?;
    worker.end(&worker.claim_one().await?, End::Failed).await?;

    let promoted = storage.promote(10).await?;
    let claimed = worker.claim_all().await?;

    assert_eq!((promoted.jobs, claimed.len()), (0, 0));
    Ok(())
}

async fn a_failed_job_is_a_dead_letter_with_its_error(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let count = worker.end(&claimed, End::Failed).await?;

    let job = storage.job(claimed.id).await?;
    assert_eq!((count, job.state), (1, JobState::Failed));
    assert_eq!((job.error.as_deref(), job.result), (Some("no luck"), None));
    assert_eq!((job.attempt, job.deliveries), (1, 1));
    assert_eq!(worker.held().await?, []);
    Ok(())
}

async fn a_cancelled_job_is_no_dead_letter_and_keeps_its_reason(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let count = worker.end(&claimed, End::Cancelled).await?;

    let job = storage.job(claimed.id).await?;
    assert_eq!((count, job.state), (1, JobState::Cancelled));
    assert_eq!((job.error.as_deref(), job.attempt), (Some("no luck"), 1));
    assert!(job.finished_at.is_some());
    assert_eq!(worker.held().await?, []);
    Ok(())
}

async fn an_ending_counts_once(storage: &Storage) -> anyhow::Result<()> {
    for end in [
        End::Failed,
        End::Cancelled,
        End::Retry(LONG),
        End::Release(LONG),
    ] {
        storage.put(one()).await?;
        let worker = storage.worker().await?;
        let claimed = worker.claim_one().await?;

        let counts = [
            worker.end(&claimed, end).await?,
            worker.end(&claimed, end).await?,
            worker.complete(&claimed).await?,
        ];

        assert_eq!(counts, [1, 0, 0], "{end:?}");
        assert_eq!(storage.job(claimed.id).await?.deliveries, 1);
    }
    Ok(())
}

async fn a_retry_waits_and_counts_its_attempt(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    let before = storage.now().await?;

    worker.end(&claimed, End::Retry(LONG)).await?;

    let after = storage.now().await?;
    let job = storage.job(claimed.id).await?;
    let run_at = job.run_at.unwrap_or_default();
    assert_eq!((job.state, job.attempt), (JobState::Scheduled, 1));
    assert_eq!(job.error.as_deref(), Some("no luck"));
    assert!((before + LONG..=after + LONG).contains(&run_at), "{job:?}");
    assert_eq!(storage.promote(10).await?.jobs, 0);
    assert_eq!(worker.held().await?, []);
    Ok(())
}

async fn a_retry_without_a_delay_is_due_at_once(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    worker.end(&claimed, End::Retry(Duration::ZERO)).await?;
    storage.promote(10).await?;

    let again = worker.claim_one().await?;
    assert_eq!((again.id, again.attempt), (claimed.id, 2));
    Ok(())
}

async fn a_release_gives_the_attempt_back_at_once(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    worker.end(&claimed, End::Release(Duration::ZERO)).await?;

    let job = storage.job(claimed.id).await?;
    assert_eq!(job.state, JobState::Ready);
    assert_eq!((job.attempt, job.deliveries, job.deaths), (0, 1, 0));
    let again = worker.claim_one().await?;
    assert_eq!((again.attempt, again.deliveries), (1, 2));
    Ok(())
}

async fn a_release_may_wait(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    worker.end(&claimed, End::Release(SHORT)).await?;
    let released = storage.job(claimed.id).await?;
    storage.pass(SHORT).await?;
    storage.promote(10).await?;

    assert_eq!((released.state, released.attempt), (JobState::Scheduled, 0));
    let again = worker.claim_one().await?;
    assert_eq!(
        (again.id, again.attempt, again.deliveries),
        (claimed.id, 1, 2)
    );
    Ok(())
}

async fn a_job_that_comes_back_goes_behind_the_others(storage: &Storage) -> anyhow::Result<()> {
    let enqueued = storage.enqueue(jobs([b"a", b"b", b"c"])).await?;
    let worker = storage.worker().await?;
    let released = worker.claim_one().await?;
    let retried = worker.claim_one().await?;

    worker.end(&released, End::Release(Duration::ZERO)).await?;
    worker.end(&retried, End::Retry(Duration::ZERO)).await?;
    storage.promote(10).await?;

    let order = [enqueued[2], enqueued[0], enqueued[1]];
    assert_eq!(ids(&worker.claim_all().await?), order);
    Ok(())
}

async fn endings_of_every_kind_go_together(storage: &Storage) -> anyhow::Result<()> {
    storage
        .enqueue(jobs([b"a", b"b", b"c", b"d", b"e"]))
        .await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;
    let kinds = [
        (End::Failed, JobState::Failed, 1),
        (End::Retry(LONG), JobState::Scheduled, 1),
        (End::Release(Duration::ZERO), JobState::Ready, 0),
        (End::Release(LONG), JobState::Scheduled, 0),
    ];

    let endings: Vec<Ending> = claimed
        .iter()
        .zip(kinds)
        .map(|(job, (end, ..))| ending(job, end))
        .collect();
    let count = storage.end(worker.id, &endings).await?;

    assert_eq!(count, 4);
    for (claimed, (end, state, attempt)) in claimed.iter().zip(kinds) {
        let job = storage.job(claimed.id).await?;
        assert_eq!((job.state, job.attempt), (state, attempt), "{end:?}");
    }
    assert_eq!(worker.held().await?, [(claimed[4].id, claimed[4].claim)]);
    Ok(())
}

async fn success_forgets_the_error_of_an_earlier_attempt(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let first = worker.claim_one().await?;
    worker.end(&first, End::Retry(Duration::ZERO)).await?;
    storage.promote(10).await?;

    worker.complete(&worker.claim_one().await?).await?;

    let job = storage.job(first.id).await?;
    assert_eq!((job.state, job.error), (JobState::Completed, None));
    assert_eq!((job.attempt, job.deliveries), (2, 2));
    Ok(())
}

async fn an_error_may_be_missing(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let ending = Ending {
        error: None,
        ..ending(&claimed, End::Failed)
    };
    storage.end(worker.id, &[ending]).await?;

    let job = storage.job(claimed.id).await?;
    assert_eq!((job.state, job.error), (JobState::Failed, None));
    Ok(())
}
