//! [`Listener`].

use std::fmt;

use async_trait::async_trait;

use super::DriverError;

/// Something that may have become possible.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wake {
    /// A queue has a job that is ready.
    Ready(String),
    /// A job was scheduled, perhaps before the one that was next.
    Scheduled,
    /// The connection was lost and is back: wake-ups may have been missed, and the storage may
    /// have lost what it had not yet made durable.
    Reconnected,
}

/// Receives wake-ups. They are hints: one may be lost, and a poll must stand behind them.
#[async_trait]
pub trait Listener: fmt::Debug + Send {
    /// Waits for the next wake-up.
    ///
    /// # Errors
    ///
    /// After an error this listener is of no more use; make another one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no wake-up is lost if the call is dropped.
    async fn recv(&mut self) -> Result<Wake, DriverError>;
}
