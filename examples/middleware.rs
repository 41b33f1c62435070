//! Layers around every task, and hooks that are told what becomes of jobs.
//!
//! `cargo run --example middleware`

use std::time::{Duration, Instant};

use pgq::middleware::{Completed, DeadLetter, Execution, Hooks, TaskService};
use pgq::{IntoTaskError as _, TaskError};
use pgq_examples::Database;
use tower::layer::layer_fn;
use tower::timeout::TimeoutLayer;
use tower::{Service as _, service_fn};

#[pgq::task]
async fn divide(dividend: u32, divisor: u32) -> Result<u32, TaskError> {
    let error = || TaskError::permanent(format!("{dividend} cannot be divided by {divisor}"));
    dividend.checked_div(divisor).ok_or_else(error)
}

#[pgq::task(max_attempts = 1)]
async fn wait_for_godot() {
    std::future::pending::<()>().await;
}

/// Measures how long tasks take, and says of which job each error is.
async fn watch(mut task: TaskService, execution: Execution) -> Result<Completed, TaskError> {
    let (name, job) = (execution.task().name(), execution.context().job_id());
    let began = Instant::now();
    let ended = task.call(execution).await;
    println!("job {job} ({name}) took {:?}", began.elapsed());
    // With the error as its source the new one keeps what that says of the job: a permanent failure
    // stays one, and so do a snooze and a cancellation.
    ended.map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("job {job}"));
        error.into_task_error()
    })
}

/// Tells somebody of the jobs that need a person.
struct Pager;

impl Hooks for Pager {
    fn on_dead_letter(&self, dead: &DeadLetter<'_>) {
        println!("page: {} failed: {}", dead.task, dead.error);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    divide::enqueue(&pgq, 84, 2).await?;
    divide::enqueue(&pgq, 1, 0).await?;
    wait_for_godot::enqueue(&pgq).await?;

    let watch =
        layer_fn(|task: TaskService| service_fn(move |execution| watch(task.clone(), execution)));
    let report = pgq::run()
        .url(database.url())
        .layer(TimeoutLayer::new(Duration::from_millis(200)))
        // Around the one before.
        .layer(watch)
        .hooks(Pager)
        .until_idle()
        .await?;

    println!("{report:?}");
    Ok(())
}
