//! What the examples share: the database that they run on.

use std::env;
use std::path::Path;

use anyhow::Context as _;
use pgq::Pgq;
use pgq::embedded::{Cluster, ClusterBuilder};

/// The database of an example: that of `DATABASE_URL` if it is set, else one in a private
/// PostgreSQL server, which ends with the process.
///
/// Says on stderr which it is.
#[derive(Debug)]
pub struct Database {
    url: String,
    /// Dropping it stops the server.
    _cluster: Option<Cluster>,
}

impl Database {
    /// Opens the database; if it is a private one, it leaves nothing behind.
    ///
    /// # Errors
    ///
    /// Fails if no private server can be started.
    pub async fn open() -> anyhow::Result<Self> {
        match env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => {
                eprintln!("database: that of `DATABASE_URL`");
                Ok(Self {
                    url,
                    _cluster: None,
                })
            }
            _ => Self::embedded(Cluster::builder()).await,
        }
    }

    /// Starts a private server that keeps its data in `directory`.
    ///
    /// # Errors
    ///
    /// Fails if no private server can be started.
    pub async fn kept_in(directory: &Path) -> anyhow::Result<Self> {
        Self::embedded(Cluster::builder().persistent(directory)).await
    }

    async fn embedded(builder: ClusterBuilder) -> anyhow::Result<Self> {
        let start = || {
            builder
                .on_notice(|line| eprintln!("database: {line}"))
                .start()
        };
        // Starting a server blocks.
        let cluster = tokio::task::spawn_blocking(start)
            .await?
            .context("no private PostgreSQL server; set `DATABASE_URL` to use another one")?;
        Ok(Self {
            url: cluster.url("postgres"),
            _cluster: Some(cluster),
        })
    }

    /// Where the database is, for `pgq::run().url(…)`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects to the database and creates the tables of pgq, unless they are there.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be reached, or does not allow that.
    pub async fn connect(&self) -> pgq::Result<Pgq> {
        let pgq = Pgq::connect(&self.url).await?;
        pgq.migrate().await?;
        Ok(pgq)
    }
}
