use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::driver::{Allotment, ClaimedJob, Directives};
use crate::limit::{FleetLimit, Limited};
use crate::task::{Context, Registry, Task, TaskError, TaskOptions};
use crate::worker::board::tests::{board, small, taken, unequal_board};
use crate::worker::board::{Board, Claimable, Demand};

/// A board whose task `tested` may run so many jobs in the fleet.
fn limited_board() -> Board {
    board_of(&Registry::new().with::<Tested>())
}

/// A board that has another task as well, under no limit.
fn board_with_others() -> Board {
    board_of(&Registry::new().with::<Tested>().with::<Free>())
}

fn board_of(registry: &Registry) -> Board {
    let mut board = board();
    let limit = FleetLimit::new(limit()).running(Some(5));
    let directives = Directives {
        limits: vec![limit],
        ..Directives::default()
    };
    board.restrict(Claimable::of(registry, &directives), Instant::now());
    board
}

struct Tested;

impl Task for Tested {
    const NAME: &'static str = "tested";
    type Input = ();
    type Output = ();

    async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
        Ok(())
    }
}

struct Free;

impl Task for Free {
    const NAME: &'static str = "free";
    type Input = ();
    type Output = ();

    async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
        Ok(())
    }
}

fn limit() -> Limited {
    Limited::Task("tested".to_owned())
}

fn small_jobs(ids: std::ops::Range<i64>) -> Vec<ClaimedJob> {
    ids.map(small).collect()
}

/// What the worker asks for, which is granted.
fn grant(board: &mut Board, permits: u32, now: Instant) -> Demand {
    let demand = board.demand(0, now).unwrap();
    board.asked(&demand, &[permits], None, None);
    demand
}

#[test]
fn jobs_under_a_limit_start_only_with_permits() {
    let (mut board, now) = (limited_board(), Instant::now());
    let demand = grant(&mut board, 2, now);
    assert_eq!(demand.task.as_deref(), Some("tested"));
    assert_eq!((demand.permits[0].in_use, demand.permits[0].wants), (0, 10));

    board.put("default", small_jobs(1..4), now);

    assert_eq!(taken(&mut board), [1, 2]);
    board.free("default", 0);
    // Its slot is free, and something of it still runs.
    assert!(taken(&mut board).is_empty());
    board.release("default", "tested");
    assert_eq!(taken(&mut board), [3]);
}

#[test]
fn a_worker_that_was_refused_permits_claims_for_those_it_has() {
    let (mut board, now) = (limited_board(), Instant::now());
    grant(&mut board, 2, now);
    board.put("default", small_jobs(1..3), now);
    assert_eq!(taken(&mut board), [1, 2]);
    board.mark_all_hungry();
    let demand = board.demand(0, now).unwrap();
    assert_eq!((demand.permits[0].in_use, demand.permits[0].wants), (2, 10));

    let again = now + Duration::from_secs(1);
    board.asked(&demand, &[2], Some(again), None);

    assert_eq!(board.demand(0, now), None);
    assert_eq!((board.ask_at(now), board.is_short()), (Some(again), true));
    board.free("default", 0);
    board.release("default", "tested");
    let demand = board.demand(0, now).unwrap();
    assert_eq!((demand.limit, demand.permits.len()), (1, 0));
    board.mark_all_hungry();
    assert_eq!(board.demand(0, again).unwrap().permits.len(), 1);
}

#[test]
fn tasks_whose_permits_are_there_are_claimed_with_the_others() {
    let (mut board, now) = (board_with_others(), Instant::now());
    let groups = |demand: &Demand| demand.tasks.len();
    // There is one claim for the permits, and one for the others.
    assert_eq!(groups(&grant(&mut board, 10, now)), 1);
    assert_eq!(groups(&board.demand(0, now).unwrap()), 1);

    board.mark_all_hungry();
    let both = board.demand(0, now).unwrap();

    assert_eq!((groups(&both), both.limit, both.permits.len()), (2, 10, 0));
    assert_eq!(board.demand(0, now), None);
    assert!(board.is_searched("default"));
    // Whatever it has found may be of any of them.
    board.mark_source_hungry(&both);
    assert_eq!(groups(&board.demand(0, now).unwrap()), 2);
}

#[test]
fn a_claim_for_several_takes_no_more_than_each_has_permits_for() {
    let (mut board, now) = (board_with_others(), Instant::now());
    let demand = board.demand(0, now).unwrap();
    let again = now + Duration::from_secs(1);
    board.asked(&demand, &[6], Some(again), None);
    board.mark_all_hungry();

    let both = board.demand(0, now).unwrap();
    assert_eq!((both.tasks.len(), both.limit), (2, 6));

    // With few permits, the others would have to come in as small batches.
    board.asked(&demand, &[4], Some(again), None);
    board.mark_all_hungry();
    let demands = [board.demand(0, now).unwrap(), board.demand(0, now).unwrap()];
    let mut claims = demands.map(|demand| (demand.tasks.len(), demand.limit));
    claims.sort_unstable();
    assert_eq!(claims, [(1, 4), (1, 10)]);
}

#[test]
fn what_was_not_used_since_the_last_time_goes_back() {
    let (mut board, now) = (limited_board(), Instant::now());
    grant(&mut board, 4, now);
    board.put("default", small_jobs(1..3), now);
    assert_eq!(taken(&mut board), [1, 2]);
    let alone = Allotment {
        limit: limit(),
        max: Some(5),
        others: Vec::new(),
    };

    // It was granted four since.
    assert_eq!(board.settle(std::slice::from_ref(&alone))[0].permits, 4);
    assert_eq!(board.settle(std::slice::from_ref(&alone))[0].permits, 2);
    assert_eq!(board.settle(std::slice::from_ref(&alone)), []);
    board.put("default", small_jobs(3..4), now);
    assert!(taken(&mut board).is_empty());
}

#[test]
fn a_limit_that_was_lowered_lets_nothing_start_until_enough_have_ended() {
    let (mut board, now) = (limited_board(), Instant::now());
    grant(&mut board, 4, now);
    board.put("default", small_jobs(1..9), now);
    assert_eq!(taken(&mut board).len(), 4);
    let lowered = Allotment {
        limit: limit(),
        max: Some(3),
        others: vec![(1, 1)],
    };

    assert_eq!(board.settle(&[lowered])[0].permits, 4);

    for expected in [0, 0, 1, 1] {
        board.free("default", 0);
        board.release("default", "tested");
        assert_eq!(taken(&mut board).len(), expected);
    }
}

#[test]
fn jobs_that_wait_for_permits_are_passed_by_others() {
    let (mut board, now) = (limited_board(), Instant::now());
    grant(&mut board, 1, now);
    let other = ClaimedJob {
        task: Arc::from("other"),
        ..small(9)
    };
    let mut jobs = small_jobs(1..3);
    jobs.push(other);

    board.put("default", jobs, now);

    let mut started = taken(&mut board);
    started.sort_unstable();
    assert_eq!(started, [1, 9]);
}

#[test]
fn what_a_queue_without_permits_cannot_use_is_for_the_others() {
    let now = Instant::now();
    let mut board = unequal_board(None, now);
    let registry = Registry::new().with::<Tested>();
    let limit = FleetLimit::new(Limited::Queue("default".to_owned())).running(Some(1));
    let directives = Directives {
        limits: vec![limit],
        ..Directives::default()
    };
    board.restrict(Claimable::of(&registry, &directives), now);
    let demand = board.demand(0, now).unwrap();
    assert_eq!((&*demand.queue, demand.limit), ("default", 9));
    let again = now + Duration::from_secs(1);
    board.asked(&demand, &[1], Some(again), None);
    board.put("default", small_jobs(1..2), now);
    assert_eq!(taken(&mut board), [1]);

    let demand = board.demand(0, now).unwrap();
    assert_eq!((&*demand.queue, demand.limit), ("light", 9));

    // It may ask again.
    board.mark_all_hungry();
    let demand = board.demand(0, again).unwrap();
    assert_eq!((&*demand.queue, demand.limit), ("light", 1));
}

#[test]
fn a_queue_that_is_served_no_more_wants_no_permits() {
    let (mut board, now) = (board(), Instant::now());
    let of_queue = Limited::Queue("default".to_owned());
    let directives = Directives {
        limits: vec![FleetLimit::new(of_queue.clone()).running(Some(1))],
        ..Directives::default()
    };
    let registry = Registry::new().with::<Tested>();
    board.restrict(Claimable::of(&registry, &directives), now);
    let demand = board.demand(0, now).unwrap();
    board.asked(&demand, &[0], Some(now), None);
    assert!(board.is_short());

    board.unserve("default");

    assert!(!board.is_short());
    let allotment = Allotment {
        limit: of_queue,
        max: Some(1),
        others: vec![(1, 1)],
    };
    assert_eq!(board.settle(&[allotment])[0].wants, 0);
}

#[test]
fn a_task_has_the_keys_that_its_own_code_says() {
    let registry = Registry::new().with::<Ordered>();
    let mut board = board();

    // As another build has declared it, which knows no order.
    board.restrict(
        Claimable::of(&registry, &Directives::default()),
        Instant::now(),
    );

    let demands = std::iter::from_fn(|| board.demand(0, Instant::now()));
    let keys: Vec<_> = demands.filter_map(|demand| demand.keys).collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(&*keys[0].name, "first");
}

struct Ordered;

impl Task for Ordered {
    const NAME: &'static str = "ordered";
    const ALIASES: &'static [&'static str] = &["second", "first"];
    const OPTIONS: TaskOptions = TaskOptions::new().ordered_by(&["account"]);
    type Input = ();
    type Output = ();

    async fn run(_: &Context, (): ()) -> Result<(), TaskError> {
        Ok(())
    }
}
