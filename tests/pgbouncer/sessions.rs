//! A pooler in session mode: a worker works as on the server itself.

use std::time::Duration;

use pgq::driver::FindingCode;
use pgq::{CancellationToken, Pgq, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::DEADLINE;
use pgq_tests::eventually;

use super::bouncer::{Bouncer, Config};
use super::{note, pool};

/// Longer than a job may take that nobody is woken for.
const NEVER: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_worker_has_its_settings_and_is_woken_through_session_mode() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let bouncer = Bouncer::start(&database, Config::SESSION)?;
    let pgq = Pgq::from_pool(pool(&bouncer.options()?, 4));

    let found = pgq.check_health().await?;
    let stop = CancellationToken::new();
    let worker = Run::new(Registry::new().with::<note>())
        .url(bouncer.url())
        .poll_interval(NEVER)
        .without_signals()
        .stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());
    eventually("a worker", || async {
        Ok(!pgq.workers().await?.is_empty())
    })
    .await?;
    for number in 0..10 {
        let text = format!("text {number}");
        let job = note::enqueue(&pgq, text.clone()).await?;
        assert_eq!(job.wait_for(&pgq, DEADLINE).await?, text);
    }
    stop.cancel();
    worker.await??;

    // The embedded server has few connections, and the doctor may say so.
    let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
    assert!(
        codes.is_empty() || codes == [FindingCode::ConnectionsScarce],
        "{found:?}"
    );
    Ok(())
}
