//! [`JobBuilder`].

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::send::{send, send_unique};
use super::{EnqueueError, Enqueuer, INPUT_MAX_DEFAULT, JobHandle, ScheduleBuilder};
use crate::driver::{Enqueue, KeyedJobs, NewJob, NewKey, Start};
use crate::job::{Conflict, Detail, Durability, Enqueued, Expires, INPUT_MAX, Input};
use crate::queue::{
    ATTEMPTS_MAX, DELAY_MAX, HEADER_VALUE_MAX, HEADERS_MAX, PRIORITY_MAX, TAGS_MAX, name_problem,
};
use crate::schedule::When;
use crate::task::{self, Task, TaskOptions, Unique, fingerprint};

/// One job that is about to be enqueued.
#[must_use = "a job does nothing until it is enqueued"]
pub struct JobBuilder<T: Task> {
    input: T::Input,
    options: JobOptions,
}

/// The most bytes of inputs that one statement carries: the server holds them several times over, and
/// takes no statement of a GiB.
const BATCH_BYTES_MAX: usize = 2 * INPUT_MAX;

/// What a job takes from its task unless its enqueuer says otherwise.
struct JobOptions {
    queue: Cow<'static, str>,
    priority: i16,
    max_attempts: i16,
    start: Start,
    durability: Durability,
    detail: Detail,
    unique: Option<Unique>,
    /// What is compared in the place of parameters.
    key: Option<String>,
}

impl<T: Task> JobBuilder<T> {
    /// A job of `T` with the options of its task.
    pub fn new(input: T::Input) -> Self {
        Self {
            input,
            options: JobOptions::of(&T::OPTIONS),
        }
    }

    /// Lets the job wait in another queue.
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.options.queue = queue.into();
        self
    }

    /// Sets the priority, 0 to 9; larger ones are claimed first.
    pub fn priority(mut self, priority: i16) -> Self {
        self.options.priority = priority;
        self
    }

    /// Sets the number of attempts, 1 to 1000.
    pub fn max_attempts(mut self, max_attempts: i16) -> Self {
        self.options.max_attempts = max_attempts;
        self
    }

    /// Lets the job start no sooner than `delay` after the database's current time, in the place of
    /// the task's own delay. Zero means at once.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.start = start_after(delay);
        self
    }

    /// Lets the job start no sooner than `time`, by the database's clock, in the place of the
    /// task's own delay.
    pub fn run_at(mut self, time: DateTime<Utc>) -> Self {
        self.options.start = Start::At(time);
        self
    }

    /// Sets whether the enqueue waits for the disk of the server, in the place of what its task says; see the
    /// [page about it](crate::durability). In a transaction of your own the transaction says so.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// Lets the job end as expired if no worker has taken it to start it `time` after the database's
    /// current time, or after [`run_at`](Self::run_at), in the place of what its task says. A worker
    /// takes jobs a little ahead: one may start up to three seconds later than that.
    ///
    /// Once a worker may have begun it a job does not expire any more: neither its retries, nor if
    /// that worker dies while it holds the job, begun or not.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.options.detail.expires = Some(Expires::After(time));
        self
    }

    /// Makes the job the same as every job of its task with this key, in the place of what its task
    /// compares. Unless the task says otherwise, a job keeps others away until it has ended, and one
    /// that is the same is skipped: its enqueue returns the handle of the one that is there.
    ///
    /// ```
    /// # #[pgq::task]
    /// # async fn charge(invoice: u64) {}
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), pgq::EnqueueError> {
    /// let first = charge::job(7).unique("invoice 7").enqueue(&pool).await?;
    /// let second = charge::job(7).unique("invoice 7").enqueue(&pool).await?;
    /// if !second.is_new() {
    ///     assert_eq!(first.id(), second.id());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.options.key = Some(key.into());
        self.options.unique.get_or_insert_default();
        self
    }

    /// Lets the job keep others away for `time` from the enqueue on, whether or not it has ended, and
    /// in the place of what its task says. Without a key, and unless the task says otherwise, jobs of
    /// the same input are the same.
    pub fn unique_for(mut self, time: Duration) -> Self {
        self.options.unique.get_or_insert_default().within = Some(time);
        self
    }

    /// Sets what becomes of the job if there is one that is the same, in the place of what its task
    /// says. With [`Conflict::Replace`] and a delay, a job runs once things have been quiet for that
    /// long.
    pub fn on_conflict(mut self, conflict: Conflict) -> Self {
        self.options.unique.get_or_insert_default().conflict = conflict;
        self
    }

    /// Adds a word to find the job by, beside those of its task: by the rule of names, and at most
    /// 16 of them.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        let (tag, tags) = (tag.into(), &mut self.options.detail.tags);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        self
    }

    /// Gives the job something to carry, which its task reads with
    /// [`Context::header`](crate::Context::header): at most 32 headers, their names by the rule of
    /// names, their values of at most 4096 bytes and without NUL.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let headers = &mut self.options.detail.headers;
        headers.insert(name.into(), value.into());
        self
    }

    /// What a driver is asked for.
    pub(super) fn into_request(self, input_max: usize) -> Result<Enqueue, EnqueueError> {
        request::<T>(self.options, [self.input], input_max)
    }

    /// The same for a schedule, whose jobs start at its ticks.
    pub(super) fn into_scheduled(mut self, input_max: usize) -> Result<Enqueue, EnqueueError> {
        if self.options.start != start_after(T::OPTIONS.delay) {
            return Err(EnqueueError::Invalid {
                task: T::NAME,
                problem: "it starts at a tick of its schedule, so leave out its delay or time"
                    .to_owned(),
            });
        }
        self.options.start = Start::Now;
        self.into_request(input_max)
    }

    /// The input of the job alone, for [`enqueue_many`](crate::enqueue_many) and its like.
    pub fn into_input(self) -> T::Input {
        self.input
    }

    /// Begins a schedule that enqueues this job at each of its ticks, with its input and its options. It
    /// starts at the tick, whatever the delay of its task.
    ///
    /// See [`ScheduleBuilder`].
    pub fn schedule(self, name: impl Into<String>, when: impl Into<When>) -> ScheduleBuilder {
        let job = self.into_scheduled(INPUT_MAX_DEFAULT);
        ScheduleBuilder::typed(name.into(), when.into(), job)
    }

    /// Enqueues the job.
    ///
    /// # Errors
    ///
    /// See [`EnqueueError`]. Input that cannot be written, input above the limit and options out
    /// of range are found before anything is sent, so that they do not spoil an open transaction.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a dropped call may or may not have enqueued the job. Inside a transaction
    /// that is then rolled back, it has not.
    pub async fn enqueue(
        self,
        enqueuer: impl Enqueuer,
    ) -> Result<JobHandle<T::Output>, EnqueueError> {
        let mut handles = enqueue_all::<T>(enqueuer, self.options, [self.input]).await?;
        handles.pop().ok_or_else(no_id::<T>)
    }
}

impl<T: Task> fmt::Debug for JobBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobBuilder")
            .field("task", &T::NAME)
            .field("queue", &self.options.queue)
            .field("priority", &self.options.priority)
            .field("start", &self.options.start)
            .finish_non_exhaustive()
    }
}

impl JobOptions {
    fn of(task: &TaskOptions) -> Self {
        Self {
            queue: Cow::Borrowed(task.queue),
            priority: task.priority,
            max_attempts: task.max_attempts,
            start: start_after(task.delay),
            durability: task.durability,
            detail: task.detail(),
            unique: task.unique,
            key: None,
        }
    }

    /// By what the job of this input is the same as others.
    fn key<T: Task>(&self, input: &[u8]) -> Result<Option<NewKey>, EnqueueError> {
        let Some(unique) = &self.unique else {
            return Ok(None);
        };
        match &self.key {
            Some(key) => Ok(Some(unique.given(key_name::<T>(), key))),
            None => match unique.of_input(key_name::<T>(), input) {
                Ok(key) => Ok(Some(key)),
                Err(_) => Err(EnqueueError::Invalid {
                    task: T::NAME,
                    problem: "its unique names parameters, and its input is not a map of such"
                        .to_owned(),
                }),
            },
        }
    }

    fn problem(&self) -> Option<String> {
        if let Some(problem) = name_problem(&self.queue) {
            return Some(format!("its queue {problem}"));
        }
        if !(0..=PRIORITY_MAX).contains(&self.priority) {
            let given = self.priority;
            return Some(format!(
                "its priority must be 0 to {PRIORITY_MAX}, but is {given}"
            ));
        }
        if !(1..=ATTEMPTS_MAX).contains(&self.max_attempts) {
            let given = self.max_attempts;
            return Some(format!(
                "its max_attempts must be 1 to {ATTEMPTS_MAX}, but is {given}"
            ));
        }
        match self.start {
            Start::After(delay) if delay > DELAY_MAX => {
                Some(format!("its delay must be at most {DELAY_MAX:?}"))
            }
            _ => self.detail_problem(),
        }
    }

    fn detail_problem(&self) -> Option<String> {
        if let Some(within) = self.unique.and_then(|unique| unique.within)
            && (within.is_zero() || within > DELAY_MAX)
        {
            return Some(format!(
                "its time to be unique must be longer than zero and at most {DELAY_MAX:?}"
            ));
        }
        if let Some(Expires::After(time)) = self.detail.expires {
            if time > DELAY_MAX {
                return Some(format!("its time to expire must be at most {DELAY_MAX:?}"));
            }
            let delay = match self.start {
                Start::After(delay) => delay,
                Start::Now | Start::At(_) => Duration::ZERO,
            };
            if time <= delay {
                return Some("it must expire after its delay, or it could not start".to_owned());
            }
        }
        let Detail { tags, headers, .. } = &self.detail;
        if tags.len() > TAGS_MAX {
            return Some(format!("it must have at most {TAGS_MAX} tags"));
        }
        if headers.len() > HEADERS_MAX {
            return Some(format!("it must have at most {HEADERS_MAX} headers"));
        }
        let of_tag = |tag: &String| Some(format!("its tag {tag:?} {}", name_problem(tag)?));
        let of_header = |(name, value): (&String, &String)| {
            let problem = name_problem(name).or_else(|| value_problem(value))?;
            Some(format!("its header {name:?} {problem}"))
        };
        let of_headers = headers.iter().find_map(of_header);
        tags.iter().find_map(of_tag).or(of_headers)
    }
}

/// Why a header cannot have this value.
pub(super) fn value_problem(value: &str) -> Option<String> {
    if value.contains('\0') {
        return Some("must not contain NUL".to_owned());
    }
    let size = value.len();
    (size > HEADER_VALUE_MAX)
        .then(|| format!("must have at most {HEADER_VALUE_MAX} bytes, but has {size}"))
}

/// The name that the keys of the task's jobs go by.
const fn key_name<T: Task>() -> &'static str {
    task::key_name(T::NAME, T::ALIASES)
}

fn start_after(delay: Duration) -> Start {
    match delay {
        Duration::ZERO => Start::Now,
        delay => Start::After(delay),
    }
}

/// Enqueues one job of `T` for each input with the options of the task, in one statement.
///
/// # Errors
///
/// See [`EnqueueError`]; on an error none is enqueued.
///
/// # Cancel safety
///
/// Like [`JobBuilder::enqueue`].
pub fn enqueue_many<T: Task>(
    enqueuer: impl Enqueuer,
    inputs: impl IntoIterator<Item = T::Input>,
) -> impl Future<Output = Result<Vec<JobHandle<T::Output>>, EnqueueError>> + Send {
    // Collected here, so that the future is `Send` whatever the iterator is.
    let inputs: Vec<T::Input> = inputs.into_iter().collect();
    enqueue_all::<T>(enqueuer, JobOptions::of(&T::OPTIONS), inputs)
}

async fn enqueue_all<T: Task>(
    enqueuer: impl Enqueuer,
    options: JobOptions,
    inputs: impl IntoIterator<Item = T::Input>,
) -> Result<Vec<JobHandle<T::Output>>, EnqueueError> {
    let is_unique = options.unique.is_some();
    let enqueue = request::<T>(options, inputs, enqueuer.input_max())?;
    if enqueue.jobs.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |source| EnqueueError::Driver {
        task: T::NAME,
        source,
    };
    if !is_unique {
        let ids = send(enqueuer, enqueue).await.map_err(failed)?;
        let handle = |id| JobHandle::new(id, Enqueued::New);
        return Ok(ids.into_iter().map(handle).collect());
    }
    match send_unique(enqueuer, enqueue).await.map_err(failed)? {
        KeyedJobs::Enqueued(jobs) => {
            let handle = |(id, enqueued)| JobHandle::new(id, enqueued);
            Ok(jobs.into_iter().map(handle).collect())
        }
        KeyedJobs::Refused(job) => Err(EnqueueError::Conflict { task: T::NAME, job }),
    }
}

/// What a driver is asked for. Inputs may have `input_max` bytes, unless their task says otherwise.
fn request<T: Task>(
    options: JobOptions,
    inputs: impl IntoIterator<Item = T::Input>,
    input_max: usize,
) -> Result<Enqueue, EnqueueError> {
    if let Some(problem) = options.problem() {
        return Err(EnqueueError::Invalid {
            task: T::NAME,
            problem,
        });
    }
    let limit = T::OPTIONS.input_max.unwrap_or(input_max).min(INPUT_MAX);
    Ok(Enqueue {
        jobs: encode_all::<T>(inputs, &options, limit)?,
        task: Cow::Borrowed(T::NAME),
        queue: options.queue,
        priority: options.priority,
        max_attempts: options.max_attempts,
        fingerprint: Some(fingerprint::<T>()),
        start: options.start,
        durability: options.durability,
    })
}

/// Encodes as it goes: of what is too large together no more is held than must be.
fn encode_all<T: Task>(
    inputs: impl IntoIterator<Item = T::Input>,
    options: &JobOptions,
    limit: usize,
) -> Result<Vec<NewJob>, EnqueueError> {
    let (mut jobs, mut size) = (Vec::new(), 0);
    for input in inputs {
        let bytes = encode::<T>(&input, limit)?;
        size += bytes.len();
        if size > BATCH_BYTES_MAX {
            return Err(EnqueueError::BatchTooLarge {
                task: T::NAME,
                size,
                limit: BATCH_BYTES_MAX,
            });
        }
        let key = options.key::<T>(&bytes)?;
        let mut detail = options.detail.clone();
        let keys = T::OPTIONS.add_keys(key_name::<T>(), &bytes, &mut detail);
        keys.map_err(|_| EnqueueError::Invalid {
            task: T::NAME,
            problem: "its limits name parameters, and its input is not a map of such".to_owned(),
        })?;
        let mut job = NewJob::new(bytes).detail(detail);
        job.key = key.map(Box::new);
        jobs.push(job);
    }
    Ok(jobs)
}

fn encode<T: Task>(input: &T::Input, limit: usize) -> Result<Vec<u8>, EnqueueError> {
    let bytes = input.encode().map_err(|source| EnqueueError::Encode {
        task: T::NAME,
        source,
    })?;
    match bytes.len() {
        size if size > limit => Err(EnqueueError::InputTooLarge {
            task: T::NAME,
            size,
            limit,
        }),
        _ => Ok(bytes),
    }
}

fn no_id<T: Task>() -> EnqueueError {
    use crate::driver::{DriverError, DriverErrorKind};

    let source = DriverError::new(DriverErrorKind::Other, "the storage returned no id");
    EnqueueError::Driver {
        task: T::NAME,
        source,
    }
}
