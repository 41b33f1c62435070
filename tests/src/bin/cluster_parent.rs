//! A process with a cluster, for tests that kill it.
//!
//! It prints one line about its cluster and ends when its standard input does.

use std::env;
use std::io;

use anyhow::{Context as _, bail};
use pgq::embedded::{Binaries, Cluster, Source};
use pgq_tests::database;

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let mode = arguments.next().context("no mode")?;
    let argument = arguments.next().unwrap_or_default();
    match mode.as_str() {
        "ephemeral" => wait_with(&Cluster::ephemeral()?)?,
        "persistent" => wait_with(&Cluster::builder().persistent(argument).start()?)?,
        // As in a test process: the cluster is in a static, which is never dropped.
        "shared" => wait_with(database::shared_cluster()?)?,
        "npm" => provision(Source::Npm {
            major: argument.parse()?,
        })?,
        "pip" => provision(Source::Pip {
            major: argument.parse()?,
        })?,
        other => bail!("unknown mode `{other}`"),
    }
    Ok(())
}

fn wait_with(cluster: &Cluster) -> anyhow::Result<()> {
    println!(
        "{} {} {} {}",
        cluster.port(),
        cluster.pid().context("the server does not run")?,
        cluster.socket_directory().display(),
        cluster.data_directory().display(),
    );
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn provision(source: Source) -> anyhow::Result<()> {
    let binaries = Binaries::provision(source)?;
    let cluster = Cluster::builder().binaries(binaries.directory()).start()?;
    println!("{} {}", binaries.version(), binaries.directory().display());
    cluster.stop()?;
    Ok(())
}
