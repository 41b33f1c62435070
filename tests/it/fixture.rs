//! Tests under `#[pgq::test]`.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgq::JobState;
use pgq::testing::{Database, Fixture, Harness};
use sqlx::PgPool;

#[pgq::task]
async fn fixture_greet(name: String) -> anyhow::Result<String> {
    Ok(format!("hello {name}"))
}

#[pgq::test]
async fn a_test_is_given_a_harness_with_every_linked_task(harness: Harness) -> anyhow::Result<()> {
    let job = fixture_greet::enqueue(&harness, "Ada".to_owned()).await?;

    harness.run_due().await.assert_completed();

    assert_eq!(job.wait(&harness).await?, "hello Ada");
    Ok(())
}

#[pgq::test]
async fn a_test_is_given_a_migrated_database(database: Database) -> anyhow::Result<()> {
    let job = fixture_greet::enqueue(database.pool(), "Ada".to_owned()).await?;

    assert_eq!(job.status(database.pool()).await?, JobState::Ready);
    Ok(())
}

/// How often something was tried.
#[derive(Debug, Default)]
struct Tries(AtomicU32);

/// Fails the first time, and leaves a job behind the second time. Its input is too large for a row.
#[pgq::task(name = "fixture/try_twice", queue = "elsewhere", backoff(fixed = "1h"))]
async fn try_twice(pool: &PgPool, tries: &Arc<Tries>, padding: String) -> anyhow::Result<usize> {
    let tried = tries.0.fetch_add(1, Ordering::SeqCst);
    anyhow::ensure!(tried > 0, "not yet");
    fixture_greet::enqueue(pool, "Grace".to_owned()).await?;
    Ok(padding.len())
}

#[pgq::test]
async fn due_jobs_of_a_database_run_when_the_test_says_so(
    database: Database,
) -> anyhow::Result<()> {
    let tries = Arc::new(Tries::default());
    let database = database.state(Arc::clone(&tries));
    let job = try_twice::enqueue(&database, "x".repeat(10_000)).await?;
    let missing = "nobody/has_it";
    sqlx::query(
        "insert into pgq_jobs.ready (id, seq, created_at, deliveries, priority, attempt,
                                     max_attempts, deaths, marks, queue, task,
                                     input)
         values (-1, -1, now(), 0, 0, 0, 1, 0, 0, 'default', $1, '\\x01c0')",
    )
    .bind(missing)
    .execute(database.pool())
    .await?;

    let first = database.run_due().await;
    assert_eq!((first.runs().len(), first.retried()), (1, 1), "{first}");
    assert_eq!(first.unknown_tasks(), [missing]);
    assert_eq!(database.run_due().await.runs().len(), 0);
    database
        .assert_not_enqueued::<fixture_greet>(|_| true)
        .await;

    database.advance(Duration::from_secs(2 * 3600)).await?;
    let second = database.run_due().await;
    second.assert_completed();
    assert_eq!(second.runs().len(), 2, "{second}");
    assert_eq!(job.wait(&database).await?, 10_000);
    assert_eq!(tries.0.load(Ordering::SeqCst), 2);
    Ok(())
}

#[pgq::test]
async fn a_test_asks_what_is_enqueued_in_a_database(database: Database) -> anyhow::Result<()> {
    fixture_greet::enqueue_many(&database, ["Ada".to_owned(), "Grace".to_owned()]).await?;

    let names: Vec<String> = database
        .enqueued::<fixture_greet>()
        .await
        .into_iter()
        .map(|input| input.name)
        .collect();

    assert_eq!(names, ["Ada", "Grace"]);
    database
        .assert_enqueued::<fixture_greet>(|input| input.name == "Grace")
        .await;
    Ok(())
}

#[pgq::test]
#[should_panic(
    expected = "should be enqueued, but these jobs are:\n  - job 1, `fixture_greet` in queue \
                `default`, ready: {\"name\":\"Ada\"}"
)]
async fn an_assertion_lists_what_is_enqueued_in_a_database(database: Database) {
    let _ = fixture_greet::enqueue(&database, "Ada".to_owned()).await;

    database
        .assert_enqueued::<fixture_greet>(|input| input.name == "Grace")
        .await;
}

/// A database with a table of its own.
struct Shop(Database);

impl Fixture for Shop {
    async fn open() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let database = Database::migrated().await?;
        sqlx::query("create table product (name text)")
            .execute(database.pool())
            .await?;
        Ok(Self(database))
    }
}

#[pgq::test]
async fn a_test_is_given_a_fixture_of_its_own(shop: Shop) -> sqlx::Result<()> {
    let products: i64 = sqlx::query_scalar("select count(*) from product")
        .fetch_one(shop.0.pool())
        .await?;

    assert_eq!(products, 0);
    Ok(())
}

/// Cannot be opened.
struct Nowhere;

impl Fixture for Nowhere {
    async fn open() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Err(anyhow::anyhow!("no disk").context("no room").into())
    }
}

#[pgq::test]
#[should_panic(expected = "nothing to run the test on: no room: no disk")]
async fn a_fixture_that_cannot_be_opened_fails_the_test(_nowhere: Nowhere) {}

#[pgq::test]
#[should_panic(expected = "the test itself")]
async fn a_test_that_panics_fails(_harness: Harness) {
    panic!("the test itself");
}

/// Nothing of the standard library is in scope, and other things have its names.
#[no_implicit_prelude]
mod hygiene {
    #[allow(dead_code, reason = "only its name matters")]
    mod std {}
    #[allow(dead_code, reason = "only its name matters")]
    mod core {}

    #[::pgq::test(crate = ::pgq)]
    async fn generated_code_names_everything_in_full(_harness: ::pgq::testing::Harness) {}
}
