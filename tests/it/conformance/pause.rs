//! What every driver promises about pauses.

use std::time::Duration;

use pgq::driver::{Pausable, Wake, WorkerId};
use tokio::time::timeout;

use super::{Storage, conformance};

conformance! {
    what_is_paused_is_a_directive_until_it_is_resumed,
    pausing_twice_is_pausing_once,
    pauses_are_listed_with_their_times,
    a_pause_and_its_end_are_heard_by_a_listener_that_is_not_parked,
}

/// How long a wake-up may take. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pauses concern every worker.
const NOBODY: WorkerId = WorkerId::from_i64(1);

fn queue(name: &str) -> Pausable {
    Pausable::Queue(name.to_owned())
}

fn task(name: &str) -> Pausable {
    Pausable::Task(name.to_owned())
}

async fn what_is_paused_is_a_directive_until_it_is_resumed(
    storage: &Storage,
) -> anyhow::Result<()> {
    assert!(storage.directives(NOBODY).await?.paused.is_empty());

    // A queue and a task of one name are not the same.
    storage.pause(&queue("mail")).await?;
    storage.pause(&task("mail")).await?;
    let mut paused = storage.directives(NOBODY).await?.paused;
    paused.sort();
    assert_eq!(paused, [queue("mail"), task("mail")]);

    storage.resume(&queue("mail")).await?;
    assert_eq!(storage.directives(NOBODY).await?.paused, [task("mail")]);
    Ok(())
}

async fn pausing_twice_is_pausing_once(storage: &Storage) -> anyhow::Result<()> {
    let mail = queue("mail");
    let answers = [
        storage.pause(&mail).await?,
        storage.pause(&mail).await?,
        storage.resume(&mail).await?,
        storage.resume(&mail).await?,
    ];

    assert_eq!(answers, [true, false, true, false]);
    assert!(storage.directives(NOBODY).await?.paused.is_empty());
    Ok(())
}

async fn pauses_are_listed_with_their_times(storage: &Storage) -> anyhow::Result<()> {
    let before = storage.now().await?;
    for what in [task("send"), queue("mail"), queue("images")] {
        storage.pause(&what).await?;
    }
    let after = storage.now().await?;

    let pauses = storage.pauses().await?;

    let listed: Vec<_> = pauses.iter().map(|pause| pause.what.clone()).collect();
    assert_eq!(listed, [queue("images"), queue("mail"), task("send")]);
    assert!(
        pauses
            .iter()
            .all(|pause| (before..=after).contains(&pause.since))
    );
    Ok(())
}

async fn a_pause_and_its_end_are_heard_by_a_listener_that_is_not_parked(
    storage: &Storage,
) -> anyhow::Result<()> {
    let mut listener = storage.listen().await?;

    storage.pause(&queue("mail")).await?;
    assert_eq!(timeout(PATIENCE, listener.recv()).await??, Wake::Directives);
    storage.resume(&queue("mail")).await?;
    assert_eq!(timeout(PATIENCE, listener.recv()).await??, Wake::Directives);
    Ok(())
}
