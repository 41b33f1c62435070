//! The protocol as it is.

use super::Wakeups;

const BASE: Wakeups = Wakeups {
    workers: 2,
    producers: 2,
    slots: 1,
    deaths: 0,
    cuts: 0,
    storms: 0,
    others: 0,
    flaw: None,
};

#[track_caller]
fn holds(model: Wakeups) {
    let name = format!("{model:?}");
    let (states, path) = model.check();
    assert_eq!(path, None, "{name}");
    println!("{states} states: {name}");
}

#[test]
fn two_workers_of_which_one_dies() {
    holds(Wakeups { deaths: 1, ..BASE });
}

#[test]
fn two_workers_to_which_everything_happens() {
    holds(Wakeups {
        producers: 1,
        deaths: 1,
        cuts: 1,
        storms: 1,
        others: 1,
        ..BASE
    });
}

#[test]
fn two_workers_of_which_one_is_woken_too_often() {
    holds(Wakeups { storms: 1, ..BASE });
}

#[test]
fn two_workers_with_two_slots() {
    holds(Wakeups { slots: 2, ..BASE });
}

#[test]
fn one_worker_and_three_producers() {
    holds(Wakeups {
        workers: 1,
        producers: 3,
        ..BASE
    });
}

#[test]
fn one_worker_to_which_everything_happens() {
    holds(Wakeups {
        workers: 1,
        cuts: 1,
        storms: 1,
        others: 1,
        ..BASE
    });
}

#[test]
fn three_workers_and_one_producer() {
    holds(Wakeups {
        workers: 3,
        producers: 1,
        ..BASE
    });
}
