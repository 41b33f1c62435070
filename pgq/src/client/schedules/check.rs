//! Whether a task takes an input, for a program that does not know the task: a worker is asked.

use std::time::{Duration, Instant};

use super::{ScheduleError, ScheduleHandle};
use crate::driver::{Driver, DriverError, InputAnswer, StoredSchedule};

/// For how long a worker is waited for unless another time is set.
pub(super) const CHECK_WITHIN: Duration = Duration::from_secs(10);

/// The longest time: questions are kept for an hour.
const WITHIN_MAX: Duration = Duration::from_secs(3000);

/// The pauses between two looks whether one has answered: the first, and the longest.
const LOOK_FIRST: Duration = Duration::from_millis(5);
const LOOK_LAST: Duration = Duration::from_millis(200);

/// Of which task an input is, and for which change of a schedule.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) handle: &'a ScheduleHandle,
    /// What is to become of it, as errors say it.
    pub(super) change: &'static str,
    pub(super) task: &'a str,
    pub(super) input: &'a [u8],
    pub(super) within: Duration,
}

impl Question<'_> {
    /// Asks whoever ticks, and returns the fingerprint of the build that takes the input. Nothing is changed
    /// before that, so a call that fails or is dropped leaves nothing behind but the question, for an hour.
    pub(super) async fn ask(self, driver: &dyn Driver) -> Result<i64, ScheduleError> {
        let Self {
            handle,
            change,
            task,
            input,
            within,
        } = self;
        let within = within.min(WITHIN_MAX);
        let failed = |source: DriverError| handle.failed(change, source);
        let (schedule, task) = (handle.name().to_owned(), task.to_owned());
        if !is_known(driver, &task).await.map_err(failed)? {
            return Err(ScheduleError::UnknownTask { schedule, task });
        }
        let question = driver.ask_input(&task, input).await.map_err(failed)?;
        let answer = wait(driver, question, within).await;
        // It goes with a later one, if not now.
        let _ = driver.forget_input(question).await;
        match answer.map_err(failed)? {
            Some(InputAnswer::Taken(fingerprint)) => Ok(fingerprint),
            Some(InputAnswer::Refused(problem)) => Err(ScheduleError::Unfit {
                schedule,
                task,
                change,
                problem,
            }),
            None => Err(ScheduleError::Unchecked {
                schedule,
                task,
                change,
                within,
            }),
        }
    }
}

/// The first answer; `None` if there is none in time.
async fn wait(
    driver: &dyn Driver,
    question: i64,
    within: Duration,
) -> Result<Option<InputAnswer>, DriverError> {
    let began = Instant::now();
    let mut pause = LOOK_FIRST;
    loop {
        let answer = driver.input_answer(question).await;
        let is_over = began.elapsed() >= within;
        match answer {
            Ok(None) if !is_over => {}
            Err(error) if error.is_transient() && !is_over => {}
            answered => return answered,
        }
        tokio::time::sleep(pause.min(within)).await;
        pause = (pause * 2).min(LOOK_LAST);
    }
}

/// Whether a worker lives that ticks, and knows the task.
async fn is_known(driver: &dyn Driver, task: &str) -> Result<bool, DriverError> {
    let workers = driver.workers().await?;
    let mut ticking = workers
        .iter()
        .filter(|worker| worker.is_alive && worker.build.ticks);
    Ok(ticking.any(|worker| worker.build.knows(task)))
}

/// Whether a program has read the input that knows the task: a worker, or the one that has made the schedule.
pub(super) fn is_taken(stored: &StoredSchedule) -> bool {
    !stored.made || stored.schedule.template.fingerprint.is_some() || !stored.takes.is_empty()
}
