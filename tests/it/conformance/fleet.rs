//! What every driver promises about the state of the fleet.

use pgq::driver::{Build, KnownTask, WorkerId, WorkerInfo};

use super::{LONG, SHORT, Storage, conformance};

conformance! {
    a_worker_is_known_with_what_it_said,
    a_heartbeat_tells_how_much_a_worker_has_to_do,
    workers_are_listed_by_their_start,
    a_dead_worker_is_known_until_it_is_rescued,
    a_worker_that_stopped_is_not_known,
}

fn info() -> WorkerInfo {
    let task = |name: &str, fingerprint| KnownTask {
        name: name.to_owned(),
        fingerprint,
    };
    WorkerInfo {
        id: WorkerId::random(),
        lease: LONG,
        host: "mars".to_owned(),
        pid: 7,
        queues: vec!["mail".to_owned(), "news".to_owned()],
        concurrency: 50,
        build: Build {
            app_version: Some("1.2.3".to_owned()),
            tasks: vec![task("greet", -5), task("send", 8)],
            schedules: vec!["nightly".to_owned()],
            declarations: vec![-9],
            ..Build::default()
        },
    }
}

async fn a_worker_is_known_with_what_it_said(storage: &Storage) -> anyhow::Result<()> {
    let before = storage.now().await?;
    let info = info();
    storage.register_worker(info.clone()).await?;
    let after = storage.now().await?;

    let workers = pgq::workers(storage.driver()).await?;

    let [worker] = &workers[..] else {
        panic!("{workers:?}");
    };
    assert_eq!(worker.id, info.id);
    assert_eq!((&*worker.host, worker.pid), ("mars", 7));
    assert_eq!(worker.queues, info.queues);
    assert_eq!((worker.concurrency, worker.running), (50, 0));
    assert_eq!(worker.build, info.build);
    assert!(!worker.build.pgq_version.is_empty());
    assert!((before..=after).contains(&worker.started_at), "{worker:?}");
    assert_eq!(worker.heartbeat_at, worker.started_at);
    assert!(worker.lease_until >= before + LONG, "{worker:?}");
    assert!(worker.is_alive);
    Ok(())
}

async fn a_heartbeat_tells_how_much_a_worker_has_to_do(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage.pass(SHORT).await?;

    assert!(storage.heartbeat(worker.id, 2 * LONG, 12).await?);

    let workers = storage.workers().await?;
    let state = &workers[0];
    assert_eq!(state.running, 12);
    assert!(state.heartbeat_at > state.started_at, "{state:?}");
    assert!(state.lease_until > state.started_at + 2 * LONG, "{state:?}");
    Ok(())
}

async fn workers_are_listed_by_their_start(storage: &Storage) -> anyhow::Result<()> {
    let mut started = Vec::new();
    for _ in 0..3 {
        started.push(storage.worker().await?.id);
        storage.pass(SHORT).await?;
    }
    storage.heartbeat(started[0], LONG, 0).await?;

    let workers = storage.workers().await?;

    let listed: Vec<_> = workers.iter().map(|worker| worker.id).collect();
    assert_eq!(listed, started);
    Ok(())
}

async fn a_dead_worker_is_known_until_it_is_rescued(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    worker.die().await?;

    let workers = storage.workers().await?;
    assert_eq!(workers.len(), 1);
    assert!(!workers[0].is_alive);

    storage.rescue(3).await?;
    assert!(storage.workers().await?.is_empty());
    Ok(())
}

async fn a_worker_that_stopped_is_not_known(storage: &Storage) -> anyhow::Result<()> {
    let stopped = storage.worker().await?;
    let other = storage.worker().await?;

    storage.deregister_worker(stopped.id).await?;

    let workers = storage.workers().await?;
    assert_eq!(workers.len(), 1);
    assert_eq!(workers[0].id, other.id);
    Ok(())
}
