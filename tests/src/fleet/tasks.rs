//! The tasks of the fleet. Each writes down that it began before it does anything else.

#![allow(
    clippy::missing_errors_doc,
    reason = "an error of a task is for the worker, which writes it down"
)]

use std::io;
use std::path::Path;
use std::time::Duration;

use pgq::{Context, TaskError};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use super::ledger::{Event, Ledger};
use crate::audit;

/// How often a job looks whether its gate is open.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The result of every task: which execution it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The number of the worker.
    pub worker: u32,
    /// Which delivery of the job it was.
    pub deliveries: i32,
}

/// How a job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// With a result.
    Complete,
    /// With an error that allows another attempt.
    Retry,
    /// With an error that allows none.
    Fail,
    /// With a panic.
    Panic,
}

/// Ends at once.
#[pgq::task]
pub async fn note(context: &Context, ledger: &Ledger, number: u32) -> Result<Ran, io::Error> {
    let _ = number;
    began(context, ledger)
}

/// Waits until its gate is open, whatever it is told, and ends as it should.
#[pgq::task]
pub async fn gated(
    context: &Context,
    ledger: &Ledger,
    gate: String,
    end: End,
) -> Result<Ran, TaskError> {
    let ran = began(context, ledger).map_err(TaskError::retryable)?;
    while !Path::new(&gate).exists() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    finish(ran, end)
}

/// Runs until it is cancelled, notices that, and ends as it should.
#[pgq::task]
pub async fn obedient(context: &Context, ledger: &Ledger, end: End) -> Result<Ran, TaskError> {
    let ran = began(context, ledger).map_err(TaskError::retryable)?;
    context.cancelled().cancelled().await;
    ledger
        .write(context, Event::Cancelled)
        .map_err(TaskError::retryable)?;
    finish(ran, end)
}

/// Kills its process.
#[pgq::task]
pub async fn crash(context: &Context, ledger: &Ledger) -> Result<Ran, io::Error> {
    began(context, ledger)?;
    std::process::abort()
}

/// Holds its thread until its gate is open.
#[pgq::task]
pub async fn hog(context: &Context, ledger: &Ledger, gate: String) -> Result<Ran, io::Error> {
    let ran = began(context, ledger)?;
    hold_thread(&gate);
    Ok(ran)
}

/// Holds the thread that waits for timers and sockets, which took it up, until its gate is open.
#[pgq::task]
pub async fn hog_driver(
    context: &Context,
    ledger: &Ledger,
    gate: String,
) -> Result<Ran, io::Error> {
    tokio::time::sleep(LOOK_EVERY).await;
    let ran = began(context, ledger)?;
    hold_thread(&gate);
    Ok(ran)
}

/// Holds its thread until its gate is open, although it has little time.
#[pgq::task(timeout = "200ms", max_attempts = 1)]
pub async fn overrun(context: &Context, ledger: &Ledger, gate: String) -> Result<Ran, io::Error> {
    let ran = began(context, ledger)?;
    hold_thread(&gate);
    Ok(ran)
}

/// As [`overrun()`], on a thread of its own.
#[pgq::task(blocking, timeout = "200ms", max_attempts = 1)]
pub fn overrun_blocking(
    context: &Context,
    ledger: &Ledger,
    gate: String,
) -> Result<Ran, io::Error> {
    let ran = began(context, ledger)?;
    hold_thread(&gate);
    Ok(ran)
}

fn hold_thread(gate: &str) {
    while !Path::new(gate).exists() {
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until its gate is open, whatever it is told, and returns how long its load is.
#[pgq::task(input_max = "20MiB")]
pub async fn haul(
    context: &Context,
    ledger: &Ledger,
    gate: String,
    load: String,
) -> Result<usize, io::Error> {
    began(context, ledger)?;
    while !Path::new(&gate).exists() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(load.len())
}

/// Takes a moment, in which others meet it: one job of an account is enough.
#[pgq::task(unique(by = [account]))]
pub async fn settle(
    context: &Context,
    ledger: &Ledger,
    account: u32,
    change: u32,
) -> Result<Ran, io::Error> {
    let _ = (account, change);
    let ran = began(context, ledger);
    tokio::time::sleep(LOOK_EVERY).await;
    ran
}

/// Pays in a transaction, waits until its gate is open, whatever it is told, completes in the
/// transaction, and commits it even if that was refused.
#[pgq::task]
pub async fn pay(
    context: &Context,
    ledger: &Ledger,
    pool: &PgPool,
    gate: String,
) -> Result<Ran, io::Error> {
    let ran = began(context, ledger)?;
    let mut transaction = pool.begin().await.map_err(io::Error::other)?;
    sqlx::query("insert into payment (worker) values ($1)")
        .bind(i64::from(ran.worker))
        .execute(&mut *transaction)
        .await
        .map_err(io::Error::other)?;
    while !Path::new(&gate).exists() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let _ = context.complete_in(&mut *transaction, &ran).await;
    transaction.commit().await.map_err(io::Error::other)?;
    Ok(ran)
}

/// Ends at once; not every worker knows it.
#[pgq::task]
pub async fn rare(context: &Context, ledger: &Ledger) -> Result<Ran, io::Error> {
    began(context, ledger)
}

/// Writes into the database that it ran for a while; three run at once in the fleet.
#[pgq::task(concurrency = 3)]
pub async fn fleet_limited(context: &Context, pool: &PgPool, number: u32) -> Result<(), TaskError> {
    let _ = number;
    audited(context, pool, "fleet_limited").await
}

/// Writes into the database that it ran for a while; in the order of its account.
#[pgq::task(ordered_by = [account])]
pub async fn fleet_ordered(
    context: &Context,
    pool: &PgPool,
    account: u32,
    number: u32,
) -> Result<(), TaskError> {
    let _ = number;
    audited(context, pool, &format!("fleet_ordered {account}")).await
}

async fn audited(context: &Context, pool: &PgPool, key: &str) -> Result<(), TaskError> {
    let job = context.job_id().as_i64();
    let audited = async {
        let mut connection = pool.acquire().await?;
        let running = audit::start(&mut connection, key, job).await?;
        drop(connection);
        tokio::time::sleep(LOOK_EVERY * 5).await;
        let mut connection = pool.acquire().await?;
        audit::end(&mut connection, running).await
    };
    audited.await.map_err(TaskError::retryable)
}

fn began(context: &Context, ledger: &Ledger) -> io::Result<Ran> {
    ledger.write(context, Event::Started)?;
    Ok(Ran {
        worker: ledger.worker(),
        deliveries: context.deliveries(),
    })
}

fn finish(ran: Ran, end: End) -> Result<Ran, TaskError> {
    match end {
        End::Complete => Ok(ran),
        End::Retry => Err(TaskError::retryable(format!(
            "worker {} failed",
            ran.worker
        ))),
        End::Fail => Err(TaskError::permanent(format!(
            "worker {} gave up",
            ran.worker
        ))),
        End::Panic => panic!("worker {} panicked", ran.worker),
    }
}
