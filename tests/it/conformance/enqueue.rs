//! What every driver promises about `enqueue`.

use std::borrow::Cow;
use std::time::Duration;

use pgq::JobState;
use pgq::driver::{Claim, Enqueue, NewJob, Start};

use super::{LONG, SHORT, Storage, enqueue_conformance, input, jobs, one, tasks};

enqueue_conformance! {
    ids_follow_the_order_of_the_inputs,
    ids_rise_from_one_enqueue_to_the_next,
    no_input_is_no_job,
    a_thousand_jobs_are_enqueued_at_once,
    a_job_is_handed_out_as_it_was_enqueued,
    a_fingerprint_may_be_unknown,
    any_bytes_can_be_an_input,
    a_job_that_may_start_now_is_ready,
    a_delayed_job_waits,
    a_delayed_job_can_be_claimed_once_it_is_due,
    a_job_may_start_at_a_time,
    a_time_that_has_passed_is_due,
}

async fn ids_follow_the_order_of_the_inputs(storage: &Storage) -> anyhow::Result<()> {
    let ids = storage.enqueue(jobs([b"a", b"b", b"c"])).await?;

    let claimed = storage.worker().await?.claim_all().await?;
    let stored: Vec<_> = claimed.iter().map(|job| (job.id, input(job))).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(
        stored,
        [(ids[0], &b"a"[..]), (ids[1], b"b"), (ids[2], b"c")]
    );
    Ok(())
}

async fn ids_rise_from_one_enqueue_to_the_next(storage: &Storage) -> anyhow::Result<()> {
    let first = storage.put(one()).await?;
    let worker = storage.worker().await?;
    worker.claim_one().await?;

    let delayed = storage
        .put(Enqueue {
            start: Start::After(LONG),
            ..one()
        })
        .await?;
    let last = storage.put(one()).await?;

    assert!(first < delayed && delayed < last);
    Ok(())
}

async fn no_input_is_no_job(storage: &Storage) -> anyhow::Result<()> {
    let ids = storage.enqueue(jobs([])).await?;

    let claimed = storage.worker().await?.claim_all().await?;
    assert_eq!(ids, []);
    assert_eq!(claimed.len(), 0);
    Ok(())
}

async fn a_thousand_jobs_are_enqueued_at_once(storage: &Storage) -> anyhow::Result<()> {
    let inputs: Vec<Vec<u8>> = (0..1000_u32)
        .map(|number| number.to_be_bytes().to_vec())
        .collect();
    let ids = storage
        .enqueue(Enqueue {
            jobs: inputs.iter().cloned().map(NewJob::new).collect(),
            ..one()
        })
        .await?;

    let claimed = storage.worker().await?.claim_all().await?;
    let stored: Vec<_> = claimed
        .iter()
        .map(|job| (job.id, input(job).to_vec()))
        .collect();
    let expected: Vec<_> = ids.into_iter().zip(inputs).collect();
    assert_eq!(stored, expected);
    Ok(())
}

async fn a_job_is_handed_out_as_it_was_enqueued(storage: &Storage) -> anyhow::Result<()> {
    let id = storage
        .put(Enqueue {
            task: Cow::Borrowed("invoices/send"),
            queue: Cow::Borrowed("päper"),
            priority: 9,
            max_attempts: 1000,
            fingerprint: Some(i64::MIN),
            start: Start::Now,
            durability: pgq::Durability::Durable,
            jobs: vec![b"\x02{}".to_vec().into()],
        })
        .await?;

    let worker = storage.worker().await?;
    let claim = Claim {
        queue: "päper".into(),
        tasks: vec![tasks(["invoices/send"])],
        ..worker.next_claim()
    };
    let number = claim.number;
    let claimed = worker.make(claim).await?;

    let [job] = &claimed[..] else {
        panic!("{claimed:?}");
    };
    assert_eq!((job.id, job.claim), (id, number));
    assert_eq!((&*job.task, &*job.queue), ("invoices/send", "päper"));
    assert_eq!((job.priority, job.max_attempts), (9, 1000));
    assert_eq!(job.fingerprint, Some(i64::MIN));
    assert_eq!(input(job), b"\x02{}");
    Ok(())
}

async fn a_fingerprint_may_be_unknown(storage: &Storage) -> anyhow::Result<()> {
    storage
        .put(Enqueue {
            fingerprint: None,
            ..one()
        })
        .await?;

    let job = storage.worker().await?.claim_one().await?;

    assert_eq!(job.fingerprint, None);
    Ok(())
}

async fn any_bytes_can_be_an_input(storage: &Storage) -> anyhow::Result<()> {
    let every: Vec<u8> = (0..=255).collect();
    storage.enqueue(jobs([b"", &every])).await?;

    let claimed = storage.worker().await?.claim_all().await?;

    let inputs: Vec<_> = claimed.iter().map(input).collect();
    assert_eq!(inputs, [&b""[..], &every]);
    Ok(())
}

async fn a_job_that_may_start_now_is_ready(storage: &Storage) -> anyhow::Result<()> {
    let before = storage.now().await?;
    let id = storage.put(one()).await?;
    let after = storage.now().await?;

    let job = storage.job(id).await?;

    assert_eq!(job.state, JobState::Ready);
    assert_eq!(job.run_at, None);
    assert!((before..=after).contains(&job.created_at), "{job:?}");
    Ok(())
}

async fn a_delayed_job_waits(storage: &Storage) -> anyhow::Result<()> {
    let id = storage
        .put(Enqueue {
            start: Start::After(LONG),
            ..one()
        })
        .await?;

    let promoted = storage.promote(10).await?;
    let claimed = storage.worker().await?.claim_all().await?;

    let job = storage.job(id).await?;
    assert_eq!((promoted.jobs, claimed.len()), (0, 0));
    assert_eq!(job.state, JobState::Scheduled);
    assert_eq!(job.run_at, Some(job.created_at + LONG));
    Ok(())
}

async fn a_delayed_job_can_be_claimed_once_it_is_due(storage: &Storage) -> anyhow::Result<()> {
    let id = storage
        .put(Enqueue {
            start: Start::After(SHORT),
            ..one()
        })
        .await?;

    storage.pass(SHORT).await?;
    storage.promote(10).await?;

    assert_eq!(storage.worker().await?.claim_one().await?.id, id);
    Ok(())
}

async fn a_job_may_start_at_a_time(storage: &Storage) -> anyhow::Result<()> {
    let time = storage.now().await? + SHORT;
    let id = storage
        .put(Enqueue {
            start: Start::At(time + LONG),
            ..one()
        })
        .await?;
    let soon = storage
        .put(Enqueue {
            start: Start::At(time),
            ..one()
        })
        .await?;

    storage.pass(SHORT).await?;
    storage.promote(10).await?;

    let claimed = storage.worker().await?.claim_all().await?;
    assert_eq!(super::ids(&claimed), [soon]);
    assert_eq!(storage.job(id).await?.run_at, Some(time + LONG));
    Ok(())
}

async fn a_time_that_has_passed_is_due(storage: &Storage) -> anyhow::Result<()> {
    let time = storage.now().await? - Duration::from_secs(1);
    let id = storage
        .put(Enqueue {
            start: Start::At(time),
            ..one()
        })
        .await?;

    storage.promote(10).await?;

    assert_eq!(storage.worker().await?.claim_one().await?.id, id);
    Ok(())
}
