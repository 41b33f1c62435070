//! Plain fns, which run on threads of their own.

use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Barrier, Mutex, PoisonError};

use pgq::{Context, JobState};
use pgq_tests::database::TestDatabase;
use pgq_tests::{PATIENCE, eventually};
use tokio::runtime::Handle;

use super::both::{Place, on_both_drivers};
use super::drain;

on_both_drivers! {
    a_plain_fn_runs_on_a_thread_of_its_name_inside_the_runtime,
    a_fn_that_blocks_holds_nobody_up,
    a_panic_of_a_plain_fn_costs_an_attempt,
    a_time_limit_frees_the_slot_and_drops_what_comes_too_late,
    a_fn_that_blocks_counts_among_those_that_may_run,
}

#[pgq::task(blocking)]
fn describe(prefix: &String, context: &Context, name: String) -> anyhow::Result<Vec<String>> {
    let thread = std::thread::current();
    let greeting = Handle::current().block_on(async { format!("{prefix} {name}") });
    Ok(vec![
        thread.name().unwrap_or_default().to_owned(),
        greeting,
        context.attempt().to_string(),
    ])
}

async fn a_plain_fn_runs_on_a_thread_of_its_name_inside_the_runtime(
    place: &Place,
) -> anyhow::Result<()> {
    let job = describe::enqueue(&place.driver, "world".to_owned()).await?;

    drain(place.worker::<describe>().state("hello".to_owned())).await?;

    let told = job.wait(&place.driver).await?;
    assert_eq!(told, ["pgq describe", "hello world", "1"]);
    Ok(())
}

/// Lets one fn end when another says so.
struct Gate {
    open: SyncSender<()>,
    opened: Mutex<Receiver<()>>,
}

impl Gate {
    fn new() -> Arc<Self> {
        let (open, opened) = mpsc::sync_channel(10);
        let opened = Mutex::new(opened);
        Arc::new(Self { open, opened })
    }

    fn wait(&self) -> anyhow::Result<()> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(opened.recv_timeout(PATIENCE)?)
    }
}

#[pgq::task(blocking, priority = 9)]
fn wait_at_the_gate(gate: &Arc<Gate>) -> anyhow::Result<()> {
    gate.wait()
}

#[pgq::task]
async fn open_the_gate(gate: &Arc<Gate>) -> anyhow::Result<()> {
    Ok(gate.open.send(())?)
}

// The runtime of the test has one thread, so a fn that blocked it would wait for itself.
async fn a_fn_that_blocks_holds_nobody_up(place: &Place) -> anyhow::Result<()> {
    let waits = wait_at_the_gate::enqueue(&place.driver).await?;
    open_the_gate::enqueue(&place.driver).await?;

    let run = place.worker::<wait_at_the_gate>().task::<open_the_gate>();
    let report = drain(run.state(Gate::new())).await?;

    assert_eq!(report.completed, 2);
    assert_eq!(waits.status(&place.driver).await?, JobState::Completed);
    Ok(())
}

#[pgq::task(blocking, max_attempts = 1)]
fn fall_over(message: String) {
    panic!("{message}");
}

async fn a_panic_of_a_plain_fn_costs_an_attempt(place: &Place) -> anyhow::Result<()> {
    let job = fall_over::enqueue(&place.driver, "no such customer".to_owned()).await?;

    let report = drain(place.worker::<fall_over>()).await?;

    assert_eq!(report.failed, 1);
    let stored = job.job(&place.driver).await?;
    assert_eq!(stored.error.as_deref(), Some("panicked: no such customer"));
    Ok(())
}

/// What a fn that overstays has seen, and that its result was dropped.
#[derive(Clone)]
struct Seen(mpsc::Sender<&'static str>);

/// Cannot be stored in time, and says when it is dropped.
#[derive(serde::Serialize, serde::Deserialize)]
struct Late {
    #[serde(skip)]
    seen: Option<Seen>,
}

impl Drop for Late {
    fn drop(&mut self) {
        if let Some(seen) = &self.seen {
            let _ = seen.0.send("dropped");
        }
    }
}

/// Stays until it is told to end.
#[pgq::task(blocking, max_attempts = 1, timeout = "50ms", priority = 9)]
fn overstay(seen: &Mutex<Seen>, context: &Context) -> anyhow::Result<Late> {
    let told = Handle::current()
        .block_on(async { tokio::time::timeout(PATIENCE, context.cancelled().cancelled()).await });
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    told?;
    seen.0.send("told")?;
    Ok(Late { seen: Some(seen) })
}

#[pgq::task]
async fn come_after(_context: &Context) {}

async fn a_time_limit_frees_the_slot_and_drops_what_comes_too_late(
    place: &Place,
) -> anyhow::Result<()> {
    let late = overstay::enqueue(&place.driver).await?;
    let next = come_after::enqueue(&place.driver).await?;
    let (seen, sees) = mpsc::channel();

    let run = place.worker::<overstay>().task::<come_after>();
    drain(run.concurrency(1).state(Mutex::new(Seen(seen)))).await?;

    let stored = late.job(&place.driver).await?;
    assert_eq!(
        (stored.state, stored.error.as_deref()),
        (JobState::Failed, Some("timed out after 50ms"))
    );
    assert_eq!(next.status(&place.driver).await?, JobState::Completed);
    let seen = tokio::task::spawn_blocking(move || {
        [sees.recv_timeout(PATIENCE), sees.recv_timeout(PATIENCE)]
    });
    assert_eq!(seen.await?, [Ok("told"), Ok("dropped")]);
    Ok(())
}

/// How many run, and the most that ever did.
#[derive(Default)]
struct Gauge(Mutex<(usize, usize)>);

impl Gauge {
    fn add(&self, change: isize) -> usize {
        let mut gauge = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gauge.0 = gauge.0.saturating_add_signed(change);
        gauge.1 = gauge.1.max(gauge.0);
        gauge.1
    }
}

/// Ends when as many run as may.
#[pgq::task(blocking)]
fn crowd(gauge: &Arc<Gauge>, together: &Arc<Barrier>) {
    gauge.add(1);
    together.wait();
    gauge.add(-1);
}

async fn a_fn_that_blocks_counts_among_those_that_may_run(place: &Place) -> anyhow::Result<()> {
    const LIMIT: usize = 3;
    crowd::enqueue_many(&place.driver, [(); 17 * LIMIT]).await?;
    let gauge = Arc::new(Gauge::default());

    let run = place.worker::<crowd>().state(Arc::clone(&gauge));
    let run = run.state(Arc::new(Barrier::new(LIMIT)));
    drain(run.concurrency(LIMIT)).await?;

    assert_eq!(gauge.add(0), LIMIT);
    Ok(())
}

#[tokio::test]
async fn a_process_ends_while_a_plain_fn_runs() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut process = Command::new(env!("CARGO_BIN_EXE_blocked_worker"))
        .env("DATABASE_URL", database.url())
        .stdout(Stdio::null())
        .spawn()?;

    let process = Mutex::new(&mut process);
    let ended = eventually("the process ends", async || {
        let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(process.try_wait()?.is_some())
    });
    let ended = ended.await;

    let process = process.into_inner().unwrap_or_else(PoisonError::into_inner);
    process.kill()?;
    assert!(process.wait()?.success());
    ended?;
    // It was given back: an attempt that its worker ended costs nothing.
    assert_eq!(super::count(database.pool(), "ready").await?, 1);
    Ok(())
}
