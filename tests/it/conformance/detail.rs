//! What every driver promises about what a job has beside its row.

use std::collections::BTreeMap;
use std::time::Duration;

use pgq::driver::{Detail, End, Enqueue, Expires, Marks, NewJob, Schedule, Start, Tick};
use pgq::{JobId, Overlap};

use super::{LONG, SHORT, Storage, enqueue_conformance, jobs, one};

enqueue_conformance! {
    a_detail_is_handed_out_with_its_job,
    each_job_of_an_enqueue_has_its_own_detail,
    most_jobs_have_no_detail,
    a_job_with_a_large_input_can_have_a_detail,
    a_scheduled_job_can_have_a_detail,
    a_tick_can_have_a_detail,
    a_detail_outlives_every_change_of_state,
    a_job_is_found_with_its_detail,
    the_time_to_expire_counts_from_the_enqueue,
}

fn detail() -> Detail {
    Detail {
        expires: None,
        concurrency_key: Some(i64::MIN),
        order_key: Some(-1),
        rate_key: Some(i64::MAX),
        parent: Some(JobId::from_i64(7)),
        root: Some(JobId::from_i64(3)),
        tags: vec!["billing".to_owned(), "größer".to_owned()],
        headers: BTreeMap::from([
            ("traceparent".to_owned(), "00-ab".to_owned()),
            ("quote".to_owned(), "\"{}\\ \n\u{1F600}".to_owned()),
        ]),
    }
}

fn tagged(tag: &str) -> Detail {
    Detail {
        tags: vec![tag.to_owned()],
        ..Detail::default()
    }
}

fn detailed() -> Enqueue {
    of([NewJob::new(b"\x01".to_vec()).detail(detail())])
}

fn of<const N: usize>(jobs: [NewJob; N]) -> Enqueue {
    Enqueue {
        jobs: jobs.into(),
        ..one()
    }
}

async fn a_detail_is_handed_out_with_its_job(storage: &Storage) -> anyhow::Result<()> {
    storage.put(detailed()).await?;

    let job = storage.worker().await?.claim_one().await?;

    assert!(job.marks.has(Marks::DETAIL));
    assert_eq!(job.detail.as_deref(), Some(&detail()));
    Ok(())
}

async fn each_job_of_an_enqueue_has_its_own_detail(storage: &Storage) -> anyhow::Result<()> {
    let input = || NewJob::new(b"\x01".to_vec());
    storage
        .enqueue(of([
            input().detail(tagged("first")),
            input(),
            input().detail(tagged("third")),
        ]))
        .await?;

    let claimed = storage.worker().await?.claim_all().await?;

    let details: Vec<_> = claimed.iter().map(|job| job.detail.as_deref()).collect();
    assert_eq!(
        details,
        [Some(&tagged("first")), None, Some(&tagged("third"))]
    );
    Ok(())
}

async fn most_jobs_have_no_detail(storage: &Storage) -> anyhow::Result<()> {
    let empty = NewJob::new(b"\x01".to_vec()).detail(Detail::default());
    storage.put(of([empty])).await?;
    storage.enqueue(jobs([b"\x01"])).await?;

    for job in storage.worker().await?.claim_all().await? {
        assert_eq!((job.marks, job.detail), (Marks::NONE, None));
    }
    Ok(())
}

async fn a_job_with_a_large_input_can_have_a_detail(storage: &Storage) -> anyhow::Result<()> {
    let large = NewJob::new(vec![1; 10_000]).detail(detail());
    storage
        .enqueue(of([NewJob::new(vec![1]), large, NewJob::new(vec![1])]))
        .await?;

    let claimed = storage.worker().await?.claim_all().await?;

    let details: Vec<_> = claimed.iter().map(|job| job.detail.as_deref()).collect();
    assert_eq!(details, [None, Some(&detail()), None]);
    let missing: Vec<_> = claimed.iter().map(|job| job.input.missing()).collect();
    assert_eq!(missing, [0, 10_000, 0]);
    Ok(())
}

async fn a_scheduled_job_can_have_a_detail(storage: &Storage) -> anyhow::Result<()> {
    storage
        .put(Enqueue {
            start: Start::After(SHORT),
            ..detailed()
        })
        .await?;
    storage.pass(SHORT).await?;
    storage.promote(10).await?;

    let job = storage.worker().await?.claim_one().await?;

    assert_eq!(job.detail.as_deref(), Some(&detail()));
    Ok(())
}

async fn a_tick_can_have_a_detail(storage: &Storage) -> anyhow::Result<()> {
    let schedule = Schedule {
        name: "hourly".to_owned(),
        task: super::TASK.to_owned(),
        expression: "@hourly".to_owned(),
        zone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
        policy: pgq::driver::Policy::default(),
        template: pgq::driver::Template::default(),
    };
    storage
        .declare_schedules(std::slice::from_ref(&schedule))
        .await?;
    let previous = storage.schedules(&["hourly".to_owned()]).await?.schedules[0].last_tick;
    let tick = Tick {
        digest: schedule.digest(),
        schedule: schedule.name,
        previous,
        at: previous + Duration::from_secs(3600),
        overlap: Overlap::Allow,
        enqueue: detailed(),
        is_stored: false,
    };

    storage.tick(tick).await?;

    let job = storage.worker().await?.claim_one().await?;
    assert_eq!(job.detail.as_deref(), Some(&detail()));
    Ok(())
}

async fn a_detail_outlives_every_change_of_state(storage: &Storage) -> anyhow::Result<()> {
    storage.put(detailed()).await?;

    for end in [End::Retry(Duration::ZERO), End::Release(Duration::ZERO)] {
        let worker = storage.worker().await?;
        let claimed = worker.claim_one().await?;
        worker.end(&claimed, end).await?;
        storage.promote(10).await?;
    }
    for _ in 0..2 {
        let dead = storage.worker().await?;
        dead.claim_one().await?;
        dead.die().await?;
        storage.rescue(3).await?;
    }
    let leaving = storage.worker().await?;
    leaving.claim_one().await?;
    storage.deregister_worker(leaving.id).await?;

    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    assert_eq!(claimed.deliveries, 6);
    assert_eq!(claimed.detail.as_deref(), Some(&detail()));
    Ok(())
}

async fn a_job_is_found_with_its_detail(storage: &Storage) -> anyhow::Result<()> {
    let later = Enqueue {
        start: Start::After(LONG),
        ..detailed()
    };
    let scheduled = storage.put(later).await?;
    let failed = storage.put(detailed()).await?;
    let completed = storage.put(detailed()).await?;
    let running = storage.put(detailed()).await?;
    let worker = storage.worker().await?;
    worker.end(&worker.claim_one().await?, End::Failed).await?;
    worker.complete(&worker.claim_one().await?).await?;
    worker.claim_one().await?;
    let ready = storage.put(detailed()).await?;
    let bare = storage.put(one()).await?;

    for job in [scheduled, failed, completed, running, ready] {
        let found = storage.job(job).await?;
        assert_eq!(found.detail.as_deref(), Some(&detail()), "{found:?}");
    }
    assert_eq!(storage.job(bare).await?.detail, None);
    Ok(())
}

async fn the_time_to_expire_counts_from_the_enqueue(storage: &Storage) -> anyhow::Result<()> {
    let expires = |expires| {
        of([NewJob::new(b"\x01".to_vec()).detail(Detail {
            expires: Some(expires),
            ..Detail::default()
        })])
    };
    let time = storage.now().await? + LONG;
    let after = storage.put(expires(Expires::After(LONG))).await?;
    let at = storage.put(expires(Expires::At(time))).await?;

    let expires_at = async |job| -> anyhow::Result<_> {
        let detail = storage.job(job).await?.detail;
        Ok(detail.and_then(|detail| detail.expires_at()))
    };
    let created = storage.job(after).await?.created_at;
    assert_eq!(expires_at(after).await?, Some(created + LONG));
    assert_eq!(expires_at(at).await?, Some(time));
    Ok(())
}
