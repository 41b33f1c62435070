//! Questions about inputs.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::driver::{AskedInput, DriverError, InputAnswer};
use crate::postgres::PostgresDriver;
use crate::postgres::error::driver_error;
use crate::postgres::pool::OnPool;

impl PostgresDriver {
    pub(super) async fn ask_about(&self, task: &str, input: &[u8]) -> Result<i64, DriverError> {
        sqlx::query(self.statements.ask_input.clone())
            .bind(task)
            .bind(input)
            .bind(self.schema().as_str())
            .persistent(false)
            .one_on(&self.pool)
            .await
            .and_then(|row| row.try_get("revision"))
            .map_err(|error| driver_error("failed to ask about an input", error))
    }

    pub(super) async fn questions(
        &self,
        tasks: &[String],
        after: i64,
        limit: i64,
    ) -> Result<Vec<AskedInput>, DriverError> {
        let rows = sqlx::query(self.statements.asked_inputs.clone())
            .bind(tasks)
            .bind(after)
            .bind(limit)
            .persistent(false)
            .all_on(&self.pool)
            .await;
        rows.and_then(|rows| rows.iter().map(asked).collect())
            .map_err(|error| driver_error("failed to read what is asked about inputs", error))
    }

    pub(super) async fn answer(
        &self,
        question: i64,
        answer: &InputAnswer,
    ) -> Result<(), DriverError> {
        let (taken_by, problem) = answer.parts();
        sqlx::query(self.statements.answer_input.clone())
            .bind(question)
            .bind(taken_by)
            .bind(problem)
            .persistent(false)
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to answer about an input", error))
    }

    pub(super) async fn answer_to(
        &self,
        question: i64,
    ) -> Result<Option<InputAnswer>, DriverError> {
        let row = sqlx::query(self.statements.input_answer.clone())
            .bind(question)
            .persistent(false)
            .optional_on(&self.pool)
            .await;
        row.and_then(|row| row.map_or(Ok(None), |row| answered(&row)))
            .map_err(|error| driver_error("failed to look for the answer about an input", error))
    }

    pub(super) async fn forget_question(&self, question: i64) -> Result<(), DriverError> {
        sqlx::query(self.statements.forget_input.clone())
            .bind(question)
            .persistent(false)
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to forget a question about an input", error))
    }
}

fn asked(row: &PgRow) -> sqlx::Result<AskedInput> {
    Ok(AskedInput {
        question: row.try_get("revision")?,
        task: row.try_get("task")?,
        input: row.try_get("input")?,
    })
}

fn answered(row: &PgRow) -> sqlx::Result<Option<InputAnswer>> {
    let taken_by: Option<i64> = row.try_get("taken_by")?;
    let problem: Option<String> = row.try_get("problem")?;
    let taken = taken_by.map(InputAnswer::Taken);
    Ok(taken.or_else(|| problem.map(InputAnswer::Refused)))
}
