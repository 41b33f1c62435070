//! Tests under `#[pgq::test]`.

use std::error::Error;

use pgq::JobState;
use pgq::testing::{Database, Fixture, Harness};

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
