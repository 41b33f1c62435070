//! What becomes of jobs that wait for keys, and of the keys that they wait for.

use std::time::Duration;

use pgq::driver::{
    Ask, Asked, Build, Claimed, ClaimedJob, End, Enqueue, KeyAsk, WorkerId, WorkerInfo,
};
use pgq::{FleetLimit, FleetRate, JobId, Limited};

use super::keys::{jobs_of, keyed};
use super::{LONG, QUEUE, SHORT, Storage, TASK, Worker, conformance, ids};

conformance! {
    a_key_goes_on_when_the_jobs_next_for_it_are_cancelled,
    a_key_is_free_when_all_that_waited_for_it_were_cancelled,
    a_job_that_is_put_off_before_it_has_begun_lets_others_pass,
    a_job_that_waits_for_a_limit_of_its_key_keeps_its_order,
    the_keys_of_a_task_go_on_under_its_new_name,
    a_job_of_another_queue_is_not_passed_in_its_order,
    jobs_of_another_queue_hold_up_no_permits_of_a_key,
    what_only_another_queue_can_take_is_not_asked_for_again_and_again,
    what_has_ended_is_kept_in_mind_where_there_are_no_tokens,
    what_has_ended_is_kept_in_mind_where_there_is_no_room,
    more_jobs_of_a_key_start_when_its_limit_is_raised,
    jobs_go_on_that_wait_for_keys_which_their_task_has_no_more,
    jobs_that_wait_for_keys_are_left_to_a_worker_that_takes_them_so,
    many_keys_that_are_free_at_once_are_all_found,
}

/// How a worker asks for jobs with keys.
struct By<'a> {
    queue: &'a str,
    names: &'a [&'a str],
    running: u32,
    /// What has ended; `None` for any.
    ended: Option<&'a [JobId]>,
    rate: bool,
}

impl Default for By<'_> {
    fn default() -> Self {
        Self {
            queue: QUEUE,
            names: &[TASK],
            running: 2,
            ended: Some(&[]),
            rate: false,
        }
    }
}

impl Worker<'_> {
    async fn ask_by(&self, limit: usize, by: By<'_>) -> anyhow::Result<Asked> {
        let mut claim = self.next_claim();
        claim.limit = limit;
        claim.queue = by.queue.into();
        let asked = self.storage.ask(Ask {
            claim,
            permits: Vec::new(),
            prefetch: 0,
            rate: by.rate.then(|| TASK.to_owned()),
            keys: Some(KeyAsk {
                task: by.names[by.names.len() - 1].to_owned(),
                names: by.names.iter().map(|&name| name.to_owned()).collect(),
                running: Some(by.running),
                rate: None,
                ended: by.ended.unwrap_or_default().to_vec(),
                all: by.ended.is_none(),
            }),
        });
        Ok(asked.await?)
    }

    async fn jobs_by(&self, limit: usize, by: By<'_>) -> anyhow::Result<Vec<ClaimedJob>> {
        jobs_of(self.ask_by(limit, by).await?)
    }
}

fn elsewhere(enqueue: Enqueue) -> Enqueue {
    Enqueue {
        queue: "elsewhere".into(),
        ..enqueue
    }
}

async fn a_key_goes_on_when_the_jobs_next_for_it_are_cancelled(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 20)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&first), jobs[..1]);
    for job in &jobs[1..19] {
        storage.cancel(*job).await?;
    }

    worker.complete(&first[0]).await?;

    let last = worker.ask_keys(10, Some(&jobs[..1])).await?;
    assert_eq!(ids(&last), jobs[19..]);
    Ok(())
}

async fn a_key_is_free_when_all_that_waited_for_it_were_cancelled(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(None, Some(7), 30)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&first), jobs[..2]);
    for job in &jobs[2..] {
        storage.cancel(*job).await?;
    }
    worker.complete(&first[0]).await?;
    assert!(worker.ask_keys(10, Some(&jobs[..1])).await?.is_empty());

    let later = storage.enqueue(keyed(None, Some(7), 2)).await?;

    assert_eq!(ids(&worker.ask_keys(10, Some(&[])).await?), later[..1]);
    Ok(())
}

async fn a_job_that_is_put_off_before_it_has_begun_lets_others_pass(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 2)).await?;
    let worker = storage.worker().await?;
    let first = worker.ask_keys(10, None).await?;

    worker.end(&first[0], End::Unstarted(LONG)).await?;

    let second = worker.ask_keys(10, Some(&jobs[..1])).await?;
    assert_eq!(ids(&second), jobs[1..]);
    Ok(())
}

async fn a_job_that_waits_for_a_limit_of_its_key_keeps_its_order(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let full = storage.enqueue(keyed(None, Some(9), 2)).await?;
    let running = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&running), full);
    let both = storage.enqueue(keyed(Some(7), Some(9), 1)).await?;
    let behind = storage.enqueue(keyed(Some(7), None, 1)).await?;

    for _ in 0..2 {
        // A sweep finds that it holds the key of its order.
        assert!(worker.ask_keys(10, None).await?.is_empty());
    }
    worker.complete(&running[0]).await?;
    let next = worker.ask_keys(10, Some(&full[..1])).await?;
    assert_eq!(ids(&next), both);
    worker.end(&next[0], End::Retry(SHORT)).await?;
    assert!(worker.ask_keys(10, None).await?.is_empty());
    worker.complete(&running[1]).await?;
    assert!(worker.ask_keys(10, None).await?.is_empty());
    storage.pass(SHORT).await?;
    storage.promote(10).await?;
    let again = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&again), both);
    worker.complete(&again[0]).await?;
    assert_eq!(ids(&worker.ask_keys(10, Some(&both)).await?), behind);
    Ok(())
}

async fn the_keys_of_a_task_go_on_under_its_new_name(storage: &Storage) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 3)).await?;
    let (old, new) = (storage.worker().await?, storage.worker().await?);
    let renamed = |ended| By {
        names: &["welcome", TASK],
        ended,
        ..By::default()
    };
    let first = old.jobs_by(10, By::default()).await?;
    assert_eq!(ids(&first), jobs[..1]);
    assert!(new.jobs_by(10, renamed(None)).await?.is_empty());
    old.complete(&first[0]).await?;

    let second = new.jobs_by(10, renamed(Some(&jobs[..1]))).await?;

    assert_eq!(ids(&second), jobs[1..2]);
    let sweep = By {
        ended: None,
        ..By::default()
    };
    assert!(old.jobs_by(10, sweep).await?.is_empty());
    new.complete(&second[0]).await?;
    assert_eq!(ids(&new.jobs_by(10, renamed(None)).await?), jobs[2..]);
    Ok(())
}

async fn a_job_of_another_queue_is_not_passed_in_its_order(
    storage: &Storage,
) -> anyhow::Result<()> {
    let first = storage.enqueue(keyed(Some(7), None, 1)).await?;
    let second = storage.enqueue(elsewhere(keyed(Some(7), None, 1))).await?;
    let third = storage.enqueue(keyed(Some(7), None, 1)).await?;
    let worker = storage.worker().await?;
    let there = |ended| By {
        queue: "elsewhere",
        ended: Some(ended),
        ..By::default()
    };
    let here = |ended| By {
        ended: Some(ended),
        ..By::default()
    };
    let running = worker.jobs_by(10, here(&[])).await?;
    assert_eq!(ids(&running), first);
    assert!(worker.jobs_by(10, there(&[])).await?.is_empty());
    worker.complete(&running[0]).await?;

    assert!(worker.jobs_by(10, here(&first)).await?.is_empty());
    let running = worker.jobs_by(10, there(&[])).await?;

    assert_eq!(ids(&running), second);
    worker.complete(&running[0]).await?;
    assert!(worker.jobs_by(10, there(&second)).await?.is_empty());
    assert_eq!(ids(&worker.jobs_by(10, here(&[])).await?), third);
    Ok(())
}

async fn jobs_of_another_queue_hold_up_no_permits_of_a_key(
    storage: &Storage,
) -> anyhow::Result<()> {
    let first = storage.enqueue(keyed(None, Some(7), 2)).await?;
    let others = storage.enqueue(elsewhere(keyed(None, Some(7), 20))).await?;
    let next = storage.enqueue(keyed(None, Some(7), 1)).await?;
    let worker = storage.worker().await?;
    let running = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&running), first);
    let there = |ended| By {
        queue: "elsewhere",
        ended,
        ..By::default()
    };
    assert!(worker.jobs_by(10, there(None)).await?.is_empty());
    for job in &running {
        worker.complete(job).await?;
    }

    let second = worker.ask_keys(10, Some(&first)).await?;
    assert_eq!(ids(&second), next);
    // One that comes later does not wait for the others either.
    let late = storage.enqueue(keyed(None, Some(7), 2)).await?;
    let third = worker.ask_keys(10, Some(&[])).await?;
    assert_eq!(ids(&third), late[..1]);

    worker.complete(&second[0]).await?;
    let ended = ids(&second);
    let over_there = worker.jobs_by(10, there(Some(&ended))).await?;
    assert_eq!(ids(&over_there), others[..1]);
    Ok(())
}

async fn what_only_another_queue_can_take_is_not_asked_for_again_and_again(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    for key in 0..300 {
        let keys = [keyed(Some(key), None, 1), keyed(None, Some(1000 + key), 2)];
        for of_key in keys {
            storage.enqueue(of_key.clone()).await?;
            storage.enqueue(elsewhere(of_key)).await?;
        }
    }
    let running = worker.ask_keys(900, None).await?;
    assert_eq!(running.len(), 900);
    let there = By {
        queue: "elsewhere",
        ..By::default()
    };
    assert!(worker.jobs_by(900, there).await?.is_empty());
    for job in &running {
        worker.complete(job).await?;
    }

    // It looks at all of them, and then it is done.
    let here = || By {
        ended: None,
        ..By::default()
    };
    let mut asks = 0;
    while worker.ask_by(10, here()).await?.again.is_some() {
        asks += 1;
        assert!(asks < 20, "it asks again and again");
    }

    let there = || By {
        queue: "elsewhere",
        ..By::default()
    };
    let mut found = 0;
    for _ in 0..8 {
        found += worker.jobs_by(900, there()).await?.len();
    }
    assert_eq!(found, 900);
    Ok(())
}

async fn what_has_ended_is_kept_in_mind_where_there_are_no_tokens(
    storage: &Storage,
) -> anyhow::Result<()> {
    let rate = FleetRate {
        max: 1,
        per: Duration::from_secs(1),
        burst: 1,
    };
    let limit = Limited::Task(TASK.to_owned());
    let declared = FleetLimit::new(limit).rate(Some(rate));
    storage.declare_limits(&[declared]).await?;
    let jobs = storage.enqueue(keyed(Some(7), None, 2)).await?;
    let worker = storage.worker().await?;
    let by = |ended| By {
        ended: Some(ended),
        rate: true,
        ..By::default()
    };
    let first = worker.jobs_by(10, by(&[])).await?;
    assert_eq!(ids(&first), jobs[..1]);
    worker.complete(&first[0]).await?;

    let asked = worker.ask_by(10, by(&jobs[..1])).await?;

    assert!(asked.again.is_some());
    assert!(jobs_of(asked)?.is_empty());
    storage.pass(rate.per).await?;
    assert_eq!(ids(&worker.jobs_by(10, by(&[])).await?), jobs[1..]);
    Ok(())
}

async fn what_has_ended_is_kept_in_mind_where_there_is_no_room(
    storage: &Storage,
) -> anyhow::Result<()> {
    let of = |key| keyed(Some(key), None, 2);
    let mut jobs = storage.enqueue(of(7)).await?;
    jobs.extend(storage.enqueue(of(8)).await?);
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    let running = first.ask_keys(10, None).await?;
    assert_eq!(ids(&running), [jobs[0], jobs[2]]);
    for job in &running {
        first.complete(job).await?;
    }

    let next = first.ask_keys(1, Some(&[jobs[0], jobs[2]])).await?;
    assert_eq!(ids(&next), jobs[1..2]);

    // Somebody else finds what is left, without a sweep.
    assert_eq!(ids(&second.ask_keys(10, Some(&[])).await?), jobs[3..]);
    Ok(())
}

async fn more_jobs_of_a_key_start_when_its_limit_is_raised(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(None, Some(7), 5)).await?;
    let worker = storage.worker().await?;
    assert_eq!(ids(&worker.ask_keys(10, None).await?), jobs[..2]);
    let raised = By {
        running: 4,
        ended: None,
        ..By::default()
    };

    assert_eq!(ids(&worker.jobs_by(10, raised).await?), jobs[2..4]);
    Ok(())
}

async fn put_back(storage: &Storage) -> anyhow::Result<()> {
    let mut after = Some(i64::MIN);
    while let Some(key) = after {
        after = storage.put_back(&[TASK.to_owned()], key).await?;
    }
    Ok(())
}

async fn jobs_go_on_that_wait_for_keys_which_their_task_has_no_more(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 1200)).await?;
    let worker = storage.worker().await?;
    assert_eq!(ids(&worker.ask_keys(2, None).await?), jobs[..1]);

    put_back(storage).await?;

    while storage.promote(1000).await?.jobs > 0 {}
    let mut claim = worker.next_claim();
    claim.limit = 2000;
    let Claimed::Jobs(rest) = storage.claim(claim).await? else {
        anyhow::bail!("not claimed");
    };
    assert_eq!(rest.len(), 1199);
    Ok(())
}

async fn jobs_that_wait_for_keys_are_left_to_a_worker_that_takes_them_so(
    storage: &Storage,
) -> anyhow::Result<()> {
    let jobs = storage.enqueue(keyed(Some(7), None, 3)).await?;
    let worker = storage.worker().await?;
    let keeper = WorkerInfo {
        id: WorkerId::random(),
        build: Build {
            keyed: vec![TASK.to_owned()],
            ..Build::default()
        },
        ..worker.info()
    };
    storage.register_worker(keeper).await?;
    let first = worker.ask_keys(10, None).await?;
    assert_eq!(ids(&first), jobs[..1]);

    put_back(storage).await?;

    assert_eq!(storage.promote(10).await?.jobs, 0);
    worker.complete(&first[0]).await?;
    assert_eq!(ids(&worker.ask_keys(10, None).await?), jobs[1..2]);
    Ok(())
}

async fn many_keys_that_are_free_at_once_are_all_found(storage: &Storage) -> anyhow::Result<()> {
    let mut jobs = Vec::new();
    for key in 0..600 {
        jobs.extend(storage.enqueue(keyed(Some(key), None, 2)).await?);
    }
    let (first, second) = (storage.worker().await?, storage.worker().await?);
    let running = first.ask_keys(600, None).await?;
    assert_eq!(running.len(), 600);
    assert!(first.ask_keys(600, Some(&[])).await?.is_empty());
    for job in &running {
        first.complete(job).await?;
    }
    // No room: it only takes note of them.
    let none = first.jobs_by(
        0,
        By {
            ended: None,
            ..By::default()
        },
    );
    assert!(none.await?.is_empty());

    let mut found = 0;
    for _ in 0..3 {
        found += second.ask_keys(600, Some(&[])).await?.len();
    }

    assert_eq!(found, 600);
    Ok(())
}
