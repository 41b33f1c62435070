use super::*;

struct Case {
    parking: Parking,
    topic: Topic,
    now: Instant,
}

impl Case {
    /// A worker of one topic, whose first look is due.
    fn new() -> Self {
        let mut parking = Parking::new([Topic::Scheduled], Arc::default());
        let now = Instant::now();
        parking.begin(now);
        Self {
            parking,
            topic: Topic::Scheduled,
            now,
        }
    }

    /// A worker that waits.
    fn settled() -> Self {
        let mut case = Self::new();
        case.look(Found::Nothing);
        case.park(Parked::Settled);
        case.look(Found::Nothing);
        case.waits();
        case
    }

    fn next(&mut self) -> Step {
        self.parking.next(self.now)
    }

    #[track_caller]
    fn look(&mut self, found: Found) {
        assert_eq!(self.next(), Step::Look(self.topic.clone()));
        self.parking.looked(&self.topic, found, self.now);
    }

    #[track_caller]
    fn park(&mut self, parked: Parked) {
        assert_eq!(self.next(), Step::Park(self.topic.clone()));
        self.parking.parked(&self.topic, parked, self.now);
    }

    #[track_caller]
    fn unparks(&mut self) {
        assert_eq!(self.next(), Step::Unpark(self.topic.clone()));
    }

    /// Checks that nothing is done until something happens.
    #[track_caller]
    fn waits(&mut self) {
        assert_eq!(self.next(), Step::Wait(None));
    }

    /// Checks that nothing is done for a while, and lets it pass.
    #[track_caller]
    fn waits_a_while(&mut self) -> Duration {
        let Step::Wait(Some(until)) = self.next() else {
            panic!("does not wait for a while");
        };
        let pause = until - self.now;
        self.now = until;
        pause
    }

    fn wake(&mut self) {
        self.parking.woken(&self.topic, self.now);
    }

    /// As many wake-ups as make a storm.
    fn storm(&mut self) {
        (0..100).for_each(|_| self.wake());
    }
}

#[test]
fn a_worker_looks_once_more_after_it_has_parked() {
    let mut case = Case::new();

    case.look(Found::Nothing);
    case.park(Parked::Settled);
    case.look(Found::Nothing);
    case.waits();
}

#[test]
fn a_worker_that_finds_jobs_does_not_park() {
    let mut case = Case::new();

    case.look(Found::Jobs);
    case.waits();
}

#[test]
fn a_topic_that_does_not_settle_is_looked_at_now_and_then() {
    let mut case = Case::new();
    case.look(Found::Nothing);

    let mut pauses = Vec::new();
    for _ in 0..12 {
        case.park(Parked::Unsettled);
        case.look(Found::Nothing);
        pauses.push(case.waits_a_while());
    }

    assert_eq!(pauses[..3], [GAP_MIN, GAP_MIN * 2, GAP_MIN * 4]);
    assert_eq!(pauses[11], GAP_LONG);
    case.park(Parked::Settled);
    case.look(Found::Nothing);
    case.waits();
}

#[test]
fn each_wake_up_is_followed_by_a_look() {
    let mut case = Case::settled();

    case.wake();
    case.look(Found::Jobs);
    case.waits();
    // The look is still under way when the next one comes.
    case.wake();
    case.look(Found::Nothing);
    case.waits();
}

#[test]
fn a_worker_that_is_full_leaves_and_parks_again_later() {
    let mut case = Case::settled();

    case.parking.full(&case.topic);
    case.unparks();
    case.waits();
    case.parking.looked(&case.topic, Found::Nothing, case.now);
    case.park(Parked::Settled);
    case.look(Found::Nothing);
    case.waits();
}

#[test]
fn a_worker_that_became_full_while_it_parked_leaves_again() {
    let mut case = Case::new();
    case.look(Found::Nothing);
    assert_eq!(case.next(), Step::Park(case.topic.clone()));

    case.parking.full(&case.topic);
    case.parking.parked(&case.topic, Parked::Settled, case.now);

    // For the look that may be under way.
    case.look(Found::Jobs);
    case.unparks();
    case.waits();
}

#[test]
fn in_a_storm_a_worker_leaves_and_looks_by_itself() {
    let mut case = Case::settled();

    case.storm();
    case.look(Found::Nothing);
    case.unparks();
    let mut looked = Duration::ZERO;
    while looked < Duration::from_millis(900) {
        let pause = case.waits_a_while();
        assert!(pause <= GAP_MAX, "{pause:?}");
        looked += pause;
        case.look(Found::Nothing);
    }

    case.now += Duration::from_secs(1);
    case.look(Found::Nothing);
    case.park(Parked::Settled);
}

#[test]
fn jobs_that_others_may_give_back_are_looked_for_again() {
    let mut case = Case::settled();

    case.wake();
    case.look(Found::Contended);
    assert_eq!(case.waits_a_while(), GAP_MIN);
    case.look(Found::Nothing);
    case.waits();
}

#[test]
fn where_parking_is_forbidden_a_worker_polls() {
    let mut case = Case::settled();

    case.parking.forbid(true, case.now);
    case.look(Found::Nothing);
    case.unparks();
    case.waits_a_while();
    case.look(Found::Nothing);
    case.parking.forbid(false, case.now);
    case.waits_a_while();
    case.look(Found::Nothing);
    case.park(Parked::Settled);
}

#[test]
fn another_listener_begins_anew() {
    let mut case = Case::settled();

    case.parking.end();
    case.waits();
    case.parking.looked(&case.topic, Found::Nothing, case.now);
    case.waits();

    case.parking.begin(case.now);
    case.look(Found::Nothing);
    case.park(Parked::Settled);
}

#[test]
fn a_topic_that_was_removed_is_left_and_forgotten() {
    let mut case = Case::settled();
    let topic = case.topic.clone();

    case.parking.remove(&topic);
    // A look that was under way.
    case.parking.looked(&topic, Found::Nothing, case.now);
    case.unparks();
    case.waits();
    assert!(case.parking.spots.is_empty());

    case.parking.add(topic, case.now);
    case.look(Found::Nothing);
    case.park(Parked::Settled);
}

#[test]
fn a_topic_that_was_removed_while_it_was_being_parked_is_left() {
    let mut case = Case::new();
    case.look(Found::Nothing);
    let topic = case.topic.clone();
    assert_eq!(case.next(), Step::Park(topic.clone()));

    case.parking.remove(&topic);
    case.parking.parked(&topic, Parked::Settled, case.now);

    assert_eq!(case.next(), Step::Look(topic));
    case.unparks();
    case.waits();
    assert!(case.parking.spots.is_empty());
}
