//! What every driver promises about the fingerprints of jobs.

use std::sync::Arc;

use pgq::driver::{Claim, Enqueue, QueuedInput, Start};
use pgq::{JobId, JobState};

use super::{LONG, QUEUE, Storage, TASK, conformance, ids, one, tasks};

conformance! {
    input_that_the_worker_does_not_know_is_left_alone,
    a_worker_may_learn_of_more_input,
    an_unknown_input_is_named,
    queued_inputs_are_counted,
}

/// Enqueues jobs of this fingerprint.
async fn put_input(
    storage: &Storage,
    fingerprint: Option<i64>,
    jobs: usize,
) -> anyhow::Result<Vec<JobId>> {
    let enqueue = Enqueue {
        fingerprint,
        jobs: vec![vec![1].into(); jobs],
        ..one()
    };
    Ok(storage.enqueue(enqueue).await?)
}

async fn input_that_the_worker_does_not_know_is_left_alone(
    storage: &Storage,
) -> anyhow::Result<()> {
    let unknown = put_input(storage, Some(8), 50).await?;
    let known = put_input(storage, Some(7), 1).await?;
    let without = put_input(storage, None, 1).await?;
    let worker = storage.worker().await?;

    for expected in [vec![known[0]], vec![without[0]], vec![]] {
        let claim = Claim {
            fingerprints: Some(Arc::from([6, 7])),
            limit: 1,
            ..worker.next_claim()
        };
        assert_eq!(ids(&worker.make(claim).await?), expected);
    }

    for id in unknown {
        let job = storage.job(id).await?;
        assert_eq!(
            (job.state, job.attempt, job.deliveries),
            (JobState::Ready, 0, 0)
        );
    }
    Ok(())
}

async fn a_worker_may_learn_of_more_input(storage: &Storage) -> anyhow::Result<()> {
    let earlier = put_input(storage, Some(8), 1).await?;
    let own = put_input(storage, Some(7), 1).await?;
    let worker = storage.worker().await?;
    let claim = |fingerprints: &[i64]| Claim {
        fingerprints: Some(Arc::from(fingerprints)),
        ..worker.next_claim()
    };

    let first = worker.make(claim(&[7])).await?;
    let nothing = worker.make(claim(&[])).await?;
    let second = worker.make(claim(&[7, 8])).await?;

    assert_eq!(ids(&first), own);
    assert_eq!(ids(&nothing), []);
    assert_eq!(ids(&second), earlier);
    Ok(())
}

async fn an_unknown_input_is_named(storage: &Storage) -> anyhow::Result<()> {
    put_input(storage, Some(7), 1).await?;
    put_input(storage, None, 1).await?;
    let of_another_task = Enqueue {
        task: "unknown".into(),
        fingerprint: Some(9),
        ..one()
    };
    storage.put(of_another_task).await?;
    let known = storage.unknown_input(QUEUE, &tasks([TASK]), &[7]).await?;
    put_input(storage, Some(8), 2).await?;

    let here = storage.unknown_input(QUEUE, &tasks([TASK]), &[7]).await?;
    let elsewhere = storage.unknown_input("other", &tasks([TASK]), &[7]).await?;

    assert_eq!((known, elsewhere), (None, None));
    assert_eq!(here, Some((TASK.to_owned(), 8)));
    Ok(())
}

async fn queued_inputs_are_counted(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    put_input(storage, None, 1).await?;
    let ended = worker.claim_one().await?;
    worker.complete(&ended).await?;
    put_input(storage, Some(7), 1).await?;
    worker.claim_one().await?;
    put_input(storage, Some(7), 2).await?;
    put_input(storage, None, 1).await?;
    let later = Enqueue {
        start: Start::After(LONG),
        ..one()
    };
    storage.put(later).await?;
    let input = |state, fingerprint, jobs| QueuedInput {
        state,
        task: TASK.to_owned(),
        fingerprint,
        jobs,
    };

    let mut counted = storage.queued_inputs(100).await?;
    let limited = storage.queued_inputs(1).await?;

    counted.sort_by_key(|input| (input.state as usize, input.fingerprint));
    assert_eq!(
        counted,
        [
            input(JobState::Scheduled, Some(7), 1),
            input(JobState::Ready, None, 1),
            input(JobState::Ready, Some(7), 2),
            input(JobState::Running, Some(7), 1),
        ]
    );
    let looked_at: u64 = limited.iter().map(|input| input.jobs).sum();
    assert_eq!(looked_at, 3, "one of each state: {limited:?}");
    Ok(())
}
