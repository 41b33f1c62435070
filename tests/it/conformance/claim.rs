//! What every driver promises about `claim`, `horizon` and `unknown_task`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgq::JobState;
use pgq::driver::{Claim, Claimed, End, Enqueue, Start, WorkerId};
use tokio::task::JoinSet;

use super::{LONG, QUEUE, SHORT, Storage, TASK, conformance, ids, jobs, one, tasks};

conformance! {
    a_claim_may_leave_higher_priorities_alone,
    a_job_is_claimed_once,
    claims_at_the_same_time_share_the_jobs_out,
    a_claim_takes_no_more_than_its_limit,
    the_highest_priority_is_claimed_first_then_the_oldest,
    the_limit_takes_the_first_of_all_tasks,
    a_claim_of_several_groups_takes_the_first_of_all_of_them,
    other_queues_are_left_alone,
    tasks_that_the_worker_does_not_know_are_left_alone,
    a_worker_that_knows_no_task_gets_nothing,
    each_claim_is_one_delivery_and_one_attempt,
    a_worker_whose_lease_has_ended_gets_nothing,
    a_worker_that_nobody_registered_gets_nothing,
    jobs_from_the_horizon_on_are_left_alone,
    a_job_that_came_back_is_beyond_the_horizon,
    no_later_job_is_below_the_horizon,
    an_unknown_task_is_named,
    only_a_ready_job_makes_its_task_unknown,
}

async fn a_job_is_claimed_once(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let (first, second) = (storage.worker().await?, storage.worker().await?);

    let claims = [
        first.claim_all().await?,
        first.claim_all().await?,
        second.claim_all().await?,
    ];

    assert_eq!(
        claims.each_ref().map(|jobs| ids(jobs)),
        [vec![id], vec![], vec![]]
    );
    Ok(())
}

async fn claims_at_the_same_time_share_the_jobs_out(storage: &Storage) -> anyhow::Result<()> {
    let jobs = vec![vec![1].into(); 200];
    let enqueued = storage.enqueue(Enqueue { jobs, ..one() }).await?;

    let mut claims = JoinSet::new();
    for _ in 0..4 {
        let worker = storage.worker().await?;
        let driver = Arc::clone(storage.driver());
        let batches: Vec<_> = (0..10).map(|_| worker.next_claim()).collect();
        claims.spawn(async move {
            let mut claimed = Vec::new();
            for claim in batches {
                match driver.claim(Claim { limit: 5, ..claim }).await? {
                    Claimed::Jobs(jobs) => claimed.extend(ids(&jobs)),
                    Claimed::Contended => {}
                    Claimed::LeaseLost => anyhow::bail!("the lease was lost"),
                }
            }
            Ok(claimed)
        });
    }
    let mut claimed = Vec::new();
    while let Some(jobs) = claims.join_next().await {
        claimed.extend(jobs??);
    }
    // What a claim passed over because another one had it in its hands.
    claimed.extend(ids(&storage.worker().await?.claim_all().await?));

    claimed.sort();
    assert_eq!(claimed, enqueued);
    Ok(())
}

async fn a_claim_takes_no_more_than_its_limit(storage: &Storage) -> anyhow::Result<()> {
    storage.enqueue(jobs([b"a", b"b", b"c"])).await?;
    let worker = storage.worker().await?;

    let mut sizes = Vec::new();
    for limit in [0, 2, 2, 2] {
        let claim = Claim {
            limit,
            ..worker.next_claim()
        };
        sizes.push(worker.make(claim).await?.len());
    }

    assert_eq!(sizes, [0, 2, 1, 0]);
    Ok(())
}

async fn the_highest_priority_is_claimed_first_then_the_oldest(
    storage: &Storage,
) -> anyhow::Result<()> {
    let mut enqueued = Vec::new();
    for priority in [0, 5, 9, 5, 0, 9] {
        let id = storage.put(Enqueue { priority, ..one() }).await?;
        enqueued.push(id);
    }
    let order = [2, 5, 1, 3, 0, 4].map(|index: usize| enqueued[index]);
    let worker = storage.worker().await?;

    let mut claimed = ids(&[worker.claim_one().await?, worker.claim_one().await?]);
    claimed.extend(ids(&worker.claim_all().await?));

    assert_eq!(claimed, order);
    Ok(())
}

async fn the_limit_takes_the_first_of_all_tasks(storage: &Storage) -> anyhow::Result<()> {
    let mut enqueued = Vec::new();
    for task in ["z", "a", "z", "a"] {
        let id = storage
            .put(Enqueue {
                task: task.into(),
                ..one()
            })
            .await?;
        enqueued.push(id);
    }
    let worker = storage.worker().await?;
    let claim = Claim {
        tasks: vec![tasks(["a", "z", "unused"])],
        fingerprints: None,
        limit: 3,
        ..worker.next_claim()
    };

    let claimed = worker.make(claim).await?;

    assert_eq!(ids(&claimed), enqueued[..3]);
    Ok(())
}

async fn a_claim_of_several_groups_takes_the_first_of_all_of_them(
    storage: &Storage,
) -> anyhow::Result<()> {
    let put = |task: &'static str, priority| {
        storage.put(Enqueue {
            task: task.into(),
            priority,
            ..one()
        })
    };
    let worker = storage.worker().await?;
    let both = || vec![tasks(["a", "unused"]), tasks(["b"])];
    // What one group has looked past, the other has not.
    let later = [put("b", 5).await?, put("b", 5).await?];
    let alone = Claim {
        tasks: vec![tasks(["a", "unused"])],
        ..worker.next_claim()
    };
    assert!(worker.make(alone).await?.is_empty());
    let unknown = put("c", 9).await?;
    let (last, first) = (put("a", 0).await?, put("a", 9).await?);

    let three = Claim {
        tasks: both(),
        limit: 3,
        ..worker.next_claim()
    };
    let claimed = worker.make(three).await?;
    assert_eq!(ids(&claimed), [first, later[0], later[1]]);

    let rest = Claim {
        tasks: both(),
        ..worker.next_claim()
    };
    assert_eq!(ids(&worker.make(rest).await?), [last]);
    let found = storage.find(unknown).await?.context("it is there")?;
    assert_eq!(found.state, JobState::Ready);
    Ok(())
}

async fn other_queues_are_left_alone(storage: &Storage) -> anyhow::Result<()> {
    let other = storage
        .put(Enqueue {
            queue: "other".into(),
            priority: 9,
            ..one()
        })
        .await?;
    let own = storage.put(one()).await?;

    let claimed = storage.worker().await?.claim_all().await?;

    assert_eq!(ids(&claimed), [own]);
    assert_eq!(storage.job(other).await?.state, JobState::Ready);
    Ok(())
}

async fn tasks_that_the_worker_does_not_know_are_left_alone(
    storage: &Storage,
) -> anyhow::Result<()> {
    let unknown = storage
        .enqueue(Enqueue {
            task: "unknown".into(),
            priority: 9,
            jobs: vec![vec![1].into(); 50],
            ..one()
        })
        .await?;
    let known = storage.put(one()).await?;

    let claimed = storage.worker().await?.claim_one().await?;

    assert_eq!(claimed.id, known);
    for id in unknown {
        let job = storage.job(id).await?;
        assert_eq!((job.state, job.deliveries), (JobState::Ready, 0));
    }
    Ok(())
}

async fn a_worker_that_knows_no_task_gets_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claim = Claim {
        tasks: vec![tasks([])],
        ..worker.next_claim()
    };

    let claimed = worker.make(claim).await?;

    assert_eq!(ids(&claimed), []);
    Ok(())
}

async fn each_claim_is_one_delivery_and_one_attempt(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let worker = storage.worker().await?;

    for number in 1..=3_i16 {
        let claimed = worker.claim_one().await?;
        let job = storage.job(id).await?;
        assert_eq!(
            (claimed.attempt, claimed.deliveries),
            (number, number.into())
        );
        assert_eq!((job.attempt, job.deliveries), (number, number.into()));
        worker.end(&claimed, End::Retry(SHORT)).await?;
        storage.pass(SHORT).await?;
        storage.promote(10).await?;
    }
    Ok(())
}

async fn a_worker_whose_lease_has_ended_gets_nothing(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let worker = storage.worker().await?;
    worker.die().await?;

    assert!(worker.has_lost_its_lease().await?);

    let job = storage.job(id).await?;
    assert_eq!((job.state, job.deliveries), (JobState::Ready, 0));
    assert_eq!(worker.held().await?, []);
    Ok(())
}

async fn a_worker_that_nobody_registered_gets_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let stranger = Claim {
        worker: WorkerId::random(),
        ..storage.worker().await?.next_claim()
    };

    let claimed = storage.claim(stranger).await?;

    assert!(matches!(claimed, Claimed::LeaseLost), "{claimed:?}");
    Ok(())
}

async fn jobs_from_the_horizon_on_are_left_alone(storage: &Storage) -> anyhow::Result<()> {
    let early = storage.put(one()).await?;
    let horizon = storage.horizon().await?;
    let late = storage
        .put(Enqueue {
            priority: 9,
            ..one()
        })
        .await?;
    let worker = storage.worker().await?;

    let below = Claim {
        horizon: Some(horizon),
        priority_max: None,
        ..worker.next_claim()
    };
    let below = worker.make(below).await?;
    let rest = worker.claim_all().await?;

    assert_eq!((ids(&below), ids(&rest)), (vec![early], vec![late]));
    Ok(())
}

async fn a_job_that_came_back_is_beyond_the_horizon(storage: &Storage) -> anyhow::Result<()> {
    let released = storage.put(one()).await?;
    let delayed = storage
        .put(Enqueue {
            start: Start::At(storage.now().await?),
            ..one()
        })
        .await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    let horizon = storage.horizon().await?;
    worker.end(&claimed, End::Release(Duration::ZERO)).await?;
    storage.promote(10).await?;

    let below = Claim {
        horizon: Some(horizon),
        priority_max: None,
        ..worker.next_claim()
    };
    let below = worker.make(below).await?;
    let rest = worker.claim_all().await?;

    assert_eq!(ids(&below), []);
    assert_eq!(ids(&rest), [released, delayed]);
    Ok(())
}

async fn no_later_job_is_below_the_horizon(storage: &Storage) -> anyhow::Result<()> {
    for _ in 0..3 {
        let horizon = storage.horizon().await?;
        let id = storage.put(one()).await?;
        assert!(id.as_i64() >= horizon, "{id} is below {horizon}");
    }
    Ok(())
}

async fn an_unknown_task_is_named(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let known = storage.unknown_task(QUEUE, &tasks([TASK])).await?;
    for queue in [QUEUE, "other"] {
        let enqueue = Enqueue {
            task: format!("unknown in {queue}").into(),
            queue: queue.into(),
            ..one()
        };
        storage.put(enqueue).await?;
    }

    let here = storage.unknown_task(QUEUE, &tasks([TASK])).await?;
    let there = storage.unknown_task("other", &tasks([TASK])).await?;
    let nowhere = storage.unknown_task("empty", &tasks([TASK])).await?;

    assert_eq!((known, nowhere), (None, None));
    assert_eq!(here.as_deref(), Some("unknown in mail"));
    assert_eq!(there.as_deref(), Some("unknown in other"));
    Ok(())
}

async fn only_a_ready_job_makes_its_task_unknown(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    storage
        .put(Enqueue {
            task: "delayed".into(),
            start: Start::After(LONG),
            ..one()
        })
        .await?;
    storage.worker().await?.claim_one().await?;

    let unknown = storage.unknown_task(QUEUE, &[]).await?;

    assert_eq!(unknown, None);
    Ok(())
}

async fn a_claim_may_leave_higher_priorities_alone(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let mut jobs = Vec::new();
    for priority in [9, 0, 5] {
        let job = Enqueue { priority, ..one() };
        jobs.push(storage.put(job).await?);
    }
    let up_to = |priority| Claim {
        priority_max: Some(priority),
        ..worker.next_claim()
    };

    assert_eq!(ids(&worker.make(up_to(4)).await?), [jobs[1]]);
    assert!(worker.make(up_to(4)).await?.is_empty());
    assert_eq!(ids(&worker.make(up_to(5)).await?), [jobs[2]]);
    // What was left alone is there for the next one.
    assert_eq!(ids(&worker.claim_all().await?), [jobs[0]]);
    Ok(())
}
