//! Where a claim starts to look, so that it does not walk past dead rows again and again.
//!
//! A claim looks at `seq > cursor` only. The cursor of a lane (one queue and priority) rises to just
//! below the first row that the claim saw; rows that the worker must not take, because their task
//! is unknown, do not hold it. That alone would strand rows whose number is lower than the cursor
//! and that become visible later, because their transaction was open. So a *tick* reads the
//! sequence, and then the transactions that have the table open for writing:
//!
//! - A transaction locks the table before it draws a number. One that a tick sees, and the tick
//!   before did not, has drawn its numbers after that earlier tick read the sequence: all of them
//!   are above that reading, its *base*.
//! - One that no tick ever sees began after the last one, so its numbers are above that reading.
//!
//! Each tick lowers the cursors to the reading of the tick before, and to the base of every
//! transaction that has ended since. A row is above the cursor after one tick that begins after
//! its transaction has ended, however long others stay open.
//!
//! Claims and ticks of one worker take turns on one connection. When it is lost, the server may
//! have crashed, and with it claims and numbers that were not yet on disk: everything starts at 0.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::driver::{Claim, WorkerId};

/// How many priorities there are, and so lanes of a queue.
pub(super) const LANES: usize = 10;

/// How long after a tick the next of several claims that find enough makes another one.
const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// How often the cursors go back to 0, whatever is known: then a mistake costs a delay, not a job.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);

/// The cursors of one worker, by priority from 0.
#[derive(Debug)]
pub(super) struct Cursors {
    worker: WorkerId,
    queues: HashMap<Arc<str>, Vec<Source>>,
    /// What the last tick read of the sequence.
    reading: i64,
    /// The base of each transaction that was open at the last tick.
    open: HashMap<String, i64>,
    ticked: Option<Instant>,
    /// Whether the last claim found jobs, and so made no tick.
    fed: bool,
    swept: Instant,
}

/// What some claims of a queue take, and their cursors.
#[derive(Debug)]
struct Source {
    tasks: Arc<[String]>,
    fingerprints: Option<Arc<[i64]>>,
    lanes: [i64; LANES],
}

impl Source {
    /// Whether a claim of that group takes what the cursors were raised for.
    fn is_for(&self, claim: &Claim, tasks: &Arc<[String]>) -> bool {
        self.tasks == *tasks && self.fingerprints == claim.fingerprints
    }
}

impl Cursors {
    pub(super) fn new(worker: WorkerId, now: Instant) -> Self {
        Self {
            worker,
            queues: HashMap::new(),
            reading: 0,
            open: HashMap::new(),
            ticked: None,
            fed: false,
            swept: now,
        }
    }

    /// Whether these are the cursors of that worker.
    pub(super) fn belong_to(&self, worker: WorkerId) -> bool {
        self.worker == worker
    }

    /// The cursors of the claim's queue, tasks and fingerprints: what one set of them passes over,
    /// another may have to take. A worker has several groups of tasks: those under limits are claimed
    /// by themselves. A claim of more than one group looks above the lowest of their cursors.
    pub(super) fn lanes(&mut self, claim: &Claim, now: Instant) -> [i64; LANES] {
        if now.saturating_duration_since(self.swept) >= SWEEP_INTERVAL {
            self.queues.clear();
            self.swept = now;
        }
        let sources = self.queues.get(&claim.queue);
        let lanes = claim.tasks.iter().map(|tasks| {
            let mut sources = sources.into_iter().flatten();
            let source = sources.find(|source| source.is_for(claim, tasks));
            source.map_or([0; LANES], |source| source.lanes)
        });
        let lowest =
            lanes.reduce(|lowest, lanes| std::array::from_fn(|at| lowest[at].min(lanes[at])));
        lowest.unwrap_or([0; LANES])
    }

    /// Raises the cursors of a queue after a claim. `first_visible` are the first rows that the
    /// claim saw above them, locked ones included; where there was none, everything up to the last
    /// reading is taken, not ours to take, or still to come, which the ticks see to.
    pub(super) fn raise(&mut self, claim: &Claim, first_visible: &[Option<i64>; LANES]) {
        let sources = self.queues.entry(Arc::clone(&claim.queue)).or_default();
        for tasks in &claim.tasks {
            let at = sources
                .iter()
                .position(|source| source.is_for(claim, tasks));
            let at = at.unwrap_or_else(|| {
                sources.push(Source {
                    tasks: Arc::clone(tasks),
                    fingerprints: claim.fingerprints.clone(),
                    lanes: [0; LANES],
                });
                sources.len() - 1
            });
            let looked_at = (0..).take_while(|priority| claim.takes_priority(*priority));
            let lanes = sources[at].lanes.iter_mut().zip(first_visible);
            for ((cursor, first), _) in lanes.zip(looked_at) {
                // No row of the group is below the first of all.
                let below = first.map_or(self.reading, |first| first - 1);
                *cursor = below.max(*cursor);
            }
        }
    }

    /// Whether a claim must begin with a tick. One that follows an empty claim need not: that one made
    /// a tick, and a worker that was woken for a job should not wait for another.
    pub(super) fn tick_is_due(&self, now: Instant) -> bool {
        let recent = |then| now.saturating_duration_since(then) < TICK_INTERVAL;
        self.fed && !self.ticked.is_some_and(recent)
    }

    /// Takes note of whether a claim found jobs.
    pub(super) fn found(&mut self, some: bool) {
        self.fed = some;
    }

    /// Takes a tick in: the sequence was read first, then the open transactions.
    pub(super) fn tick(&mut self, reading: i64, open: HashSet<String>, now: Instant) {
        let ended = self
            .open
            .iter()
            .filter(|(transaction, _)| !open.contains(*transaction));
        let low = ended.map(|(_, base)| *base).fold(self.reading, i64::min);
        for source in self.queues.values_mut().flatten() {
            source
                .lanes
                .iter_mut()
                .for_each(|cursor| *cursor = low.min(*cursor));
        }
        self.open = open
            .into_iter()
            .map(|transaction| {
                let base = self.open.get(&transaction).copied().unwrap_or(self.reading);
                (transaction, base)
            })
            .collect();
        self.reading = reading;
        self.ticked = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: WorkerId = WorkerId::from_i64(1);

    struct Case {
        cursors: Cursors,
        claim: Claim,
        now: Instant,
    }

    impl Case {
        fn new() -> Self {
            let now = Instant::now();
            let claim = Claim {
                worker: WORKER,
                number: 1,
                queue: Arc::from("mail"),
                tasks: vec![Arc::from(["send".to_owned()])],
                fingerprints: None,
                limit: 10,
                horizon: None,
                priority_max: None,
            };
            Self {
                cursors: Cursors::new(WORKER, now),
                claim,
                now,
            }
        }

        /// A claim that saw this row first in the lowest lane, and none in the others.
        fn claim(&mut self, first: Option<i64>) {
            let mut firsts = [None; LANES];
            firsts[0] = first;
            self.cursors.raise(&self.claim, &firsts);
        }

        fn tick(&mut self, reading: i64, open: &[&str]) {
            let open = open.iter().map(|name| (*name).to_owned()).collect();
            self.cursors.tick(reading, open, self.now);
        }

        fn cursor(&mut self) -> i64 {
            self.cursors.lanes(&self.claim, self.now)[0]
        }
    }

    #[test]
    fn a_cursor_stays_below_the_first_row_that_was_seen() {
        let mut case = Case::new();

        case.claim(Some(5));
        assert_eq!(case.cursor(), 4);
        case.claim(Some(9));
        assert_eq!(case.cursor(), 8);
    }

    #[test]
    fn without_a_row_the_cursor_rises_to_the_last_reading() {
        let mut case = Case::new();

        case.claim(None);
        assert_eq!(case.cursor(), 0);
        case.tick(70, &[]);
        case.claim(None);
        assert_eq!(case.cursor(), 70);
    }

    #[test]
    fn a_transaction_that_no_tick_saw_lowers_the_cursor_to_the_reading_before() {
        let mut case = Case::new();
        case.tick(10, &[]);
        // One transaction drew 11, another drew and committed 12.
        case.claim(Some(12));
        case.claim(Some(13));

        case.tick(12, &[]);

        assert_eq!(case.cursor(), 10);
    }

    #[test]
    fn a_transaction_that_stays_open_lowers_the_cursor_when_it_ends() {
        let mut case = Case::new();
        case.tick(10, &[]);
        case.tick(20, &["late"]);
        for reading in [30, 40, 50] {
            case.tick(reading, &["late"]);
            case.claim(Some(reading));
        }
        assert_eq!(case.cursor(), 49);

        case.tick(60, &[]);

        // It drew its numbers after the first tick, which read 10.
        assert_eq!(case.cursor(), 10);
    }

    #[test]
    fn other_tasks_start_from_the_beginning() {
        let mut case = Case::new();
        case.claim(Some(5));

        case.claim.tasks = vec![Arc::from(["send".to_owned(), "print".to_owned()])];

        assert_eq!(case.cursor(), 0);
    }

    #[test]
    fn tasks_that_are_claimed_by_themselves_have_cursors_of_their_own() {
        let mut case = Case::new();
        let send = case.claim.tasks.clone();
        let print: Vec<Arc<[String]>> = vec![Arc::from(["print".to_owned()])];
        case.claim(Some(5));
        case.claim.tasks.clone_from(&print);
        case.claim(Some(9));

        assert_eq!(case.cursor(), 8);
        case.claim.tasks = send;
        assert_eq!(case.cursor(), 4);
    }

    #[test]
    fn a_claim_of_several_groups_starts_at_the_lowest_cursor_and_raises_all() {
        let mut case = Case::new();
        let send = case.claim.tasks.clone();
        let print: Vec<Arc<[String]>> = vec![Arc::from(["print".to_owned()])];
        case.claim(Some(5));
        case.claim.tasks.clone_from(&print);
        case.claim(Some(9));

        case.claim.tasks = [send.clone(), print.clone()].concat();
        assert_eq!(case.cursor(), 4);
        case.claim(Some(7));

        // No row of either is below 7, and none that can be printed below 9.
        case.claim.tasks = send;
        assert_eq!(case.cursor(), 6);
        case.claim.tasks = print;
        assert_eq!(case.cursor(), 8);
    }

    #[test]
    fn other_fingerprints_start_from_the_beginning() {
        let mut case = Case::new();
        case.claim(Some(5));

        case.claim.fingerprints = Some(Arc::from([7]));

        assert_eq!(case.cursor(), 0);
    }

    #[test]
    fn now_and_then_everything_is_looked_at() {
        let mut case = Case::new();
        case.claim(Some(5));

        case.now += SWEEP_INTERVAL;

        assert_eq!(case.cursor(), 0);
    }

    #[test]
    fn claims_that_find_enough_make_a_tick_now_and_then() {
        let mut case = Case::new();
        case.cursors.tick(10, HashSet::new(), case.now);

        case.cursors.found(true);
        assert!(!case.cursors.tick_is_due(case.now));
        case.now += TICK_INTERVAL;
        assert!(case.cursors.tick_is_due(case.now));

        // It made one itself.
        case.cursors.found(false);
        assert!(!case.cursors.tick_is_due(case.now));
    }
}
