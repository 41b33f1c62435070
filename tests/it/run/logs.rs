//! What tasks log, kept with their jobs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pgq::logs::Capture;
use pgq::{Context, TaskError};
use pgq_tests::database::TestDatabase;
use pgq_tests::subscriber::subscribe;
use tokio::sync::Barrier;
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument as _, Level};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use super::both::{Place, on_both_drivers};
use super::{count, drain};

#[pgq::task(name = "logs/talk", max_attempts = 2, timeout = "10s")]
async fn talk(context: &Context, end: String) -> Result<(), TaskError> {
    let attempt = context.attempt();
    tracing::info!(attempt, who = "Ada", "talking of {end}");
    tracing::debug!("a whisper");
    match &*end {
        "return" => Ok(()),
        "retry" => Err(TaskError::retry_after(Duration::ZERO, "again")),
        "cancel" => Err(TaskError::cancel("unwanted")),
        "snooze" => Err(TaskError::snooze(Duration::from_secs(3600))),
        other => panic!("{other}"),
    }
}

#[pgq::task(name = "logs/everywhere")]
async fn everywhere() -> anyhow::Result<()> {
    let child = async { tracing::info!("in a child") };
    tokio::spawn(child.in_current_span()).await?;
    let span = tracing::info_span!("inner");
    async { tracing::warn!("in a span") }.instrument(span).await;
    tracing::info!(target: "pgq::somewhere", "of pgq itself");
    tracing::error!(field = ?Loud, "with a field that logs");
    Ok(())
}

/// Logs while it is logged.
struct Loud;

impl fmt::Debug for Loud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!(again = ?Self, "logged while logging");
        f.write_str("Loud")
    }
}

#[pgq::task(name = "logs/in_thread", blocking)]
fn in_thread(subscriber: &tracing::Dispatch) {
    // That of a test is set on the test's own thread only.
    tracing::dispatcher::with_default(subscriber, || tracing::info!("in a thread"));
}

#[pgq::task(name = "logs/chatter")]
async fn chatter(lines: u32) {
    for line in 0..lines {
        tracing::info!("line {line}\0");
    }
}

on_both_drivers!(
    each_attempt_keeps_what_it_has_logged,
    an_attempt_that_is_given_back_keeps_nothing,
    a_log_has_the_lines_of_the_whole_attempt_and_no_others,
    a_thread_that_blocks_is_captured_too,
    a_log_is_bounded_and_loses_its_oldest_lines,
    nothing_is_kept_without_the_layer,
);

/// Captures on this thread, which is the only one of these tests' runtimes.
fn capture(capture: Capture) -> DefaultGuard {
    subscribe(Registry::default().with(capture))
}

/// A line without the time that it begins with.
fn untimed(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap_or_default();
    assert!(time.parse::<f64>().is_ok(), "{line}");
    rest
}

async fn each_attempt_keeps_what_it_has_logged(place: &Place) -> anyhow::Result<()> {
    let _capturing = capture(Capture::new());
    for (end, attempts) in [("return", 1), ("cancel", 1), ("retry", 2)] {
        let job = talk::enqueue(&place.driver, end.to_owned()).await?;
        drain(place.worker::<talk>()).await?;

        let logs = job.logs(&place.driver).await?;
        let kept: Vec<(i16, &str)> = logs
            .iter()
            .map(|log| (log.attempt, untimed(&log.text)))
            .collect();
        let line =
            |attempt| format!("INFO it::run::logs: talking of {end} attempt={attempt} who=\"Ada\"");
        let expected: Vec<(i16, String)> = (1..=attempts)
            .map(|attempt| (attempt, line(attempt)))
            .collect();
        assert_eq!(
            kept,
            expected
                .iter()
                .map(|(attempt, line)| (*attempt, &**line))
                .collect::<Vec<_>>()
        );
        assert!(logs.is_sorted_by_key(|log| log.ended_at));
    }
    Ok(())
}

async fn an_attempt_that_is_given_back_keeps_nothing(place: &Place) -> anyhow::Result<()> {
    let _capturing = capture(Capture::new());
    let job = talk::enqueue(&place.driver, "snooze".to_owned()).await?;
    let panicking = talk::enqueue(&place.driver, "panic".to_owned()).await?;

    drain(place.worker::<talk>()).await?;

    assert!(job.logs(&place.driver).await?.is_empty());
    assert_eq!(panicking.logs(&place.driver).await?.len(), 1);
    Ok(())
}

async fn a_log_has_the_lines_of_the_whole_attempt_and_no_others(
    place: &Place,
) -> anyhow::Result<()> {
    let _capturing = capture(Capture::new().level(Level::TRACE));
    let job = everywhere::enqueue(&place.driver).await?;
    tracing::info!("before");

    drain(place.worker::<everywhere>()).await?;

    let logs = job.logs(&place.driver).await?;
    let lines: Vec<&str> = logs[0].text.lines().map(untimed).collect();
    assert_eq!(
        lines,
        [
            "INFO it::run::logs: in a child",
            "WARN it::run::logs: in a span",
            "ERROR it::run::logs: with a field that logs field=Loud",
        ]
    );
    Ok(())
}

async fn a_thread_that_blocks_is_captured_too(place: &Place) -> anyhow::Result<()> {
    let _capturing = capture(Capture::new());
    let job = in_thread::enqueue(&place.driver).await?;

    let subscriber = tracing::dispatcher::get_default(tracing::Dispatch::clone);
    drain(place.worker::<in_thread>().state(subscriber)).await?;

    let logs = job.logs(&place.driver).await?;
    assert_eq!(untimed(&logs[0].text), "INFO it::run::logs: in a thread");
    Ok(())
}

async fn a_log_is_bounded_and_loses_its_oldest_lines(place: &Place) -> anyhow::Result<()> {
    let _capturing = capture(Capture::new().max_bytes(1000));
    let job = chatter::enqueue(&place.driver, 500).await?;

    drain(place.worker::<chatter>()).await?;

    let logs = job.logs(&place.driver).await?;
    let text = &logs[0].text;
    assert!((900..1100).contains(&text.len()), "{}", text.len());
    let mut lines = text.lines();
    let mark = lines.next().unwrap_or_default();
    assert!(mark.ends_with("earlier lines were dropped)"), "{mark}");
    let last = lines.next_back().map(untimed);
    assert_eq!(last, Some("INFO it::run::logs: line 499\u{fffd}"));
    Ok(())
}

async fn nothing_is_kept_without_the_layer(place: &Place) -> anyhow::Result<()> {
    let _subscribed = subscribe(Registry::default());
    let job = talk::enqueue(&place.driver, "return".to_owned()).await?;

    drain(place.worker::<talk>()).await?;

    assert!(job.logs(&place.driver).await?.is_empty());
    Ok(())
}

#[pgq::task(name = "logs/complete_within")]
async fn complete_within(context: &Context, pool: &sqlx::PgPool) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    tracing::info!("before the commit");
    context.complete_in(&mut transaction, &()).await?;
    transaction.commit().await?;
    tracing::info!("after the commit");
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_completes_in_a_transaction_keeps_its_log() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let _capturing = capture(Capture::new());
    let job = complete_within::enqueue(database.pool()).await?;

    drain(super::worker::<complete_within>(&database)).await?;

    let logs = job.logs(database.pool()).await?;
    assert_eq!(logs[0].text.lines().count(), 2);
    assert_eq!(logs[0].attempt, 1);
    Ok(())
}

#[pgq::task(name = "logs/lose")]
async fn lose(context: &Context, pool: &sqlx::PgPool) -> anyhow::Result<()> {
    tracing::info!("too late");
    sqlx::query("delete from pgq_jobs.running where id = $1")
        .bind(context.job_id().as_i64())
        .execute(pool)
        .await?;
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_was_fenced_off_keeps_no_log() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let _capturing = capture(Capture::new());
    lose::enqueue(database.pool()).await?;

    drain(super::worker::<lose>(&database)).await?;

    assert_eq!(count(database.pool(), "attempt_log").await?, 0);
    Ok(())
}

#[pgq::task(name = "logs/say")]
async fn say(together: &Arc<Barrier>, word: String) {
    tracing::info!("{word}");
    together.wait().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_stored_is_lost_alone() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let refuse = "alter table pgq_jobs.attempt_log add check (text not like '%unspeakable%')";
    sqlx::query(refuse).execute(database.pool()).await?;
    let _capturing = capture(Capture::new());
    let words = ["one", "unspeakable", "three", "four"].map(str::to_owned);
    let together = Arc::new(Barrier::new(words.len()));
    let jobs = say::enqueue_many(database.pool(), words).await?;

    // All of them end at once, so that their logs are kept by one statement.
    drain(super::worker::<say>(&database).state(together)).await?;

    let mut kept = Vec::new();
    for job in jobs {
        kept.push(job.logs(database.pool()).await?.len());
    }
    assert_eq!(kept, [1, 0, 1, 1]);
    Ok(())
}
