//! Wake-ups: enqueuers that notify only if somebody is parked, and workers that park.
//!
//! One queue; each producer is one transaction with one job. A worker is two loops that run beside
//! each other, the one that claims (`pgq/src/worker/claimer.rs`) and the one that parks
//! (`wakeups.rs`, as `parking.rs` decides), with its claims in two steps so that it can die between
//! them.
//!
//! The property: while a worker has a free slot, a job that is visible is on its way to it. It
//! never happens that nothing more is about to happen by itself, and there is such a job and such a
//! worker. What a transaction does before it is visible does not happen by itself: it may stay open
//! for ever. The poll is left out, since it is what must not be needed.

mod flaws;
mod sound;
mod steps;

use stateright::{Checker, Model, Property};

pub(crate) use self::steps::Step;

/// The most workers, and the most producers.
const MAX: usize = 3;

/// A sentence of the protocol that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    /// The producer gives the lock of the table back before its job is visible.
    ReleasedEarly,
    /// The producer looks whether somebody is parked before it has locked the table.
    TestedBefore,
    /// The worker looks for open transactions before it takes the parked lock.
    AskedBefore,
    /// The worker waits although the topic has not settled.
    NotSettled,
    /// The worker does not look once more after it has parked.
    NotLookedAgain,
    /// The worker does not look now and then while the topic does not settle.
    NotLookedMeanwhile,
    /// A wake-up that comes during a look is taken for answered by that look.
    WokenTooEarly,
    /// The worker takes jobs that others are about to take for none.
    ContendedIsNothing,
    /// A worker without room unparks, and does not look when it has room.
    FullForgets,
    /// The worker does not notice that its listening session is gone.
    SessionNotWatched,
    /// A worker that listens again does not look.
    RelistensOnly,
}

/// What is checked.
#[derive(Clone, Debug)]
pub(crate) struct Wakeups {
    pub(crate) workers: usize,
    pub(crate) producers: usize,
    /// How many jobs each worker runs at once.
    pub(crate) slots: u8,
    /// How many workers may die.
    pub(crate) deaths: u8,
    /// How many listening sessions may be cut.
    pub(crate) cuts: u8,
    /// How often a worker may leave because it is woken too often.
    pub(crate) storms: u8,
    /// How often a job of another queue may take a slot.
    pub(crate) others: u8,
    pub(crate) flaw: Option<Flaw>,
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stage {
    Begins,
    /// Has locked the table.
    Inserts,
    /// Holds the parked lock, too.
    Tests,
    /// Has done everything but commit.
    Open,
    /// The job is visible; the table's lock and the notification are still to go.
    Visible,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Producer {
    stage: Stage,
    /// Whether it holds the lock of the table.
    writes: bool,
    notifies: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Job {
    Invisible,
    Ready,
    /// A claim that has not committed has it.
    Locked,
    Taken,
}

/// What the claimer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Look {
    None,
    FoundNothing,
    FoundContended,
    Found(usize),
}

/// How far a worker has come with parking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Parking {
    Searching,
    /// Holds the lock, and is about to look for the transactions that may have seen nobody.
    Asking,
    Unsettled,
    Settled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Worker {
    alive: bool,
    /// Whether the server still knows its listening session, and so its lock.
    session: bool,
    running: u8,
    look: Look,
    parking: Parking,
    hungry: bool,
    wanted: bool,
    /// It will ask again whether the topic has settled.
    asks: bool,
    /// It will look again after a short pause.
    retries: bool,
    /// It has left because there is no room.
    full: bool,
    /// A notification has arrived that it has not read.
    mail: bool,
    /// The transactions that may have seen nobody, a bit for each.
    silent: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    producers: [Producer; MAX],
    jobs: [Job; MAX],
    workers: [Worker; MAX],
    deaths: u8,
    cuts: u8,
    storms: u8,
    others: u8,
}

impl Model for Wakeups {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let producer = |at| Producer {
            stage: match at < self.producers {
                true => Stage::Begins,
                false => Stage::Ended,
            },
            writes: false,
            notifies: false,
        };
        // It listens, and its first look is due.
        let worker = |at| Worker {
            alive: at < self.workers,
            session: at < self.workers,
            running: 0,
            look: Look::None,
            parking: Parking::Searching,
            hungry: true,
            wanted: false,
            asks: false,
            retries: false,
            full: false,
            mail: false,
            silent: 0,
        };
        vec![State {
            producers: [0, 1, 2].map(producer),
            jobs: [Job::Invisible; MAX],
            workers: [0, 1, 2].map(worker),
            deaths: self.deaths,
            cuts: self.cuts,
            storms: self.storms,
            others: self.others,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for at in 0..self.producers {
            self.producer_steps(state, at, steps);
        }
        for at in 0..self.workers {
            self.worker_steps(state, at, steps);
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        self.take(&mut next, step);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(
            "no job is stranded",
            |model: &Self, state| {
                let mut steps = Vec::new();
                model.actions(state, &mut steps);
                steps.iter().any(|step| step.happens_by_itself()) || !model.is_stranded(state)
            },
        )]
    }
}

impl Wakeups {
    fn is_stranded(&self, state: &State) -> bool {
        let room = |worker: &Worker| worker.alive && worker.running < self.slots;
        state.jobs.contains(&Job::Ready) && state.workers.iter().any(room)
    }

    /// Looks at every state there is. Returns how many there are and, if the property does not
    /// hold, the shortest way to where it does not.
    pub(crate) fn check(self) -> (usize, Option<Vec<Step>>) {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let checker = self.checker().threads(threads).spawn_bfs().join();
        let path = checker
            .discovery("no job is stranded")
            .map(|path| path.into_actions());
        (checker.unique_state_count(), path)
    }
}
