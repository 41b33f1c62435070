use std::time::Duration;

use super::*;
use crate::driver::ClaimedInput;
use crate::job::Marks;
use crate::worker::config::{Mode, QueueConfig};

pub(super) fn board() -> Board {
    board_of(&["default"])
}

/// A queue of that weight.
pub(super) fn config(name: &str, weight: u32) -> QueueConfig {
    QueueConfig {
        name: Arc::from(name),
        concurrency: None,
        weight,
        ageing: None,
    }
}

fn board_of(queues: &[&str]) -> Board {
    Board::new(&WorkerConfig {
        queues: queues.iter().map(|name| config(name, 1)).collect(),
        app_version: None,
        concurrency: 10,
        poll: Duration::from_secs(1),
        lease: Duration::from_secs(1),
        drain_deadline: Duration::from_secs(1),
        cancel_grace: Duration::from_secs(1),
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
        expired: false,
        waited: None,
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

pub(super) fn small(id: i64) -> ClaimedJob {
    ClaimedJob {
        id: JobId::from_i64(id),
        ..job(1)
    }
}

pub(super) fn taken(board: &mut Board) -> Vec<i64> {
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

    assert_eq!(board.demand(0, now), None);
    let given_back = board.take_waiting(now);
    assert_eq!((given_back.len(), board.demand(0, now)), (1, None));
    board.free("default", 60);
    assert_eq!(board.demand(0, now).map(|demand| demand.limit), Some(10));
}

#[tokio::test]
async fn nothing_starts_or_runs_on_once_the_worker_is_abandoned() {
    let (mut board, now) = (board(), Instant::now());
    board.put("default", vec![small(1), small(2), small(3)], now);
    let spawn = || tokio::spawn(std::future::pending::<()>());
    let (running, starting) = (spawn(), spawn());
    let first = board.take().unwrap();
    board.started(first, Arc::default(), running.abort_handle());
    let second = board.take().unwrap();

    board.abandon();
    // On another thread: it was taken already, but not yet started.
    board.started(second, Arc::default(), starting.abort_handle());

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

/// Starts what may, with the vital signs of each.
fn start(board: &mut Board, handle: &AbortHandle) -> Vec<Arc<Vital>> {
    let jobs = std::iter::from_fn(|| board.take()).collect::<Vec<_>>();
    jobs.into_iter()
        .map(|job| {
            let vital = Arc::<Vital>::default();
            board.started(job, Arc::clone(&vital), handle.clone());
            vital
        })
        .collect()
}

#[tokio::test]
async fn an_attempt_that_overstays_is_given_up_once_and_frees_its_slot_once() {
    let (mut board, now) = (board(), Instant::now());
    let handle = tokio::spawn(std::future::pending::<()>()).abort_handle();
    board.put("default", vec![small(1), small(2)], now);
    let vitals = start(&mut board, &handle);
    let second = Duration::from_secs(1);
    vitals[0].pulse.must_end(now + second);

    assert!(board.give_up(now + second, second).is_empty());
    let given_up = board.give_up(now + 2 * second, second);
    let jobs: Vec<_> = given_up.iter().map(|one| one.job.id.as_i64()).collect();
    assert_eq!(jobs, [1]);
    assert!(board.give_up(now + 3 * second, second).is_empty());
    assert_eq!((board.stuck("tested"), board.running), (1, 1));

    // It returns after all.
    let attempt = (JobId::from_i64(1), 1);
    assert!(!board.ending(attempt.0, attempt.1));
    board.leave(attempt, "default", 0);
    assert_eq!((board.stuck("tested"), board.running), (0, 1));
}

#[test]
fn queues_start_jobs_by_their_weights() {
    let (mut board, now) = (board_of(&["default", "other"]), Instant::now());
    assert!(!board.serve(&config("other", 3), now));
    board.put("default", (1..=10).map(small).collect(), now);
    board.put("other", (11..=20).map(small).collect(), now);

    let started = taken(&mut board);

    assert_eq!(started.len(), 10);
    let of_other = started.iter().filter(|id| **id > 10).count();
    assert!((7..=8).contains(&of_other), "{started:?}");
}

#[test]
fn the_room_for_claims_is_shared_by_weights_among_queues_that_may_have_jobs() {
    let (mut board, now) = (board_of(&["default", "other"]), Instant::now());
    board.serve(&config("other", 4), now);

    let first = board.demand(0, now).unwrap();
    assert_eq!((&*first.queue, first.limit), ("default", 2));
    // It had none.
    let second = board.demand(0, now).unwrap();
    assert_eq!((&*second.queue, second.limit), ("other", 10));
}

fn suspect(id: i64) -> ClaimedJob {
    ClaimedJob {
        marks: Marks::SUSPECT,
        ..small(id)
    }
}

/// The jobs that go back, and for how long.
fn sent_away(surplus: Surplus) -> (Vec<i64>, Duration) {
    let jobs = surplus.jobs.into_iter().map(|job| job.id.as_i64());
    (jobs.collect(), surplus.away)
}

#[test]
fn one_suspect_is_held_at_a_time_beside_all_others() {
    let (mut board, now) = (board(), Instant::now());
    let jobs = vec![suspect(1), suspect(2), small(3), suspect(4)];
    let surplus = board.put("default", jobs, now);

    assert_eq!(sent_away(surplus), ([2, 4].into(), Duration::from_secs(1)));
    assert_eq!(taken(&mut board), [1, 3]);
    // Its end is not yet known to the storage, which would blame it.
    board.free("default", 0);
    let later = now + Duration::from_secs(5);
    let surplus = board.put_first("default", vec![suspect(5)], later);
    assert_eq!(sent_away(surplus), ([5].into(), Duration::from_secs(5)));
    let much_later = now + Duration::from_secs(500);
    let surplus = board.put("default", vec![suspect(5)], much_later);
    assert_eq!(sent_away(surplus), ([5].into(), Duration::from_secs(60)));

    board.forget([(JobId::from_i64(1), 1)]);
    let surplus = board.put("default", vec![suspect(6)], now);
    assert!(sent_away(surplus).0.is_empty());
    assert_eq!(taken(&mut board), [6]);
}

#[test]
fn a_suspect_that_is_lost_or_taken_out_makes_room_for_another() {
    let (mut board, now) = (board(), Instant::now());
    assert!(board.put("default", vec![suspect(1)], now).jobs.is_empty());
    assert!(board.drop_lost(JobId::from_i64(1)));

    assert!(board.put("default", vec![suspect(2)], now).jobs.is_empty());
    assert_eq!(board.take_waiting(now).len(), 1);
    // It goes back, and is held until the storage knows.
    assert_eq!(board.put("default", vec![suspect(3)], now).jobs.len(), 1);
    board.forget([(JobId::from_i64(2), 1)]);

    assert!(board.put("default", vec![suspect(4)], now).jobs.is_empty());
    // The storage has lost that claim, and the job is claimed again.
    let again = ClaimedJob {
        claim: 2,
        ..suspect(4)
    };
    assert!(board.put("default", vec![again], now).jobs.is_empty());
    board.forget([(JobId::from_i64(4), 1)]);
    assert_eq!(board.put("default", vec![suspect(5)], now).jobs.len(), 1);
}

#[test]
fn suspects_that_go_back_take_no_room() {
    let (mut board, now) = (board(), Instant::now());
    let before = board.demand(0, now).map(|demand| demand.limit);
    let surplus = board.put("default", (1..1000).map(suspect).collect(), now);
    board.mark_hungry("default");

    let after = board.demand(0, now).map(|demand| demand.limit + 1);
    assert_eq!(after, before);
    let gone = surplus.jobs.iter().map(|job| (job.id, job.claim));
    board.forget(gone);
    assert_eq!(taken(&mut board), [1]);
}

/// A board of a queue with a weight of 9 and that limit, and one with a weight of 1.
pub(super) fn unequal_board(limit: Option<usize>, now: Instant) -> Board {
    let mut board = board_of(&["default", "light"]);
    let heavy = QueueConfig {
        concurrency: limit,
        ..config("default", 9)
    };
    board.serve(&heavy, now);
    board
}

#[test]
fn what_a_queue_at_its_limit_cannot_use_is_for_the_others() {
    let now = Instant::now();
    let mut board = unequal_board(Some(2), now);
    board.put("default", vec![small(1), small(2)], now);
    assert_eq!(taken(&mut board), [1, 2]);

    let demand = board.demand(0, now).unwrap();

    assert_eq!((&*demand.queue, demand.limit), ("light", 8));
    // A slot that it does not use yet is kept for it.
    board.free("default", 0);
    board.mark_all_hungry();
    let demands = [board.demand(0, now).unwrap(), board.demand(0, now).unwrap()];
    let limits = demands.map(|demand| (demand.queue.to_string(), demand.limit));
    assert!(limits.contains(&("light".to_owned(), 8)), "{limits:?}");
}

#[test]
fn jobs_that_have_their_turn_start_before_higher_ones_and_in_their_order() {
    let (mut board, now) = (board(), Instant::now());
    let job = |id, priority| ClaimedJob {
        priority,
        ..small(id)
    };
    board.put("default", vec![job(1, 9), job(2, 9)], now);
    board.put_first("default", vec![job(3, 0), job(4, 0)], now);
    board.put("default", vec![job(5, 9), job(6, 4)], now);
    board.put_first("default", vec![job(7, 1)], now);

    assert_eq!(taken(&mut board), [7, 3, 4, 1, 2, 5, 6]);
}
