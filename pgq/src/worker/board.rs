//! Who runs, who waits, and what the worker holds: the bookkeeping of one worker, without I/O.

mod pause;

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;
use tokio::task::AbortHandle;

pub(crate) use self::pause::Claimable;
use super::config::WorkerConfig;
use super::line::Line;
use super::memory::Memory;
use crate::driver::ClaimedJob;
use crate::job::JobId;

/// The jobs that a worker holds, from their claim until the storage has taken their end.
#[derive(Debug)]
pub(crate) struct Board {
    concurrency: usize,
    running: usize,
    lines: Vec<Line>,
    /// The line to look at first, so that no queue is always the last.
    turn: usize,
    held: FxHashMap<JobId, Held>,
    memory: Memory,
    claimable: Claimable,
    /// The worker is being dropped: nothing starts any more.
    abandoned: bool,
}

#[derive(Debug)]
struct Held {
    claim: i64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    /// The handle is there as soon as the attempt's task is.
    Running(Option<AbortHandle>),
    /// A transaction of the running attempt completes the job, so that its row may go while it runs.
    Completing(Option<AbortHandle>),
    /// The attempt has ended; the storage is being told.
    Ending,
}

/// A claim that should be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) queue: Arc<str>,
    /// The tasks that may be claimed; `None` if all may.
    pub(crate) tasks: Option<Arc<[String]>>,
    pub(crate) limit: usize,
}

impl Board {
    pub(crate) fn new(config: &WorkerConfig) -> Self {
        let line = |queue| Line::new(queue, config.concurrency);
        Self {
            concurrency: config.concurrency,
            running: 0,
            lines: config.queues.iter().map(line).collect(),
            turn: 0,
            held: FxHashMap::default(),
            memory: Memory::new(config.input_memory),
            claimable: Claimable::default(),
            abandoned: false,
        }
    }

    /// Marks a queue as one that may have more jobs. Returns `false` if it is not served here.
    pub(crate) fn mark_hungry(&mut self, queue: &str) -> bool {
        self.line(queue).map(|line| line.hungry = true).is_some()
    }

    pub(crate) fn mark_all_hungry(&mut self) {
        self.lines.iter_mut().for_each(|line| line.hungry = true);
    }

    /// The next claim to make, if any; `prefetch` jobs may wait beside the running ones. The queue
    /// is not hungry any more until it is marked so again, which may happen while the claim is on
    /// its way.
    pub(crate) fn demand(&mut self, prefetch: usize) -> Option<Demand> {
        let free = self.concurrency.saturating_sub(self.running);
        let waiting: usize = self.lines.iter().map(|line| line.waiting.len()).sum();
        let mut order = self.turns();
        let (at, limit) = order.find_map(|at| {
            let line = &self.lines[at];
            let limit = line.demand(free, waiting, prefetch);
            (line.hungry && !line.stuck && limit > 0).then_some((at, limit))
        })?;
        self.lines[at].hungry = false;
        self.lines[at].full = false;
        self.turn = at + 1;
        Some(Demand {
            queue: Arc::clone(&self.lines[at].name),
            tasks: self.claimable.tasks.clone(),
            limit,
        })
    }

    /// The queues that there is no room for any more; each is named once, until it is claimed from
    /// again. They count as hungry: what becomes ready meanwhile is claimed when there is room.
    pub(crate) fn newly_full(&mut self, prefetch: usize) -> Vec<Arc<str>> {
        let free = self.concurrency.saturating_sub(self.running);
        let waiting: usize = self.lines.iter().map(|line| line.waiting.len()).sum();
        let mut full = Vec::new();
        for line in self.lines.iter_mut().filter(|line| !line.full) {
            if line.stuck || line.demand(free, waiting, prefetch) == 0 {
                line.full = true;
                line.hungry = true;
                full.push(Arc::clone(&line.name));
            }
        }
        full
    }

    /// Takes claimed jobs in.
    pub(crate) fn put(&mut self, queue: &str, jobs: Vec<ClaimedJob>, now: Instant) {
        for job in &jobs {
            let held = Held {
                claim: job.claim,
                stage: Stage::Waiting,
            };
            if let Some(lost) = self.held.insert(job.id, held) {
                // The storage has lost an earlier claim of the job in a crash.
                self.end_lost(job.id, &lost.stage);
            }
        }
        if let Some(line) = self.line(queue) {
            jobs.into_iter().for_each(|job| line.put(job, now));
        }
    }

    /// The next job that may start, which then counts as running.
    pub(crate) fn take(&mut self) -> Option<ClaimedJob> {
        if self.running >= self.concurrency || self.abandoned {
            return None;
        }
        let (at, place) = self.next()?;
        let line = &mut self.lines[at];
        let job = line.waiting.remove(place)?.job;
        self.memory.take(job.input.missing());
        line.running += 1;
        self.running += 1;
        self.turn = at + 1;
        self.set_stage(job.id, job.claim, Stage::Running(None));
        Some(job)
    }

    /// The line and the place of the next job that may start. Jobs whose input is here start past
    /// large ones that wait for memory; no large one starts past another.
    fn next(&mut self) -> Option<(usize, usize)> {
        let first = self.memory.next.take();
        let mut room = self.memory.room();
        for at in first.into_iter().chain(self.turns()) {
            let line = &mut self.lines[at];
            if line.running >= line.limit {
                continue;
            }
            for (place, waiting) in line.waiting.iter().enumerate() {
                if waiting.job.input.missing() <= room {
                    return Some((at, place));
                }
                line.stuck = true;
                self.memory.next.get_or_insert(at);
                room = 0;
            }
        }
        None
    }

    /// Keeps the handle of a running attempt's task. One that was taken just before the worker was
    /// abandoned is aborted.
    pub(crate) fn started(&mut self, job: JobId, claim: i64, handle: AbortHandle) {
        if self.abandoned {
            handle.abort();
        }
        if let Some(Held {
            stage: Stage::Running(slot) | Stage::Completing(slot),
            ..
        }) = self.held(job, claim)
        {
            *slot = Some(handle);
        }
    }

    /// The attempt is about to complete its job itself, in a transaction.
    pub(crate) fn completing(&mut self, job: JobId, claim: i64) {
        if let Some(held) = self.held(job, claim)
            && let Stage::Running(handle) = &mut held.stage
        {
            held.stage = Stage::Completing(handle.take());
        }
    }

    /// The attempt has ended and the storage is being told; its slot is still taken.
    pub(crate) fn ending(&mut self, job: JobId, claim: i64) {
        self.set_stage(job, claim, Stage::Ending);
    }

    /// Holds a job until the storage has taken its end, which is on its way: the worker found out only
    /// now that it had it.
    pub(crate) fn hold(&mut self, job: JobId, claim: i64) {
        let stage = Stage::Ending;
        self.held.entry(job).or_insert(Held { claim, stage });
    }

    /// Frees the slot of a job of that queue, and the memory of its input.
    pub(crate) fn free(&mut self, queue: &str, bytes: usize) {
        if bytes > 0 {
            self.memory.give_back(bytes);
            self.lines.iter_mut().for_each(|line| line.stuck = false);
        }
        self.running = self.running.saturating_sub(1);
        if let Some(line) = self.line(queue) {
            line.running = line.running.saturating_sub(1);
        }
    }

    /// The storage has taken the end of these jobs.
    pub(crate) fn forget(&mut self, jobs: impl IntoIterator<Item = (JobId, i64)>) {
        for (job, claim) in jobs {
            if let Entry::Occupied(held) = self.held.entry(job)
                && held.get().claim == claim
            {
                held.remove();
            }
        }
    }

    /// Takes the jobs out that have waited since before `then`. They count as ending.
    pub(crate) fn take_waiting(&mut self, then: Instant) -> Vec<ClaimedJob> {
        let lines = self.lines.iter_mut();
        let taken: Vec<_> = lines.flat_map(|line| line.take_waiting(then)).collect();
        for job in &taken {
            self.set_stage(job.id, job.claim, Stage::Ending);
        }
        taken
    }

    /// Everything that is held, with its claim.
    pub(crate) fn claims(&self) -> FxHashMap<JobId, i64> {
        self.held
            .iter()
            .map(|(job, held)| (*job, held.claim))
            .collect()
    }

    pub(crate) fn holds_nothing(&self) -> bool {
        self.held.is_empty()
    }

    /// Drops a job that the storage says this worker does not hold, unless its end is on its way, or
    /// was brought about by the attempt itself:
    /// one that waits does not start, one that runs is aborted. Returns whether it was dropped.
    pub(crate) fn drop_lost(&mut self, job: JobId) -> bool {
        let Entry::Occupied(held) = self.held.entry(job) else {
            return false;
        };
        if let Stage::Running(None) | Stage::Completing(_) | Stage::Ending = held.get().stage {
            return false;
        }
        let lost = held.remove();
        self.end_lost(job, &lost.stage);
        true
    }

    /// Sees to it that a job does not start, or does not run on.
    fn end_lost(&mut self, job: JobId, stage: &Stage) {
        match stage {
            Stage::Waiting => {
                for line in &mut self.lines {
                    line.waiting.retain(|waiting| waiting.job.id != job);
                }
            }
            Stage::Running(Some(handle)) => handle.abort(),
            Stage::Running(None) | Stage::Completing(_) | Stage::Ending => {}
        }
    }

    /// Aborts every running attempt.
    pub(crate) fn abort_all(&self) {
        for held in self.held.values() {
            if let Stage::Running(Some(handle)) | Stage::Completing(Some(handle)) = &held.stage {
                handle.abort();
            }
        }
    }

    /// Aborts every running attempt, and lets none start any more.
    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
        self.abort_all();
    }

    fn set_stage(&mut self, job: JobId, claim: i64, stage: Stage) {
        if let Some(held) = self.held(job, claim) {
            held.stage = stage;
        }
    }

    /// A job, if it is held under that claim and not under a later one.
    fn held(&mut self, job: JobId, claim: i64) -> Option<&mut Held> {
        self.held.get_mut(&job).filter(|held| held.claim == claim)
    }

    fn line(&mut self, queue: &str) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| &*line.name == queue)
    }

    fn turns(&self) -> impl Iterator<Item = usize> + use<> {
        let (turn, count) = (self.turn, self.lines.len());
        (0..count).map(move |step| (turn + step) % count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::config::{Mode, QueueConfig};
    use super::*;
    use crate::driver::ClaimedInput;
    use crate::job::Marks;

    fn board() -> Board {
        board_of(&["default"])
    }

    fn board_of(queues: &[&str]) -> Board {
        let queue = |name: &&str| QueueConfig {
            name: Arc::from(*name),
            concurrency: None,
        };
        Board::new(&WorkerConfig {
            queues: queues.iter().map(queue).collect(),
            concurrency: 10,
            poll: Duration::from_secs(1),
            lease: Duration::from_secs(1),
            drain_deadline: Duration::from_secs(1),
            result_max: 1,
            input_memory: 100,
            mode: Mode::Forever,
        })
    }

    fn job(claim: i64) -> ClaimedJob {
        ClaimedJob {
            id: JobId::from_i64(7),
            claim,
            task: Arc::from("tested"),
            queue: Arc::from("default"),
            priority: 0,
            attempt: 1,
            max_attempts: 1,
            deliveries: 1,
            fingerprint: None,
            input: ClaimedInput::Here(Vec::new()),
            marks: Marks::NONE,
            detail: None,
        }
    }

    /// A job whose input is kept apart.
    fn large(id: i64, bytes: usize) -> ClaimedJob {
        ClaimedJob {
            id: JobId::from_i64(id),
            input: ClaimedInput::Apart { bytes },
            ..job(1)
        }
    }

    fn small(id: i64) -> ClaimedJob {
        ClaimedJob {
            id: JobId::from_i64(id),
            ..job(1)
        }
    }

    fn taken(board: &mut Board) -> Vec<i64> {
        std::iter::from_fn(|| board.take().map(|job| job.id.as_i64())).collect()
    }

    #[test]
    fn large_inputs_take_no_more_memory_than_there_is() {
        let (mut board, now) = (board(), Instant::now());
        let jobs = vec![large(1, 60), large(2, 60), large(3, 1), small(4)];
        board.put("default", jobs, now);

        // The third is behind the second, and the fourth needs no memory.
        assert_eq!(taken(&mut board), [1, 4]);
        board.free("default", 60);
        assert_eq!(taken(&mut board), [2, 3]);
    }

    #[test]
    fn an_input_larger_than_all_memory_runs_alone() {
        let (mut board, now) = (board(), Instant::now());
        board.put(
            "default",
            vec![large(1, 1), large(2, 101), large(3, 1)],
            now,
        );

        assert_eq!(taken(&mut board), [1]);
        board.free("default", 1);
        assert_eq!(taken(&mut board), [2]);
        board.free("default", 101);
        assert_eq!(taken(&mut board), [3]);
    }

    #[test]
    fn no_large_input_of_another_queue_comes_before_one_that_waits_for_memory() {
        let (mut board, now) = (board_of(&["default", "other"]), Instant::now());
        board.put("default", vec![large(1, 60), large(2, 60)], now);
        board.put("other", vec![large(3, 30), small(4)], now);

        // Whoever's turn it is.
        let first = taken(&mut board);
        assert_eq!(first, [1, 3, 4]);
        board.put("other", vec![large(5, 30)], now);
        assert!(taken(&mut board).is_empty());
        board.free("other", 30);
        assert!(taken(&mut board).is_empty());
        board.free("default", 60);
        assert_eq!(taken(&mut board), [2, 5]);
    }

    #[test]
    fn nothing_is_claimed_for_a_queue_that_waits_for_memory() {
        let (mut board, now) = (board(), Instant::now());
        board.put("default", vec![large(1, 60), large(2, 60)], now);
        taken(&mut board);

        assert_eq!(board.demand(0), None);
        let given_back = board.take_waiting(now);
        assert_eq!((given_back.len(), board.demand(0)), (1, None));
        board.free("default", 60);
        assert_eq!(board.demand(0).map(|demand| demand.limit), Some(10));
    }

    #[tokio::test]
    async fn nothing_starts_or_runs_on_once_the_worker_is_abandoned() {
        let (mut board, now) = (board(), Instant::now());
        board.put("default", vec![small(1), small(2), small(3)], now);
        let spawn = || tokio::spawn(std::future::pending::<()>());
        let (running, starting) = (spawn(), spawn());
        let first = board.take().unwrap();
        board.started(first.id, first.claim, running.abort_handle());
        let second = board.take().unwrap();

        board.abandon();
        // On another thread: it was taken already, but not yet started.
        board.started(second.id, second.claim, starting.abort_handle());

        assert!(board.take().is_none());
        for attempt in [running, starting] {
            let ended = tokio::time::timeout(Duration::from_secs(60), attempt).await;
            assert!(ended.unwrap().unwrap_err().is_cancelled());
        }
    }

    #[test]
    fn the_end_of_a_lost_claim_says_nothing_about_a_later_one() {
        let (mut board, now) = (board(), Instant::now());
        board.put("default", vec![job(1)], now);
        let first = board.take().unwrap();
        board.put("default", vec![job(2)], now);
        let second = board.take().unwrap();

        board.ending(first.id, first.claim);
        board.forget([(first.id, first.claim)]);

        assert_eq!(board.claims(), [(second.id, 2)].into_iter().collect());
        board.forget([(second.id, second.claim)]);
        assert!(board.holds_nothing());
    }

    #[test]
    fn a_lost_claim_that_waits_does_not_start_beside_a_later_one() {
        let (mut board, now) = (board(), Instant::now());
        board.put("default", vec![job(1)], now);

        board.put("default", vec![job(2)], now);

        assert_eq!(board.take().map(|job| job.claim), Some(2));
        assert!(board.take().is_none());
    }
}
