//! The statements that direct workers.

use sqlx::SqlStr;

use super::PostgresDriver;
use super::error::driver_error;
use crate::driver::{Directives, DriverError, Pausable, Pause};

impl PostgresDriver {
    pub(super) async fn pause_jobs(&self, what: &Pausable) -> Result<bool, DriverError> {
        self.set_pause(self.statements.pause.clone(), what)
            .await
            .map_err(|error| driver_error("failed to pause", error))
    }

    pub(super) async fn resume_jobs(&self, what: &Pausable) -> Result<bool, DriverError> {
        self.set_pause(self.statements.resume.clone(), what)
            .await
            .map_err(|error| driver_error("failed to resume", error))
    }

    async fn set_pause(&self, sql: SqlStr, what: &Pausable) -> sqlx::Result<bool> {
        let (kind, name) = match what {
            Pausable::Queue(name) => (QUEUE, name),
            Pausable::Task(name) => (TASK, name),
        };
        sqlx::query_scalar(sql)
            .bind(kind)
            .bind(name)
            .bind(self.schema().as_str())
            // The pool may be the application's, behind a pooler.
            .persistent(false)
            .fetch_one(&self.pool)
            .await
    }

    pub(super) async fn list_pauses(&self) -> Result<Vec<Pause>, DriverError> {
        let rows: Vec<(String, String, _)> = sqlx::query_as(self.statements.pauses.clone())
            .persistent(false)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| driver_error("failed to list what is paused", error))?;
        let pause = |(kind, name, since): (String, String, _)| {
            let what = pausable(&kind, name)?;
            Some(Pause { what, since })
        };
        Ok(rows.into_iter().filter_map(pause).collect())
    }

    pub(super) async fn read_directives(&self) -> Result<Directives, DriverError> {
        let pauses = self.list_pauses().await?;
        Ok(Directives {
            paused: pauses.into_iter().map(|pause| pause.what).collect(),
            limits: self.list_limits().await?,
        })
    }
}

const QUEUE: &str = "queue";
const TASK: &str = "task";

/// What a row pauses.
fn pausable(kind: &str, name: String) -> Option<Pausable> {
    match kind {
        QUEUE => Some(Pausable::Queue(name)),
        TASK => Some(Pausable::Task(name)),
        _ => None,
    }
}
