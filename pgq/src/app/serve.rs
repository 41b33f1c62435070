//! Puts the parts together and runs them.

use std::sync::Arc;
use std::time::Duration;

use super::bounded::Report;
use super::run::Run;
use super::signals;
use crate::driver::{Driver, HealthCheck};
use crate::error::Result;
use crate::scheduler::Scheduler;
use crate::worker::config::Mode;
use crate::worker::{
    Ended, Setup, StopSignal, Tally, check_start, limited, reach, run as run_worker,
};

/// Runs a worker and its scheduler until they end.
pub(super) async fn serve(run: Run, mode: Mode, deadline: Option<Duration>) -> Result<Report> {
    let stop = run.handle.stop.clone();
    let signals = async {
        match run.signals {
            true => signals::forward(stop.clone()).await,
            false => std::future::pending().await,
        }
    };
    let token = run.stop.clone().unwrap_or_default();
    let following = signals::follow(token, stop.clone());
    let deadline = async {
        if let Some(deadline) = deadline {
            tokio::time::sleep(deadline).await;
            stop.drain.cancel();
            stop.now.cancel();
        }
        std::future::pending::<std::convert::Infallible>().await
    };

    let work = work(&run, mode, &stop);
    tokio::select! {
        result = work => result,
        never = signals => never,
        never = following => never,
        never = deadline => match never {},
    }
}

async fn work(run: &Run, mode: Mode, stop: &StopSignal) -> Result<Report> {
    run.check()?;
    let fingerprints = run.fingerprints()?.map(Arc::from);
    let mut state = run.state.clone();
    let driver = open(run, &mut state)?;
    let registry = Arc::new(run.registry.clone());
    let tally = Arc::new(Tally::default());
    let config = run.config.worker(&registry, mode);
    let check = HealthCheck::Start {
        migrates: run.migrate,
        listens: mode == Mode::Forever,
        concurrency: config.concurrency,
    };
    let prepared = stop
        .unless_told(prepare(&*driver, check, run.migrate))
        .await;
    let Some(()) = prepared.transpose()? else {
        return Ok(Report::of(&tally, false));
    };

    announce(&registry, &config);
    let mut scheduler = Scheduler::new(
        Arc::clone(&driver),
        Arc::clone(&registry),
        fingerprints.clone(),
        run.hooks.clone(),
        config.lease,
    );
    let declare = || async {
        match mode {
            Mode::Forever => scheduler.declare().await,
            Mode::Once | Mode::UntilIdle => scheduler.add().await,
        }
    };
    let Some(()) = reach(stop, true, declare).await? else {
        return Ok(Report::of(&tally, false));
    };
    let setup = Setup {
        driver,
        registry,
        fingerprints,
        state: Arc::new(state),
        layers: Arc::new(run.layers.clone()),
        hooks: run.hooks.clone(),
        config: Arc::new(config),
        queues: Arc::clone(&run.handle.queues),
        tally: Arc::clone(&tally),
        schedules: Arc::default(),
    };
    let revised = setup.schedules.subscribe();
    let ended = if mode == Mode::Forever {
        let scheduling = async {
            scheduler.run_until(stop.drain.clone(), revised).await;
            std::future::pending::<std::convert::Infallible>().await
        };
        // Not spawned: it ends with this future, and what goes wrong in it is heard.
        tokio::select! {
            ended = run_worker(setup, stop) => ended?,
            never = scheduling => match never {},
        }
    } else {
        match stop.unless_told(scheduler.fire_once()).await.transpose()? {
            Some(_) => run_worker(setup, stop).await?,
            None => Ended::Stopped,
        }
    };
    let report = Report::of(&tally, ended == Ended::Idle);
    farewell(&report);
    Ok(report)
}

#[cfg(feature = "postgres")]
fn open(run: &Run, state: &mut crate::task::StateMap) -> Result<Arc<dyn Driver>> {
    use crate::postgres::Schema;

    let schema = run
        .schema
        .as_deref()
        .map(Schema::new)
        .transpose()?
        .unwrap_or_default();
    let direct = run.direct.as_deref();
    Ok(run.source.clone().open(direct, &schema, state)?)
}

#[cfg(not(feature = "postgres"))]
fn open(run: &Run, state: &mut crate::task::StateMap) -> Result<Arc<dyn Driver>> {
    Ok(run.source.clone().open(state)?)
}

async fn prepare(driver: &dyn Driver, check: HealthCheck, migrate: bool) -> Result<()> {
    // Before anything is made in a database that is the wrong one.
    check_start(driver, check).await?;
    if migrate {
        // Not limited: a migration may have to wait for another one.
        driver.migrate().await?;
    } else {
        limited(driver.check_schema()).await?;
    }
    Ok(())
}

/// Says what runs here: the first thing to look at when a job does not.
fn announce(registry: &crate::task::Registry, config: &crate::worker::config::WorkerConfig) {
    let tasks: Vec<&str> = registry.tasks().map(|task| task.name()).collect();
    let schedules = registry.schedules().count();
    let queues: Vec<&str> = config.queues.iter().map(|queue| &*queue.name).collect();
    tracing::info!(
        ?tasks,
        schedules,
        ?queues,
        concurrency = config.concurrency,
        "starting"
    );
}

/// Says that nothing runs any more, for somebody who sent a signal and waits.
fn farewell(report: &Report) {
    let Report {
        completed,
        retried,
        failed,
        cancelled,
        expired,
        released,
        ..
    } = *report;
    tracing::info!(
        completed, retried, failed, cancelled, expired, released, "stopped"
    );
}
