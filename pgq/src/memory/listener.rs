//! The wake-ups of a [`MemoryDriver`](super::MemoryDriver).

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::driver::{DriverError, DriverErrorKind, Listener, Parked, Topic, Wake};

#[derive(Debug)]
pub(super) struct MemoryListener {
    wakes: broadcast::Receiver<Wake>,
    /// The moves of a clock that is moved by hand; `None` if it moves by itself or is gone.
    clock: Option<watch::Receiver<DateTime<Utc>>>,
}

impl MemoryListener {
    pub(super) fn new(
        wakes: broadcast::Receiver<Wake>,
        clock: Option<watch::Receiver<DateTime<Utc>>>,
    ) -> Self {
        Self { wakes, clock }
    }
}

#[async_trait]
impl Listener for MemoryListener {
    async fn recv(&mut self) -> Result<Wake, DriverError> {
        tokio::select! {
            wake = self.wakes.recv() => match wake {
                Ok(wake) => Ok(wake),
                Err(RecvError::Lagged(_)) => Ok(Wake::Reconnected),
                Err(RecvError::Closed) => Err(DriverError::new(
                    DriverErrorKind::Unavailable,
                    "the in-process storage is gone",
                )),
            },
            () = moved(&mut self.clock) => Ok(Wake::Scheduled),
        }
    }

    // A wake-up costs nothing here, so every listener gets all of them.

    async fn park(&mut self, _: &Topic) -> Result<Parked, DriverError> {
        Ok(Parked::Settled)
    }

    async fn unpark(&mut self, _: &Topic) -> Result<(), DriverError> {
        Ok(())
    }

    async fn backlog(&mut self) -> Result<f64, DriverError> {
        Ok(0.0)
    }
}

/// Waits until the clock is moved. Cancel safe.
async fn moved(clock: &mut Option<watch::Receiver<DateTime<Utc>>>) {
    if let Some(receiver) = clock
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *clock = None;
    std::future::pending::<()>().await;
}
