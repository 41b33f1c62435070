//! The seam between the runtime and its storage.

mod attempt;
mod attempt_driver;
mod completion;
mod control;
mod description;
mod error;
mod fleet;
mod health;
mod limit;
mod listener;
mod listing;
mod named;
mod progress;
mod request;
mod schedule;
mod schedule_driver;
mod shown;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::job::{Job, JobId, Retain};
use crate::limit::{FleetLimit, FleetRate, Limited};
use crate::logs::AttemptLog;

pub use self::attempt::{Attempt, AttemptOutcome};
pub use self::attempt_driver::AttemptDriver;
pub use self::completion::{CompletionWithin, Hold};
pub use self::control::{Cancellation, Directives, Pausable, Pause};
pub use self::description::{DeclaredTask, Described, Description};
pub use self::error::{DriverError, DriverErrorKind};
pub use self::fleet::{Build, KnownTask, WorkerState};
pub use self::health::{Finding, FindingCode, HealthCheck, HealthDriver, Severity};
pub use self::limit::{Allotment, Ask, Asked, Keep, KeyAsk, PermitAsk};
pub use self::listener::{Listener, Parked, Topic, Wake};
pub use self::listing::{Count, JobCounts, ListedJobs, Listing, Position, WaitingJobs};
pub use self::named::{EnqueueNamed, EnqueuedNamed};
pub use self::progress::{NewProgress, Progress};
pub use self::request::{
    Claim, Claimed, ClaimedInput, ClaimedJob, Completion, DeadJob, End, Ending, Enqueue, HeldInput,
    HistoryReport, Kept, NewJob, NewLog, Promoted, QueuedInput, Rescued, Start, WorkerId,
    WorkerInfo,
};
pub use self::schedule::{
    AskedInput, InputAnswer, InputCheck, Schedule, ScheduleAsk, ScheduleChanges, ScheduleState,
    ScheduleVersion, StoredInput, StoredSchedule, Template, Tick, Ticked, Trigger,
    UnreadableSchedule,
};
pub use self::schedule_driver::ScheduleDriver;
pub use crate::job::{Detail, Expires, KeyedJobs, Marks, NewKey};
pub use crate::schedule::Policy;

/// Storage of jobs, as a set of atomic operations.
///
/// Each method is one transaction. A driver decides nothing: how many jobs to claim, when to retry and when to give
/// up is decided by its callers. Every time is the storage's own clock. A call that is dropped or that fails may still
/// have taken effect, unless its docs say otherwise; [`held`](AttemptDriver::held) tells a worker what it really holds.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "a worker cannot run on `{Self}`",
    note = "a worker sends heartbeats while its tasks run, which a client that blocks its thread cannot, and needs \
            connections of its own: give `Run::url` or `Run::pool` the database, and keep this client to enqueue"
)]
pub trait Driver:
    AttemptDriver + HealthDriver + ScheduleDriver + fmt::Debug + Send + Sync + 'static
{
    /// Makes the storage ready for use, or brings it up to this version, from any number of processes.
    ///
    /// # Errors
    ///
    /// Fails with [`DriverErrorKind::SchemaNewer`] if a newer version has been there that does not admit this one,
    /// and with [`DriverErrorKind::PermissionDenied`] if the user may not create the schema.
    async fn migrate(&self) -> Result<(), DriverError>;

    /// Checks that the storage is of a version that this one can use; changes nothing.
    ///
    /// # Errors
    ///
    /// Fails with [`DriverErrorKind::SchemaMissing`], [`DriverErrorKind::SchemaOlder`] or [`DriverErrorKind::SchemaNewer`].
    async fn check_schema(&self) -> Result<(), DriverError>;

    /// Makes room for what is left of jobs that end from now on, and are kept for as long as
    /// `retains` say. Called before the first claim; calling it again does nothing more.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn prepare_history(&self, retains: &[Retain]) -> Result<(), DriverError>;

    /// Makes room ahead for what will be left of jobs, and drops what has been kept for long
    /// enough; called about once a minute.
    ///
    /// There is room ahead for what is kept as `retains` say, and for everything of the kind that
    /// the history holds already. Nothing is dropped that ended more recently than its
    /// [`Retention`](crate::Retention); what is older by a quarter of it, and by an hour, is dropped
    /// unless somebody uses it. No other operation waits for this one. Of several calls at once, one
    /// does the work.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage. The next call goes on with what was not done.
    async fn maintain_history(&self, retains: &[Retain]) -> Result<HistoryReport, DriverError>;

    /// Adds the jobs, and returns their ids in their order.
    ///
    /// # Errors
    ///
    /// On an error no job is added.
    async fn enqueue(&self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError>;

    /// Adds those of the jobs that are not the same as others, by the [`NewKey`] that each has. A call
    /// waits for open transactions that have its keys. Of jobs of one call that are the same the
    /// first is added, with [`Conflict::Replace`](crate::Conflict::Replace) the last.
    ///
    /// # Errors
    ///
    /// On an error no job is added.
    async fn enqueue_unique(&self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError>;

    /// Finds a job in whatever state; `None` if there is none of that id, or no more.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn find(&self, job: JobId) -> Result<Option<Job>, DriverError>;

    /// Returns the input of a job in whatever state, format byte included; `None` if there is no such job.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn input(&self, job: JobId) -> Result<Option<Vec<u8>>, DriverError>;

    /// Returns the attempts of a job, oldest first: those that ended, for as long as they are kept,
    /// and the one that runs. None if there is no such job.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn attempts(&self, job: JobId) -> Result<Vec<Attempt>, DriverError>;

    /// Returns those of these jobs that have ended, in no order.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn finished(&self, jobs: &[JobId]) -> Result<Vec<JobId>, DriverError>;

    /// Lists jobs of one state, newest first. Costs the same however many jobs there are: a page
    /// may be short and still name a next one.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn list(&self, listing: &Listing) -> Result<ListedJobs, DriverError>;

    /// Counts jobs, as far as that is cheap.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn count(&self) -> Result<JobCounts, DriverError>;

    /// Makes jobs ready again that failed, were cancelled or expired, at the end of their line, with all
    /// of their attempts, and returns them. Deliveries go on, and the history stays; they hold no unique
    /// keys any more, and do not expire. What has changed since it was looked at is left alone.
    ///
    /// # Errors
    ///
    /// On an error none or all of them are ready.
    async fn requeue(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError>;

    /// Deletes jobs that do not run, with all that belongs to them, and returns those that are gone. What
    /// has changed its state since it was looked at is left alone.
    ///
    /// # Errors
    ///
    /// On an error none or all of them are gone.
    async fn delete(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError>;

    /// Lets scheduled and ready jobs be due at another time, but not before now, and returns them. What has
    /// changed its state since it was looked at is left alone.
    ///
    /// # Errors
    ///
    /// On an error none or all of them are scheduled for that time.
    async fn reschedule(&self, jobs: &[Job], start: Start) -> Result<Vec<JobId>, DriverError>;

    /// Adds a worker, whose lease begins now. Returns `false` if its id is taken.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn register_worker(&self, worker: WorkerInfo) -> Result<bool, DriverError>;

    /// Says which queues a worker serves now, for people.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn serve_queues(&self, worker: WorkerId, queues: &[String]) -> Result<(), DriverError>;

    /// Lets the lease of a worker end `lease` from now, and tells that it runs so many jobs. Returns
    /// `false` if the worker has been rescued: it holds nothing any more, and must run nothing.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage; the lease may or may not have been extended.
    async fn heartbeat(
        &self,
        worker: WorkerId,
        lease: Duration,
        running: usize,
    ) -> Result<bool, DriverError>;

    /// Lists the workers, those first that started first. One that died is there until it is rescued.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn workers(&self) -> Result<Vec<WorkerState>, DriverError>;

    /// Removes a worker that has stopped. Jobs that it still holds become ready, at no cost to
    /// them. One whose attempt is ended by an open transaction is left to
    /// [`rescue`](Self::rescue).
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn deregister_worker(&self, worker: WorkerId) -> Result<(), DriverError>;

    /// Claims up to `claim.limit` ready jobs of one queue, highest priority first, then oldest.
    ///
    /// Two calls never return the same job at the same time, from whatever process. A job of a
    /// task that is not among `claim.tasks` is left alone, and so is one with a fingerprint that
    /// is not among `claim.fingerprints`, if there are any. Each claim is one delivery and one
    /// attempt.
    ///
    /// A claim may find fewer jobs than there are, but it finds none only if there are none: every
    /// job that was ready before the call, and that no other claim is about to take. If there are
    /// only such, it may say so: [`Claimed::Contended`].
    ///
    /// # Errors
    ///
    /// After an error jobs may be held that nobody runs; [`held`](AttemptDriver::held) finds them.
    async fn claim(&self, claim: Claim) -> Result<Claimed, DriverError>;

    /// Claims jobs that are under limits of the whole fleet, as [`claim`](Self::claim) does, together
    /// with permits and tokens for them. Of jobs with keys it takes those whose keys are free. A worker
    /// keeps its permits until it gives them back with [`keep`](Self::keep) or is gone, runs at most as
    /// many jobs under a limit as it has, and need not ask while it has enough. The permits of all
    /// workers together are never more than the limit, unless it has been lowered; then nobody gets any
    /// until they are. Tokens are granted by the clock of the storage: never more than the burst, and
    /// the rate times the elapsed time. Jobs are taken for what there is, and under permits up to
    /// `ask.prefetch` more; what they do not use is not kept.
    ///
    /// # Errors
    ///
    /// On an error the worker may have more permits than before, until it next asks or keeps some.
    async fn ask(&self, ask: Ask) -> Result<Asked, DriverError>;

    /// Says how much of these limits the other workers have.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn allotments(
        &self,
        worker: WorkerId,
        limits: &[Limited],
    ) -> Result<Vec<Allotment>, DriverError>;

    /// Gives back what a worker has of these limits beyond what it keeps. `number` is that of a claim
    /// which is not made: an older call that arrives later changes nothing.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage; the permits may or may not have been given back.
    async fn keep(&self, worker: WorkerId, number: i64, kept: &[Keep]) -> Result<(), DriverError>;

    /// Sets the limits as the code declares them; one that is none is removed. What
    /// [`override_running`](Self::override_running) or [`override_rate`](Self::override_rate) has set
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn declare_limits(&self, limits: &[FleetLimit]) -> Result<(), DriverError>;

    /// Lets some of the jobs go on that wait for keys which these tasks have no more. It begins behind a
    /// key, at first `i64::MIN`, and returns the key to go on after, or `None` if there are no more.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage; some may go on.
    async fn put_back(&self, tasks: &[String], after: i64) -> Result<Option<i64>, DriverError>;

    /// Sets how many jobs run at once whatever the code declares, or, with `None`, as it declares.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn override_running(
        &self,
        what: &Limited,
        running: Option<u32>,
    ) -> Result<(), DriverError>;

    /// Sets the rate of a task whatever the code declares, or, with `None`, as it declares.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn override_rate(&self, task: &str, rate: Option<FleetRate>) -> Result<(), DriverError>;

    /// Lists the limits that are in force, in the order of what they are for.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn limits(&self) -> Result<Vec<FleetLimit>, DriverError>;

    /// Ends jobs with their results. Returns how many of them this worker still held under the
    /// claim that is named; the others are untouched. Calling it again does nothing more. A claim of
    /// a job is named once at most.
    ///
    /// # Errors
    ///
    /// On an error none or all of them have ended.
    async fn complete(
        &self,
        worker: WorkerId,
        completions: &[Completion],
    ) -> Result<usize, DriverError>;

    /// Ends attempts in any other way. Returns how many of them this worker still held under the
    /// claim that is named; the others are untouched. Calling it again does nothing more. A claim of
    /// a job is named once at most.
    ///
    /// # Errors
    ///
    /// On an error none or all of them have ended.
    async fn end(&self, worker: WorkerId, endings: &[Ending]) -> Result<usize, DriverError>;

    /// Keeps what attempts have logged; called before they end. What this worker does not hold under
    /// the claim that is named is left out. Calling it again does nothing more.
    ///
    /// # Errors
    ///
    /// On an error none or all of it is kept.
    async fn keep_logs(&self, worker: WorkerId, logs: &[NewLog]) -> Result<(), DriverError>;

    /// Returns what the attempts of a job have logged, oldest first.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, DriverError>;

    /// Takes the jobs from every worker whose lease has ended, and removes those workers. A job
    /// becomes ready with its attempt given back, but fails once it is to blame for the deaths of
    /// `blame_max` workers, at most 3.
    ///
    /// A job is to blame if it was the only one that its worker held. Whatever a second worker died with
    /// is a suspect, which its [marks](Marks::SUSPECT) say until an attempt of it ends; the
    /// only suspect that a worker held is to blame as well.
    ///
    /// A job whose attempt is ended by an open transaction is left alone, since nobody knows yet
    /// whether it commits; a later call takes it, and removes its worker. Until then the worker counts
    /// as rescued: heartbeats and claims of its are refused.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn rescue(&self, blame_max: i16) -> Result<Rescued, DriverError>;

    /// Makes up to `limit` scheduled jobs ready that are due, those that are due first, and says
    /// when the next one is.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn promote(&self, limit: usize) -> Result<Promoted, DriverError>;

    /// Looks at up to `limit` jobs whose time to expire has come, and ends those that wait and have
    /// not been started, to be kept as `kept` says; returns how many it has looked at. For those that
    /// nobody claims: a claim hands such a job out as `expired`. A job that somebody is about to change
    /// is left for a later call, and does not count.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn expire(&self, limit: usize, kept: &Kept) -> Result<usize, DriverError>;

    /// Returns a number that no job enqueued from now on is below; for [`Claim::horizon`].
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn horizon(&self) -> Result<i64, DriverError>;

    /// Returns the name of a task that has a ready job in `queue` and is not among `tasks`.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn unknown_task(
        &self,
        queue: &str,
        tasks: &[String],
    ) -> Result<Option<String>, DriverError>;

    /// Returns the task and the fingerprint of a ready job in `queue` that is of one of `tasks`, and
    /// has a fingerprint that is not among `fingerprints`.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn unknown_input(
        &self,
        queue: &str,
        tasks: &[String],
        fingerprints: &[i64],
    ) -> Result<Option<(String, i64)>, DriverError>;

    /// Counts unfinished jobs by state, task and fingerprint: of each state at most `limit` jobs.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn queued_inputs(&self, limit: usize) -> Result<Vec<QueuedInput>, DriverError>;

    /// Pauses a queue or a task until [`resume`](Self::resume): workers leave its jobs where they
    /// are. Returns `false` if it was paused already. Tells every listener, whether parked or not,
    /// with [`Wake::Directives`].
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn pause(&self, what: &Pausable) -> Result<bool, DriverError>;

    /// Ends a pause, and tells every listener as well. Returns `false` if there was none.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn resume(&self, what: &Pausable) -> Result<bool, DriverError>;

    /// Lists what is paused: queues first, each kind by name.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn pauses(&self) -> Result<Vec<Pause>, DriverError>;

    /// Cancels a job; returns `None` if there is none of that id, or no more.
    ///
    /// A job that waits ends as cancelled at once. For one that runs a request is stored, of which its
    /// worker reads in its [`directives`](Self::directives), and every listener is told with
    /// [`Wake::Directives`]. The job may still complete or fail. If it would run again instead,
    /// because the attempt is retried or released or because its worker stops or dies, it ends as
    /// cancelled.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage: a conflict if somebody keeps the job locked for longer than five
    /// seconds.
    async fn cancel(&self, job: JobId) -> Result<Option<Cancellation>, DriverError>;

    /// Returns what a worker is to do, and to leave. It asks before its first claim, once per poll
    /// interval, and when it hears [`Wake::Directives`].
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn directives(&self, worker: WorkerId) -> Result<Directives, DriverError>;

    /// Starts to listen for wake-ups.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn listen(&self) -> Result<Box<dyn Listener>, DriverError>;

    /// The schema that the jobs are in, for transactions of tasks that complete them; `None` if the
    /// storage has no transactions.
    fn schema_name(&self) -> Option<&str>;

    /// The same text for two drivers on one storage, and another one on another storage.
    fn identity(&self) -> String;

    /// Returns a driver on the same storage that shares no connection with this one, for use on
    /// another runtime. It connects when it is first used.
    fn detached(&self) -> Arc<dyn Driver>;
}
