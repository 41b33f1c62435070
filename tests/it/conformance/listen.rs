//! What every driver promises about `listen`.

use std::time::Duration;

use pgq::driver::{Enqueue, Listener, Schedule, Start, Tick, Wake};
use tokio::time::timeout;

use super::{LONG, QUEUE, Storage, conformance, one};

conformance! {
    a_ready_job_wakes_with_the_name_of_its_queue,
    a_delayed_job_wakes_the_scheduler,
    the_job_of_a_tick_wakes,
    every_listener_is_woken,
    a_call_that_was_dropped_loses_no_wake_up,
}

/// How long a wake-up may take. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the wake-up; others may come before it.
async fn hear(listener: &mut dyn Listener, expected: &Wake) -> anyhow::Result<()> {
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

fn ready() -> Wake {
    Wake::Ready(QUEUE.to_owned())
}

async fn a_ready_job_wakes_with_the_name_of_its_queue(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = storage.listen().await?;

    for queue in [QUEUE, "other queue"] {
        let enqueue = Enqueue {
            queue: queue.into(),
            ..one()
        };
        storage.put(enqueue).await?;
        hear(&mut *listener, &Wake::Ready(queue.to_owned())).await?;
    }
    Ok(())
}

async fn a_delayed_job_wakes_the_scheduler(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = storage.listen().await?;

    storage
        .put(Enqueue {
            start: Start::After(LONG),
            ..one()
        })
        .await?;

    hear(&mut *listener, &Wake::Scheduled).await
}

async fn the_job_of_a_tick_wakes(storage: &Storage) -> anyhow::Result<()> {
    let schedule = Schedule {
        name: "hourly".to_owned(),
        task: "greet".to_owned(),
        expression: "@hourly".to_owned(),
    };
    storage.declare_schedules(&[schedule]).await?;
    let state = storage.schedules(&["hourly".to_owned()]).await?;
    let mut listener = storage.listen().await?;

    let tick = Tick {
        schedule: "hourly".to_owned(),
        previous: state.last_ticks[0].1,
        at: state.now + LONG,
        enqueue: one(),
    };
    storage.tick(tick).await?;

    hear(&mut *listener, &ready()).await
}

async fn every_listener_is_woken(storage: &Storage) -> anyhow::Result<()> {
    let mut listeners = [storage.listen().await?, storage.listen().await?];

    storage.put(one()).await?;

    for listener in &mut listeners {
        hear(&mut **listener, &ready()).await?;
    }
    Ok(())
}

async fn a_call_that_was_dropped_loses_no_wake_up(storage: &Storage) -> anyhow::Result<()> {
    let mut listener = storage.listen().await?;

    for _ in 0..20 {
        // Polled once, and dropped where it then is.
        let early = timeout(Duration::ZERO, listener.recv()).await;
        anyhow::ensure!(early.is_err(), "{early:?} came too early");
        storage.put(one()).await?;
        hear(&mut *listener, &ready()).await?;
    }
    Ok(())
}
