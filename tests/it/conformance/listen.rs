//! What every driver promises about `listen`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgq::driver::{
    Detail, End, Enqueue, Expires, Listener, NewJob, Parked, Schedule, Start, Tick, Topic, Wake,
};
use pgq::{Overlap, Retention};
use tokio::time::timeout;

use super::{LONG, QUEUE, SHORT, Storage, conformance, one};

conformance! {
    a_ready_job_wakes_with_the_name_of_its_queue,
    a_job_that_is_scheduled_soon_wakes,
    the_job_of_a_tick_wakes,
    every_end_of_a_job_wakes_who_waits_for_it,
    every_listener_that_is_parked_is_woken,
    who_parks_again_is_woken_again,
    parking_twice_is_parking_once,
    a_call_that_was_dropped_loses_no_wake_up,
    the_backlog_is_empty_at_first,
}

/// How long a wake-up may take. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the wake-up; others may come before it.
pub(super) async fn hear(listener: &mut dyn Listener, expected: &Wake) -> anyhow::Result<()> {
    timeout(PATIENCE, async {
        loop {
            if listener.recv().await? == *expected {
                return Ok(());
            }
        }
    })
    .await
    .map_err(|_| anyhow::anyhow!("{expected:?} did not come"))?
}

/// Makes a listener that waits for these topics; nothing else is going on that could keep them from
/// settling.
pub(super) async fn parked<const N: usize>(
    storage: &Storage,
    topics: [Topic; N],
) -> anyhow::Result<Box<dyn Listener>> {
    let mut listener = storage.listen().await?;
    for topic in topics {
        let parked = listener.park(&topic).await?;
        anyhow::ensure!(parked == Parked::Settled, "{topic:?} has not settled");
    }
    Ok(listener)
}

fn topic(queue: &str) -> Topic {
    Topic::Ready(Arc::from(queue))
}

fn ready() -> Wake {
    Wake::Ready(QUEUE.to_owned())
}

async fn a_ready_job_wakes_with_the_name_of_its_queue(storage: &Storage) -> anyhow::Result<()> {
    let queues = [QUEUE, "other queue"];
    let mut listener = parked(storage, queues.map(topic)).await?;

    for queue in queues {
        let enqueue = Enqueue {
            queue: queue.into(),
            ..one()
        };
        storage.put(enqueue).await?;
        hear(&mut *listener, &Wake::Ready(queue.to_owned())).await?;
    }
    Ok(())
}

async fn a_job_that_is_scheduled_soon_wakes(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = parked(storage, [Topic::Scheduled]).await?;

    let enqueue = Enqueue {
        start: Start::After(SHORT),
        ..one()
    };
    storage.put(enqueue).await?;

    hear(&mut *listener, &Wake::Scheduled).await
}

async fn the_job_of_a_tick_wakes(storage: &Storage) -> anyhow::Result<()> {
    let schedule = Schedule {
        name: "hourly".to_owned(),
        task: "greet".to_owned(),
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
    let state = storage.schedules(&["hourly".to_owned()]).await?;
    let mut listener = parked(storage, [topic(QUEUE)]).await?;

    let tick = Tick {
        digest: schedule.digest(),
        schedule: schedule.name,
        previous: state.schedules[0].last_tick,
        at: state.now + LONG,
        overlap: Overlap::Allow,
        enqueue: one(),
        is_stored: false,
    };
    storage.tick(tick).await?;

    hear(&mut *listener, &ready()).await
}

async fn every_end_of_a_job_wakes_who_waits_for_it(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = parked(storage, [Topic::Finished]).await?;
    let mut hear = async || hear(&mut *listener, &Wake::Finished).await;

    let worker = storage.worker().await?;
    storage.put(one()).await?;
    worker.complete(&worker.claim_one().await?).await?;
    hear().await.context("a completion")?;
    storage.put(one()).await?;
    worker.end(&worker.claim_one().await?, End::Failed).await?;
    hear().await.context("a failure")?;
    let waiting = storage.put(one()).await?;
    storage.cancel(waiting).await?;
    hear().await.context("the cancellation of one that waits")?;
    let late = NewJob::new(b"\x01".to_vec()).detail(Detail {
        expires: Some(Expires::After(SHORT)),
        ..Detail::default()
    });
    let expiring = Enqueue {
        jobs: vec![late],
        ..one()
    };
    storage.put(expiring).await?;
    storage.pass(SHORT).await?;
    storage.expire(10, &Retention::DAY.into()).await?;
    hear().await.context("an expiry")?;
    for blame_max in [1, 3] {
        let dead = storage.worker().await?;
        let id = storage.put(one()).await?;
        dead.claim_one().await?;
        if blame_max > 1 {
            storage.cancel(id).await?;
        }
        dead.die().await?;
        storage.rescue(blame_max).await?;
        hear().await.context("a rescue")?;
    }
    let cancelled = storage.put(one()).await?;
    worker.claim_one().await?;
    storage.cancel(cancelled).await?;
    storage.deregister_worker(worker.id).await?;
    hear().await.context("a goodbye")?;
    Ok(())
}

async fn every_listener_that_is_parked_is_woken(storage: &Storage) -> anyhow::Result<()> {
    let mut listeners = [
        parked(storage, [topic(QUEUE)]).await?,
        parked(storage, [topic(QUEUE)]).await?,
    ];

    storage.put(one()).await?;

    for listener in &mut listeners {
        hear(&mut **listener, &ready()).await?;
    }
    Ok(())
}

async fn who_parks_again_is_woken_again(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = parked(storage, [topic(QUEUE)]).await?;

    listener.unpark(&topic(QUEUE)).await?;
    storage.put(one()).await?;
    assert_eq!(listener.park(&topic(QUEUE)).await?, Parked::Settled);
    storage.put(one()).await?;

    hear(&mut *listener, &ready()).await
}

async fn parking_twice_is_parking_once(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = parked(storage, [topic(QUEUE), topic(QUEUE)]).await?;
    storage.put(one()).await?;
    hear(&mut *listener, &ready()).await?;

    listener.unpark(&topic(QUEUE)).await?;
    listener.unpark(&topic(QUEUE)).await?;

    assert_eq!(listener.park(&topic(QUEUE)).await?, Parked::Settled);
    Ok(())
}

async fn a_call_that_was_dropped_loses_no_wake_up(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = parked(storage, [topic(QUEUE)]).await?;

    for _ in 0..20 {
        // Polled once, and dropped where it then is.
        let early = timeout(Duration::ZERO, listener.recv()).await;
        anyhow::ensure!(early.is_err(), "{early:?} came too early");
        storage.put(one()).await?;
        hear(&mut *listener, &ready()).await?;
    }
    Ok(())
}

async fn the_backlog_is_empty_at_first(storage: &Storage) -> anyhow::Result<()> {
    let backlog = storage.listen().await?.backlog().await?;

    anyhow::ensure!((0.0..0.1).contains(&backlog), "{backlog}");
    Ok(())
}
