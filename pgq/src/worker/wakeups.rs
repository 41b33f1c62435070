//! Turns wake-ups of the storage into work for the other loops.

use std::sync::Arc;

use super::claimer::report;
use super::hub::{Hub, retry_pause};
use crate::driver::{DriverError, Wake};

/// Listens for as long as it is polled, and connects again whenever it must.
pub(crate) async fn run(hub: Arc<Hub>) {
    let mut failures = 0;
    loop {
        let error = listen(&hub, &mut failures).await;
        tracing::warn!(error = %report(&error), "not listening for wake-ups; polling meanwhile");
        failures += 1;
        tokio::time::sleep(retry_pause(failures)).await;
    }
}

async fn listen(hub: &Hub, failures: &mut u32) -> DriverError {
    let mut listener = match hub.setup.driver.listen().await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    if *failures > 0 {
        missed_some(hub);
    }
    *failures = 0;
    // What became ready before it listened.
    hub.wake_all();
    loop {
        match listener.recv().await {
            Ok(Wake::Ready(queue)) => hub.wake(&queue),
            Ok(Wake::Scheduled) => hub.promote.notify_one(),
            Ok(Wake::Reconnected) => missed_some(hub),
            Err(error) => return error,
        }
    }
}

/// A lost connection may mean a server that crashed: anything may be ready, and claims may be
/// gone.
fn missed_some(hub: &Hub) {
    hub.wake_all();
    hub.promote.notify_one();
    hub.reconcile.notify_one();
}
