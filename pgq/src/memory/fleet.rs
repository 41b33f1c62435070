//! What is known of the workers.

use chrono::{DateTime, Utc};

use super::store::Store;
use crate::driver::WorkerState;

impl Store {
    pub(super) fn worker_states(&self, now: DateTime<Utc>) -> Vec<WorkerState> {
        let mut states: Vec<WorkerState> = self
            .workers()
            .map(|(id, worker)| WorkerState {
                id: *id,
                host: worker.info.host.clone(),
                pid: worker.info.pid,
                queues: worker.info.queues.clone(),
                concurrency: worker.info.concurrency,
                running: worker.running,
                started_at: worker.started_at,
                heartbeat_at: worker.heartbeat_at,
                lease_until: worker.lease_end,
                is_alive: worker.lease_end > now,
                build: worker.info.build.clone(),
            })
            .collect();
        states.sort_by_key(|worker| (worker.started_at, worker.id));
        states
    }
}
