//! What every driver promises about the jobs that are asked for.

use pgq::driver::{Detail, End, NewJob, Start};
use pgq::{JobId, JobState, Jobs};

use super::{LONG, SHORT, Storage, TASK, completion, conformance, ending, jobs, one};

conformance! {
    only_jobs_with_the_tag_are_listed,
    jobs_that_are_rare_among_those_with_the_tag_are_found,
    only_jobs_of_a_time_are_listed,
    what_is_old_is_found_page_by_page,
    only_jobs_that_are_named_are_listed,
    named_jobs_are_listed_page_by_page,
    a_filter_is_what_all_of_it_says,
    jobs_are_counted_as_they_are_listed,
    a_count_of_very_many_ends_early,
}

const TAG: &str = "vip";

/// The ids of every page.
async fn all(storage: &Storage, mut jobs: Jobs) -> anyhow::Result<Vec<JobId>> {
    let mut ids = Vec::new();
    loop {
        let page = jobs.list(storage.driver()).await?;
        ids.extend(page.jobs.iter().map(|job| job.id));
        match page.next {
            Some(next) => jobs = jobs.after(next),
            None => return Ok(ids),
        }
    }
}

/// A job with tags.
fn tagged(tags: &[&str]) -> NewJob {
    let detail = Detail {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Detail::default()
    };
    NewJob::new(b"\x01".to_vec()).detail(detail)
}

impl Storage {
    async fn put_tagged(&self, tags: &[&str], start: Start) -> anyhow::Result<JobId> {
        let mut enqueue = one();
        enqueue.jobs = vec![tagged(tags)];
        enqueue.start = start;
        self.put(enqueue).await
    }
}

async fn only_jobs_with_the_tag_are_listed(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let mut expected = Vec::new();
    for tags in [&[TAG][..], &["other"], &[], &["other", TAG]] {
        let start = Start::Now;
        let completed = storage.put_tagged(tags, start).await?;
        worker.complete(&worker.claim_one().await?).await?;
        let failed = storage.put_tagged(tags, start).await?;
        worker.end(&worker.claim_one().await?, End::Failed).await?;
        let running = storage.put_tagged(tags, start).await?;
        worker.claim_one().await?;
        let scheduled = storage.put_tagged(tags, Start::After(LONG)).await?;
        if tags.contains(&TAG) {
            expected.push([completed, failed, running, scheduled]);
        }
    }
    let ready = storage.put_tagged(&[TAG], Start::Now).await?;

    for (place, state) in [
        JobState::Completed,
        JobState::Failed,
        JobState::Running,
        JobState::Scheduled,
    ]
    .into_iter()
    .enumerate()
    {
        let listed = all(storage, Jobs::in_state(state).tag(TAG)).await?;
        let mut matching: Vec<_> = expected.iter().map(|jobs| jobs[place]).collect();
        matching.reverse();
        assert_eq!(listed, matching, "{state}");
    }
    let listed = all(storage, Jobs::in_state(JobState::Ready).tag(TAG)).await?;
    assert_eq!(listed, [ready]);
    Ok(())
}

async fn jobs_that_are_rare_among_those_with_the_tag_are_found(
    storage: &Storage,
) -> anyhow::Result<()> {
    let later = storage.put_tagged(&[TAG], Start::After(LONG)).await?;
    let mut many = one();
    many.jobs = vec![tagged(&[TAG]); 450];
    let ready = storage.enqueue(many).await?;

    let scheduled = Jobs::in_state(JobState::Scheduled).tag(TAG);
    assert_eq!(all(storage, scheduled).await?, [later]);
    let mut listed = all(storage, Jobs::in_state(JobState::Ready).tag(TAG).limit(7)).await?;
    listed.reverse();
    assert_eq!(listed, ready);
    Ok(())
}

async fn only_jobs_of_a_time_are_listed(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let mut created = Vec::new();
    for _ in 0..3 {
        let queued = storage.enqueue(jobs([b"\x01", b"\x02", b"\x03"])).await?;
        let claimed = worker.claim_all().await?;
        worker.complete(&claimed[0]).await?;
        storage
            .end(worker.id, &[ending(&claimed[1], End::Retry(LONG))])
            .await?;
        let ready = storage.put(one()).await?;
        let seen = storage.job(queued[0]).await?.created_at;
        created.push((seen, [queued[0], queued[1], queued[2], ready]));
        // Else it would be claimed with the next ones.
        let job = storage.job(ready).await?;
        storage.pass(SHORT).await?;
        if created.len() < 3 {
            storage.delete(&[job]).await?;
        }
    }
    let (second, third) = (created[1].0, created[2].0);

    for (place, state) in [JobState::Completed, JobState::Scheduled, JobState::Running]
        .into_iter()
        .enumerate()
    {
        let of = |batches: &[usize]| -> Vec<JobId> {
            batches
                .iter()
                .map(|batch| created[*batch].1[place])
                .collect()
        };
        let listed = |jobs| all(storage, jobs);
        let state = Jobs::in_state(state);
        let from = state.clone().created_from(second);
        assert_eq!(listed(from.clone()).await?, of(&[2, 1]));
        assert_eq!(listed(from.created_before(third)).await?, of(&[1]));
        assert_eq!(listed(state.created_before(second)).await?, of(&[0]));
    }
    let ready = Jobs::in_state(JobState::Ready);
    let late = all(storage, ready.clone().created_from(third)).await?;
    assert_eq!(late, [created[2].1[3]]);
    assert!(all(storage, ready.created_before(third)).await?.is_empty());
    Ok(())
}

async fn what_is_old_is_found_page_by_page(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let old = storage.put(one()).await?;
    worker.complete(&worker.claim_one().await?).await?;
    storage.pass(SHORT).await?;
    let time = storage.now().await?;
    storage.pass(SHORT).await?;
    let mut many = one();
    many.jobs = vec![NewJob::new(b"\x01".to_vec()); 1500];
    storage.enqueue(many).await?;
    let claimed = worker.claim_all().await?;
    let completions: Vec<_> = claimed.iter().map(completion).collect();
    storage.complete(worker.id, &completions).await?;

    let jobs = Jobs::in_state(JobState::Completed).created_before(time);
    assert_eq!(all(storage, jobs).await?, [old]);
    Ok(())
}

async fn only_jobs_that_are_named_are_listed(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let queued = storage
        .enqueue(jobs([b"\x01", b"\x02", b"\x03", b"\x04"]))
        .await?;
    let claimed = worker.claim_all().await?;
    worker.complete(&claimed[0]).await?;
    worker.complete(&claimed[1]).await?;
    worker.end(&claimed[2], End::Retry(LONG)).await?;
    let ready = storage.put(one()).await?;

    let mut wanted = queued[1..].to_vec();
    wanted.extend([ready, queued[1], JobId::from_i64(i64::MAX)]);
    for (state, expected) in [
        (JobState::Completed, vec![queued[1]]),
        (JobState::Scheduled, vec![queued[2]]),
        (JobState::Running, vec![queued[3]]),
        (JobState::Ready, vec![ready]),
        (JobState::Failed, vec![]),
    ] {
        let named = Jobs::in_state(state).ids(wanted.clone());
        assert_eq!(all(storage, named).await?, expected, "{state}");
    }
    assert!(
        all(storage, Jobs::in_state(JobState::Ready).ids([]))
            .await?
            .is_empty()
    );
    Ok(())
}

async fn named_jobs_are_listed_page_by_page(storage: &Storage) -> anyhow::Result<()> {
    let mut many = one();
    many.jobs = vec![NewJob::new(b"\x01".to_vec()); 450];
    let queued = storage.enqueue(many).await?;

    for limit in [7, 200, 1000] {
        let named = Jobs::in_state(JobState::Ready).ids(queued.clone());
        let mut listed = all(storage, named.limit(limit)).await?;
        listed.reverse();
        assert_eq!(listed, queued, "{limit} a page");
    }
    Ok(())
}

async fn a_filter_is_what_all_of_it_says(storage: &Storage) -> anyhow::Result<()> {
    let mut wanted = Vec::new();
    for task in [TASK, "other"] {
        for tags in [&[TAG][..], &[]] {
            let mut enqueue = one();
            enqueue.task = task.into();
            enqueue.jobs = vec![tagged(tags); 2];
            let ids = storage.enqueue(enqueue).await?;
            wanted.push(ids[0]);
        }
    }

    let jobs = Jobs::in_state(JobState::Ready)
        .task(TASK)
        .tag(TAG)
        .ids(wanted.clone());

    assert_eq!(all(storage, jobs).await?, [wanted[0]]);
    Ok(())
}

async fn jobs_are_counted_as_they_are_listed(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let mut enqueue = one();
    enqueue.jobs = vec![tagged(&[TAG]); 1100];
    storage.enqueue(enqueue).await?;
    let claimed = worker.claim_all().await?;
    let completions: Vec<_> = claimed.iter().map(completion).collect();
    storage.complete(worker.id, &completions).await?;
    let mut other = one();
    other.task = "other".into();
    storage.put(other).await?;
    storage.put_tagged(&[TAG], Start::Now).await?;

    for (jobs, expected) in [
        (Jobs::in_state(JobState::Completed).task(TASK), 1100),
        (Jobs::in_state(JobState::Completed).tag(TAG), 1100),
        (Jobs::in_state(JobState::Completed).task("other"), 0),
        (Jobs::in_state(JobState::Ready), 2),
        (Jobs::in_state(JobState::Ready).task("other"), 1),
        (Jobs::in_state(JobState::Ready).tag(TAG), 1),
    ] {
        let count = jobs.count(storage.driver()).await?;
        assert_eq!((count.jobs, count.is_exact), (expected, true), "{jobs:?}");
    }
    Ok(())
}

async fn a_count_of_very_many_ends_early(storage: &Storage) -> anyhow::Result<()> {
    let mut many = one();
    many.jobs = vec![NewJob::new(b"\x01".to_vec()); 20_001];
    storage.enqueue(many).await?;

    let ready = Jobs::in_state(JobState::Ready).task(TASK);
    let count = ready.count(storage.driver()).await?;

    assert_eq!((count.jobs, count.is_exact), (20_000, false));
    Ok(())
}
