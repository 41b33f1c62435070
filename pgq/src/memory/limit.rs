//! Limits of the whole fleet, their permits and their tokens.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::keys::Keyed;
use super::store::Store;
use crate::driver::{Allotment, Ask, Asked, Claim, Claimed, Keep, PermitAsk, WorkerId};
use crate::limit::{
    Bucket, FleetLimit, FleetRate, Grant, Limited, PERMITS_AGAIN, Share, allot, take,
};

/// What there is of limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    declared: BTreeMap<Limited, FleetLimit>,
    overridden: BTreeMap<Limited, FleetLimit>,
    allotments: BTreeMap<Limited, BTreeMap<WorkerId, Row>>,
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// The number of the worker's call that wrote it.
    version: i64,
    share: Share,
}

impl Limits {
    pub(super) fn declare(&mut self, limits: &[FleetLimit]) {
        for limit in limits {
            if is_none(limit) {
                self.declared.remove(&limit.what);
            } else {
                self.declared.insert(limit.what.clone(), limit.clone());
            }
        }
    }

    pub(super) fn override_running(&mut self, what: &Limited, running: Option<u32>) {
        self.overridden(what).running = running;
    }

    pub(super) fn override_rate(&mut self, task: &str, rate: Option<FleetRate>) {
        self.overridden(&Limited::Task(task.to_owned())).rate = rate;
    }

    fn overridden(&mut self, what: &Limited) -> &mut FleetLimit {
        self.overridden
            .entry(what.clone())
            .or_insert_with(|| FleetLimit::new(what.clone()))
    }

    pub(super) fn in_force(&self) -> Vec<FleetLimit> {
        let known: BTreeMap<_, ()> = self
            .declared
            .keys()
            .chain(self.overridden.keys())
            .map(|what| (what, ()))
            .collect();
        known
            .into_keys()
            .map(|what| self.limit(what))
            .filter(|limit| !is_none(limit))
            .collect()
    }

    fn limit(&self, what: &Limited) -> FleetLimit {
        let of = |limits: &BTreeMap<Limited, FleetLimit>| limits.get(what).cloned();
        let none = || FleetLimit::new(what.clone());
        let (declared, overridden) = (of(&self.declared), of(&self.overridden));
        let (declared, overridden) = (
            declared.unwrap_or_else(none),
            overridden.unwrap_or_else(none),
        );
        none()
            .running(overridden.running.or(declared.running))
            .rate(overridden.rate.or(declared.rate))
            .by_key(declared.by_key)
    }

    pub(super) fn allotments(&self, worker: WorkerId, limits: &[Limited]) -> Vec<Allotment> {
        let allotment = |limit: &Limited| Allotment {
            limit: limit.clone(),
            max: self.limit(limit).running,
            others: self
                .others(worker, limit)
                .iter()
                .map(|share| (share.permits, share.wants))
                .collect(),
        };
        limits.iter().map(allotment).collect()
    }

    fn others(&self, worker: WorkerId, limit: &Limited) -> Vec<Share> {
        let rows = self.allotments.get(limit).into_iter().flatten();
        rows.filter(|(other, _)| **other != worker)
            .map(|(_, row)| row.share)
            .collect()
    }

    pub(super) fn keep(&mut self, worker: WorkerId, number: i64, kept: &[Keep]) {
        for keep in kept {
            let rows = self.allotments.get_mut(&keep.limit);
            if let Some(row) = rows.and_then(|rows| rows.get_mut(&worker))
                && row.version < number
            {
                row.version = number;
                row.share = Share {
                    permits: keep.permits.min(row.share.permits),
                    wants: keep.wants,
                };
            }
        }
    }

    /// A worker is gone.
    pub(super) fn forget(&mut self, worker: WorkerId) {
        for rows in self.allotments.values_mut() {
            rows.remove(&worker);
        }
    }

    fn grants(&self, ask: &Ask) -> Vec<Grant> {
        let grant = |asked: &PermitAsk| {
            let others = self.others(ask.claim.worker, &asked.limit);
            let max = self.limit(&asked.limit).running;
            Grant {
                in_use: asked.in_use,
                waiting: asked.waiting,
                wants: asked.wants,
                permits: max.map_or(asked.wants, |max| allot(max, &others, asked.wants)),
            }
        };
        ask.permits.iter().map(grant).collect()
    }

    fn allot(&mut self, ask: &Ask, shares: &[Share]) {
        for (asked, share) in ask.permits.iter().zip(shares) {
            let row = Row {
                version: ask.claim.number,
                share: *share,
            };
            let rows = self.allotments.entry(asked.limit.clone()).or_default();
            rows.insert(ask.claim.worker, row);
        }
    }
}

impl Store {
    pub(super) fn ask(&mut self, ask: &Ask, now: DateTime<Utc>) -> Asked {
        let grants = self.limits.grants(ask);
        let rate = ask.rate.as_ref().and_then(|task| {
            let rate = self.limits.limit(&Limited::Task(task.clone())).rate?;
            let bucket = self.limits.buckets.get(task).copied().unwrap_or_default();
            Some((task, rate, bucket.refill(rate, now.timestamp_micros())))
        });
        let tokens = rate.map(|(_, rate, bucket)| bucket.tokens(rate));
        let limit = take(ask.claim.limit, ask.prefetch, &grants, tokens);
        let claim = Claim {
            limit,
            ..ask.claim.clone()
        };
        let Keyed {
            claimed,
            more,
            turn,
        } = match &ask.keys {
            Some(keys) => self.claim_by_keys(&claim, keys, now),
            None => Keyed {
                claimed: self.claim(&claim, now),
                more: self.ready().has(&claim),
                turn: None,
            },
        };
        let Claimed::Jobs(jobs) = &claimed else {
            return Asked {
                claimed,
                permits: Vec::new(),
                again: None,
                turn,
            };
        };
        let found = jobs.len();
        let waiting = found == limit && (found > 0 || more);
        let shares: Vec<Share> = grants
            .iter()
            .map(|grant| grant.kept(found, waiting))
            .collect();
        self.limits.allot(ask, &shares);
        let mut again = PERMITS_AGAIN;
        if let Some((task, rate, bucket)) = rate {
            let used = u32::try_from(found).unwrap_or(u32::MAX);
            let bucket = bucket.take(used);
            if tokens == Some(used) {
                again = bucket.next(rate);
            }
            self.limits.buckets.insert(task.clone(), bucket);
        }
        Asked {
            claimed,
            permits: shares.iter().map(|share| share.permits).collect(),
            again: (waiting && limit < ask.claim.limit).then_some(again),
            turn,
        }
    }
}

/// Whether there is no limit at all.
const fn is_none(limit: &FleetLimit) -> bool {
    limit.running.is_none() && limit.rate.is_none() && limit.by_key.is_none()
}
