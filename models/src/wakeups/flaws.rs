//! What goes wrong without each sentence of the protocol.

use super::{Flaw, Wakeups};

/// Small, so that the way to the stranded job is short.
const BASE: Wakeups = Wakeups {
    workers: 1,
    producers: 1,
    slots: 1,
    deaths: 0,
    cuts: 0,
    storms: 0,
    others: 0,
    flaw: None,
};

/// Checks that a job is stranded, and that this is due to the flaw.
#[track_caller]
fn strands(flaw: Flaw, model: &Wakeups) {
    let (_, path) = model.clone().check();
    assert_eq!(path, None, "even without {flaw:?}");

    let flawed = Wakeups {
        flaw: Some(flaw),
        ..model.clone()
    };
    let (states, path) = flawed.check();
    let path = path.unwrap_or_else(|| panic!("holds with {flaw:?}, {states} states"));
    println!("{flaw:?}: {path:?}");
}

macro_rules! flaws {
    ($($test:ident: $flaw:ident $model:tt;)*) => {
        $(
            #[test]
            fn $test() {
                strands(Flaw::$flaw, &Wakeups $model);
            }
        )*
    };
}

flaws! {
    the_table_is_locked_until_the_job_is_visible: ReleasedEarly { ..BASE };
    the_table_is_locked_before_the_parked_lock_is_tested: TestedBefore { ..BASE };
    a_worker_parks_before_it_asks: AskedBefore { ..BASE };
    a_worker_waits_only_once_the_topic_has_settled: NotSettled { ..BASE };
    a_worker_looks_once_more_after_it_has_parked: NotLookedAgain { ..BASE };
    a_worker_looks_while_the_topic_does_not_settle: NotLookedMeanwhile { producers: 2, ..BASE };
    a_wake_up_during_a_look_is_followed_by_another: WokenTooEarly { ..BASE };
    jobs_that_others_may_give_back_are_not_nothing:
        ContendedIsNothing { workers: 2, deaths: 1, ..BASE };
    a_worker_that_was_full_looks_again: FullForgets { others: 1, ..BASE };
    a_listening_session_is_watched: SessionNotWatched { cuts: 1, ..BASE };
    a_worker_that_listens_again_looks: RelistensOnly { cuts: 1, ..BASE };
}
