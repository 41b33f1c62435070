//! What every driver promises about jobs that expire.

use std::time::Duration;

use anyhow::Context as _;
use pgq::driver::{Claimed, Detail, End, Enqueue, Expires, Kept, NewJob, Start};
use pgq::{Conflict, JobState, Retention};
use pgq_tests::eventually;

use super::unique::{enqueue, job, key, of};
use super::{LONG, SHORT, Storage, TASK, conformance, one};

conformance! {
    a_job_that_is_claimed_in_time_has_not_expired,
    a_job_that_is_claimed_too_late_has_expired,
    an_expired_job_ends_without_an_attempt,
    ready_and_scheduled_jobs_expire_where_they_wait,
    a_job_that_is_in_time_does_not_expire,
    a_running_job_does_not_expire,
    a_job_expires_while_no_attempt_of_it_has_begun,
    a_job_that_was_given_back_unstarted_expires_where_it_waits,
    a_job_that_was_given_back_in_time_expires_where_it_waits,
    an_attempt_that_has_begun_ends_the_time_to_expire,
    a_limited_number_of_jobs_is_looked_at,
    a_time_to_expire_counts_from_the_time_to_start,
    a_job_that_expired_is_kept_as_its_task_says,
    a_replaced_job_expires_by_its_own_time,
}

const HOUR: Duration = Duration::from_secs(3600);

fn expiring(after: Duration) -> Enqueue {
    let job = NewJob::new(b"\x01".to_vec()).detail(Detail {
        expires: Some(Expires::After(after)),
        ..Detail::default()
    });
    Enqueue {
        jobs: vec![job],
        ..one()
    }
}

async fn expire(storage: &Storage) -> anyhow::Result<usize> {
    Ok(storage.expire(100, &Retention::DAY.into()).await?)
}

async fn a_job_that_is_claimed_in_time_has_not_expired(storage: &Storage) -> anyhow::Result<()> {
    storage.put(expiring(LONG)).await?;
    storage.put(one()).await?;

    for job in storage.worker().await?.claim_all().await? {
        assert!(!job.expired, "{job:?}");
    }
    Ok(())
}

async fn a_job_that_is_claimed_too_late_has_expired(storage: &Storage) -> anyhow::Result<()> {
    storage.put(expiring(SHORT)).await?;
    storage.put(one()).await?;
    storage.pass(SHORT).await?;

    let claimed = storage.worker().await?.claim_all().await?;

    let expired: Vec<_> = claimed.iter().map(|job| job.expired).collect();
    assert_eq!(expired, [true, false]);
    Ok(())
}

async fn an_expired_job_ends_without_an_attempt(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(expiring(SHORT)).await?;
    storage.pass(SHORT).await?;
    let worker = storage.worker().await?;
    let job = worker.claim_one().await?;

    assert_eq!(worker.end(&job, End::Expired).await?, 1);

    let found = storage.job(id).await?;
    assert_eq!(found.state, JobState::Expired);
    assert_eq!((found.attempt, found.deliveries), (0, 1));
    assert_eq!(found.claimed_at, None);
    assert!(found.finished_at.is_some());
    assert_eq!(storage.attempts(id).await?.len(), 0);
    Ok(())
}

async fn ready_and_scheduled_jobs_expire_where_they_wait(storage: &Storage) -> anyhow::Result<()> {
    let scheduled = storage
        .put(Enqueue {
            start: Start::After(LONG),
            ..expiring(SHORT)
        })
        .await?;
    let promoted = storage
        .put(Enqueue {
            start: Start::After(Duration::from_micros(1)),
            ..expiring(SHORT)
        })
        .await?;
    let ready = storage.put(expiring(SHORT)).await?;
    storage.pass(SHORT).await?;
    assert_eq!(storage.promote(10).await?.jobs, 1);

    assert_eq!(expire(storage).await?, 3);

    for job in [scheduled, promoted, ready] {
        let found = storage.job(job).await?;
        assert_eq!(found.state, JobState::Expired);
        assert_eq!((found.attempt, found.run_at), (0, None));
    }
    assert_eq!(storage.worker().await?.claim_all().await?.len(), 0);
    assert_eq!(expire(storage).await?, 0);
    Ok(())
}

async fn a_job_that_is_in_time_does_not_expire(storage: &Storage) -> anyhow::Result<()> {
    storage.put(expiring(LONG)).await?;
    storage.put(one()).await?;

    assert_eq!(expire(storage).await?, 0);

    assert_eq!(storage.worker().await?.claim_all().await?.len(), 2);
    Ok(())
}

async fn a_running_job_does_not_expire(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(expiring(SHORT)).await?;
    let worker = storage.worker().await?;
    let job = worker.claim_one().await?;
    storage.pass(SHORT).await?;

    expire(storage).await?;

    assert_eq!(storage.job(id).await?.state, JobState::Running);
    assert_eq!(worker.complete(&job).await?, 1);
    Ok(())
}

async fn a_job_expires_while_no_attempt_of_it_has_begun(storage: &Storage) -> anyhow::Result<()> {
    storage.put(expiring(SHORT)).await?;
    let worker = storage.worker().await?;
    let job = worker.claim_one().await?;
    worker.end(&job, End::Unstarted(Duration::ZERO)).await?;
    storage.pass(SHORT).await?;

    assert!(worker.claim_one().await?.expired);
    Ok(())
}

async fn a_job_that_was_given_back_unstarted_expires_where_it_waits(
    storage: &Storage,
) -> anyhow::Result<()> {
    let id = storage.put(expiring(SHORT)).await?;
    let worker = storage.worker().await?;
    let job = worker.claim_one().await?;
    storage.pass(SHORT).await?;
    // Looked at while a worker has it.
    expire(storage).await?;
    worker.end(&job, End::Unstarted(Duration::ZERO)).await?;

    assert_eq!(expire(storage).await?, 1);

    assert_eq!(storage.job(id).await?.state, JobState::Expired);
    Ok(())
}

async fn an_attempt_that_has_begun_ends_the_time_to_expire(
    storage: &Storage,
) -> anyhow::Result<()> {
    for _ in 0..5 {
        storage.put(expiring(SHORT)).await?;
    }
    let (worker, dead, leaving) = (
        storage.worker().await?,
        storage.worker().await?,
        storage.worker().await?,
    );
    worker
        .end(&worker.claim_one().await?, End::Retry(Duration::ZERO))
        .await?;
    worker
        .end(&worker.claim_one().await?, End::Release(Duration::ZERO))
        .await?;
    worker
        .end(&worker.claim_one().await?, End::Release(SHORT))
        .await?;
    dead.claim_one().await?;
    leaving.claim_one().await?;
    dead.die().await?;
    storage.rescue(5).await?;
    storage.deregister_worker(leaving.id).await?;
    storage.pass(SHORT).await?;
    storage.promote(10).await?;

    expire(storage).await?;

    let claimed = match storage.claim(worker.next_claim()).await? {
        Claimed::Jobs(jobs) => jobs,
        other => panic!("{other:?}"),
    };
    let expired: Vec<_> = claimed.iter().map(|job| job.expired).collect();
    assert_eq!(expired, [false; 5]);
    Ok(())
}

async fn a_limited_number_of_jobs_is_looked_at(storage: &Storage) -> anyhow::Result<()> {
    for _ in 0..5 {
        storage.put(expiring(SHORT)).await?;
    }
    storage.pass(SHORT).await?;

    let mut looked = Vec::new();
    for _ in 0..4 {
        looked.push(storage.expire(2, &Retention::DAY.into()).await?);
    }

    assert_eq!(looked, [2, 2, 1, 0]);
    Ok(())
}

async fn a_time_to_expire_counts_from_the_time_to_start(storage: &Storage) -> anyhow::Result<()> {
    let start = storage.now().await? + LONG;
    let at_start = || Enqueue {
        start: Start::At(start),
        ..expiring(SHORT)
    };
    let plain = storage.put(at_start()).await?;
    let mut keyed = at_start();
    keyed.jobs[0] = keyed.jobs[0].clone().key(key("k", Conflict::Skip));
    let [(unique, _)] = enqueue(storage, keyed).await?;
    let overdue = storage
        .put(Enqueue {
            start: Start::At(start - 3 * LONG),
            ..expiring(LONG)
        })
        .await?;
    storage.pass(SHORT).await?;

    assert_eq!(expire(storage).await?, 0);
    for (id, expected) in [(plain, start + SHORT), (unique, start + SHORT)] {
        let detail = storage.job(id).await?.detail.unwrap_or_default();
        let expires_at = detail.expires_at().unwrap_or_default();
        let apart = (expires_at - expected).abs();
        assert!(apart < chrono::TimeDelta::milliseconds(1), "{expires_at}");
    }
    // One whose time has passed is to start now.
    let detail = storage.job(overdue).await?.detail.unwrap_or_default();
    assert!(detail.expires_at().unwrap_or_default() >= start);
    Ok(())
}

async fn a_job_that_expired_is_kept_as_its_task_says(storage: &Storage) -> anyhow::Result<()> {
    let known = storage.put(expiring(SHORT)).await?;
    let other = storage
        .put(Enqueue {
            task: "other".into(),
            ..expiring(SHORT)
        })
        .await?;
    storage.pass(SHORT).await?;

    let kept = Kept {
        tasks: [(TASK.to_owned(), Retention::STEPS[3])].into(),
        others: Retention::HOUR,
    };
    storage.expire(100, &kept).await?;
    storage.age_history(10).await?;
    storage.maintain_history(&[]).await?;

    assert_eq!(storage.job(known).await?.state, JobState::Expired);
    assert!(storage.find(other).await?.is_none());
    Ok(())
}

async fn a_replaced_job_expires_by_its_own_time(storage: &Storage) -> anyhow::Result<()> {
    let replace = |after| {
        let detail = Detail {
            expires: Some(Expires::After(after)),
            ..Detail::default()
        };
        of([job("x", key("k", Conflict::Replace)).detail(detail)])
    };
    enqueue::<1>(storage, replace(SHORT)).await?;
    let [(id, _)] = enqueue(storage, replace(LONG)).await?;
    storage.pass(SHORT).await?;

    expire(storage).await?;
    assert_eq!(storage.job(id).await?.state, JobState::Ready);

    enqueue::<1>(storage, replace(SHORT)).await?;
    storage.pass(SHORT).await?;
    expire(storage).await?;
    assert_eq!(storage.job(id).await?.state, JobState::Expired);
    Ok(())
}

async fn a_job_that_was_given_back_in_time_expires_where_it_waits(
    storage: &Storage,
) -> anyhow::Result<()> {
    let id = storage.put(expiring(HOUR)).await?;
    let worker = storage.worker().await?;
    for _ in 0..3 {
        let job = worker.claim_one().await?;
        worker.end(&job, End::Unstarted(Duration::ZERO)).await?;
    }

    if let Some(pool) = storage.pool() {
        // The note of its enqueue is there still, and is enough.
        let past = "update pgq_jobs.expiry set expires_at = now() where expires_at > now()";
        assert_eq!(sqlx::query(past).execute(pool).await?.rows_affected(), 1);
        sqlx::query("update pgq_jobs.detail set expires_at = now()")
            .execute(pool)
            .await?;
    } else {
        storage.pass(HOUR).await?;
    }
    assert_eq!(expire(storage).await?, 1);

    assert_eq!(storage.job(id).await?.state, JobState::Expired);
    Ok(())
}

#[tokio::test]
async fn jobs_that_somebody_has_locked_are_not_looked_at_over_and_over() -> anyhow::Result<()> {
    let storage = Storage::postgres().await?;
    let pool = storage.pool().context("a server")?;
    for _ in 0..3 {
        storage.put(expiring(SHORT)).await?;
    }
    storage.pass(SHORT).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query("select from pgq_jobs.ready order by id limit 2 for update")
        .execute(&mut *transaction)
        .await?;

    assert_eq!(expire(&storage).await?, 1);
    assert_eq!(expire(&storage).await?, 0);
    let due: i64 =
        sqlx::query_scalar("select count(*) from pgq_jobs.expiry where expires_at > now()")
            .fetch_one(pool)
            .await?;
    assert_eq!(due, 2);

    transaction.commit().await?;
    eventually("the others have expired", async || {
        expire(&storage).await?;
        let ended: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.finished")
            .fetch_one(pool)
            .await?;
        Ok(ended == 3)
    })
    .await
}
