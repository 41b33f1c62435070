//! `requeue`.

use pgq::driver::{Detail, End, Expires, NewJob, Start, Topic, Wake};
use pgq::{AttemptOutcome, ChangeError, JobError, JobId, JobState, Jobs};

use super::super::listen::{hear, parked};
use super::super::{LONG, QUEUE, SHORT, Storage, TASK, conformance, ids, input, jobs, one, tasks};
use super::{dead_letters, end_all, handle};

conformance! {
    a_dead_letter_runs_again_with_all_of_its_attempts,
    a_poison_job_is_given_another_chance,
    a_job_that_was_requeued_keeps_its_history,
    a_job_that_was_requeued_keeps_its_detail_and_does_not_expire,
    a_cancelled_job_is_requeued_and_keeps_its_history,
    requeued_jobs_go_to_the_end_of_their_line_in_their_order,
    a_job_that_has_not_ended_or_completed_is_not_requeued,
    a_job_that_changed_since_it_was_looked_at_is_not_requeued,
    several_who_requeue_at_once_do_it_once,
    only_the_dead_letters_that_are_asked_for_are_requeued,
    many_dead_letters_are_requeued_in_batches,
    a_limited_requeue_says_where_to_go_on,
    dead_letters_are_requeued_by_their_ids,
    a_requeue_wakes_the_workers_of_the_queue,
}

async fn a_dead_letter_runs_again_with_all_of_its_attempts(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let [id] = dead_letters(&worker, 1).await?[..] else {
        panic!("one job");
    };
    let before = storage.job(id).await?;

    handle(id).requeue(storage.driver()).await?;

    let job = storage.job(id).await?;
    assert_eq!(job.state, JobState::Ready);
    assert_eq!((job.attempt, job.max_attempts, job.deliveries), (0, 5, 1));
    assert_eq!((job.created_at, job.finished_at), (before.created_at, None));
    assert_eq!((&job.task, &job.queue), (&before.task, &before.queue));
    assert_eq!(job.error, None);

    let claimed = worker.claim_one().await?;
    assert_eq!(
        (claimed.id, claimed.attempt, claimed.deliveries),
        (id, 1, 2)
    );
    assert_eq!(claimed.fingerprint, Some(7));
    assert_eq!(input(&claimed), b"\x01");
    worker.complete(&claimed).await?;
    assert_eq!(storage.state(id).await?, JobState::Completed);
    Ok(())
}

async fn a_poison_job_is_given_another_chance(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;
    let dead = storage.worker().await?;
    dead.claim_one().await?;
    dead.die().await?;
    storage.rescue(1).await?;
    assert_eq!(storage.state(id).await?, JobState::Failed);

    handle(id).requeue(storage.driver()).await?;

    assert_eq!(storage.job(id).await?.deaths, 0);
    let dead = storage.worker().await?;
    dead.claim_one().await?;
    dead.die().await?;
    storage.rescue(2).await?;
    assert_eq!(storage.state(id).await?, JobState::Ready);
    Ok(())
}

async fn a_job_that_was_requeued_keeps_its_history(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let [id] = dead_letters(&worker, 1).await?[..] else {
        panic!("one job");
    };
    handle(id).requeue(storage.driver()).await?;
    worker.complete(&worker.claim_one().await?).await?;

    let attempts = handle(id).attempts(storage.driver()).await?;

    let told: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.error.as_deref()))
        .collect();
    assert_eq!(told, [(1, Some("no luck")), (1, None)]);
    Ok(())
}

async fn a_job_that_was_requeued_keeps_its_detail_and_does_not_expire(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let detail = Detail {
        tags: vec!["vip".to_owned()],
        expires: Some(Expires::After(LONG)),
        ..Detail::default()
    };
    let mut enqueue = one();
    enqueue.jobs = vec![NewJob::new(b"\x01".to_vec()).detail(detail)];
    let id = storage.put(enqueue).await?;
    end_all(&worker, End::Failed).await?;

    handle(id).requeue(storage.driver()).await?;

    let claimed = worker.claim_one().await?;
    let detail = claimed.detail.unwrap_or_default();
    assert_eq!(
        (&detail.tags[..], detail.expires),
        (&["vip".to_owned()][..], None)
    );
    Ok(())
}

async fn a_cancelled_job_is_requeued_and_keeps_its_history(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    end_all(&worker, End::Cancelled).await?;

    handle(id).requeue(storage.driver()).await?;

    assert_eq!(storage.state(id).await?, JobState::Ready);
    let attempts = handle(id).attempts(storage.driver()).await?;
    let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [AttemptOutcome::Cancelled]);
    Ok(())
}

async fn requeued_jobs_go_to_the_end_of_their_line_in_their_order(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let dead = dead_letters(&worker, 3).await?;
    let waiting = storage.put(one()).await?;

    let changes = Jobs::in_state(JobState::Failed)
        .requeue(storage.driver())
        .await?;

    assert_eq!((changes.changed, changes.left, changes.next), (3, 0, None));
    let claimed = worker.claim_all().await?;
    let mut expected = vec![waiting];
    expected.extend(dead);
    assert_eq!(ids(&claimed), expected);
    Ok(())
}

async fn a_job_that_has_not_ended_or_completed_is_not_requeued(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.enqueue(jobs([b"\x01", b"\x02"])).await?;
    let claimed = worker.claim_all().await?;
    worker.complete(&claimed[0]).await?;
    let ready = storage.put(one()).await?;
    let mut later = one();
    later.start = Start::After(LONG);
    let scheduled = storage.put(later).await?;

    for (id, expected) in [
        (claimed[0].id, JobState::Completed),
        (claimed[1].id, JobState::Running),
        (ready, JobState::Ready),
        (scheduled, JobState::Scheduled),
    ] {
        let refused = handle(id).requeue(storage.driver()).await;
        assert!(
            matches!(&refused, Err(JobError::State { state, .. }) if *state == expected),
            "{refused:?}"
        );
        let job = storage.job(id).await?;
        assert!(storage.requeue(&[job]).await?.is_empty());
        assert_eq!(storage.state(id).await?, expected);
        let many = Jobs::in_state(expected).requeue(storage.driver()).await;
        assert!(matches!(many, Err(ChangeError::State { .. })), "{many:?}");
    }
    let missing = handle(JobId::from_i64(i64::MAX));
    let refused = missing.requeue(storage.driver()).await;
    assert!(matches!(refused, Err(JobError::NotFound { .. })));
    Ok(())
}

async fn a_job_that_changed_since_it_was_looked_at_is_not_requeued(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let [id] = dead_letters(&worker, 1).await?[..] else {
        panic!("one job");
    };
    let seen = storage.job(id).await?;
    let again = [seen.clone(), seen.clone()];
    assert_eq!(storage.requeue(&again).await?, [id]);

    assert!(storage.requeue(&again).await?.is_empty());
    storage.pass(SHORT).await?;
    end_all(&worker, End::Failed).await?;
    // It has failed again since.
    assert!(storage.requeue(&again).await?.is_empty());

    assert_eq!(storage.state(id).await?, JobState::Failed);
    Ok(())
}

async fn several_who_requeue_at_once_do_it_once(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let dead = dead_letters(&worker, 50).await?;
    let failed = Jobs::in_state(JobState::Failed);

    let (first, second, third) = tokio::join!(
        failed.requeue(storage.driver()),
        failed.requeue(storage.driver()),
        failed.requeue(storage.driver()),
    );

    let changed = first?.changed + second?.changed + third?.changed;
    assert_eq!(changed, dead.len());
    assert_eq!(worker.claim_all().await?.len(), dead.len());
    Ok(())
}

async fn only_the_dead_letters_that_are_asked_for_are_requeued(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let mut wanted = Vec::new();
    for (queue, task) in [
        (QUEUE, TASK),
        ("other", TASK),
        (QUEUE, "other"),
        (QUEUE, TASK),
    ] {
        let mut enqueue = one();
        enqueue.queue = queue.into();
        enqueue.task = task.into();
        let id = storage.put(enqueue).await?;
        if (queue, task) == (QUEUE, TASK) {
            wanted.push(id);
        }
        let mut claim = worker.next_claim();
        claim.queue = queue.into();
        claim.tasks = vec![tasks([task])];
        let claimed = worker.make(claim).await?;
        worker.end(&claimed[0], End::Failed).await?;
    }

    let changes = Jobs::in_state(JobState::Failed)
        .queue(QUEUE)
        .task(TASK)
        .requeue(storage.driver())
        .await?;

    assert_eq!(changes.changed, 2);
    let claimed = worker.claim_all().await?;
    assert_eq!(ids(&claimed), wanted);
    let rest = Jobs::in_state(JobState::Failed)
        .list(storage.driver())
        .await?;
    assert_eq!(rest.jobs.len(), 2);
    Ok(())
}

async fn many_dead_letters_are_requeued_in_batches(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let dead = dead_letters(&worker, 1201).await?;

    let changes = Jobs::in_state(JobState::Failed)
        .requeue(storage.driver())
        .await?;

    assert_eq!(
        (changes.changed, changes.left, changes.next),
        (dead.len(), 0, None)
    );
    assert_eq!(worker.claim_all().await?.len(), dead.len());
    Ok(())
}

async fn a_limited_requeue_says_where_to_go_on(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    dead_letters(&worker, 7).await?;
    let mut failed = Jobs::in_state(JobState::Failed).limit(3);
    let mut changed = Vec::new();

    loop {
        let changes = failed.requeue(storage.driver()).await?;
        changed.push(changes.changed);
        match changes.next {
            Some(next) => failed = failed.after(next),
            None => break,
        }
    }

    assert_eq!(changed, [3, 3, 1]);
    Ok(())
}

async fn dead_letters_are_requeued_by_their_ids(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let dead = dead_letters(&worker, 500).await?;
    let ready = storage.put(one()).await?;
    let mut wanted = dead[100..400].to_vec();
    wanted.extend([ready, wanted[0], JobId::from_i64(i64::MAX)]);

    let named = Jobs::in_state(JobState::Failed).ids(wanted);
    let changes = named.requeue(storage.driver()).await?;

    assert_eq!((changes.changed, changes.left), (300, 0));
    for (place, id) in dead.iter().enumerate().step_by(50) {
        let expected = match (100..400).contains(&place) {
            true => JobState::Ready,
            false => JobState::Failed,
        };
        assert_eq!(storage.state(*id).await?, expected, "{place}");
    }
    Ok(())
}

async fn a_requeue_wakes_the_workers_of_the_queue(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    dead_letters(&worker, 1).await?;
    let mut listener = parked(storage, [Topic::Ready(QUEUE.into())]).await?;

    Jobs::in_state(JobState::Failed)
        .requeue(storage.driver())
        .await?;

    hear(&mut *listener, &Wake::Ready(QUEUE.to_owned())).await
}
