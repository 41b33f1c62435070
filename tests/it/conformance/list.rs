//! What every driver promises about `list` and `count`.

use pgq::driver::{End, Enqueue, Listing, Start};
use pgq::{JobId, JobState};

use super::{LONG, QUEUE, Storage, TASK, completion, conformance, ending, jobs, one};

conformance! {
    a_job_is_listed_in_its_state_and_in_no_other,
    jobs_are_listed_newest_first,
    pages_follow_each_other,
    a_job_that_is_ready_again_is_listed_by_its_return,
    only_jobs_of_the_queue_and_the_task_are_listed,
    what_is_rare_is_found_page_by_page,
    a_listed_job_is_the_found_one,
    jobs_are_counted_by_state,
    ready_jobs_are_counted_by_queue,
}

const OTHER: &str = "other";

fn listing(state: JobState) -> Listing {
    Listing::of(state, 100)
}

/// The ids of every page, and how many pages there are.
async fn all(storage: &Storage, mut listing: Listing) -> anyhow::Result<(Vec<JobId>, usize)> {
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let page = storage.list(&listing).await?;
        assert!(page.jobs.len() <= listing.limit);
        assert!(page.jobs.iter().all(|job| job.state == listing.state));
        ids.extend(page.jobs.iter().map(|job| job.id));
        pages += 1;
        match page.next {
            Some(next) => listing.after = Some(next),
            None => return Ok((ids, pages)),
        }
    }
}

async fn listed(storage: &Storage, state: JobState) -> anyhow::Result<Vec<JobId>> {
    Ok(all(storage, listing(state)).await?.0)
}

fn reversed(mut ids: Vec<JobId>) -> Vec<JobId> {
    ids.reverse();
    ids
}

async fn a_job_is_listed_in_its_state_and_in_no_other(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.enqueue(jobs([b"\x01", b"\x02", b"\x03"])).await?;
    let claimed = worker.claim_all().await?;
    worker.complete(&claimed[0]).await?;
    worker.end(&claimed[1], End::Failed).await?;
    let ready = storage.put(one()).await?;
    let scheduled = storage
        .put(Enqueue {
            start: Start::After(LONG),
            ..one()
        })
        .await?;

    for (state, expected) in [
        (JobState::Scheduled, vec![scheduled]),
        (JobState::Ready, vec![ready]),
        (JobState::Running, vec![claimed[2].id]),
        (JobState::Completed, vec![claimed[0].id]),
        (JobState::Failed, vec![claimed[1].id]),
        (JobState::Cancelled, Vec::new()),
        (JobState::Expired, Vec::new()),
    ] {
        assert_eq!(listed(storage, state).await?, expected, "{state}");
    }
    Ok(())
}

async fn jobs_are_listed_newest_first(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let mut ids = storage.enqueue(jobs([b"\x01"; 5])).await?;
    // Whatever their priority, and whoever ended first.
    ids.push(
        storage
            .put(Enqueue {
                priority: 9,
                ..one()
            })
            .await?,
    );
    ids.extend(storage.enqueue(jobs([b"\x01"; 5])).await?);
    assert_eq!(
        listed(storage, JobState::Ready).await?,
        reversed(ids.clone())
    );

    let claimed = worker.claim_all().await?;
    assert_eq!(
        listed(storage, JobState::Running).await?,
        reversed(ids.clone())
    );
    for job in &claimed {
        worker.complete(job).await?;
    }
    assert_eq!(listed(storage, JobState::Completed).await?, reversed(ids));
    Ok(())
}

async fn pages_follow_each_other(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let ids = reversed(storage.enqueue(jobs([b"\x01"; 7])).await?);
    let paged = async |state| {
        let listing = Listing {
            limit: 3,
            ..listing(state)
        };
        all(storage, listing).await
    };

    assert_eq!(paged(JobState::Ready).await?, (ids.clone(), 3));
    let claimed = worker.claim_all().await?;
    assert_eq!(paged(JobState::Running).await?, (ids.clone(), 3));
    let completions: Vec<_> = claimed.iter().map(completion).collect();
    storage.complete(worker.id, &completions).await?;
    assert_eq!(paged(JobState::Completed).await?, (ids, 3));
    Ok(())
}

async fn a_job_that_is_ready_again_is_listed_by_its_return(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let ids = storage.enqueue(jobs([b"\x01", b"\x02"])).await?;
    let first = worker.claim_one().await?;
    worker
        .end(&first, End::Release(std::time::Duration::ZERO))
        .await?;

    assert_eq!(listed(storage, JobState::Ready).await?, ids);
    Ok(())
}

async fn only_jobs_of_the_queue_and_the_task_are_listed(storage: &Storage) -> anyhow::Result<()> {
    let mut expected = Vec::new();
    for (queue, task) in [
        (QUEUE, TASK),
        (QUEUE, OTHER),
        (OTHER, TASK),
        (QUEUE, TASK),
        (OTHER, OTHER),
    ] {
        for start in [Start::Now, Start::After(LONG)] {
            let id = storage
                .put(Enqueue {
                    queue: queue.into(),
                    task: task.into(),
                    start,
                    ..one()
                })
                .await?;
            expected.push((start == Start::Now, queue, task, id));
        }
    }

    for (state, ready) in [(JobState::Ready, true), (JobState::Scheduled, false)] {
        for queue in [None, Some(QUEUE), Some(OTHER), Some("nobody's")] {
            for task in [None, Some(TASK), Some(OTHER)] {
                let listing = Listing {
                    queue: queue.map(str::to_owned),
                    task: task.map(str::to_owned),
                    ..listing(state)
                };
                let matching = expected
                    .iter()
                    .filter(|job| job.0 == ready)
                    .filter(|job| queue.is_none_or(|queue| queue == job.1))
                    .filter(|job| task.is_none_or(|task| task == job.2))
                    .map(|job| job.3)
                    .collect();
                let (ids, _) = all(storage, listing).await?;
                assert_eq!(ids, reversed(matching), "{state} {queue:?} {task:?}");
            }
        }
    }
    Ok(())
}

async fn what_is_rare_is_found_page_by_page(storage: &Storage) -> anyhow::Result<()> {
    let rare = |start| Enqueue {
        task: OTHER.into(),
        start,
        ..one()
    };
    for (state, start) in [
        (JobState::Ready, Start::Now),
        (JobState::Scheduled, Start::After(LONG)),
    ] {
        let id = storage.put(rare(start)).await?;
        let many = Enqueue {
            start,
            ..jobs([b"\x01"; 2500])
        };
        storage.enqueue(many).await?;

        let listing = Listing {
            task: Some(OTHER.to_owned()),
            ..listing(state)
        };
        let (ids, _) = all(storage, listing).await?;
        assert_eq!(ids, [id], "{state}");
    }
    Ok(())
}

async fn a_listed_job_is_the_found_one(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.enqueue(jobs([b"\x01", b"\x02", b"\x03"])).await?;
    let claimed = worker.claim_all().await?;
    worker.complete(&claimed[0]).await?;
    storage
        .end(worker.id, &[ending(&claimed[1], End::Failed)])
        .await?;
    worker.end(&claimed[2], End::Retry(LONG)).await?;

    for state in [JobState::Completed, JobState::Failed, JobState::Scheduled] {
        let page = storage.list(&listing(state)).await?;
        let [job] = &page.jobs[..] else {
            panic!("{state}: {page:?}");
        };
        let found = storage.job(job.id).await?;
        assert_eq!(format!("{job:?}"), format!("{found:?}"), "{state}");
    }
    Ok(())
}

async fn jobs_are_counted_by_state(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.enqueue(jobs([b"\x01", b"\x02"])).await?;
    worker.claim_all().await?;
    storage.enqueue(jobs([b"\x01", b"\x02", b"\x03"])).await?;
    let later = Enqueue {
        start: Start::After(LONG),
        ..one()
    };
    storage.put(later).await?;

    let counts = storage.count().await?;
    for (state, expected) in [
        (JobState::Scheduled, 1),
        (JobState::Ready, 3),
        (JobState::Running, 2),
    ] {
        let count = counts.state(state);
        assert_eq!((count.jobs, count.is_exact), (expected, true), "{state}");
    }
    Ok(())
}

async fn ready_jobs_are_counted_by_queue(storage: &Storage) -> anyhow::Result<()> {
    for (queue, priority, number) in [(OTHER, 0, 1), (QUEUE, 0, 2), (QUEUE, 7, 3)] {
        for _ in 0..number {
            let enqueue = Enqueue {
                queue: queue.into(),
                priority,
                ..one()
            };
            storage.put(enqueue).await?;
        }
    }

    let counts = storage.count().await?;
    let queues: Vec<_> = counts
        .queues
        .iter()
        .map(|waiting| (&*waiting.queue, waiting.ready.to_string()))
        .collect();
    assert_eq!(queues, [(QUEUE, "5".to_owned()), (OTHER, "1".to_owned())]);
    assert!(counts.queues.iter().all(|waiting| waiting.waited < LONG));
    Ok(())
}
