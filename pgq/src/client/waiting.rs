//! Who waits for jobs to end: one listener for all of a process that wait on one storage.
//!
//! Whoever ends jobs sends a wake-up only if somebody has parked on [`Topic::Finished`], as it is with
//! wake-ups for workers. A wake-up does not say whose job has ended, so the storage is asked for all
//! that are waited for at once. A poll stands behind it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::driver::{Driver, DriverError, Listener, Parked, Topic, Wake};
use crate::job::JobId;

/// How often the storage is asked while wake-ups come.
const POLL: Duration = Duration::from_secs(1);

/// How often it is asked while jobs end of which nobody is told yet.
const UNSETTLED: Duration = Duration::from_millis(20);

/// The least time between two questions.
const PAUSE: Duration = Duration::from_millis(2);

/// More wake-ups than this in a second cost those who send them more than the waiting is worth.
const STORM: u32 = 100;

/// For how long no wake-ups are asked for after a storm, and how often the storage is asked then.
const CALM: Duration = Duration::from_secs(1);
const CALM_POLL: Duration = Duration::from_millis(10);

/// How often the connection that listens is tried, and how full the storage's buffer of wake-ups may
/// be.
const TRY_EVERY: Duration = Duration::from_secs(15);
const BACKLOG_MAX: f64 = 0.5;

/// How long the listener is kept when nobody waits any more.
const LINGER: Duration = Duration::from_secs(5);

/// How long to wait before another try, after the storage failed.
const RETRY: Duration = Duration::from_secs(1);

/// How long a call on the connection that listens may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How long it may take to connect, and to ask for all the jobs that are waited for.
const CALL_MAX: Duration = Duration::from_secs(30);

/// Those who wait on one storage.
#[derive(Debug)]
struct Waiting {
    driver: Arc<dyn Driver>,
    seats: Mutex<HashMap<JobId, Seats>>,
    /// Somebody has come, or the last one has gone.
    changed: Notify,
    /// Whether wake-ups come, so that nobody needs to look by himself.
    listens: AtomicBool,
    /// Whether nobody will listen here any more.
    is_over: AtomicBool,
}

/// Those who wait for one job.
#[derive(Debug)]
struct Seats {
    count: usize,
    finished: Arc<Notify>,
}

impl Seats {
    fn tell(&self) {
        self.finished.notify_waiters();
        // One that looks at its job just now is told afterwards.
        self.finished.notify_one();
    }
}

/// The right to be told when a job has ended, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    waiting: Arc<Waiting>,
    job: JobId,
    finished: Arc<Notify>,
}

/// The waiting of a process, by storage.
type All = HashMap<String, Arc<Waiting>>;

static ALL: LazyLock<Mutex<All>> = LazyLock::new(Mutex::default);

/// Listens for those who wait; dropped when nobody does any more, and with the runtime that it is on,
/// which may end before those of others who wait.
struct Listening(Arc<Waiting>);

impl Seat {
    /// Begins to wait. Look at the job after this call, since it may have ended before.
    pub(super) fn take(driver: &Arc<dyn Driver>, job: JobId) -> Self {
        let mut new = None;
        let (waiting, finished) = {
            let mut all = lock(&ALL);
            let waiting = all.entry(driver.identity()).or_insert_with(|| {
                let waiting = Arc::new(Waiting {
                    driver: Arc::clone(driver),
                    seats: Mutex::default(),
                    changed: Notify::new(),
                    listens: AtomicBool::new(false),
                    is_over: AtomicBool::new(false),
                });
                new = Some(Listening(Arc::clone(&waiting)));
                waiting
            });
            // Under the lock of all of them, so that it does not end just now.
            let mut seats = lock(&waiting.seats);
            let seats = seats.entry(job).or_insert_with(|| Seats {
                count: 0,
                finished: Arc::default(),
            });
            seats.count += 1;
            (Arc::clone(waiting), Arc::clone(&seats.finished))
        };
        if let Some(listening) = new {
            tokio::spawn(listening.run());
        }
        waiting.changed.notify_one();
        Self {
            waiting,
            job,
            finished,
        }
    }

    /// Waits until the job may have ended. Cancel safe, but ends of which nobody waits are forgotten.
    pub(super) async fn finished(&self) {
        self.finished.notified().await;
    }

    /// Whether nobody will tell of the end of the job: another seat is to be taken.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_over.load(Ordering::Relaxed)
    }

    /// Whether the end of the job will be told.
    pub(super) fn is_told(&self) -> bool {
        self.waiting.listens.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = lock(&self.waiting.seats);
        if let Entry::Occupied(mut entry) = seats.entry(self.job) {
            entry.get_mut().count -= 1;
            if entry.get().count == 0 {
                entry.remove();
            }
        }
        if seats.is_empty() {
            self.waiting.changed.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listening {
    /// Listens until nobody has waited for a while.
    async fn run(self) {
        let waiting = &*self.0;
        loop {
            let listened = attend(waiting).await;
            waiting.listens.store(false, Ordering::Relaxed);
            let Err(error) = listened else {
                return;
            };
            tracing::debug!(%error, "not told of jobs that end; those who wait look by themselves");
            tokio::time::sleep(RETRY).await;
            if waiting.leave() {
                return;
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Nobody finds it any more, and those who have found it look for another.
        lock(&ALL).retain(|_, waiting| !Arc::ptr_eq(waiting, &self.0));
        self.0.is_over.store(true, Ordering::Relaxed);
        for seats in lock(&self.0.seats).values() {
            seats.tell();
        }
    }
}

/// Listens on one connection. Returns when nobody waits any more.
async fn attend(waiting: &Waiting) -> Result<(), DriverError> {
    let mut listener = within(CALL_MAX, waiting.driver.listen()).await?;
    let mut pace = Pace::new(Instant::now());
    let mut try_at = Instant::now();
    loop {
        let now = Instant::now();
        if now >= try_at {
            try_at = now + TRY_EVERY;
            // Who sends a wake-up fails when the buffer is full.
            if answer(listener.backlog()).await? > BACKLOG_MAX {
                pace.calm(now + TRY_EVERY);
            }
        }
        let wait = if pace.parks(now) {
            match answer(listener.park(&Topic::Finished)).await? {
                Parked::Settled => POLL,
                Parked::Unsettled => UNSETTLED,
            }
        } else {
            answer(listener.unpark(&Topic::Finished)).await?;
            CALM_POLL
        };
        // What ended before it was parked.
        within(CALL_MAX, waiting.look()).await?;
        waiting.listens.store(true, Ordering::Relaxed);
        if waiting.is_empty() && linger(waiting, &mut *listener).await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            woken = woken(&mut *listener) => {
                woken?;
                pace.woken(Instant::now());
            }
            () = waiting.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Waits for somebody to come; returns `true` if nobody has, and nobody can any more.
async fn linger(waiting: &Waiting, listener: &mut dyn Listener) -> Result<bool, DriverError> {
    answer(listener.unpark(&Topic::Finished)).await?;
    let until = tokio::time::Instant::now() + LINGER;
    while waiting.is_empty() {
        tokio::select! {
            () = waiting.changed.notified() => {}
            () = tokio::time::sleep_until(until) => return Ok(waiting.leave()),
        }
    }
    Ok(false)
}

/// Waits for a wake-up about jobs that ended.
async fn woken(listener: &mut dyn Listener) -> Result<(), DriverError> {
    loop {
        if let Wake::Finished | Wake::Reconnected = listener.recv().await? {
            return Ok(());
        }
    }
}

impl Waiting {
    /// Asks which of the jobs have ended, and tells those who wait for them.
    async fn look(&self) -> Result<(), DriverError> {
        let jobs: Vec<JobId> = lock(&self.seats).keys().copied().collect();
        if jobs.is_empty() {
            return Ok(());
        }
        for job in self.driver.finished(&jobs).await? {
            if let Some(seats) = lock(&self.seats).get(&job) {
                seats.tell();
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        lock(&self.seats).is_empty()
    }

    /// Takes this out of what others can find, if nobody waits.
    fn leave(&self) -> bool {
        let mut all = lock(&ALL);
        if !self.is_empty() {
            return false;
        }
        all.retain(|_, waiting| !std::ptr::eq(Arc::as_ptr(waiting), self));
        true
    }
}

/// Whether wake-ups are worth what they cost.
#[derive(Debug)]
struct Pace {
    second: Instant,
    woken: u32,
    calm_until: Instant,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self {
            second: now,
            woken: 0,
            calm_until: now,
        }
    }

    fn parks(&self, now: Instant) -> bool {
        self.calm_until <= now
    }

    fn calm(&mut self, until: Instant) {
        self.calm_until = until;
    }

    fn woken(&mut self, now: Instant) {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.woken = 0;
        }
        self.woken += 1;
        if self.woken > STORM {
            self.calm(now + CALM);
            self.woken = 0;
        }
    }
}

/// Bounds the time of a call on the connection that listens.
async fn answer<T>(call: impl Future<Output = Result<T, DriverError>>) -> Result<T, DriverError> {
    within(ANSWER_MAX, call).await
}

/// Bounds the time of a call: a connection that is dead without a word would keep those who wait from
/// looking by themselves as often as they should.
async fn within<T>(
    time: Duration,
    call: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, DriverError> {
    use crate::driver::DriverErrorKind;

    tokio::time::timeout(time, call).await.unwrap_or_else(|_| {
        let problem = format!("the database did not answer within {time:?}");
        Err(DriverError::new(DriverErrorKind::Timeout, problem))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_ups_are_not_asked_for_after_a_storm_of_them() {
        let start = Instant::now();
        let mut pace = Pace::new(start);

        for _ in 0..STORM {
            pace.woken(start);
        }
        assert!(pace.parks(start));
        pace.woken(start);
        assert!(!pace.parks(start));
        assert!(pace.parks(start + CALM));
    }

    #[test]
    fn wake_ups_that_come_slowly_are_no_storm() {
        let start = Instant::now();
        let mut pace = Pace::new(start);

        for second in 0..10 {
            let now = start + Duration::from_secs(second);
            (0..STORM).for_each(|_| pace.woken(now));
            assert!(pace.parks(now));
        }
    }
}
