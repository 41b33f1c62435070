//! Inputs that are kept apart from the rows of their jobs, which move with each change of state.

use futures_util::TryStreamExt;
use sqlx::Row;

use super::PostgresDriver;
use super::detail;
use super::enqueue::micros;
use super::error::driver_error;
use super::pool::OnPool;
use super::session::Lent;
use crate::driver::{ClaimedInput, DriverError, HeldInput, NewJob, WorkerId};
use crate::job::{JobId, KEPT_APART, is_kept_apart};

/// The jobs of one enqueue as its statement takes them.
#[derive(Debug, Default)]
pub(super) struct Parted {
    /// What goes into the rows of the jobs: inputs, and stubs of those that are kept apart.
    pub(super) inline: Vec<Vec<u8>>,
    /// Where the stubs are, from 1.
    pub(super) places: Vec<i64>,
    /// The inputs that they stand for.
    pub(super) large: Vec<Vec<u8>>,
    /// Which rows each job has beside its own.
    pub(super) marks: Vec<i16>,
    /// Where the jobs are that have a detail, from 1.
    pub(super) detailed: Vec<i64>,
    /// Their details.
    pub(super) details: Vec<String>,
    /// The key of each job, if they have keys.
    pub(super) keys: Vec<Vec<u8>>,
    /// For how long each job keeps its key, in microseconds; `None` until it has ended.
    pub(super) periods: Vec<Option<i64>>,
}

impl Parted {
    pub(super) fn new(jobs: Vec<NewJob>) -> Result<Self, DriverError> {
        let mut parted = Self::default();
        for (place, job) in (1..).zip(jobs) {
            parted.marks.push(job.marks().as_i16());
            if let Some(key) = job.key {
                parted.periods.push(key.within.map(micros));
                parted.keys.push(key.key);
            }
            if let Some(detail) = &job.detail {
                parted.detailed.push(place);
                let written = detail::write(detail);
                let error =
                    |error| driver_error("failed to write what a job has beside its row", error);
                parted.details.push(written.map_err(error)?);
            }
            if is_kept_apart(&job.input) {
                parted.inline.push(stub(job.input.len()));
                parted.places.push(place);
                parted.large.push(job.input);
            } else {
                parted.inline.push(job.input);
            }
        }
        Ok(parted)
    }
}

/// What stands in a job's row for an input of this many bytes.
fn stub(bytes: usize) -> Vec<u8> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut stub = vec![KEPT_APART];
    stub.extend(bytes.to_be_bytes());
    stub
}

/// Reads the column `input` of a job's row.
pub(super) fn claimed_input(stored: Vec<u8>) -> ClaimedInput {
    if let [KEPT_APART, length @ ..] = stored.as_slice()
        && let Ok(length) = <[u8; 4]>::try_from(length)
    {
        let bytes = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        return ClaimedInput::Apart { bytes };
    }
    ClaimedInput::Here(stored)
}

impl PostgresDriver {
    /// The input of a job, wherever it is.
    pub(super) async fn find_input(&self, job: JobId) -> Result<Option<Vec<u8>>, DriverError> {
        sqlx::query_scalar(self.statements.find_input.clone())
            .bind(job.as_i64())
            // The pool may be the application's, without the settings that make a kept plan safe.
            .persistent(false)
            .optional_on(&self.pool)
            .await
            .map_err(|error| driver_error("failed to read the input of a job", error))
    }

    /// Lends a session that is free; waits for the first one if none is.
    async fn input_session(&self) -> Result<Lent<'_>, DriverError> {
        for session in &*self.inputs {
            if let Some(lent) = session.try_lend().await {
                return lent;
            }
        }
        self.inputs[0].lend().await
    }

    pub(super) async fn read_inputs(
        &self,
        worker: WorkerId,
        jobs: &[(JobId, i64)],
    ) -> Result<Vec<HeldInput>, DriverError> {
        let error = |error| driver_error("failed to read the inputs of jobs", error);
        let (ids, claims): (Vec<i64>, Vec<i64>) = jobs
            .iter()
            .map(|(job, claim)| (job.as_i64(), *claim))
            .unzip();
        let mut session = self.input_session().await?;
        // As a stream, so that each row is freed when it has been copied.
        let inputs: Vec<HeldInput> = sqlx::query(self.statements.read_inputs.clone())
            .bind(worker.as_i64())
            .bind(ids)
            .bind(claims)
            .fetch(session.connection())
            .and_then(async |row| {
                Ok(HeldInput {
                    job: JobId::from_i64(row.try_get(0)?),
                    input: row.try_get(1)?,
                })
            })
            .try_collect()
            .await
            .map_err(error)?;
        session.keep();
        Ok(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::INPUT_INLINE_MAX;

    #[test]
    fn a_stub_tells_the_length_of_what_it_stands_for() {
        let large = vec![1; INPUT_INLINE_MAX + 1];
        let imposter = stub(7);

        let inputs = [
            vec![1; INPUT_INLINE_MAX],
            large.clone(),
            Vec::new(),
            imposter.clone(),
        ];
        let parted = Parted::new(inputs.map(NewJob::new).to_vec()).unwrap();

        assert_eq!(parted.places, [2, 4]);
        assert_eq!(parted.large, [large, imposter]);
        let claimed: Vec<usize> = parted
            .inline
            .into_iter()
            .map(|stored| claimed_input(stored).missing())
            .collect();
        assert_eq!(claimed, [0, INPUT_INLINE_MAX + 1, 0, 5]);
    }

    #[test]
    fn a_broken_stub_is_an_input_that_does_not_decode() {
        let broken = vec![KEPT_APART, 1, 2];

        assert_eq!(claimed_input(broken.clone()), ClaimedInput::Here(broken));
    }
}
