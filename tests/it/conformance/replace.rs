//! What every driver promises about jobs that take the place of others.

use std::time::Duration;

use pgq::driver::{Detail, End, Enqueue, NewJob, NewKey, Start};
use pgq::{Conflict, Enqueued, JobState};

use super::unique::{SKIP, claimed, enqueue, job, key, of, put};
use super::{LONG, SHORT, Storage, enqueue_conformance, input};

enqueue_conformance! {
    a_job_that_waits_is_replaced,
    a_job_that_is_ready_can_be_put_off,
    a_replaced_job_leaves_nothing_behind,
    a_job_that_was_started_is_not_replaced,
    a_job_of_which_an_attempt_may_have_begun_is_not_replaced,
    a_job_that_was_given_back_unstarted_is_replaced,
    keys_of_a_period_are_replaced_in_the_lane_of_their_last_job,
    a_replacement_renews_the_period,
    of_jobs_that_replace_each_other_the_last_is_added,
}

async fn a_job_that_waits_is_replaced(storage: &Storage) -> anyhow::Result<()> {
    let later = Enqueue {
        start: Start::After(LONG),
        ..of([job("old", key("k", Conflict::Replace))])
    };
    let [(scheduled, _)] = enqueue(storage, later).await?;
    let sooner = Enqueue {
        priority: 7,
        ..of([job("new", key("k", Conflict::Replace))])
    };
    let [now] = enqueue(storage, sooner).await?;
    let newest = Enqueue {
        priority: 3,
        ..of([job("newest", key("k", Conflict::Replace))])
    };
    let [ready] = enqueue(storage, newest).await?;

    assert_eq!(now, (scheduled, Enqueued::Replaced));
    assert_eq!(ready, (scheduled, Enqueued::Replaced));
    let found = storage.job(scheduled).await?;
    assert_eq!((found.state, found.priority), (JobState::Ready, 3));
    assert_eq!(claimed(storage).await?, ["newest"]);
    Ok(())
}

async fn a_job_that_is_ready_can_be_put_off(storage: &Storage) -> anyhow::Result<()> {
    let [(id, _)] = put(storage, [job("old", key("k", Conflict::Replace))]).await?;
    let later = Enqueue {
        start: Start::After(LONG),
        ..of([job("new", key("k", Conflict::Replace))])
    };

    let [put_off] = enqueue(storage, later).await?;

    assert_eq!(put_off, (id, Enqueued::Replaced));
    let found = storage.job(id).await?;
    assert_eq!(found.state, JobState::Scheduled);
    assert_eq!(found.run_at, Some(found.created_at + LONG));
    assert_eq!(claimed(storage).await?, [""; 0]);
    Ok(())
}

async fn a_replaced_job_leaves_nothing_behind(storage: &Storage) -> anyhow::Result<()> {
    let replace = |input, tag: &str| {
        NewJob::new(input)
            .key(key("k", Conflict::Replace))
            .detail(Detail {
                tags: vec![tag.to_owned()],
                ..Detail::default()
            })
    };
    put(storage, [replace(vec![1; 10_000], "old")]).await?;
    put(storage, [replace(vec![2; 20_000], "new")]).await?;
    let worker = storage.worker().await?;
    let large = worker.claim_one().await?;
    let mut held = storage
        .inputs(worker.id, &[(large.id, large.claim)])
        .await?;
    worker.complete(&large).await?;
    put(storage, [replace(vec![1; 10_000], "old")]).await?;
    put(storage, [job("small", key("k", Conflict::Replace))]).await?;
    let small = worker.claim_one().await?;

    assert_eq!(large.input.missing(), 20_000);
    assert_eq!(
        held.pop().and_then(|held| held.input),
        Some(vec![2; 20_000])
    );
    assert_eq!(
        large.detail.map(|detail| detail.tags),
        Some(vec!["new".to_owned()])
    );
    assert_eq!(
        (input(&small), small.detail.as_deref()),
        (&b"small"[..], None)
    );
    Ok(())
}

async fn a_job_that_was_started_is_not_replaced(storage: &Storage) -> anyhow::Result<()> {
    let replace = |text| job(text, key("k", Conflict::Replace));
    let [(id, _)] = put(storage, [replace("old")]).await?;
    let worker = storage.worker().await?;
    let claimed_job = worker.claim_one().await?;

    let [running] = put(storage, [replace("new")]).await?;
    worker.end(&claimed_job, End::Retry(Duration::ZERO)).await?;
    let [retried] = put(storage, [replace("new")]).await?;

    assert_eq!([running, retried], [(id, Enqueued::Existing); 2]);
    storage.pass(SHORT).await?;
    assert_eq!(claimed(storage).await?, ["old"]);
    Ok(())
}

async fn a_job_of_which_an_attempt_may_have_begun_is_not_replaced(
    storage: &Storage,
) -> anyhow::Result<()> {
    for way in ["release", "late release", "rescue", "goodbye", "requeue"] {
        let replace = |text| {
            let key = NewKey {
                within: Some(LONG),
                ..key(way, Conflict::Replace)
            };
            job(text, key)
        };
        let [(id, _)] = put(storage, [replace("old")]).await?;
        let worker = storage.worker().await?;
        let held = worker.claim_one().await?;
        match way {
            "release" => {
                worker.end(&held, End::Release(Duration::ZERO)).await?;
            }
            "late release" => {
                worker.end(&held, End::Release(LONG)).await?;
            }
            "rescue" => {
                worker.die().await?;
                storage.rescue(3).await?;
            }
            "goodbye" => storage.deregister_worker(worker.id).await?,
            _ => {
                worker.end(&held, End::Failed).await?;
                storage.requeue(&[storage.job(id).await?]).await?;
            }
        }
        let waiting = storage.job(id).await?;

        let [again] = put(storage, [replace("new")]).await?;

        assert_eq!(waiting.attempt, 0, "{way}");
        assert_eq!(again, (id, Enqueued::Existing), "{way}");
        storage.cancel(id).await?;
    }
    Ok(())
}

async fn a_job_that_was_given_back_unstarted_is_replaced(storage: &Storage) -> anyhow::Result<()> {
    let replace = |text| job(text, key("k", Conflict::Replace));
    let [(id, _)] = put(storage, [replace("old")]).await?;
    let worker = storage.worker().await?;
    worker
        .end(&worker.claim_one().await?, End::Unstarted(Duration::ZERO))
        .await?;

    let [replaced] = put(storage, [replace("new")]).await?;

    assert_eq!(replaced, (id, Enqueued::Replaced));
    assert_eq!(claimed(storage).await?, ["new"]);
    Ok(())
}

async fn keys_of_a_period_are_replaced_in_the_lane_of_their_last_job(
    storage: &Storage,
) -> anyhow::Result<()> {
    let of = |text, priority, within| {
        let key = NewKey {
            within: Some(within),
            ..key("k", Conflict::Replace)
        };
        Enqueue {
            priority,
            ..of([job(text, key)])
        }
    };
    let worker = storage.worker().await?;
    let [_] = enqueue(storage, of("first", 1, SHORT)).await?;
    worker.complete(&worker.claim_one().await?).await?;
    storage.pass(SHORT).await?;
    let [(second, new)] = enqueue(storage, of("second", 8, LONG)).await?;

    let [third] = enqueue(storage, of("third", 3, LONG)).await?;

    assert_eq!(new, Enqueued::New);
    assert_eq!(third, (second, Enqueued::Replaced));
    assert_eq!(claimed(storage).await?, ["third"]);
    Ok(())
}

async fn a_replacement_renews_the_period(storage: &Storage) -> anyhow::Result<()> {
    let replace = |within| NewKey {
        within: Some(within),
        ..key("k", Conflict::Replace)
    };
    let [(id, _)] = put(storage, [job("old", replace(SHORT * 50))]).await?;
    put(storage, [job("new", replace(LONG))]).await?;
    storage.pass(SHORT * 50).await?;

    let [third] = put(storage, [job("newest", key("k", SKIP))]).await?;

    assert_eq!(third, (id, Enqueued::Existing));
    Ok(())
}

async fn of_jobs_that_replace_each_other_the_last_is_added(
    storage: &Storage,
) -> anyhow::Result<()> {
    let replace = |text| job(text, key("k", Conflict::Replace));
    let [first, second, third] = put(storage, [replace("1"), replace("2"), replace("3")]).await?;

    assert_eq!(third.1, Enqueued::New);
    assert_eq!([first, second], [(third.0, Enqueued::Existing); 2]);
    assert_eq!(claimed(storage).await?, ["3"]);
    Ok(())
}
