//! The command line.

use std::env;

use anyhow::{Context as _, bail, ensure};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: u32,
    pub(crate) jobs: u64,
    pub(crate) json: bool,
    only: Vec<String>,
}

impl Options {
    pub(crate) fn parse() -> anyhow::Result<Self> {
        let mut options = Self {
            rounds: 3,
            jobs: 200_000,
            json: false,
            only: Vec::new(),
        };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{name} needs a value"))
            };
            match name.as_str() {
                "--rounds" => options.rounds = value()?.parse()?,
                "--jobs" => options.jobs = value()?.parse()?,
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--json" => options.json = true,
                _ => bail!(
                    "unknown option {name}; there are --rounds N, --jobs N, --only NAME,NAME and \
                     --json"
                ),
            }
        }
        ensure!(options.rounds > 0, "--rounds must be at least 1");
        ensure!(options.jobs > 0, "--jobs must be at least 1");
        Ok(options)
    }

    /// Returns true if the peer of this name is to be measured.
    pub(crate) fn wants(&self, peer: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == peer)
    }
}
