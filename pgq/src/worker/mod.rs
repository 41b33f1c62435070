//! The worker: claims jobs, runs them, and says what becomes of them.

pub(crate) mod attempt;
mod board;
mod claimer;
pub(crate) mod conclude;
pub(crate) mod config;
mod controller;
pub(crate) mod decide;
mod declare;
mod describe;
mod expirer;
mod fetcher;
mod finisher;
mod historian;
mod hub;
mod lease;
mod limits;
mod line;
mod memory;
mod observed;
mod overseer;
mod pace;
mod parking;
mod persist;
mod promoter;
pub(crate) mod queues;
mod reconcile;
mod rescuer;
mod runner;
mod settle;
mod start;
mod stop;
mod storm;
mod unknown;
mod wakeups;
mod watch;

pub(crate) use self::claimer::{Ended, report};
#[cfg(feature = "testing")]
pub(crate) use self::declare::declared_tasks;
pub(crate) use self::hub::{Setup, Tally, limited, limited_by, retry_pause};
pub(crate) use self::start::{reach, run};
pub(crate) use self::stop::StopSignal;
pub(crate) use self::watch::check_start;
