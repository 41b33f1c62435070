//! [`ScheduleDriver`].

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    AskedInput, DriverError, Enqueue, InputAnswer, InputCheck, Schedule, ScheduleAsk,
    ScheduleChanges, ScheduleState, ScheduleVersion, StoredInput, Tick, Ticked, Trigger, WorkerId,
};

/// The part of a [`Driver`](super::Driver) that is for schedules: their declarations and their ticks.
#[async_trait]
pub trait ScheduleDriver {
    /// Adds the schedules that are new, with the current time as their last tick, and updates the
    /// others. One whose expression or zone has changed begins anew at the current time. One of a name
    /// that was made at run time is left as it is.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn declare_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError>;

    /// Adds the schedules that are new, with the current time as their last tick, and leaves the others
    /// as they are declared.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn add_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError>;

    /// From now on a worker keeps no schedule: others may take those that it has declared. Does nothing
    /// if it is not registered.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn stop_ticking(&self, worker: WorkerId) -> Result<(), DriverError>;

    /// Declares a schedule as this build does, if its stored declaration is still the one of the digest
    /// `seen`, and no worker lives that ticks and declares it so: nobody would. One that was made at run
    /// time is nobody's to take. Ticks are due from its
    /// last one on, or from `since`, whichever is later. Returns whether it was declared.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn take_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
    ) -> Result<bool, DriverError>;

    /// Takes note of the schedules that the code of workers declares that live, and deletes those that code has
    /// declared and that of none has for as long as `grace`, or a little longer. Those that were made at run
    /// time stay. Returns the names of those that are gone, and tells the workers.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn retire_schedules(&self, grace: Duration) -> Result<Vec<String>, DriverError>;

    /// Returns where the schedules of those names stand, without their inputs, and the storage's current
    /// time.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn schedules(&self, names: &[String]) -> Result<ScheduleState, DriverError>;

    /// Returns the inputs that are stored of schedules, in their order; `None` for one that is not there in that
    /// version.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn schedule_inputs(
        &self,
        schedules: &[ScheduleVersion<'_>],
    ) -> Result<Vec<Option<StoredInput>>, DriverError>;

    /// Takes note of which builds take the inputs of schedules. Returns for each, in their order, whether it was
    /// noted: one that is not there in that version, or that somebody keeps locked, is passed over.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn note_checks(&self, checks: &[InputCheck<'_>]) -> Result<Vec<bool>, DriverError>;

    /// Names schedules that have changed since: that were declared, made, edited, paused or resumed.
    /// Ticks are no changes, and one that is gone is not named: only the number of the last deletion is told.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn changed_schedules(&self, ask: ScheduleAsk<'_>)
    -> Result<ScheduleChanges, DriverError>;

    /// Enqueues the jobs of ticks, of each schedule one at most. A tick has its job if `previous` is
    /// still the last tick of its schedule. It has none, and nothing happens, if another worker was
    /// faster, or if the schedule was declared anew with another expression, zone, start or end, was
    /// edited, paused or deleted. Returns what became of each, in their order.
    ///
    /// While the last job that the schedule enqueued is not finished, `overlap` decides. With
    /// [`Skip`](crate::Overlap::Skip) the last tick moves and no job is enqueued, with
    /// [`QueueOne`](crate::Overlap::QueueOne) nothing happens. With
    /// [`CancelRunning`](crate::Overlap::CancelRunning) that job is cancelled, as
    /// [`cancel`](super::Driver::cancel) does, by the same transaction. A tick whose job has a key that
    /// another one holds is as with `Skip`.
    ///
    /// # Errors
    ///
    /// On an error each tick has its job, or its last tick has not moved. Fails with a conflict, without
    /// waiting for long, while somebody else keeps locked what one of them needs beside its schedule, as a key:
    /// that one is to be tried again later, and the others apart from it.
    async fn tick(&self, ticks: Vec<Tick>) -> Result<Vec<Ticked>, DriverError>;

    /// Enqueues a job of a schedule of that revision that is no tick: its last tick does not move, it may be
    /// paused, and what is unfinished of it does not matter. The job has the input that is stored of the
    /// schedule, and its key if it is given an empty one. It is skipped if the job has a key that another
    /// one holds, and refused if there is no such schedule. A job that somebody has requested is refused if
    /// somebody else was faster; the request is over with it, or if it was skipped.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage: a conflict, without waiting for long, while somebody else keeps
    /// locked what it needs.
    async fn trigger(&self, trigger: Trigger<'_>, enqueue: Enqueue) -> Result<Ticked, DriverError>;

    /// Returns where schedules stand, by name and without their inputs: up to `limit` after the name `after`.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn list_schedules(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ScheduleState, DriverError>;

    /// Makes a schedule at run time, with the current time as its last tick; returns `false` if there is
    /// one of its name. `taken_by` is the fingerprint of a build that takes its input, if one has been asked. Tells
    /// the workers.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn make_schedule(
        &self,
        schedule: &Schedule,
        taken_by: Option<i64>,
    ) -> Result<bool, DriverError>;

    /// Puts this in the place of a schedule of its name that was made at run time and is of the revision
    /// `seen`; returns `false` if there is none. If it is to tick at other times, it begins anew at the time
    /// `since`. `taken_by` is the fingerprint of a build that takes its input, if one has been asked; otherwise
    /// nobody is known who takes another one. Tells the workers.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn edit_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
        taken_by: Option<i64>,
    ) -> Result<bool, DriverError>;

    /// Lets a schedule tick no more, or again; returns whether that changed anything, `None` if there is
    /// no such schedule. One that [skips](crate::Missed::Skip) what it has missed begins anew after a pause.
    /// Tells the workers.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn pause_schedule(&self, name: &str, pause: bool) -> Result<Option<bool>, DriverError>;

    /// Requests a job of a schedule that is no tick of whoever ticks it; returns `false` if there is no such
    /// schedule. Of several requests that nobody has seen to the first counts. Tells the workers.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn request_trigger(&self, name: &str) -> Result<bool, DriverError>;

    /// Deletes a schedule that was made at run time, or that the code of no worker declares that lives;
    /// returns `false` if there is none. Its jobs stay. Tells the workers.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn delete_schedule(&self, name: &str) -> Result<bool, DriverError>;

    /// Asks the workers that tick whether their builds of a task take an input; returns the number of the
    /// question. Later questions delete those that were not [forgotten](Self::forget_input) for an hour.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn ask_input(&self, task: &str, input: &[u8]) -> Result<i64, DriverError>;

    /// Returns questions about inputs of these tasks after that one which nobody has answered, the oldest first.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn asked_inputs(
        &self,
        tasks: &[String],
        after: i64,
        limit: usize,
    ) -> Result<Vec<AskedInput>, DriverError>;

    /// Answers a question about an input. Only the first answer counts.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn answer_input(&self, question: i64, answer: &InputAnswer) -> Result<(), DriverError>;

    /// Returns the answer to a question about an input; `None` if there is none, or no such question.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn input_answer(&self, question: i64) -> Result<Option<InputAnswer>, DriverError>;

    /// Forgets a question about an input.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn forget_input(&self, question: i64) -> Result<(), DriverError>;
}
