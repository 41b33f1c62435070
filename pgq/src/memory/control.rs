//! What directs workers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::store::Store;
use crate::driver::{Directives, Pausable, Pause, Wake};

/// What is paused, since when.
pub(super) type Pauses = BTreeMap<Pausable, DateTime<Utc>>;

impl Store {
    pub(super) fn pause(&mut self, what: &Pausable, now: DateTime<Utc>) -> bool {
        self.wake(Wake::Directives);
        if self.paused.contains_key(what) {
            return false;
        }
        self.paused.insert(what.clone(), now);
        true
    }

    pub(super) fn resume(&mut self, what: &Pausable) -> bool {
        self.wake(Wake::Directives);
        self.paused.remove(what).is_some()
    }

    pub(super) fn pauses(&self) -> Vec<Pause> {
        let pause = |(what, since): (&Pausable, &DateTime<Utc>)| Pause {
            what: what.clone(),
            since: *since,
        };
        self.paused.iter().map(pause).collect()
    }

    pub(super) fn directives(&self) -> Directives {
        Directives {
            paused: self.paused.keys().cloned().collect(),
            limits: self.limits.in_force(),
        }
    }
}
