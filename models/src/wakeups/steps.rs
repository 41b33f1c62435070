//! What can happen next, and what comes of it.

use super::{Flaw, Job, Look, Parking, Producer, Stage, State, Wakeups, Worker};

/// One step of a producer or of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// `enqueue_ready.sql` locks the table.
    Inserts(usize),
    /// `pgq_jobs.wake`: takes the parked lock, and then gives it back.
    Tests(usize),
    Tested(usize),
    /// `pgq_jobs.wake`: the parked lock was taken, so it notifies.
    Notifies(usize),
    Commits(usize),
    RollsBack(usize),
    /// After it is visible, in either order.
    Releases(usize),
    Delivers(usize),

    /// `Board::demand`, and the snapshot of `claim_jobs.sql`.
    LookBegins(usize),
    /// The claim commits; `Claimer::take_in`, `Parking::looked`.
    LookEnds(usize),
    /// `park.sql`: takes the parked lock.
    Parks(usize),
    /// `PostgresListener::park`: looks for transactions that are open; `Parking::parked`.
    Asks(usize),
    /// `unpark.sql`
    Unparks(usize),
    /// `Parking::woken`
    Woken(usize),
    /// `Parking::woken`, with the last wake-up of too many.
    WokenByStorm(usize),
    /// A pause has passed: `Parking::next` looks.
    Retries(usize),
    /// `Claimer::leave_full_queues`
    Fills(usize),
    /// `Listener::recv` has failed or says `Reconnected`; `Parking::begin`.
    Relistens(usize),
    JobEnds(usize),
    /// A job of another queue takes a slot.
    OtherStarts(usize),
    Dies(usize),
    SessionEnds(usize),
}

impl Step {
    /// Whether it is only a matter of time. Transactions may stay open, and jobs may run, for ever.
    pub(crate) fn happens_by_itself(self) -> bool {
        !matches!(
            self,
            Self::Inserts(_)
                | Self::Tests(_)
                | Self::Notifies(_)
                | Self::Commits(_)
                | Self::RollsBack(_)
                | Self::JobEnds(_)
                | Self::OtherStarts(_)
                | Self::Dies(_)
                | Self::SessionEnds(_)
        )
    }
}

/// Whether a session could take the parked lock for itself.
fn nobody_waits(state: &State) -> bool {
    let parked = |worker: &Worker| worker.session && worker.parking != Parking::Searching;
    !parked_lock_is_tested(state) && !state.workers.iter().any(parked)
}

fn parked_lock_is_tested(state: &State) -> bool {
    let tests = |producer: &Producer| producer.stage == Stage::Tests;
    state.producers.iter().any(tests)
}

/// The transactions that have the table open for writing, a bit for each.
fn writers(state: &State) -> u8 {
    let writers = state.producers.iter().enumerate();
    writers.fold(0, |bits, (at, producer)| {
        bits | u8::from(producer.writes) << at
    })
}

impl Wakeups {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(super) fn producer_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let Producer {
            stage,
            writes,
            notifies,
        } = state.producers[at];
        let to_test = match self.has(Flaw::TestedBefore) {
            true => Stage::Begins,
            false => Stage::Inserts,
        };
        match stage {
            stage if stage == to_test && nobody_waits(state) => steps.push(Step::Tests(at)),
            stage if stage == to_test => steps.push(Step::Notifies(at)),
            Stage::Begins | Stage::Inserts => steps.push(Step::Inserts(at)),
            Stage::Tests => steps.push(Step::Tested(at)),
            Stage::Open => steps.extend([Step::Commits(at), Step::RollsBack(at)]),
            Stage::Visible => {
                if writes {
                    steps.push(Step::Releases(at));
                }
                if notifies {
                    steps.push(Step::Delivers(at));
                }
            }
            Stage::Ended => {}
        }
    }

    pub(super) fn worker_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let worker = &state.workers[at];
        if !worker.alive {
            return;
        }
        if worker.look != Look::None {
            steps.push(Step::LookEnds(at));
        } else if worker.hungry && worker.running < self.slots {
            steps.push(Step::LookBegins(at));
        } else if worker.running >= self.slots && !worker.full {
            steps.push(Step::Fills(at));
        }
        if worker.session {
            self.listener_steps(state, at, steps);
            if state.cuts > 0 {
                steps.push(Step::SessionEnds(at));
            }
        } else if !self.has(Flaw::SessionNotWatched) {
            steps.push(Step::Relistens(at));
        }
        if worker.retries {
            steps.push(Step::Retries(at));
        }
        // The claimer does one thing after the other.
        if state.others > 0 && worker.look == Look::None && worker.running < self.slots {
            steps.push(Step::OtherStarts(at));
        }
        if worker.running > 0 {
            steps.push(Step::JobEnds(at));
        }
        if state.deaths > 0 {
            steps.push(Step::Dies(at));
        }
    }

    /// What the loop does that owns the listening session, one after the other.
    fn listener_steps(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let worker = &state.workers[at];
        if worker.parking == Parking::Asking {
            return steps.push(Step::Asks(at));
        }
        if worker.mail {
            steps.push(Step::Woken(at));
            if state.storms > 0 && worker.parking != Parking::Searching {
                steps.push(Step::WokenByStorm(at));
            }
        }
        match worker.parking {
            Parking::Searching if worker.wanted && !parked_lock_is_tested(state) => {
                steps.push(Step::Parks(at));
            }
            Parking::Unsettled | Parking::Settled if !worker.wanted => {
                steps.push(Step::Unparks(at));
            }
            Parking::Unsettled if worker.asks => {
                // It asks again and again; this is the time that makes a difference.
                let finds = state.jobs.contains(&Job::Ready);
                let looks = finds && !self.has(Flaw::NotLookedMeanwhile);
                if looks || worker.silent == 0 {
                    steps.push(Step::Asks(at));
                }
            }
            _ => {}
        }
    }

    pub(super) fn take(&self, state: &mut State, step: Step) {
        self.change(state, step);
        // A transaction that has ended is never seen again.
        let writers = writers(state);
        for worker in &mut state.workers {
            worker.silent &= writers;
        }
    }

    fn change(&self, state: &mut State, step: Step) {
        match step {
            Step::Inserts(at)
            | Step::Tests(at)
            | Step::Tested(at)
            | Step::Notifies(at)
            | Step::Releases(at)
            | Step::RollsBack(at) => self.produces(&mut state.producers[at], step),
            Step::Commits(at) => {
                state.jobs[at] = Job::Ready;
                state.producers[at].stage = Stage::Visible;
                state.producers[at].end_if_done();
            }
            Step::Delivers(at) => {
                for worker in &mut state.workers {
                    worker.mail |= worker.session;
                }
                state.producers[at].notifies = false;
                state.producers[at].end_if_done();
            }
            Step::LookBegins(at) => self.look_begins(state, at),
            Step::LookEnds(at) => self.look_ends(state, at),
            Step::Asks(at) => {
                let writers = writers(state);
                let worker = &mut state.workers[at];
                if worker.parking == Parking::Asking && !self.has(Flaw::AskedBefore) {
                    worker.silent = writers;
                }
                self.parked(worker);
            }
            Step::Parks(at)
            | Step::Unparks(at)
            | Step::Woken(at)
            | Step::Retries(at)
            | Step::Fills(at)
            | Step::Relistens(at)
            | Step::JobEnds(at) => self.works(&mut state.workers[at], step),
            Step::WokenByStorm(at) => {
                state.storms -= 1;
                state.workers[at].woken();
                state.workers[at].leave();
            }
            Step::OtherStarts(at) => {
                state.others -= 1;
                state.workers[at].running += 1;
            }
            Step::Dies(at) => dies(state, at),
            Step::SessionEnds(at) => {
                state.cuts -= 1;
                state.workers[at].session = false;
                state.workers[at].mail = false;
            }
        }
    }

    /// A step that concerns nobody else.
    fn produces(&self, producer: &mut Producer, step: Step) {
        // The order in which it inserts and tests.
        let (first, second) = (Stage::Inserts, Stage::Open);
        match step {
            Step::Inserts(_) => {
                producer.writes = !self.has(Flaw::ReleasedEarly);
                producer.stage = match self.has(Flaw::TestedBefore) {
                    true => second,
                    false => first,
                };
            }
            Step::Tests(_) => producer.stage = Stage::Tests,
            Step::Tested(_) | Step::Notifies(_) => {
                producer.notifies = matches!(step, Step::Notifies(_));
                producer.stage = match self.has(Flaw::TestedBefore) {
                    true => first,
                    false => second,
                };
            }
            Step::Releases(_) => {
                producer.writes = false;
                producer.end_if_done();
            }
            _ => *producer = Producer::ENDED,
        }
    }

    /// A step that concerns nobody else.
    fn works(&self, worker: &mut Worker, step: Step) {
        match step {
            Step::Parks(_) => worker.parking = Parking::Asking,
            Step::Unparks(_) => {
                worker.parking = Parking::Searching;
                worker.silent = 0;
            }
            Step::Woken(_) => worker.woken(),
            Step::Retries(_) => {
                worker.retries = false;
                worker.hungry = true;
            }
            Step::Fills(_) => {
                worker.full = true;
                worker.hungry |= !self.has(Flaw::FullForgets);
                worker.leave();
            }
            Step::Relistens(_) => {
                worker.leave();
                worker.session = true;
                worker.parking = Parking::Searching;
                worker.silent = 0;
                worker.hungry |= !self.has(Flaw::RelistensOnly);
            }
            _ => worker.running -= 1,
        }
    }

    fn look_begins(&self, state: &mut State, at: usize) {
        let ready = state.jobs.iter().position(|job| *job == Job::Ready);
        let worker = &mut state.workers[at];
        worker.full = false;
        // A wake-up from now on may be for a job that this look does not see.
        worker.hungry &= self.has(Flaw::WokenTooEarly);
        worker.look = match ready {
            Some(job) => {
                state.jobs[job] = Job::Locked;
                Look::Found(job)
            }
            None if state.jobs.contains(&Job::Locked) => Look::FoundContended,
            None => Look::FoundNothing,
        };
    }

    fn look_ends(&self, state: &mut State, at: usize) {
        let writers = writers(state);
        let worker = &mut state.workers[at];
        worker.hungry &= !self.has(Flaw::WokenTooEarly);
        match worker.look {
            Look::Found(job) => {
                state.jobs[job] = Job::Taken;
                worker.running += 1;
                worker.hungry = true;
            }
            Look::FoundContended if !self.has(Flaw::ContendedIsNothing) => worker.retries = true,
            _ => {
                worker.wanted = true;
                if self.has(Flaw::AskedBefore) {
                    worker.silent = writers;
                }
                worker.asks |= worker.parking == Parking::Unsettled;
            }
        }
        worker.look = Look::None;
    }

    /// The answer to whether the topic has settled.
    fn parked(&self, worker: &mut Worker) {
        if self.has(Flaw::NotSettled) {
            worker.silent = 0;
        }
        worker.asks = false;
        worker.parking = match worker.silent {
            0 => Parking::Settled,
            _ => Parking::Unsettled,
        };
        worker.hungry |= !self.has(Flaw::NotLookedAgain);
    }
}

impl Producer {
    const ENDED: Self = Self {
        stage: Stage::Ended,
        writes: false,
        notifies: false,
    };

    fn end_if_done(&mut self) {
        if !self.writes && !self.notifies {
            *self = Self::ENDED;
        }
    }
}

impl Worker {
    fn woken(&mut self) {
        self.mail = false;
        self.hungry = true;
    }

    fn leave(&mut self) {
        self.wanted = false;
        self.asks = false;
        self.retries = false;
    }
}

/// The server ends its sessions: its locks are gone, and a claim that has not committed is undone.
fn dies(state: &mut State, at: usize) {
    if let Look::Found(job) = state.workers[at].look {
        state.jobs[job] = Job::Ready;
    }
    state.deaths -= 1;
    state.workers[at] = Worker {
        alive: false,
        session: false,
        running: 0,
        look: Look::None,
        parking: Parking::Searching,
        hungry: false,
        wanted: false,
        asks: false,
        retries: false,
        full: false,
        mail: false,
        silent: 0,
    };
}
