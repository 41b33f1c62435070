//! The limits of the whole fleet that the code declares.

use super::claimer::report;
use super::hub::{Setup, limited};
use crate::driver::{Driver, DriverError};
use crate::limit::{FleetLimit, FleetRate, KeyLimit, Limited};
use crate::task::{Rate, Registry, TaskDescriptor, TaskOptions};

/// What is declared of each task, those included that have no limit: it may have had one before.
pub(super) fn declared(registry: &Registry) -> Vec<FleetLimit> {
    let declared = registry.tasks().map(|task| {
        let TaskOptions {
            concurrency, rate, ..
        } = task.options();
        let concurrency = concurrency.filter(|concurrency| concurrency.by.is_empty());
        let rate = rate.filter(|rate| rate.by.is_empty());
        FleetLimit::new(Limited::Task(task.name().to_owned()))
            .running(concurrency.map(|concurrency| concurrency.max))
            .rate(rate.map(fleet_rate))
            .by_key(key_limit(task.options))
    });
    declared.collect()
}

const fn fleet_rate(rate: Rate) -> FleetRate {
    FleetRate {
        max: rate.max,
        per: rate.per,
        burst: rate.burst,
    }
}

/// What a task limits for each key of its jobs by itself.
pub(super) fn key_limit(options: &TaskOptions) -> Option<KeyLimit> {
    let concurrency = options.concurrency;
    let by_key = concurrency.filter(|concurrency| !concurrency.by.is_empty());
    let limit = KeyLimit {
        running: by_key.map(|concurrency| concurrency.max),
        ordered: !options.ordered_by.is_empty(),
        rate: options
            .rate
            .filter(|rate| !rate.by.is_empty())
            .map(fleet_rate),
    };
    (limit.ordered || limit.running.is_some() || limit.rate.is_some()).then_some(limit)
}

/// Lets jobs go on that wait for keys of tasks which have none any more, neither here nor in any build
/// that has declared some since. What fails is tried again a minute later: nothing else waits for it.
pub(super) async fn put_back(setup: &Setup) {
    if let Err(error) = put_all_back(&*setup.driver, &setup.registry).await {
        tracing::warn!(error = %report(&error), "failed to put jobs back");
    }
}

async fn put_all_back(driver: &dyn Driver, registry: &Registry) -> Result<(), DriverError> {
    let has_none = |task: &&TaskDescriptor| key_limit(task.options).is_none();
    if registry.tasks().all(|task| !has_none(&task)) {
        return Ok(());
    }
    let limits = limited(driver.limits()).await?;
    let is_declared = |task: &TaskDescriptor| {
        let mut keyed = limits.iter().filter(|limit| limit.by_key.is_some());
        keyed.any(|limit| task.names().any(|name| name == limit.what.name()))
    };
    let tasks = registry.tasks().filter(has_none);
    let names = tasks.filter(|task| !is_declared(task));
    let names: Vec<String> = names
        .flat_map(TaskDescriptor::names)
        .map(str::to_owned)
        .collect();
    let mut after = (!names.is_empty()).then_some(i64::MIN);
    while let Some(key) = after {
        after = limited(driver.put_back(&names, key)).await?;
    }
    Ok(())
}
