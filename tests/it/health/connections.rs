//! How many connections there may be.

use pgq::Pgq;
use pgq::driver::{FindingCode, Severity};
use pgq_tests::database::TestDatabase;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection};

use super::{Guest, assert_finding, check, codes, own_server, run};

#[tokio::test]
async fn a_pool_of_one_connection_is_a_warning() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(database.url()).await?;

    let found = Pgq::from_pool(pool).check_health().await?;

    assert_eq!(codes(&found), [FindingCode::PoolTooSmall]);
    let wanted = ["one connection for 100 jobs"];
    assert_finding(
        &found[0],
        (FindingCode::PoolTooSmall, Severity::Warning),
        &wanted,
    );
    Ok(())
}

#[tokio::test]
async fn a_user_who_may_have_fewer_connections_than_a_worker_needs_is_a_warning()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let guest = Guest::of(&database).await?;
    let name = &guest.name;
    let limit = format!("grant postgres to {name}; alter role {name} connection limit 6");
    run(database.pool(), &limit).await?;

    let found = guest.check().await;
    guest.leave(&database).await?;

    let found = found?;
    assert_eq!(codes(&found), [FindingCode::ConnectionsScarce]);
    let wanted = ["the user may have 6 connections"];
    let expected = (FindingCode::ConnectionsScarce, Severity::Warning);
    assert_finding(&found[0], expected, &wanted);
    Ok(())
}

#[tokio::test]
async fn a_server_with_few_connections_left_is_a_warning() -> anyhow::Result<()> {
    let (cluster, pool) = own_server(&[("max_connections", "15")]).await?;
    pool.close().await;
    let url = cluster.url("postgres");

    let before = check(&url.parse()?).await?;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(PgConnection::connect(&url).await?);
    }
    let after = check(&url.parse()?).await?;

    assert_eq!(before, []);
    assert_eq!(codes(&after), [FindingCode::ConnectionsScarce]);
    let wanted = ["of 12 connections that the server may have"];
    let expected = (FindingCode::ConnectionsScarce, Severity::Warning);
    assert_finding(&after[0], expected, &wanted);
    Ok(())
}
