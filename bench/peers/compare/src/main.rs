//! Compares pgq with other queues on one server, in turns, and prints one table.
//!
//! `cargo run --release --manifest-path bench/peers/Cargo.toml -p compare -- [--rounds N] [--jobs N]
//! [--only NAME,NAME] [--json]`
//!
//! `bench/peers/README.md` says what is measured, and with which settings.

mod options;
mod pgqueuer;
mod program;
mod server;
mod table;

use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use self::options::Options;
use self::program::{Program, Sample};
use self::server::Server;
use self::table::Table;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match compare().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn compare() -> anyhow::Result<()> {
    let options = Options::parse()?;
    let pgq = program::build_pgq()?;
    let mut peers = program::build_peers()?;
    match pgqueuer::install() {
        Ok(program) => peers.push(program),
        Err(error) => eprintln!("PgQueuer is left out: {error:#}"),
    }
    peers.retain(|peer| options.wants(peer.name()));
    ensure!(!peers.is_empty(), "there is no such peer");

    let server = Server::start().await?;
    let mut table = Table::new(options.rounds);
    let mut failed = Vec::new();
    for round in 0..options.rounds {
        // Each peer begins a round once, so that no one always runs after the same other.
        let first = usize::try_from(round)? % peers.len();
        peers.rotate_left(first);
        for peer in &peers {
            for program in [&pgq, peer] {
                match run(&server, program, &options).await {
                    Ok(samples) => samples.into_iter().for_each(|sample| {
                        eprintln!("round {round}: {sample}");
                        table.add(sample);
                    }),
                    Err(error) => {
                        eprintln!("round {round}: {} has no figure: {error:#}", program.name());
                        failed.push(program.name().to_owned());
                    }
                }
            }
        }
        peers.rotate_right(first);
    }

    failed.sort();
    failed.dedup();
    // A queue that lost a job once has no speed.
    table.remove(&failed);
    if options.json {
        table.print_json();
    } else {
        table.print();
    }
    ensure!(failed.is_empty(), "these failed: {}", failed.join(", "));
    Ok(())
}

/// Runs a program on databases of its own.
async fn run(server: &Server, program: &Program, options: &Options) -> anyhow::Result<Vec<Sample>> {
    let jobs = program.jobs(options.jobs);
    let mut samples = Vec::new();
    for command in program.commands() {
        let database = server.database().await?;
        let url = server.url(&database);
        let measured = program.run(&command, &url, jobs).await;
        let durable = server.check_durability(&database).await;
        server.drop(&database).await?;
        samples.extend(measured.with_context(|| format!("{} failed", program.name()))?);
        durable?;
    }
    Ok(samples)
}
