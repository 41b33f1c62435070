//! Claims jobs for the slots that are free: one loop per worker, driven by demand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::board::{Demand, Surplus};
use super::config::Mode;
use super::controller::{give_back, send_away};
use super::hub::{Hub, limited, retry_pause};
use super::pace::Pace;
use super::parking::Found;
use super::promoter::promote_due;
use super::reconcile::{self, reconcile};
use super::runner::start_jobs;
use super::settle::{SETTLE, settle};
use super::unknown::UnknownTasks;
use crate::driver::{Ask, Claim, Claimed, ClaimedJob, DriverError, KeyAsk, Topic};
use crate::metrics::add;

/// A job that has waited in the worker for so long goes back to where others see it. Jobs wait
/// only if slots were expected to be free, so this means that jobs have become slow.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How long a call that is under way when the worker is told to stop may take to end.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// Why the claimer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was told to.
    Stopped,
    /// There is nothing more to do; see [`Mode`].
    Idle,
    /// The worker has been rescued, or must assume so.
    LeaseLost,
}

/// The loop, and what it remembers.
pub(crate) struct Claimer {
    hub: Arc<Hub>,
    pace: Pace,
    unknown: UnknownTasks,
    /// For [`Mode::Once`].
    horizon: Option<i64>,
    failures: u32,
    /// How many jobs it has claimed.
    taken: usize,
    /// Whether a claim has met jobs that somebody else has locked: they may come back.
    contended: bool,
}

impl Claimer {
    pub(crate) fn new(hub: Arc<Hub>, horizon: Option<i64>) -> Self {
        let pace = Pace::new(Instant::now());
        Self {
            hub,
            pace,
            unknown: UnknownTasks::default(),
            horizon,
            failures: 0,
            taken: 0,
            contended: false,
        }
    }

    /// Claims until told to stop. A call that is under way then has a moment to end; whatever it
    /// claims after that is given back with the rest.
    pub(crate) async fn run(self, stop: CancellationToken) -> Ended {
        let hub = Arc::clone(&self.hub);
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(STOP_PATIENCE).await;
        };
        tokio::select! {
            ended = self.work(&stop) => ended,
            () = overdue => Ended::Stopped,
            () = hub.lost.cancelled() => Ended::LeaseLost,
        }
    }

    async fn work(mut self, stop: &CancellationToken) -> Ended {
        let hub = Arc::clone(&self.hub);
        tokio::select! {
            () = stop.cancelled() => return Ended::Stopped,
            () = hub.directed.cancelled() => {}
        }
        let mut poll = tokio::time::interval(hub.setup.config.poll);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut compare_at = Instant::now() + hub.setup.config.lease * reconcile::LEASES;
        let mut settle_at = Instant::now() + SETTLE;
        loop {
            let now = Instant::now();
            let ask_at = hub.board().ask_at(now).unwrap_or(now + SETTLE);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ended::Stopped,
                () = hub.reconcile.notified() => {
                    if !self.reconcile().await {
                        // What the storage has lost must not be claimed again beside itself.
                        continue;
                    }
                }
                () = tokio::time::sleep_until(compare_at.into()) => compare_at = self.compare().await,
                // Before the wake-ups, which may never pause.
                _ = poll.tick() => self.poll().await,
                () = tokio::time::sleep_until(settle_at.into()) => {
                    settle(&hub).await;
                    settle_at = Instant::now() + SETTLE;
                }
                () = tokio::time::sleep_until(ask_at.into()) => {}
                () = hub.claim.notified() => {}
            }
            if let Err(ended) = self.claim_all(stop).await {
                return ended;
            }
            if self.is_idle().await {
                return Ended::Idle;
            }
        }
    }

    /// Claims for every queue that is hungry, until the slots are full or the queues empty.
    async fn claim_all(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            self.pace
                .observe(self.hub.setup.tally.finished(), Instant::now());
            let prefetch = self.pace.prefetch();
            let demand = self.hub.board().demand(prefetch, Instant::now());
            let Some(demand) = demand else {
                self.leave_full_queues(prefetch);
                return Ok(());
            };
            match self.claim(&demand).await {
                // The queue has been looked at in part.
                Ok(claimed) if demand.priority_max.is_some() && found_none(&claimed) => {
                    self.hub.board().mark_source_hungry(&demand);
                }
                Ok(Claimed::Jobs(jobs)) => {
                    self.failures = 0;
                    if jobs.is_empty() && self.may_have_unknown(&demand) {
                        self.unknown.look(&self.hub, &demand.queue).await;
                    }
                    let (paused, surplus) = self.take_in(&demand, jobs, prefetch);
                    give_back(&self.hub, paused).await;
                    send_away(&self.hub, surplus).await;
                }
                Ok(Claimed::Contended) => {
                    self.failures = 0;
                    self.contended = true;
                    self.looked(&demand.queue, Found::Contended);
                }
                Ok(Claimed::LeaseLost) => return Err(Ended::LeaseLost),
                Err(error) => {
                    self.failed(&demand, &error, stop).await;
                    return Ok(());
                }
            }
        }
    }

    /// Only an empty claim says that its queue has no more: one that found a few may have missed
    /// a row that became visible late.
    ///
    /// Returns what was paused while the claim was on its way, and suspects beyond the one it holds.
    fn take_in(
        &mut self,
        demand: &Demand,
        jobs: Vec<ClaimedJob>,
        prefetch: usize,
    ) -> (Vec<ClaimedJob>, Surplus) {
        let queue = &demand.queue;
        let found = match jobs.is_empty() {
            true => Found::Nothing,
            false => Found::Jobs,
        };
        self.taken += jobs.len();
        let mut board = self.hub.board();
        if found == Found::Jobs {
            board.mark_source_hungry(demand);
        }
        let now = Instant::now();
        let surplus = match demand.priority_max {
            None => board.put(queue, jobs, now),
            Some(_) => board.put_first(queue, jobs, now),
        };
        let paused = board.take_paused();
        let all = board.searched(queue, found == Found::Jobs, prefetch, now);
        drop(board);
        start_jobs(&self.hub);
        if all {
            self.looked(queue, found);
        }
        (paused, surplus)
    }

    /// Whether a queue that had nothing to claim is to be searched for unknown jobs. Those that are
    /// paused, or wait for permits, it would walk past each time.
    fn may_have_unknown(&self, demand: &Demand) -> bool {
        let board = self.hub.board();
        board.is_searched(&demand.queue) && !board.is_restricted() && !board.is_short()
    }

    fn looked(&self, queue: &Arc<str>, found: Found) {
        self.hub.looked(&Topic::Ready(Arc::clone(queue)), found);
    }

    /// Nobody is to wake this worker for jobs that it has no room for.
    fn leave_full_queues(&self, prefetch: usize) {
        let (full, searched) = {
            let mut board = self.hub.board();
            let full = board.newly_full(prefetch, Instant::now());
            (full, board.newly_searched())
        };
        for queue in searched {
            self.looked(&queue, Found::Nothing);
        }
        if full.is_empty() {
            return;
        }
        let mut parking = self.hub.parking();
        for queue in full {
            parking.full(&Topic::Ready(queue));
        }
        drop(parking);
        self.hub.repark.notify_one();
    }

    async fn claim(&mut self, demand: &Demand) -> Result<Claimed, DriverError> {
        let began = Instant::now();
        let claimed = self.ask(demand).await?;
        let jobs = match &claimed {
            Claimed::Jobs(jobs) => jobs.len(),
            Claimed::Contended | Claimed::LeaseLost => 0,
        };
        let meters = &self.hub.meters;
        meters.claimed(&demand.queue, jobs, began.elapsed());
        Ok(claimed)
    }

    async fn ask(&mut self, demand: &Demand) -> Result<Claimed, DriverError> {
        let claim = Claim {
            worker: self.hub.worker,
            number: self.hub.next_claim(),
            queue: Arc::clone(&demand.queue),
            tasks: match demand.tasks.is_empty() {
                true => vec![Arc::clone(&self.hub.tasks)],
                false => demand.tasks.clone(),
            },
            fingerprints: self.hub.setup.fingerprints.clone(),
            limit: demand.limit,
            horizon: self.horizon,
            priority_max: demand.priority_max,
        };
        if demand.permits.is_empty() && !demand.rate && demand.keys.is_none() {
            return limited(self.hub.setup.driver.claim(claim)).await;
        }
        let task = || demand.task.as_ref().map(|task| task.to_string());
        let keys = demand.keys.as_ref().map(|keys| KeyAsk {
            task: keys.name.to_string(),
            names: claim.names().map(str::to_owned).collect(),
            running: keys.running,
            rate: keys.rate,
            ended: keys.ended.clone(),
            all: keys.all,
        });
        let ask = Ask {
            claim,
            permits: demand.permits.clone(),
            prefetch: demand.prefetch,
            rate: task().filter(|_| demand.rate),
            keys,
        };
        match limited(self.hub.setup.driver.ask(ask)).await {
            Ok(asked) => {
                let again = asked.again.map(|after| {
                    // Spread, so that the workers of a fleet do not all ask at once.
                    Instant::now() + after.mul_f64(1.0 + fastrand::f64() / 4.0)
                });
                // By how much they differ, others see what one of them has taken.
                let spread = Duration::from_micros(fastrand::u64(0..10_000));
                let turn = asked.turn.map(|after| Instant::now() + after + spread);
                let mut board = self.hub.board();
                if let Claimed::Contended = asked.claimed {
                    board.not_asked(demand);
                }
                board.asked(demand, &asked.permits, again, turn);
                drop(board);
                Ok(asked.claimed)
            }
            Err(error) => {
                self.hub.board().ask_failed(demand);
                Err(error)
            }
        }
    }

    /// A claim that failed may have taken jobs: the storage is asked before the next one.
    async fn failed(&mut self, demand: &Demand, error: &DriverError, stop: &CancellationToken) {
        tracing::warn!(error = %report(error), queue = &*demand.queue, "failed to claim jobs");
        self.hub.meters.claim_failed(&demand.queue);
        self.hub.board().mark_source_hungry(demand);
        self.hub.reconcile.notify_one();
        self.failures += 1;
        tokio::select! {
            () = tokio::time::sleep(retry_pause(self.failures)) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Returns `false` if the storage could not be asked; then it is asked again.
    async fn reconcile(&mut self) -> bool {
        let Err(error) = reconcile(&self.hub).await else {
            return true;
        };
        tracing::warn!(error = %report(&error), "failed to compare the held jobs");
        tokio::time::sleep(retry_pause(self.failures)).await;
        self.failures += 1;
        self.hub.reconcile.notify_one();
        false
    }

    /// Compares although nothing is suspected; returns when to do so again. If the storage cannot be
    /// asked, claims go on: they find out by themselves what is wrong with it.
    async fn compare(&self) -> Instant {
        let began = Instant::now();
        let interval = self.hub.setup.config.lease * reconcile::LEASES;
        if let Err(error) = reconcile(&self.hub).await {
            tracing::warn!(error = %report(&error), "failed to compare the held jobs");
            return Instant::now() + interval;
        }
        let pause = began.elapsed() * reconcile::SHARE;
        Instant::now() + pause.clamp(interval, interval.max(reconcile::PAUSE_MAX))
    }

    /// What stands behind lost wake-ups, and behind jobs that have become slow.
    async fn poll(&mut self) {
        let then = Instant::now().checked_sub(WAIT_MAX);
        let stale = then
            .map(|then| self.hub.board().take_waiting(then))
            .unwrap_or_default();
        give_back(&self.hub, stale).await;
        let mut board = self.hub.board();
        board.mark_all_hungry();
        board.sweep_keys();
    }

    /// Whether a worker that ends by itself has reached its end. Everything it held has ended, as the
    /// storage says as well; what that made due is promoted and would be claimed in the next round.
    async fn is_idle(&mut self) -> bool {
        let mode = self.hub.setup.config.mode;
        if mode == Mode::Forever || !self.holds_nothing().await {
            return false;
        }
        if mode == Mode::UntilIdle {
            let promoted = promote_due(&*self.hub.setup.driver).await;
            if let Ok(jobs) = promoted {
                add(&self.hub.meters.promoted, jobs);
            }
            if !matches!(promoted, Ok(0)) {
                return false;
            }
        }
        self.claims_nothing().await
    }

    /// Whether the worker holds nothing, and the storage nothing in its name. What it holds unawares
    /// is given back.
    async fn holds_nothing(&mut self) -> bool {
        self.hub.board().holds_nothing()
            && self.reconcile().await
            && self.hub.board().holds_nothing()
    }

    /// Claims once more from each queue; what it gets runs.
    async fn claims_nothing(&mut self) -> bool {
        let taken = self.taken;
        self.contended = false;
        {
            let mut board = self.hub.board();
            board.mark_all_hungry();
            board.sweep_keys();
        }
        let claimed = self.claim_all(&CancellationToken::new()).await;
        claimed.is_ok()
            && self.failures == 0
            && self.taken == taken
            && !self.contended
            && !self.hub.board().is_short()
            && !self.hub.board().has_turns()
    }
}

fn found_none(claimed: &Claimed) -> bool {
    match claimed {
        Claimed::Jobs(jobs) => jobs.is_empty(),
        Claimed::Contended => true,
        Claimed::LeaseLost => false,
    }
}

/// An error with its causes.
pub(crate) fn report(error: &DriverError) -> String {
    let mut report = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        report.push_str(": ");
        report.push_str(&error.to_string());
        cause = error.source();
    }
    report
}
