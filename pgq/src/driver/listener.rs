//! [`Listener`].

use std::fmt;
use std::sync::Arc;

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
    /// A job has ended.
    Finished,
    /// The directives of workers may have changed, or schedules. It comes to every listener, parked or
    /// not.
    Directives,
    /// The connection was lost and is back: wake-ups may have been missed, and the storage may
    /// have lost what it had not yet made durable. Nothing is parked any more.
    Reconnected,
}

/// What a listener can wait for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Topic {
    /// A job that is ready in this queue.
    Ready(Arc<str>),
    /// A job that is scheduled to start within two seconds. Whoever promotes must look at least
    /// once a second by itself: nobody is woken for later ones.
    Scheduled,
    /// A job that has ended. A wake-up may be lost: look about once a second as well.
    Finished,
}

/// How far a listener has come with parking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Calls that had begun before may still add jobs of which nobody is told. Look for jobs now
    /// and then, and park again.
    Unsettled,
    /// Every job is told of that a look which begins from now on does not see.
    Settled,
}

/// Receives wake-ups. They are hints: one may be lost, and a poll must stand behind them.
///
/// A wake-up costs the call that sends it dearly, so a listener asks for those of a topic by
/// parking there, and may get none of it otherwise. The order that loses no job: park until
/// [`Parked::Settled`], look for jobs, and wait only if there is none.
///
/// Other listeners' wake-ups may be received, too.
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

    /// Asks for the wake-ups of a topic, until [`unpark`](Self::unpark). On a topic where it is
    /// parked it asks only how far that has come; once settled, it stays so.
    ///
    /// # Errors
    ///
    /// After an error this listener is of no more use; make another one.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the call is dropped, make another listener.
    async fn park(&mut self, topic: &Topic) -> Result<Parked, DriverError>;

    /// Asks for no more wake-ups of a topic; some may still come.
    ///
    /// # Errors
    ///
    /// After an error this listener is of no more use; make another one.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the call is dropped, make another listener.
    async fn unpark(&mut self, topic: &Topic) -> Result<(), DriverError>;

    /// Asks the storage how full its buffer of wake-ups is, from 0 to 1. Enqueues may fail when it
    /// is full and somebody is parked. An answer also says that the connection is alive.
    ///
    /// # Errors
    ///
    /// After an error this listener is of no more use; make another one.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the call is dropped, make another listener.
    async fn backlog(&mut self) -> Result<f64, DriverError>;
}
