//! `pgq jobs wait`.

use std::time::Duration;

use clap::Args;
use pgq::{JobError, JobHandle, JobId};
use serde::Serialize;

use super::read_id;
use crate::error::Failure;
use crate::session::Session;
use crate::values::{Json, duration};

/// Waits until a job has ended, and prints its result as JSON.
///
/// It is told of the end, and does not ask again and again. If the job failed, was cancelled or expired, or has not
/// ended in time, that is said and the exit code is 1; a job that has not ended goes on. A result that is nothing,
/// or that has been pruned, is `null`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  pgq jobs wait 1234 --timeout 30s")]
pub(super) struct Wait {
    /// The id of the job.
    #[arg(value_parser = read_id)]
    id: JobId,
    /// How long to wait at most; by default for as long as it takes.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct Answer {
    id: i64,
    state: &'static str,
    result: Json,
}

impl Wait {
    pub(super) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let (job, pgq) = (JobHandle::<Json>::from_id(self.id), &session.pgq);
        let waited = match self.timeout {
            Some(timeout) => job.wait_for(pgq, timeout).await,
            None => job.wait(pgq).await,
        };
        let result = match waited {
            Ok(result) => result,
            // A result that is nothing is not stored, so it looks the same.
            Err(JobError::ResultPruned { .. }) => Json::default(),
            Err(error) => return Err(error.into()),
        };
        let line = result.to_string();
        let answer = Answer {
            id: self.id.as_i64(),
            state: "completed",
            result,
        };
        session.output.answer(&answer, &line)
    }
}
