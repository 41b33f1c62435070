//! What attempts have logged.

use chrono::{DateTime, Utc};

use super::record::Record;
use super::store::Store;
use crate::driver::{NewLog, WorkerId};
use crate::job::JobId;
use crate::logs::AttemptLog;

impl Store {
    pub(super) fn keep_logs(&mut self, worker: WorkerId, logs: &[NewLog], now: DateTime<Utc>) {
        for log in logs {
            let record = self.jobs.get_mut(&log.job);
            let may =
                |record: &&mut Record| log.is_completed || record.is_held_by(worker, log.claim);
            if let Some(record) = record.filter(may) {
                record.keep_log(log, now);
            }
        }
    }

    pub(super) fn logs(&self, job: JobId) -> Vec<AttemptLog> {
        let record = self.jobs.get(&job);
        let logs = record.into_iter().flat_map(|record| &record.logs);
        logs.map(|(_, log)| log.clone()).collect()
    }
}
