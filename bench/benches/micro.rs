//! What a job costs the process, without a server: `cargo bench -p pgq-bench`.
//!
//! Only the public API is measured. The bookkeeping of claims, which is private, is what the worker
//! over the driver in memory adds to that driver alone.

use std::hint::black_box;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box_drop};
use pgq::driver::{Claim, Claimed, Completion, Driver, DriverError, Enqueue, WorkerId, WorkerInfo};
use pgq::memory::MemoryDriver;
use pgq::testing::Harness;
use pgq::{DEFAULT_QUEUE, Enqueuer, Input, JobId, Registry, Retain, Run, Task};
use tokio::runtime::Runtime;

/// The jobs of a run: less than what the harness takes for an endless loop.
const JOBS: usize = 2000;

/// What a claim of a busy worker asks for.
const LIMIT: usize = 500;

#[pgq::task]
async fn noop(to: String, number: i64) {
    black_box((to, number));
}

fn main() {
    divan::main();
}

/// Keeps the inputs as they would be stored.
#[derive(Default)]
struct Captured(Vec<Vec<u8>>);

impl Enqueuer for &mut Captured {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        self.0 = enqueue.jobs.into_iter().map(|job| job.input).collect();
        Ok(Vec::new())
    }
}

fn inputs(count: usize) -> impl Iterator<Item = (String, i64)> {
    let to = "somebody.somewhere@department.company.example";
    (1_000_000..)
        .take(count)
        .map(|number| (to.to_owned(), number))
}

/// The inputs of jobs, encoded.
fn encoded(runtime: &Runtime, count: usize) -> Vec<Vec<u8>> {
    let mut captured = Captured::default();
    runtime
        .block_on(noop::enqueue_many(&mut captured, inputs(count)))
        .expect("the inputs can be written");
    captured.0
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("the runtime starts")
}

/// Makes jobs and encodes their inputs.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    bencher
        .counter(ItemsCount::new(JOBS))
        .bench_local(|| encoded(&runtime, JOBS));
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let inputs = encoded(&runtime(), 1);
    let input = &inputs[0];
    bencher
        .counter(BytesCount::new(input.len()))
        .bench_local(|| {
            let decoded = <noop as Task>::Input::decode(black_box(input));
            black_box_drop(decoded.expect("the input can be read"));
        });
}

/// One attempt after the other, without a worker: decoding, context, panics and time limits.
#[divan::bench]
fn dispatch(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let enqueued = || {
        let harness = Harness::with_registry(registry());
        runtime
            .block_on(noop::enqueue_many(&harness, inputs(JOBS)))
            .expect("the jobs are enqueued");
        harness
    };
    bencher
        .counter(ItemsCount::new(JOBS))
        .with_inputs(enqueued)
        .bench_local_values(|harness| runtime.block_on(harness.run_due()));
}

/// A whole worker over the driver in memory, start and stop included.
#[divan::bench]
fn worker_in_memory(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    bencher
        .counter(ItemsCount::new(JOBS))
        .with_inputs(|| filled(&runtime))
        .bench_local_values(|driver| {
            let run = Run::new(registry())
                .driver(driver)
                .concurrency(LIMIT)
                .without_signals()
                .until_idle();
            let report = runtime.block_on(run.into_future());
            assert_eq!(report.expect("the worker runs").completed, JOBS as u64);
        });
}

/// The driver in memory alone: claims and completions of the same jobs.
#[divan::bench]
fn driver_in_memory(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    bencher
        .counter(ItemsCount::new(JOBS))
        .with_inputs(|| filled(&runtime))
        .bench_local_values(|driver| {
            let done = runtime.block_on(claim_all(&*driver));
            assert_eq!(done.expect("the driver works"), JOBS);
        });
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add(pgq::Registration::Task(pgq::TaskDescriptor::of::<noop>(
        pgq::Source::caller(),
    )));
    registry
}

/// A driver in memory with the jobs.
fn filled(runtime: &Runtime) -> Arc<dyn Driver> {
    let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
    runtime
        .block_on(noop::enqueue_many(&driver, inputs(JOBS)))
        .expect("the jobs are enqueued");
    driver
}

async fn claim_all(driver: &dyn Driver) -> Result<usize, DriverError> {
    let worker = WorkerInfo {
        id: WorkerId::random(),
        lease: std::time::Duration::from_secs(60),
        host: String::new(),
        pid: 0,
        queues: vec![DEFAULT_QUEUE.to_owned()],
        concurrency: 1,
        build: pgq::driver::Build::default(),
    };
    let id = worker.id;
    driver.register_worker(worker).await?;
    let (queue, tasks) = (Arc::from(DEFAULT_QUEUE), Arc::from([noop::NAME.to_owned()]));
    let mut done = 0;
    for number in 1.. {
        let claim = Claim {
            worker: id,
            number,
            queue: Arc::clone(&queue),
            tasks: vec![Arc::clone(&tasks)],
            fingerprints: None,
            limit: LIMIT,
            horizon: None,
            priority_max: None,
        };
        let jobs = match driver.claim(claim).await? {
            Claimed::Jobs(jobs) if !jobs.is_empty() => jobs,
            _ => break,
        };
        let completions: Vec<Completion> = jobs
            .iter()
            .map(|job| Completion {
                job: job.id,
                claim: job.claim,
                result: None,
                retain: Retain::DEFAULT,
                durability: pgq::Durability::Durable,
            })
            .collect();
        done += driver.complete(id, &completions).await?;
    }
    Ok(done)
}
