//! What every driver promises about workers: leases, rescue and what they hold.

use std::time::Duration;

use pgq::driver::{AttemptDriver, ClaimedJob, DeadJob, End, Marks, Rescued, WorkerId};
use pgq::{JobId, JobState};

use super::{LONG, QUEUE, Storage, conformance, ids, jobs, one};

/// For how many deaths a job may be to blame.
const BLAME_MAX: i16 = 3;

conformance! {
    the_id_of_a_worker_is_taken_once,
    a_late_heartbeat_keeps_a_worker_that_was_not_rescued,
    a_heartbeat_keeps_a_worker_from_being_rescued,
    the_heartbeat_of_a_rescued_worker_is_refused,
    the_heartbeat_of_a_stranger_is_refused,
    a_rescue_makes_the_jobs_ready_and_gives_their_attempt_back,
    a_rescue_takes_from_every_dead_worker,
    a_rescue_leaves_live_workers_alone,
    a_rescue_finds_a_worker_that_held_nothing,
    nobody_is_rescued_twice,
    a_worker_holds_its_jobs_until_it_is_rescued,
    a_rescued_worker_can_write_nothing,
    a_rescued_worker_may_not_claim,
    a_job_fails_once_enough_workers_died_of_it,
    a_rescue_tells_ready_jobs_from_failed_ones,
    jobs_that_two_workers_died_with_are_suspects_and_not_to_blame, the_suspect_that_ran_is_to_blame, a_job_whose_attempt_has_ended_is_no_suspect, a_rescued_job_is_told_as_it_is,
    a_worker_that_stops_gives_its_jobs_back_at_no_cost,
    a_worker_that_has_stopped_may_not_claim,
    a_worker_that_has_stopped_can_write_nothing,
    a_stranger_may_stop,
    held_names_each_job_with_its_claim,
    a_stranger_holds_nothing,
}

async fn the_id_of_a_worker_is_taken_once(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.put(one()).await?;
    let claimed = worker.claim_one().await?;

    let again = storage.register_worker(worker.info()).await?;

    assert!(!again);
    assert_eq!(worker.held().await?, [(claimed.id, claimed.claim)]);
    Ok(())
}

async fn a_late_heartbeat_keeps_a_worker_that_was_not_rescued(
    storage: &Storage,
) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let worker = storage.worker().await?;
    worker.die().await?;

    let alive = storage.heartbeat(worker.id, LONG, 0).await?;

    assert!(alive);
    assert_eq!(worker.claim_one().await?.id, id);
    Ok(())
}

async fn a_heartbeat_keeps_a_worker_from_being_rescued(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    worker.die().await?;
    storage.heartbeat(worker.id, LONG, 0).await?;

    let rescued = storage.rescue(BLAME_MAX).await?;

    assert_eq!(rescued, Rescued::default());
    assert_eq!(worker.complete(&claimed).await?, 1);
    Ok(())
}

async fn the_heartbeat_of_a_rescued_worker_is_refused(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    worker.die().await?;
    storage.rescue(BLAME_MAX).await?;

    let alive = storage.heartbeat(worker.id, LONG, 0).await?;

    assert!(!alive);
    assert!(worker.has_lost_its_lease().await?);
    Ok(())
}

async fn the_heartbeat_of_a_stranger_is_refused(storage: &Storage) -> anyhow::Result<()> {
    let stopped = storage.worker().await?;
    storage.deregister_worker(stopped.id).await?;

    assert!(!storage.heartbeat(WorkerId::random(), LONG, 0).await?);
    assert!(!storage.heartbeat(stopped.id, LONG, 0).await?);
    Ok(())
}

async fn a_rescue_makes_the_jobs_ready_and_gives_their_attempt_back(
    storage: &Storage,
) -> anyhow::Result<()> {
    let enqueued = storage.enqueue(jobs([b"a", b"b"])).await?;
    let worker = storage.worker().await?;
    worker.claim_all().await?;
    worker.die().await?;

    let rescued = storage.rescue(BLAME_MAX).await?;

    let expected = Rescued {
        workers: 1,
        ready: 2,
        failed: vec![],
        cancelled: 0,
    };
    assert_eq!(rescued, expected);
    for id in &enqueued {
        let job = storage.job(*id).await?;
        assert_eq!(job.state, JobState::Ready);
        assert_eq!((job.attempt, job.deliveries, job.deaths), (0, 1, 1));
    }
    let again = storage.worker().await?.claim_all().await?;
    assert_eq!(ids(&again), enqueued);
    assert_eq!((again[0].attempt, again[0].deliveries), (1, 2));
    Ok(())
}

async fn a_rescue_takes_from_every_dead_worker(storage: &Storage) -> anyhow::Result<()> {
    let enqueued = storage.enqueue(jobs([b"a", b"b", b"c"])).await?;
    for _ in 0..3 {
        let worker = storage.worker().await?;
        worker.claim_one().await?;
        worker.die().await?;
    }

    let rescued = storage.rescue(BLAME_MAX).await?;

    let expected = Rescued {
        workers: 3,
        ready: 3,
        failed: vec![],
        cancelled: 0,
    };
    assert_eq!(rescued, expected);
    let mut again = ids(&storage.worker().await?.claim_all().await?);
    again.sort();
    assert_eq!(again, enqueued);
    Ok(())
}

async fn a_rescue_leaves_live_workers_alone(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b"])).await?;
    let (alive, dead) = (storage.worker().await?, storage.worker().await?);
    let kept = alive.claim_one().await?;
    let lost = dead.claim_one().await?;
    dead.die().await?;

    let rescued = storage.rescue(BLAME_MAX).await?;

    assert_eq!((rescued.workers, rescued.ready), (1, 1));
    assert_eq!(storage.job(lost.id).await?.state, JobState::Ready);
    assert_eq!(storage.job(kept.id).await?.deaths, 0);
    assert_eq!(alive.held().await?, [(kept.id, kept.claim)]);
    assert!(storage.heartbeat(alive.id, LONG, 0).await?);
    assert_eq!(alive.complete(&kept).await?, 1);
    Ok(())
}

async fn a_rescue_finds_a_worker_that_held_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.worker().await?.die().await?;

    let rescued = storage.rescue(BLAME_MAX).await?;

    let expected = Rescued {
        workers: 1,
        ..Rescued::default()
    };
    assert_eq!(rescued, expected);
    Ok(())
}

async fn nobody_is_rescued_twice(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let worker = storage.worker().await?;
    worker.claim_one().await?;
    worker.die().await?;

    let (first, second) = tokio::join!(storage.rescue(BLAME_MAX), storage.rescue(BLAME_MAX));
    let third = storage.rescue(BLAME_MAX).await?;

    let (first, second) = (first?, second?);
    assert_eq!(first.workers + second.workers, 1);
    assert_eq!(first.ready + second.ready, 1);
    assert_eq!(third, Rescued::default());
    assert_eq!(storage.job(id).await?.deaths, 1);
    Ok(())
}

async fn a_worker_holds_its_jobs_until_it_is_rescued(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    worker.die().await?;

    assert_eq!(worker.held().await?, [(claimed.id, claimed.claim)]);
    assert_eq!(worker.complete(&claimed).await?, 1);
    Ok(())
}

async fn a_rescued_worker_can_write_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (dead, next) = (storage.worker().await?, storage.worker().await?);
    let lost = dead.claim_one().await?;
    dead.die().await?;
    storage.rescue(BLAME_MAX).await?;

    let while_ready = dead.complete(&lost).await?;
    let claimed = next.claim_one().await?;
    let while_running = [
        dead.complete(&lost).await?,
        dead.end(&lost, End::Failed).await?,
        dead.end(&lost, End::Release(Duration::ZERO)).await?,
    ];

    assert_eq!((while_ready, while_running), (0, [0, 0, 0]));
    assert_eq!(dead.held().await?, []);
    assert_eq!(next.complete(&claimed).await?, 1);
    Ok(())
}

async fn a_rescued_worker_may_not_claim(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    worker.die().await?;
    storage.rescue(BLAME_MAX).await?;

    assert!(worker.has_lost_its_lease().await?);
    Ok(())
}

async fn a_job_fails_once_enough_workers_died_of_it(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;

    let mut rescues = Vec::new();
    for _ in 0..BLAME_MAX {
        let worker = storage.worker().await?;
        worker.claim_one().await?;
        worker.die().await?;
        let rescued = storage.rescue(BLAME_MAX).await?;
        rescues.push((rescued.ready, rescued.failed.len()));
    }

    let job = storage.job(id).await?;
    assert_eq!(rescues, [(1, 0), (1, 0), (0, 1)]);
    assert_eq!(job.state, JobState::Failed);
    assert_eq!((job.deliveries, job.deaths), (3, 3));
    assert_eq!(job.error.as_deref(), Some("3 workers died of this job"));
    assert!(job.finished_at.is_some());
    assert_eq!(storage.worker().await?.claim_all().await?.len(), 0);
    Ok(())
}

async fn a_rescued_job_is_told_as_it_is(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let rescue = async || -> anyhow::Result<pgq::Job> {
        let worker = storage.worker().await?;
        worker.claim_one().await?;
        worker.die().await?;
        storage.rescue(BLAME_MAX).await?;
        storage.job(id).await
    };
    let told = |job: &pgq::Job| (job.state, job.attempt, job.deaths, job.error.clone());

    let (ready, again, failed) = (rescue().await?, rescue().await?, rescue().await?);

    assert_eq!(told(&ready), (JobState::Ready, 0, 1, None));
    assert_eq!(told(&again), (JobState::Ready, 0, 2, None));
    let died = Some("3 workers died of this job".to_owned());
    assert_eq!(told(&failed), (JobState::Failed, 1, 3, died));
    assert!(failed.claimed_at.is_some());
    Ok(())
}

async fn a_rescue_tells_ready_jobs_from_failed_ones(storage: &Storage) -> anyhow::Result<()> {
    let killer = storage.put(one()).await?;
    for _ in 0..2 {
        let worker = storage.worker().await?;
        worker.claim_one().await?;
        worker.die().await?;
        storage.rescue(BLAME_MAX).await?;
    }
    let bystander = storage.put(one()).await?;
    let last = storage.worker().await?;
    last.claim_all().await?;
    storage.try_suspect(last.id, killer).await?;
    last.die().await?;

    let rescued = storage.rescue(BLAME_MAX).await?;

    let expected = Rescued {
        workers: 1,
        ready: 1,
        failed: vec![DeadJob {
            job: killer,
            queue: QUEUE.to_owned(),
            task: one().task.into_owned(),
            error: "3 workers died of this job".to_owned(),
        }],
        cancelled: 0,
    };
    assert_eq!(rescued, expected);
    assert_eq!(storage.job(killer).await?.state, JobState::Failed);
    assert_eq!(storage.job(bystander).await?.state, JobState::Ready);
    Ok(())
}

async fn a_worker_that_stops_gives_its_jobs_back_at_no_cost(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b"])).await?;
    let (stopping, staying) = (storage.worker().await?, storage.worker().await?);
    let released = stopping.claim_one().await?;
    let kept = staying.claim_one().await?;

    storage.deregister_worker(stopping.id).await?;

    let job = storage.job(released.id).await?;
    assert_eq!(job.state, JobState::Ready);
    assert_eq!((job.attempt, job.deliveries, job.deaths), (0, 1, 0));
    assert_eq!(ids(&staying.claim_all().await?), [released.id]);
    assert_eq!(staying.complete(&kept).await?, 1);
    Ok(())
}

async fn a_worker_that_has_stopped_may_not_claim(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    storage.deregister_worker(worker.id).await?;

    assert!(worker.has_lost_its_lease().await?);
    Ok(())
}

async fn a_worker_that_has_stopped_can_write_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    storage.deregister_worker(worker.id).await?;

    assert_eq!(worker.complete(&claimed).await?, 0);
    assert_eq!(worker.end(&claimed, End::Failed).await?, 0);
    assert_eq!(storage.job(claimed.id).await?.state, JobState::Ready);
    Ok(())
}

async fn a_stranger_may_stop(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    storage.deregister_worker(WorkerId::random()).await?;

    assert_eq!(worker.complete(&claimed).await?, 1);
    Ok(())
}

async fn held_names_each_job_with_its_claim(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b", b"c"])).await?;
    let (worker, other) = (storage.worker().await?, storage.worker().await?);

    let first = worker.claim_one().await?;
    let second = worker.claim_one().await?;
    let others = other.claim_one().await?;

    assert!(first.claim != second.claim);
    assert_eq!(
        worker.held().await?,
        [(first.id, first.claim), (second.id, second.claim)]
    );
    assert_eq!(other.held().await?, [(others.id, others.claim)]);
    Ok(())
}

async fn a_stranger_holds_nothing(storage: &Storage) -> anyhow::Result<()> {
    let held = AttemptDriver::held(&**storage, WorkerId::random()).await?;

    assert_eq!(held, []);
    Ok(())
}

/// Lets a worker die with all jobs that there are, after it has tried `suspect`; returns what it had.
async fn die_with_all(
    storage: &Storage,
    suspect: Option<JobId>,
) -> anyhow::Result<Vec<(JobId, bool)>> {
    let worker = storage.worker().await?;
    let jobs = worker.claim_all().await?;
    if let Some(job) = suspect {
        assert!(storage.try_suspect(worker.id, job).await?);
    }
    worker.die().await?;
    storage.rescue(BLAME_MAX).await?;
    assert!(!storage.try_suspect(worker.id, jobs[0].id).await?);
    let is_suspect = |job: &ClaimedJob| (job.id, job.marks.has(Marks::SUSPECT));
    Ok(jobs.iter().map(is_suspect).collect())
}

async fn jobs_that_two_workers_died_with_are_suspects_and_not_to_blame(
    storage: &Storage,
) -> anyhow::Result<()> {
    let ids = storage.enqueue(jobs([b"a", b"b"])).await?;

    for are_suspects in [false, false, true, true, true] {
        let held = die_with_all(storage, None).await?;
        assert_eq!(held, [(ids[0], are_suspects), (ids[1], are_suspects)]);
    }

    for id in ids {
        let job = storage.job(id).await?;
        assert_eq!(
            (job.state, job.attempt, job.deaths),
            (JobState::Ready, 0, 5)
        );
    }
    Ok(())
}

async fn the_suspect_that_ran_is_to_blame(storage: &Storage) -> anyhow::Result<()> {
    let ids = storage.enqueue(jobs([b"a", b"b"])).await?;
    let [killer, bystander] = ids[..] else {
        anyhow::bail!("{ids:?}");
    };
    // Not to blame before more than one worker has died.
    for _ in 0..2 {
        die_with_all(storage, Some(killer)).await?;
    }

    for _ in 0..BLAME_MAX {
        assert_eq!(storage.job(killer).await?.state, JobState::Ready);
        die_with_all(storage, Some(killer)).await?;
    }

    let job = storage.job(killer).await?;
    assert_eq!((job.state, job.deaths), (JobState::Failed, 5));
    assert_eq!(job.error.as_deref(), Some("3 workers died of this job"));
    let job = storage.job(bystander).await?;
    assert_eq!((job.state, job.attempt), (JobState::Ready, 0));
    // Once it runs again it is as good as new.
    storage.requeue(&[storage.job(killer).await?]).await?;
    let again = storage.worker().await?.claim_all().await?;
    let suspects = again.iter().filter(|job| job.marks.has(Marks::SUSPECT));
    assert_eq!(suspects.map(|job| job.id).collect::<Vec<_>>(), [bystander]);
    Ok(())
}

async fn a_job_whose_attempt_has_ended_is_no_suspect(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b"])).await?;
    for _ in 0..2 {
        die_with_all(storage, None).await?;
    }

    for end in [End::Retry(Duration::ZERO), End::Unstarted(Duration::ZERO)] {
        let worker = storage.worker().await?;
        let claimed = worker.claim_one().await?;
        assert!(claimed.marks.has(Marks::SUSPECT));
        worker.end(&claimed, end).await?;
    }
    storage.promote(10).await?;

    let again = storage.worker().await?.claim_all().await?;
    let suspects = again.iter().filter(|job| job.marks.has(Marks::SUSPECT));
    assert_eq!((again.len(), suspects.count()), (2, 1));
    Ok(())
}
