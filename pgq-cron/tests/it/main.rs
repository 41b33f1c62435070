//! The tests of `pgq-cron` through its public API.

mod clocks;
mod croner;
mod errors;
mod oracle;
mod texts;
mod ticks;
mod timetable;
mod zones;
