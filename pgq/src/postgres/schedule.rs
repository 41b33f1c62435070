//! [`ScheduleDriver`] for PostgreSQL.

mod question;
mod stored;
mod tick;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row, SqlStr};

use self::stored::{columns, state};
use self::tick::Fired;
use super::PostgresDriver;
use super::enqueue::micros;
use super::error::driver_error;
use super::pool::OnPool;
use crate::driver::{
    AskedInput, DriverError, Enqueue, InputAnswer, InputCheck, Schedule, ScheduleAsk,
    ScheduleChanges, ScheduleDriver, ScheduleState, ScheduleVersion, StoredInput, Tick, Ticked,
    Trigger, WorkerId,
};
use crate::schedule::Overlap;

/// A statement with what it takes of schedules.
fn of(
    statement: SqlStr,
    schedules: &[Schedule],
) -> Result<Query<'_, Postgres, PgArguments>, DriverError> {
    let columns =
        columns(schedules).map_err(|error| driver_error("a schedule cannot be written", error))?;
    Ok(sqlx::query(statement)
        .bind(columns.schedules)
        .bind(columns.inputs)
        .bind(columns.keys)
        // The pool may be the application's, behind a pooler.
        .persistent(false))
}

fn changes(rows: &[PgRow]) -> sqlx::Result<ScheduleChanges> {
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let mut changed = Vec::new();
    for row in rows {
        if let Some(revision) = row.try_get("revision")? {
            changed.push((revision, row.try_get("name")?));
        }
    }
    Ok(ScheduleChanges {
        now: first.try_get("now")?,
        last: first.try_get("last")?,
        deleted: first.try_get("deleted")?,
        asked: first.try_get("asked")?,
        changed,
    })
}

fn input(row: &PgRow) -> sqlx::Result<StoredInput> {
    Ok(StoredInput {
        input: row.try_get("input")?,
        key: row.try_get("unique_key")?,
    })
}

/// The names and the revisions, in two columns.
fn columns_of<'a>(
    schedules: impl Iterator<Item = &'a ScheduleVersion<'a>>,
) -> (Vec<&'a str>, Vec<i64>) {
    schedules.map(|one| (one.name, one.revision)).unzip()
}

/// What rows say of those that were given, by their places, which count from 1.
fn by_place<T>(
    rows: &[PgRow],
    given: usize,
    read: impl Fn(&PgRow) -> sqlx::Result<T>,
) -> sqlx::Result<Vec<Option<T>>> {
    let mut found: Vec<Option<T>> = std::iter::repeat_with(|| None).take(given).collect();
    for row in rows {
        let place: i64 = row.try_get("place")?;
        let place = usize::try_from(place - 1).ok();
        if let Some(slot) = place.and_then(|place| found.get_mut(place)) {
            *slot = Some(read(row)?);
        }
    }
    Ok(found)
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[async_trait]
impl ScheduleDriver for PostgresDriver {
    async fn declare_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError> {
        of(self.statements.declare_schedules.clone(), schedules)?
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to declare the schedules", error))
    }

    async fn add_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError> {
        of(self.statements.add_schedules.clone(), schedules)?
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to declare the schedules", error))
    }

    async fn stop_ticking(&self, worker: WorkerId) -> Result<(), DriverError> {
        sqlx::query(self.statements.stop_ticking.clone())
            .bind(worker.as_i64())
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to leave the schedules to others", error))
    }

    async fn take_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
    ) -> Result<bool, DriverError> {
        let schedules = std::slice::from_ref(schedule);
        of(self.statements.take_schedule.clone(), schedules)?
            .bind(seen)
            .bind(since)
            .done_on(&self.pool)
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(|error| driver_error("failed to declare a schedule again", error))
    }

    async fn retire_schedules(&self, grace: Duration) -> Result<Vec<String>, DriverError> {
        let rows = sqlx::query(self.statements.retire_schedules.clone())
            .bind(micros(grace))
            .bind(self.schema().as_str())
            .all_on(&self.pool)
            .await;
        rows.and_then(|rows| rows.iter().map(|row| row.try_get("name")).collect())
            .map_err(|error| driver_error("failed to retire schedules", error))
    }

    async fn schedules(&self, names: &[String]) -> Result<ScheduleState, DriverError> {
        sqlx::query(self.statements.schedules.clone())
            .bind(names)
            .persistent(false)
            .all_on(&self.pool)
            .await
            .and_then(|rows| state(&rows))
            .map_err(|error| driver_error("failed to read the schedules", error))
    }

    async fn schedule_inputs(
        &self,
        schedules: &[ScheduleVersion<'_>],
    ) -> Result<Vec<Option<StoredInput>>, DriverError> {
        let (names, revisions) = columns_of(schedules.iter());
        sqlx::query(self.statements.schedule_inputs.clone())
            .bind(names)
            .bind(revisions)
            .persistent(false)
            .all_on(&self.pool)
            .await
            .and_then(|rows| by_place(&rows, schedules.len(), input))
            .map_err(|error| driver_error("failed to read the inputs of schedules", error))
    }

    async fn note_checks(&self, checks: &[InputCheck<'_>]) -> Result<Vec<bool>, DriverError> {
        let (names, revisions) = columns_of(checks.iter().map(|check| &check.schedule));
        let answers = checks.iter().map(|check| check.answer.parts());
        let (fingerprints, problems): (Vec<Option<i64>>, Vec<Option<&str>>) = answers.unzip();
        sqlx::query(self.statements.note_checks.clone())
            .bind(names)
            .bind(revisions)
            .bind(fingerprints)
            .bind(problems)
            .persistent(false)
            .all_on(&self.pool)
            .await
            .and_then(|rows| by_place(&rows, checks.len(), |_| Ok(())))
            .map(|noted| noted.iter().map(Option::is_some).collect())
            .map_err(|error| {
                driver_error("failed to note which inputs of schedules are taken", error)
            })
    }

    async fn changed_schedules(
        &self,
        ask: ScheduleAsk<'_>,
    ) -> Result<ScheduleChanges, DriverError> {
        sqlx::query(self.statements.changed_schedules.clone())
            .bind(ask.after)
            .bind(ask.names)
            .bind(ask.tasks)
            .bind(rows(ask.limit))
            .all_on(&self.pool)
            .await
            .and_then(|rows| changes(&rows))
            .map_err(|error| driver_error("failed to look for schedules that have changed", error))
    }

    async fn tick(&self, ticks: Vec<Tick>) -> Result<Vec<Ticked>, DriverError> {
        self.fire(ticks.into_iter().map(Fired::from).collect())
            .await
    }

    async fn trigger(&self, trigger: Trigger<'_>, enqueue: Enqueue) -> Result<Ticked, DriverError> {
        let fired = Fired {
            schedule: trigger.schedule.to_owned(),
            version: trigger.revision,
            previous: trigger.requested_at,
            at: None,
            overlap: Overlap::Allow,
            enqueue,
            is_stored: true,
        };
        let mut ticked = self.fire(vec![fired]).await?;
        Ok(ticked.pop().unwrap_or(Ticked::Refused))
    }

    async fn list_schedules(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ScheduleState, DriverError> {
        sqlx::query(self.statements.list_schedules.clone())
            .bind(after)
            .bind(rows(limit))
            .persistent(false)
            .all_on(&self.pool)
            .await
            .and_then(|rows| state(&rows))
            .map_err(|error| driver_error("failed to list the schedules", error))
    }

    async fn make_schedule(
        &self,
        schedule: &Schedule,
        taken_by: Option<i64>,
    ) -> Result<bool, DriverError> {
        let schedules = std::slice::from_ref(schedule);
        of(self.statements.make_schedule.clone(), schedules)?
            .bind(self.schema().as_str())
            .bind(taken_by)
            .one_on(&self.pool)
            .await
            .and_then(|row| row.try_get("done"))
            .map_err(|error| driver_error("failed to make a schedule", error))
    }

    async fn edit_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
        taken_by: Option<i64>,
    ) -> Result<bool, DriverError> {
        let schedules = std::slice::from_ref(schedule);
        of(self.statements.edit_schedule.clone(), schedules)?
            .bind(seen)
            .bind(self.schema().as_str())
            .bind(since)
            .bind(taken_by)
            .one_on(&self.pool)
            .await
            .and_then(|row| row.try_get("done"))
            .map_err(|error| driver_error("failed to edit a schedule", error))
    }

    async fn pause_schedule(&self, name: &str, pause: bool) -> Result<Option<bool>, DriverError> {
        let row = sqlx::query(self.statements.pause_schedule.clone())
            .bind(name)
            .bind(pause)
            .bind(self.schema().as_str())
            .persistent(false)
            .optional_on(&self.pool)
            .await;
        row.and_then(|row| row.map(|row| row.try_get("changed")).transpose())
            .map_err(|error| driver_error("failed to pause or resume a schedule", error))
    }

    async fn request_trigger(&self, name: &str) -> Result<bool, DriverError> {
        sqlx::query(self.statements.request_trigger.clone())
            .bind(name)
            .bind(self.schema().as_str())
            .persistent(false)
            .optional_on(&self.pool)
            .await
            .map(|row| row.is_some())
            .map_err(|error| driver_error("failed to request a job of a schedule", error))
    }

    async fn delete_schedule(&self, name: &str) -> Result<bool, DriverError> {
        sqlx::query(self.statements.delete_schedule.clone())
            .bind(name)
            .bind(self.schema().as_str())
            .persistent(false)
            .one_on(&self.pool)
            .await
            .and_then(|row| row.try_get("done"))
            .map_err(|error| driver_error("failed to delete a schedule", error))
    }

    async fn ask_input(&self, task: &str, input: &[u8]) -> Result<i64, DriverError> {
        self.ask_about(task, input).await
    }

    async fn asked_inputs(
        &self,
        tasks: &[String],
        after: i64,
        limit: usize,
    ) -> Result<Vec<AskedInput>, DriverError> {
        self.questions(tasks, after, rows(limit)).await
    }

    async fn answer_input(&self, question: i64, answer: &InputAnswer) -> Result<(), DriverError> {
        self.answer(question, answer).await
    }

    async fn input_answer(&self, question: i64) -> Result<Option<InputAnswer>, DriverError> {
        self.answer_to(question).await
    }

    async fn forget_input(&self, question: i64) -> Result<(), DriverError> {
        self.forget_question(question).await
    }
}
