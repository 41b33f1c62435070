//! Parks, and turns wake-ups of the storage into work for the other loops; `parking.rs` decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::claimer::report;
use super::hub::{Hub, limited, retry_pause};
use super::parking::Step;
use crate::driver::{DriverError, DriverErrorKind, Listener, Topic, Wake};

/// How long the storage may take to answer on the connection that listens. Nobody waits for the
/// answer, but a connection that is dead must be noticed.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How often the connection that listens is tried. A server forgets who listens on a connection
/// that is dead, and then wakes nobody, before the worker notices.
const TRY_EVERY: Duration = Duration::from_secs(15);

/// How full the storage's buffer of wake-ups may be. When it is full, whoever sends one fails.
const BACKLOG_MAX: f64 = 0.5;

/// Listens for as long as it is polled, and connects again whenever it must.
pub(crate) async fn run(hub: Arc<Hub>) {
    let mut failures = 0;
    loop {
        let error = listen(&hub, &mut failures).await;
        hub.parking().end();
        tracing::warn!(error = %report(&error), "not listening for wake-ups; polling meanwhile");
        failures += 1;
        tokio::time::sleep(retry_pause(failures)).await;
    }
}

async fn listen(hub: &Hub, failures: &mut u32) -> DriverError {
    match limited(hub.setup.driver.listen()).await {
        Ok(mut listener) => match attend(hub, &mut *listener, failures).await {
            Ok(never) => match never {},
            Err(error) => error,
        },
        Err(error) => error,
    }
}

async fn attend(
    hub: &Hub,
    listener: &mut dyn Listener,
    failures: &mut u32,
) -> Result<std::convert::Infallible, DriverError> {
    if *failures > 0 {
        missed_some(hub);
    }
    // They may have changed since they were read.
    hub.direct.notify_one();
    hub.parking().begin(Instant::now());
    let mut try_at = Instant::now();
    let mut tries = 0;
    loop {
        let now = Instant::now();
        if now >= try_at {
            try_at = now + TRY_EVERY;
            tries += 1;
            if tries > 1 {
                // Not before it has held for a while: parking may fail each time.
                *failures = 0;
            }
            watch_backlog(hub, listener).await?;
        }
        let step = hub.parking().next(now);
        match step {
            Step::Look(topic) => hub.look(&topic),
            Step::Park(topic) => {
                let parked = answer(listener.park(&topic)).await?;
                hub.parking().parked(&topic, parked, Instant::now());
            }
            Step::Unpark(topic) => answer(listener.unpark(&topic)).await?,
            Step::Wait(until) => {
                let until = until.unwrap_or(try_at).min(try_at);
                tokio::select! {
                    wake = listener.recv() => take_in(hub, wake?),
                    () = hub.repark.notified() => {}
                    () = tokio::time::sleep_until(until.into()) => {}
                }
            }
        }
    }
}

fn take_in(hub: &Hub, wake: Wake) {
    hub.meters.wakeups.increment(1);
    let now = Instant::now();
    let topic = match wake {
        Wake::Ready(queue) => Topic::Ready(queue.into()),
        Wake::Scheduled => Topic::Scheduled,
        // Nothing to do: it is for those who wait for a job.
        Wake::Finished => return,
        Wake::Directives => return hub.direct.notify_one(),
        Wake::Reconnected => {
            missed_some(hub);
            return hub.parking().begin(now);
        }
    };
    hub.parking().woken(&topic, now);
}

/// Sees to it that enqueuers send no wake-ups while the storage may not be able to take them.
async fn watch_backlog(hub: &Hub, listener: &mut dyn Listener) -> Result<(), DriverError> {
    let backlog = answer(listener.backlog()).await?;
    let too_full = backlog > BACKLOG_MAX;
    if too_full {
        tracing::warn!(
            backlog,
            "the server's queue of notifications is filling up; polling instead of waiting for \
             them. Look in pg_stat_activity for a session with LISTEN that has been in a \
             transaction for long, and end it",
        );
    }
    hub.parking().forbid(too_full, Instant::now());
    Ok(())
}

/// Bounds the time of a call on the connection that listens.
async fn answer<T>(call: impl Future<Output = Result<T, DriverError>>) -> Result<T, DriverError> {
    tokio::time::timeout(ANSWER_MAX, call)
        .await
        .unwrap_or_else(|_| {
            let problem = format!("the database did not answer within {ANSWER_MAX:?}");
            Err(DriverError::new(DriverErrorKind::Timeout, problem))
        })
}

/// A lost connection may mean a server that crashed: anything may be ready, and claims may be
/// gone.
fn missed_some(hub: &Hub) {
    hub.board().sweep_keys();
    hub.wake_all();
    hub.promote.notify_one();
    hub.direct.notify_one();
    hub.reconcile.notify_one();
}
