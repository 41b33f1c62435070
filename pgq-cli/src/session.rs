//! What a command works with.

use pgq::{Pgq, Reader as _};

use crate::args::Global;
use crate::error::Failure;
use crate::output::Output;

/// The database, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) pgq: Pgq,
    pub(crate) output: Output,
}

impl Session {
    /// Connects, and checks that the tables are there.
    pub(crate) async fn open(global: &Global, output: Output) -> Result<Self, Failure> {
        let pgq = connect(global).await?;
        (&pgq).driver().check_schema().await?;
        Ok(Self { pgq, output })
    }
}

/// Connects to a database that may not have the tables yet.
pub(crate) async fn connect(global: &Global) -> Result<Pgq, Failure> {
    let pgq = match &global.database_url {
        Some(url) => Pgq::connect(url).await?,
        None => Pgq::from_env().await?,
    };
    let direct = global.direct_url.clone().or_else(direct_url);
    let pgq = match direct {
        Some(url) => pgq.direct_url(&url)?,
        None => pgq,
    };
    Ok(pgq.schema(&global.schema)?)
}

fn direct_url() -> Option<String> {
    let url = std::env::var("DIRECT_DATABASE_URL").ok()?;
    (!url.trim().is_empty()).then_some(url)
}
