//! Measures pgq end to end, each figure beside a floor or a baseline of the same run, and checks
//! that every job of a run was done exactly once. `bench/README.md` says what the figures mean.

mod check;
mod clients;
mod clock;
mod cpu;
mod enqueuer;
mod machine;
mod options;
mod process;
mod report;
mod scenario;
mod schema;
mod server;
mod statistics;
mod task;
mod watched;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use self::options::{Arguments, Options};
use self::report::Reporter;
use self::scenario::Scenario;
use self::server::Server;

/// What every scenario is given.
#[derive(Debug)]
struct Bench {
    server: Server,
    options: Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            // Statements of the benchmark itself are slow.
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,sqlx=error")),
        )
        .with_writer(std::io::stderr)
        .init();
    let Arguments { scenario, options } = Arguments::parse();
    let done = match scenario {
        Scenario::Worker => Box::pin(process::serve(options)).await,
        scenario => Box::pin(measure(scenario, options)).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the scenarios, and leaves nothing on the server however that ends.
async fn measure(scenario: Scenario, options: Options) -> anyhow::Result<()> {
    let server = Server::start(options.database_url.as_deref()).await?;
    let bench = Bench { server, options };
    let done = tokio::select! {
        done = run(scenario, &bench) => done,
        pressed = tokio::signal::ctrl_c() => pressed
            .context("cannot wait for Ctrl-C")
            .and_then(|()| Err(anyhow::anyhow!("interrupted"))),
    };
    done.and(bench.server.clean().await)
}

async fn run(scenario: Scenario, bench: &Bench) -> anyhow::Result<()> {
    machine::describe();
    bench.server.describe().await?;
    let mut reporter = Reporter::new(bench.options.json);
    let mut failed = Vec::new();
    for scenario in scenario.parts() {
        eprintln!("\n{}: {}", scenario.name(), scenario.about());
        match scenario.run(bench).await {
            Ok(figures) => reporter.add(scenario, figures)?,
            // The others are still worth measuring; the exit code tells.
            Err(error) => {
                eprintln!("{}: no figure: {error:#}", scenario.name());
                failed.push(scenario.name());
            }
        }
        bench.server.clean().await?;
    }
    reporter.finish()?;
    anyhow::ensure!(
        failed.is_empty(),
        "these scenarios failed: {}",
        failed.join(", ")
    );
    Ok(())
}
