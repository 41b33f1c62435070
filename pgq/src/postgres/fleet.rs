//! What is known of the workers.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::error::driver_error;
use super::pool::OnPool;
use crate::driver::{Build, DriverError, KnownTask, WorkerId, WorkerState};

impl PostgresDriver {
    pub(super) async fn list_workers(&self) -> Result<Vec<WorkerState>, DriverError> {
        sqlx::query(self.statements.workers.clone())
            .persistent(false)
            .all_on(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(worker).collect())
            .map_err(|error| driver_error("failed to list the workers", error))
    }
}

fn worker(row: &PgRow) -> sqlx::Result<WorkerState> {
    let names: Vec<String> = row.try_get("tasks")?;
    let fingerprints: Vec<i64> = row.try_get("fingerprints")?;
    let task = |(name, fingerprint)| KnownTask { name, fingerprint };
    Ok(WorkerState {
        id: WorkerId::from_i64(row.try_get("id")?),
        host: row.try_get("host")?,
        pid: row.try_get::<i32, _>("pid")?.unsigned_abs(),
        queues: row.try_get("queues")?,
        concurrency: number(row.try_get("concurrency")?),
        running: number(row.try_get("running")?),
        started_at: row.try_get("started_at")?,
        heartbeat_at: row.try_get("heartbeat_at")?,
        lease_until: row.try_get("lease_until")?,
        is_alive: row.try_get("is_alive")?,
        build: Build {
            pgq_version: row.try_get("pgq_version")?,
            app_version: row.try_get("app_version")?,
            tasks: names.into_iter().zip(fingerprints).map(task).collect(),
            schedules: row.try_get("schedules")?,
            declarations: row.try_get("declarations")?,
            keyed: row.try_get("keyed")?,
            aliases: row.try_get("aliases")?,
            inputs: row.try_get("inputs")?,
            ticks: row.try_get("ticks")?,
        },
    })
}

fn number(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
