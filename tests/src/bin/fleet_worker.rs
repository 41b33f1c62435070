//! A worker of the fleet.

use pgq::{Registry, Run};
use pgq_tests::fleet::{tasks, worker};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut run = Run::new(Registry::new())
        .task::<tasks::note>()
        .task::<tasks::gated>()
        .task::<tasks::obedient>()
        .task::<tasks::haul>()
        .task::<tasks::fleet_limited>()
        .task::<tasks::fleet_ordered>()
        .task::<tasks::settle>()
        .task::<tasks::pay>()
        .task::<tasks::crash>()
        .task::<tasks::hog>()
        .task::<tasks::hog_driver>()
        .task::<tasks::overrun>()
        .task::<tasks::overrun_blocking>();
    if worker::knows_rare() {
        run = run.task::<tasks::rare>();
    }
    worker::run(run).await
}
