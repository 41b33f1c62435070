//! Schedules that are made at run time, and what can be done to any schedule.

mod check;
mod edit;
mod error;
mod handle;
mod info;
mod make;

pub use self::edit::ScheduleEdit;
pub use self::error::ScheduleError;
pub use self::handle::ScheduleHandle;
pub use self::info::{ListedSchedules, ScheduleInfo, Schedules};
pub use self::make::ScheduleBuilder;
