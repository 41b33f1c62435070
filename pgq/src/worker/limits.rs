//! The limits of the whole fleet that the code declares.

use crate::limit::{FleetLimit, FleetRate, KeyLimit, Limited};
use crate::task::{Registry, TaskOptions};

/// What is declared of each task, those included that have no limit: it may have had one before.
pub(super) fn declared(registry: &Registry) -> Vec<FleetLimit> {
    let declared = registry.tasks().map(|task| {
        let TaskOptions {
            concurrency,
            rate,
            ordered_by,
            ..
        } = task.options();
        let (concurrency, by_key) = match concurrency {
            Some(concurrency) if !concurrency.by.is_empty() => (None, Some(concurrency.max)),
            concurrency => (concurrency, None),
        };
        let ordered = !ordered_by.is_empty();
        let rate = rate.filter(|rate| rate.by.is_empty());
        FleetLimit::new(Limited::Task(task.name().to_owned()))
            .running(concurrency.map(|concurrency| concurrency.max))
            .rate(rate.map(|rate| FleetRate {
                max: rate.max,
                per: rate.per,
                burst: rate.burst,
            }))
            .by_key((ordered || by_key.is_some()).then_some(KeyLimit {
                running: by_key,
                ordered,
            }))
    });
    declared.collect()
}
