//! When a worker waits for wake-ups, and when it looks by itself: policy without I/O.
//!
//! An enqueuer sends a wake-up only if somebody is *parked* on the topic when it tests that, so
//! parking must not miss an enqueuer that tested before and commits later:
//!
//! 1. *Search.* Look for jobs until there is none.
//! 2. *Park.* From now on enqueuers send wake-ups, but those that saw nobody may still commit: the
//!    topic is *unsettled*. Until they have ended, look now and then.
//! 3. *Settle.* They have ended. Look once more: a look that begins now sees their jobs, and
//!    everything that it does not see comes with a wake-up.
//! 4. *Wait.* A wake-up that arrives while a look is under way is followed by another look.
//!
//! A worker that has no room for jobs of a queue is not parked there; it looks when it has room
//! again. The crate `models` checks this against every order of events, and shows what goes wrong
//! without each of the steps.
//!
//! Commits that send a wake-up wait for each other, so many of them are a *storm*: the worker
//! leaves, looks by itself every few milliseconds, and parks again after a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::storm::{CommitTime, Storm};
use crate::driver::{Parked, Topic};

/// The pauses between looks where wake-ups are not asked for, or not reliable yet.
const GAP_MIN: Duration = Duration::from_millis(1);
const GAP_MAX: Duration = Duration::from_millis(10);

/// The longest pause while the topic does not settle, and while parking is forbidden.
const GAP_LONG: Duration = Duration::from_secs(1);

/// What a worker does about its topics.
#[derive(Debug)]
pub(crate) struct Parking {
    spots: Vec<Spot>,
    commit_time: Arc<CommitTime>,
    /// Whether there is a listener to park with.
    listening: bool,
    /// Whether wake-ups must not be asked for.
    forbidden: bool,
}

/// What there was to find for a worker that looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Some jobs; there may be more.
    Jobs,
    /// Only jobs that others are about to take.
    Contended,
    /// No more jobs.
    Nothing,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look for jobs, and say what there was.
    Look(Topic),
    /// Park, or ask whether the topic has settled, and say so.
    Park(Topic),
    Unpark(Topic),
    /// Wait for a wake-up, for a change, or until then.
    Wait(Option<Instant>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Searching,
    Unsettled,
    Settled,
}

/// One topic.
#[derive(Debug)]
struct Spot {
    topic: Topic,
    stage: Stage,
    /// Whether it should be parked: the last look found nothing, and nothing forbids it.
    wanted: bool,
    /// Whether it is to be forgotten, once it is not parked.
    gone: bool,
    look_at: Option<Instant>,
    /// When to ask whether it has settled.
    ask_at: Option<Instant>,
    gap: Duration,
    storm: Storm,
}

impl Spot {
    fn new(topic: Topic) -> Self {
        Self {
            topic,
            stage: Stage::Searching,
            wanted: false,
            gone: false,
            look_at: None,
            ask_at: None,
            gap: GAP_MIN,
            storm: Storm::default(),
        }
    }
}

impl Parking {
    pub(crate) fn new(
        topics: impl IntoIterator<Item = Topic>,
        commit_time: Arc<CommitTime>,
    ) -> Self {
        let spots = topics.into_iter().map(Spot::new);
        Self {
            spots: spots.collect(),
            commit_time,
            listening: false,
            forbidden: false,
        }
    }

    /// A topic is to be looked at from now on.
    pub(crate) fn add(&mut self, topic: Topic, now: Instant) {
        match self.spot(&topic) {
            Some(spot) if !spot.gone => {}
            Some(spot) => {
                spot.gone = false;
                spot.look_at = Some(now);
            }
            None => {
                let mut spot = Spot::new(topic);
                spot.look_at = Some(now);
                self.spots.push(spot);
            }
        }
    }

    /// A topic is not to be looked at any more.
    pub(crate) fn remove(&mut self, topic: &Topic) {
        if let Some(spot) = self.spot(topic) {
            spot.leave();
            spot.gone = true;
        }
    }

    /// There is a new listener. What became ready before it listened is looked for.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.listening = true;
        for spot in &mut self.spots {
            spot.leave();
            spot.stage = Stage::Searching;
            spot.gap = GAP_MIN;
            spot.look_at = Some(now);
        }
    }

    /// The listener is gone; polls go on without it.
    pub(crate) fn end(&mut self) {
        self.listening = false;
        for spot in &mut self.spots {
            spot.leave();
            spot.stage = Stage::Searching;
        }
    }

    /// Forbids parking, or allows it again.
    pub(crate) fn forbid(&mut self, forbidden: bool, now: Instant) {
        if forbidden && !self.forbidden {
            for spot in self.spots.iter_mut().filter(|spot| spot.wanted) {
                spot.leave();
                spot.look_at = Some(now);
            }
        }
        self.forbidden = forbidden;
    }

    /// The worker has looked. It says so of each look, after the storage has answered.
    pub(crate) fn looked(&mut self, topic: &Topic, found: Found, now: Instant) {
        let (listening, forbidden) = (self.listening, self.forbidden);
        let interval = self.commit_time.harmless_interval();
        let Some(spot) = self.spot(topic) else { return };
        match found {
            _ if !listening || spot.gone => {}
            Found::Jobs => {
                spot.gap = GAP_MIN;
                if spot.stage == Stage::Searching {
                    spot.storm.found(interval, now);
                }
            }
            // Nobody is woken if such a job is not taken after all.
            Found::Contended => spot.look_at = Some(now + spot.next_gap(GAP_MAX)),
            Found::Nothing if forbidden => spot.look_at = Some(now + spot.next_gap(GAP_LONG)),
            Found::Nothing if spot.storm.rages(spot.gap > GAP_MAX, now) => {
                spot.look_at = Some(now + spot.next_gap(GAP_MAX));
            }
            Found::Nothing => {
                spot.wanted = true;
                if spot.stage == Stage::Unsettled {
                    spot.ask_at = Some(now + spot.next_gap(GAP_LONG));
                }
            }
        }
    }

    /// The worker has no room for more; it looks when it has.
    pub(crate) fn full(&mut self, topic: &Topic) {
        if let Some(spot) = self.spot(topic) {
            spot.leave();
        }
    }

    /// A wake-up has come.
    pub(crate) fn woken(&mut self, topic: &Topic, now: Instant) {
        let interval = self.commit_time.harmless_interval();
        let Some(spot) = self.spot(topic) else { return };
        if spot.wanted && spot.stage != Stage::Searching && spot.storm.woken(interval, now) {
            spot.leave();
            spot.gap = GAP_MIN;
        }
        // Otherwise it is for another worker that is parked, and this one looks soon anyway.
        if spot.stage != Stage::Searching || spot.look_at.is_none() {
            spot.look_at = Some(now);
        }
    }

    /// The answer to [`Step::Park`]. Whatever it is, the worker looks after it.
    pub(crate) fn parked(&mut self, topic: &Topic, parked: Parked, now: Instant) {
        let Some(spot) = self.spot(topic) else { return };
        spot.stage = match parked {
            Parked::Unsettled => Stage::Unsettled,
            Parked::Settled => Stage::Settled,
        };
        if parked == Parked::Settled {
            spot.gap = GAP_MIN;
        }
        // Also if it does not want it any more: a look that is under way would see too little, and
        // may make it wanted again.
        spot.look_at = Some(now);
    }

    /// What to do next; time-critical things come first.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        self.spots
            .retain(|spot| !spot.gone || spot.stage != Stage::Searching);
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if let Some(spot) = self.spots.iter_mut().find(|spot| due(spot.look_at)) {
            spot.look_at = None;
            return Step::Look(spot.topic.clone());
        }
        for spot in &mut self.spots {
            let parked = spot.stage != Stage::Searching;
            if parked && !spot.wanted {
                spot.stage = Stage::Searching;
                return Step::Unpark(spot.topic.clone());
            }
            if spot.wanted && self.listening && (!parked || due(spot.ask_at)) {
                spot.ask_at = None;
                return Step::Park(spot.topic.clone());
            }
        }
        let timers = self
            .spots
            .iter()
            .flat_map(|spot| [spot.look_at, spot.ask_at]);
        Step::Wait(timers.flatten().min())
    }

    fn spot(&mut self, topic: &Topic) -> Option<&mut Spot> {
        self.spots.iter_mut().find(|spot| spot.topic == *topic)
    }
}

impl Spot {
    /// Wants to be parked no more, and to do nothing by itself.
    fn leave(&mut self) {
        self.wanted = false;
        self.look_at = None;
        self.ask_at = None;
    }

    fn next_gap(&mut self, max: Duration) -> Duration {
        let gap = self.gap.min(max);
        self.gap = gap * 2;
        gap
    }
}

#[cfg(test)]
mod tests;
