//! The server that the databases of tests are made on.

use super::DatabaseError;

/// Opts in to a server that somebody else started.
const TEST_DATABASE_URL: &str = "PGQ_TEST_DATABASE_URL";

/// Whether the tests run on a server that somebody else started.
pub(super) fn is_foreign() -> bool {
    std::env::var_os(TEST_DATABASE_URL).is_some()
}

/// Returns the URL of a database on the server that is nobody's in particular.
pub(super) async fn url() -> Result<String, DatabaseError> {
    match std::env::var(TEST_DATABASE_URL) {
        Ok(url) => Ok(url),
        Err(_) => own_url().await,
    }
}

#[cfg(feature = "embedded")]
async fn own_url() -> Result<String, DatabaseError> {
    // It blocks.
    let started = tokio::task::spawn_blocking(shared_cluster).await;
    let cluster = started.map_err(|error| DatabaseError::NotStarted(error.into()))??;
    Ok(cluster.url("postgres"))
}

#[cfg(not(feature = "embedded"))]
async fn own_url() -> Result<String, DatabaseError> {
    Err(DatabaseError::NoServer)
}

#[cfg(feature = "embedded")]
pub use own::shared_cluster;

#[cfg(feature = "embedded")]
mod own {
    use std::sync::{Arc, OnceLock};

    use crate::embedded::{Cluster, EmbeddedError};
    use crate::testing::database::DatabaseError;

    /// The connections that the server allows: many tests run at once.
    const CONNECTIONS: &str = "300";

    /// The server of this process, started by the first test that needs it.
    ///
    /// A static is never dropped; the cluster's watchdog stops the server when the process ends.
    static CLUSTER: OnceLock<Result<Cluster, Arc<EmbeddedError>>> = OnceLock::new();

    /// Returns the server that all tests of this process share; blocks while it starts.
    ///
    /// # Errors
    ///
    /// Fails, each time, if it did not start.
    pub fn shared_cluster() -> Result<&'static Cluster, DatabaseError> {
        let start = || {
            Cluster::builder()
                .setting("max_connections", CONNECTIONS)
                .on_notice(notice)
                .start()
                .map_err(Arc::new)
        };
        let started = CLUSTER.get_or_init(start).as_ref();
        started.map_err(|error| DatabaseError::NotStarted(Arc::clone(error).into()))
    }

    #[expect(
        clippy::print_stderr,
        reason = "who waits for a test wants to know what it does, and the test shows it if it fails"
    )]
    fn notice(line: &str) {
        eprintln!("{line}");
    }
}
