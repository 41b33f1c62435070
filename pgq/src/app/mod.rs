//! `pgq::run()`: everything in one place, for `main`.

mod bounded;
mod config;
#[cfg(feature = "postgres")]
mod control;
mod handle;
#[cfg(feature = "postgres")]
mod limit;
#[cfg(feature = "postgres")]
mod pgq;
mod run;
mod serve;
mod signals;
mod source;

pub use self::bounded::{Bounded, Report};
pub use self::config::Queue;
pub use self::handle::WorkerHandle;
#[cfg(feature = "postgres")]
pub use self::pgq::{Pgq, Within};
pub use self::run::{Run, run};
