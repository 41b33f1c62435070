//! What only the in-process driver does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pgq::JobState;
use pgq::driver::{
    Driver, DriverError, DriverErrorKind, Enqueue, Listener, ScheduleDriver as _, Start, Wake,
};
use pgq::memory::{ManualClock, MemoryDriver};

/// How long something may take. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

fn one(queue: &'static str, start: Start) -> Enqueue {
    Enqueue {
        task: "greet".into(),
        queue: queue.into(),
        priority: 0,
        max_attempts: 1,
        fingerprint: None,
        start,
        durability: pgq::Durability::Durable,
        jobs: vec![vec![1].into()],
    }
}

/// The next wake-up, or an error if none comes.
async fn hear(listener: &mut dyn Listener) -> Result<Wake, DriverError> {
    tokio::time::timeout(PATIENCE, listener.recv())
        .await
        .map_err(|_| DriverError::new(DriverErrorKind::Timeout, "no wake-up came"))?
}

#[test]
fn a_manual_clock_stands_until_it_is_moved() {
    let clock = ManualClock::new(DateTime::UNIX_EPOCH);
    let same = clock.clone();

    clock.advance(Duration::from_secs(90));
    let advanced = same.now();
    same.set(DateTime::UNIX_EPOCH);

    assert_eq!(advanced.timestamp(), 90);
    assert_eq!(clock.now(), DateTime::<Utc>::UNIX_EPOCH);
}

#[test]
fn a_manual_clock_stops_at_the_end_of_time() {
    let clock = ManualClock::default();

    clock.advance(Duration::MAX);
    clock.advance(Duration::MAX);

    assert!(clock.now() > DateTime::<Utc>::UNIX_EPOCH);
}

#[tokio::test]
async fn moving_the_clock_wakes_listeners() -> anyhow::Result<()> {
    let clock = ManualClock::default();
    let driver = MemoryDriver::with_clock(clock.clone());
    let mut listener = driver.listen().await?;

    clock.advance(Duration::from_secs(1));

    assert_eq!(hear(&mut *listener).await?, Wake::Scheduled);
    Ok(())
}

#[tokio::test]
async fn a_listener_that_lags_is_told_that_it_missed_some() -> anyhow::Result<()> {
    let driver = MemoryDriver::new();
    let mut listener = driver.listen().await?;

    for _ in 0..10_000 {
        Driver::enqueue(&driver, one("default", Start::Now)).await?;
    }

    assert_eq!(hear(&mut *listener).await?, Wake::Reconnected);
    assert_eq!(
        hear(&mut *listener).await?,
        Wake::Ready("default".to_owned())
    );
    Ok(())
}

#[tokio::test]
async fn a_listener_ends_with_its_storage() -> anyhow::Result<()> {
    let driver = MemoryDriver::new();
    let mut listener = driver.listen().await?;

    drop(driver);

    let error = hear(&mut *listener).await.map_err(|error| error.kind());
    assert_eq!(error, Err(DriverErrorKind::Unavailable));
    Ok(())
}

#[tokio::test]
async fn a_storage_on_the_real_clock_lets_time_pass_by_itself() -> anyhow::Result<()> {
    let driver = MemoryDriver::new();
    let before = driver.schedules(&[]).await?.now;
    let delay = Duration::from_millis(1);
    Driver::enqueue(&driver, one("default", Start::After(delay))).await?;

    let promoted = async {
        while driver.promote(1).await?.jobs == 0 {
            tokio::task::yield_now().await;
        }
        Ok::<(), DriverError>(())
    };
    tokio::time::timeout(PATIENCE, promoted).await??;

    assert!(driver.schedules(&[]).await?.now >= before + delay);
    assert_eq!(driver.jobs()[0].state, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn clones_are_one_storage_and_others_are_not() -> anyhow::Result<()> {
    let driver = MemoryDriver::new();

    Driver::enqueue(&driver.clone(), one("default", Start::Now)).await?;

    assert_eq!(driver.jobs().len(), 1);
    assert_eq!(MemoryDriver::new().jobs().len(), 0);
    Ok(())
}
