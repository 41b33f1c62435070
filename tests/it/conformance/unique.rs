//! What every driver promises about jobs that are the same.

use std::time::Duration;

use pgq::driver::{Detail, End, Enqueue, KeyedJobs, Marks, NewJob, NewKey};
use pgq::{Conflict, Enqueued, JobId, JobState, Retention};

use super::{LONG, SHORT, Storage, enqueue_conformance, input, one};

enqueue_conformance! {
    a_second_job_of_a_key_is_skipped,
    jobs_of_different_keys_do_not_meet,
    a_key_is_free_once_its_job_has_ended,
    a_key_is_held_while_its_job_has_not_ended,
    a_key_with_a_period_is_held_for_that_long,
    a_second_job_is_refused_if_asked_for,
    of_refused_jobs_none_is_added_and_no_key_is_taken,
    of_jobs_of_one_call_that_are_the_same_the_first_is_added,
    large_inputs_and_details_go_with_keys,
    jobs_with_keys_keep_the_order_of_their_enqueue,
}

pub(super) const SKIP: Conflict = Conflict::Skip;

pub(super) fn key(name: &str, conflict: Conflict) -> NewKey {
    NewKey {
        key: name.as_bytes().to_vec(),
        within: None,
        conflict,
    }
}

pub(super) fn job(text: &str, key: NewKey) -> NewJob {
    NewJob::new(text.as_bytes().to_vec()).key(key)
}

pub(super) fn of<const N: usize>(jobs: [NewJob; N]) -> Enqueue {
    Enqueue {
        jobs: jobs.into(),
        ..one()
    }
}

/// Enqueues jobs that must not be refused.
pub(super) async fn put<const N: usize>(
    storage: &Storage,
    jobs: [NewJob; N],
) -> anyhow::Result<[(JobId, Enqueued); N]> {
    enqueue(storage, of(jobs)).await
}

pub(super) async fn enqueue<const N: usize>(
    storage: &Storage,
    enqueue: Enqueue,
) -> anyhow::Result<[(JobId, Enqueued); N]> {
    match storage.enqueue_unique(enqueue).await? {
        KeyedJobs::Enqueued(jobs) => Ok(jobs
            .try_into()
            .map_err(|jobs| anyhow::anyhow!("not {N} jobs: {jobs:?}"))?),
        KeyedJobs::Refused(job) => anyhow::bail!("refused because of {job:?}"),
    }
}

/// The inputs of the jobs that are claimed, in their order.
pub(super) async fn claimed(storage: &Storage) -> anyhow::Result<Vec<String>> {
    storage.promote(100).await?;
    let worker = storage.worker().await?;
    let jobs = worker.claim_all().await?;
    let text = |job| String::from_utf8_lossy(input(job)).into_owned();
    Ok(jobs.iter().map(text).collect())
}

async fn a_second_job_of_a_key_is_skipped(storage: &Storage) -> anyhow::Result<()> {
    let [(first, new)] = put(storage, [job("first", key("k", SKIP))]).await?;
    let [(second, existing)] = put(storage, [job("second", key("k", SKIP))]).await?;

    assert_eq!((new, existing), (Enqueued::New, Enqueued::Existing));
    assert_eq!(first, second);
    assert_eq!(claimed(storage).await?, ["first"]);
    Ok(())
}

async fn jobs_of_different_keys_do_not_meet(storage: &Storage) -> anyhow::Result<()> {
    put(
        storage,
        [job("a", key("a", SKIP)), job("b", key("b", SKIP))],
    )
    .await?;
    put(storage, [job("c", key("c", SKIP))]).await?;
    storage.put(one()).await?;

    assert_eq!(claimed(storage).await?, ["a", "b", "c", "\x01"]);
    Ok(())
}

async fn a_key_is_free_once_its_job_has_ended(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    for end in [
        None,
        Some(End::Failed),
        Some(End::Cancelled),
        Some(End::Expired),
    ] {
        let [(id, enqueued)] = put(storage, [job("x", key("k", SKIP))]).await?;
        assert_eq!(enqueued, Enqueued::New, "before {end:?}");
        let claimed = worker.claim_one().await?;
        assert_eq!(claimed.id, id);
        assert!(claimed.marks.has(Marks::UNIQUE));
        match end {
            None => worker.complete(&claimed).await?,
            Some(end) => worker.end(&claimed, end).await?,
        };
    }
    let [(_, enqueued)] = put(storage, [job("x", key("k", SKIP))]).await?;
    assert_eq!(enqueued, Enqueued::New);

    // It fails, because too many workers died of it.
    let dead = storage.worker().await?;
    dead.claim_one().await?;
    dead.die().await?;
    storage.rescue(1).await?;
    let mut expiring = job("x", key("k", SKIP)).detail(Detail {
        expires: Some(pgq::driver::Expires::After(SHORT)),
        ..Detail::default()
    });
    let [(id, enqueued)] = put(storage, [expiring.clone()]).await?;
    assert_eq!(enqueued, Enqueued::New);

    // It expires where it waits.
    storage.pass(SHORT).await?;
    storage.expire(10, &Retention::DAY.into()).await?;
    assert_eq!(storage.job(id).await?.state, JobState::Expired);
    expiring.detail = None;
    let [(_, enqueued)] = put(storage, [expiring]).await?;
    assert_eq!(enqueued, Enqueued::New);
    Ok(())
}

async fn a_key_is_held_while_its_job_has_not_ended(storage: &Storage) -> anyhow::Result<()> {
    let [(id, _)] = put(storage, [job("x", key("k", SKIP))]).await?;
    let held = async || -> anyhow::Result<()> {
        let [found] = put(storage, [job("x", key("k", SKIP))]).await?;
        assert_eq!(found, (id, Enqueued::Existing));
        Ok(())
    };

    let ends = [
        End::Retry(Duration::ZERO),
        End::Release(Duration::ZERO),
        End::Unstarted(Duration::ZERO),
    ];
    for end in ends {
        let worker = storage.worker().await?;
        let claimed = worker.claim_one().await?;
        held().await?;
        worker.end(&claimed, end).await?;
        held().await?;
        storage.promote(10).await?;
    }
    let dead = storage.worker().await?;
    dead.claim_one().await?;
    dead.die().await?;
    storage.rescue(5).await?;
    held().await?;
    let leaving = storage.worker().await?;
    leaving.claim_one().await?;
    storage.deregister_worker(leaving.id).await?;
    held().await?;
    assert_eq!(claimed(storage).await?, ["x"]);
    Ok(())
}

async fn a_key_with_a_period_is_held_for_that_long(storage: &Storage) -> anyhow::Result<()> {
    let within = |time| NewKey {
        within: Some(time),
        ..key("k", SKIP)
    };
    let worker = storage.worker().await?;
    let [(first, _)] = put(storage, [job("x", within(SHORT * 50))]).await?;
    worker.complete(&worker.claim_one().await?).await?;

    let [second] = put(storage, [job("x", within(SHORT))]).await?;
    storage.pass(SHORT * 50).await?;
    let [(third, new)] = put(storage, [job("x", within(LONG))]).await?;
    let [fourth] = put(storage, [job("x", within(SHORT))]).await?;

    assert_eq!(second, (first, Enqueued::Existing));
    assert_eq!(new, Enqueued::New);
    assert_eq!(fourth, (third, Enqueued::Existing));
    Ok(())
}

async fn a_second_job_is_refused_if_asked_for(storage: &Storage) -> anyhow::Result<()> {
    let raise = || job("x", key("k", Conflict::Raise));
    let [(id, new)] = put(storage, [raise()]).await?;

    let refused = storage.enqueue_unique(of([raise()])).await?;

    assert_eq!(new, Enqueued::New);
    assert_eq!(refused, KeyedJobs::Refused(Some(id)));
    assert_eq!(claimed(storage).await?, ["x"]);
    Ok(())
}

async fn of_refused_jobs_none_is_added_and_no_key_is_taken(
    storage: &Storage,
) -> anyhow::Result<()> {
    let raise = |name| job(name, key(name, Conflict::Raise));
    let [(id, _)] = put(storage, [raise("m")]).await?;

    let refused = storage
        .enqueue_unique(of([raise("a"), raise("m"), raise("z")]))
        .await?;
    let twice = storage
        .enqueue_unique(of([raise("a"), raise("b"), raise("a")]))
        .await?;

    assert_eq!(refused, KeyedJobs::Refused(Some(id)));
    assert_eq!(twice, KeyedJobs::Refused(None));
    assert_eq!(claimed(storage).await?, ["m"]);
    let free = put(storage, [raise("a"), raise("b"), raise("z")]).await?;
    assert_eq!(free.map(|(_, enqueued)| enqueued), [Enqueued::New; 3]);
    Ok(())
}

async fn of_jobs_of_one_call_that_are_the_same_the_first_is_added(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = [
        job("1", key("k", SKIP)),
        job("2", key("j", SKIP)),
        job("3", key("k", SKIP)),
    ];
    let [first, _, third] = put(storage, jobs).await?;

    assert_eq!(first.1, Enqueued::New);
    assert_eq!(third, (first.0, Enqueued::Existing));
    assert_eq!(claimed(storage).await?, ["1", "2"]);
    Ok(())
}

async fn large_inputs_and_details_go_with_keys(storage: &Storage) -> anyhow::Result<()> {
    let tagged = |tag: &str| Detail {
        tags: vec![tag.to_owned()],
        ..Detail::default()
    };
    let jobs = [
        job("a", key("a", SKIP)).detail(tagged("a")),
        NewJob::new(vec![9; 5000]).key(key("b", SKIP)),
        job("c", key("a", SKIP)).detail(tagged("c")),
        NewJob::new(vec![8; 7000])
            .key(key("d", SKIP))
            .detail(tagged("d")),
    ];
    put(storage, jobs).await?;

    let claimed = storage.worker().await?.claim_all().await?;

    let tags: Vec<_> = claimed.iter().map(|job| job.detail.clone()).collect();
    let expected = [Some(tagged("a")), None, Some(tagged("d"))];
    assert_eq!(tags, expected.map(|detail| detail.map(Box::new)));
    let missing: Vec<_> = claimed.iter().map(|job| job.input.missing()).collect();
    assert_eq!(missing, [0, 5000, 7000]);
    Ok(())
}

async fn jobs_with_keys_keep_the_order_of_their_enqueue(storage: &Storage) -> anyhow::Result<()> {
    let names = ["q", "c", "z", "a", "m", "b", "y"];

    let jobs = put(storage, names.map(|name| job(name, key(name, SKIP)))).await?;

    assert!(jobs.is_sorted_by_key(|(id, _)| *id), "{jobs:?}");
    assert_eq!(claimed(storage).await?, names);
    Ok(())
}
