//! One worker from its start to its end; after a lost lease it starts again.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::claimer::{Claimer, Ended, report};
use super::config::Mode;
use super::fetcher::{self, WANTED_MAX};
use super::finisher::{self, DECISIONS_MAX};
use super::hub::{Hub, Setup, limited, retry_pause};
use super::lease::LeaseKeeper;
use super::limits::key_limit;
use super::promoter::promote_due;
use super::stop::{StopSignal, wind_up};
use super::{controller, declare, expirer, historian, limits, promoter, rescuer, wakeups, watch};
use crate::driver::{Build, Driver, DriverError, DriverErrorKind, KnownTask, WorkerId, WorkerInfo};
use crate::task::{KnownSchedule, TaskDescriptor};

/// Runs a worker until it is stopped, or has nothing more to do. Errors of the storage that pass
/// are waited out.
///
/// # Errors
///
/// Fails if a loop of the worker has ended that should not, and with [`DriverErrorKind::SchemaNewer`] once the storage
/// does not admit this version any more.
pub(crate) async fn run(setup: Setup, stop: &StopSignal) -> Result<Ended, DriverError> {
    if reach(stop, true, || declare(&setup)).await?.is_none() {
        return Ok(Ended::Stopped);
    }
    let horizon = match setup.config.mode {
        Mode::Once => {
            let horizon = stop.unless_told(horizon(&*setup.driver)).await;
            let Some(horizon) = horizon.transpose()? else {
                return Ok(Ended::Stopped);
            };
            Some(horizon)
        }
        Mode::Forever | Mode::UntilIdle => None,
    };
    // Also while it cannot register: that is when people want to know why.
    let watching = watch::run(Arc::clone(&setup.driver), setup.config.lease);
    let _watching = AbortOnDropHandle::new(tokio::spawn(watching));
    let mut first = true;
    loop {
        let Some(worker) = reach(stop, first, || register(&setup)).await? else {
            return Ok(Ended::Stopped);
        };
        match live(&setup, worker, horizon, stop).await? {
            Ended::LeaseLost => {
                tracing::warn!("starting again as another worker");
                first = false;
            }
            ended => return Ok(ended),
        }
    }
}

/// Says what the code declares, and lets go on what would otherwise wait for it to run.
async fn declare(setup: &Setup) -> Result<(), DriverError> {
    let declared = limits::declared(&setup.registry);
    limited(setup.driver.declare_limits(&declared)).await?;
    let declared = declare::declared_tasks(&setup.registry);
    limited(setup.driver.declare_tasks(&declared)).await?;
    if setup.config.mode != Mode::Forever {
        limits::put_back(setup).await;
    }
    Ok(())
}

/// Up to where jobs were enqueued by now, those that are due included.
async fn horizon(driver: &dyn Driver) -> Result<i64, DriverError> {
    promote_due(driver).await?;
    limited(driver.horizon()).await
}

/// A worker that is registered.
struct Registered {
    id: WorkerId,
    at: Instant,
}

/// Registers the worker under a new id, when there is room for what its jobs will leave.
async fn register(setup: &Setup) -> Result<Registered, DriverError> {
    let queues = setup.config.queues.iter();
    let queues: Vec<String> = queues.map(|queue| queue.name.to_string()).collect();
    let build = build(setup);
    limited(setup.driver.prepare_history(&setup.registry.retains())).await?;
    loop {
        let (id, at) = (WorkerId::random(), Instant::now());
        let info = WorkerInfo {
            id,
            lease: setup.config.lease,
            host: host_name(),
            pid: std::process::id(),
            queues: queues.clone(),
            concurrency: setup.config.concurrency,
            build: build.clone(),
        };
        // If it arrives though nobody waits any more, its lease ends by itself.
        if limited(setup.driver.register_worker(info)).await? {
            return Ok(Registered { id, at });
        }
    }
}

/// Repeats a call until the storage has answered; `None` if the worker was stopped before. Only the
/// first time an error that does not pass by itself ends the worker: later, somebody is mending it.
pub(crate) async fn reach<T, C>(
    stop: &StopSignal,
    first: bool,
    call: impl Fn() -> C,
) -> Result<Option<T>, DriverError>
where
    C: Future<Output = Result<T, DriverError>>,
{
    let mut failures = 0;
    while let Some(answer) = stop.unless_told(call()).await {
        match answer {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if error.is_transient() || !first => {
                tracing::warn!(error = %report(&error), "the worker cannot start yet");
                failures += 1;
                let pause = tokio::time::sleep(retry_pause(failures));
                if stop.unless_told(pause).await.is_none() {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What people may want to know of this build.
fn build(setup: &Setup) -> Build {
    let task = |task: &TaskDescriptor| KnownTask {
        name: task.name().to_owned(),
        fingerprint: task.fingerprint(),
    };
    let mut tasks: Vec<KnownTask> = setup.registry.tasks().map(task).collect();
    tasks.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let known = || setup.registry.known_schedules();
    // Others leave the schedules that are declared so to this worker, so it must tick.
    let declarations = match setup.config.mode {
        Mode::Forever => known().map(KnownSchedule::digest).collect(),
        Mode::Once | Mode::UntilIdle => Vec::new(),
    };
    let schedules = known().map(|known| known.descriptor.name.to_owned());
    let schedules = schedules.collect();
    let keyed = setup.registry.tasks();
    let keyed = keyed.filter(|task| key_limit(task.options).is_some());
    let keyed = keyed.flat_map(TaskDescriptor::names).map(str::to_owned);
    let aliases = setup.registry.tasks();
    let aliases = aliases.flat_map(|task| task.names().skip(1).map(str::to_owned));
    Build {
        app_version: setup.config.app_version.clone(),
        tasks,
        aliases: aliases.collect(),
        inputs: setup.fingerprints.as_deref().map(<[i64]>::to_vec),
        ticks: setup.config.mode == Mode::Forever,
        schedules,
        declarations,
        keyed: keyed.collect(),
        ..Build::default()
    }
}

/// One life of a worker under one id.
async fn live(
    setup: &Setup,
    worker: Registered,
    horizon: Option<i64>,
    stop: &StopSignal,
) -> Result<Ended, DriverError> {
    let (sender, decisions) = mpsc::channel(DECISIONS_MAX);
    let (want, wanted) = mpsc::channel(WANTED_MAX);
    let hub = Arc::new(Hub::new(setup.clone(), worker.id, sender, want));
    let closing = CancellationToken::new();
    let _abandoned = Abandoned {
        hub: Arc::clone(&hub),
        closing: closing.clone(),
    };
    let finisher = finisher::run(Arc::clone(&hub), decisions, closing.clone());
    let finisher = tokio::spawn(finisher);
    let lease_stop = CancellationToken::new();
    let keeper = LeaseKeeper {
        driver: Arc::clone(&setup.driver),
        worker: worker.id,
        lease: setup.config.lease,
        lost: hub.lost.clone(),
        attempts: hub.attempts.clone(),
        commit_time: Arc::clone(&hub.commit_time),
        hub: Arc::clone(&hub),
        meters: Arc::clone(&hub.meters),
        stop: lease_stop.clone(),
    };
    let _stop_keeper = lease_stop.clone().drop_guard();
    keeper.start(worker.at).map_err(|error| {
        DriverError::new(
            DriverErrorKind::Other,
            "failed to start the thread of the lease",
        )
        .with_source(error)
    })?;

    let mut loops = JoinSet::new();
    loops.spawn(fetcher::run(Arc::clone(&hub), wanted));
    loops.spawn(wakeups::run(Arc::clone(&hub)));
    loops.spawn(controller::run(Arc::clone(&hub)));
    loops.spawn(promoter::run(Arc::clone(&hub)));
    loops.spawn(expirer::run(Arc::clone(&hub)));
    loops.spawn(rescuer::run(Arc::clone(&hub)));
    loops.spawn(historian::run(Arc::clone(&hub)));
    // A task of its own, as the others: what is awaited in `main` runs on a thread that wakes up, and
    // is woken, more slowly than those of the runtime wake each other.
    let claimer = Claimer::new(Arc::clone(&hub), horizon).run(stop.drain.clone());
    let mut claimer = AbortOnDropHandle::new(tokio::spawn(claimer));
    let bug = || {
        let problem = "a loop of the worker has ended, which is a bug of pgq";
        DriverError::new(DriverErrorKind::Other, problem)
    };
    let mut is_retired = false;
    let ended = tokio::select! {
        ended = &mut claimer => ended.map_err(|error| bug().with_source(error)),
        _ = loops.join_next() => {
            claimer.abort();
            let _ = (&mut claimer).await;
            Err(bug())
        }
        () = hub.outdated.cancelled(), if !stop.drain.is_cancelled() => {
            is_retired = !stop.drain.is_cancelled();
            stop.drain.cancel();
            (&mut claimer).await.map_err(|error| bug().with_source(error))
        }
    };
    if let Ok(Ended::LeaseLost) = ended {
        hub.meters.leases_lost.increment(1);
    }
    // The loops go on while it winds up: others' jobs are still rescued and promoted.
    let how = ended.as_ref().ok();
    wind_up(&hub, how, stop, lease_stop, closing, finisher).await;
    match ended {
        Ok(Ended::Stopped) if is_retired => Err(outdated()),
        ended => ended,
    }
}

fn outdated() -> DriverError {
    let problem =
        "a newer version of pgq has changed the schema so that this program must not go on";
    DriverError::new(DriverErrorKind::SchemaNewer, problem)
        .with_advice("deploy a program with a newer version of pgq")
}

/// Ends what a worker has spawned if the worker is dropped before it has wound up: nothing of it
/// outlives `run()`. After a winding-up there is nothing left to end.
struct Abandoned {
    hub: Arc<Hub>,
    closing: CancellationToken,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.hub.abandon();
        self.closing.cancel();
    }
}

/// The host's name, for people who look for a worker.
fn host_name() -> String {
    std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}
