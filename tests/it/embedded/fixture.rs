use pgq_tests::database::TestDatabase;
use sqlx::{Connection as _, PgConnection};

use super::parent::{Parent, eventually, is_alive};

#[tokio::test]
async fn every_test_gets_an_empty_database_of_its_own() -> anyhow::Result<()> {
    let (first, second) = tokio::try_join!(TestDatabase::empty(), TestDatabase::empty())?;

    sqlx::raw_sql("create table only_here ()")
        .execute(first.pool())
        .await?;

    let found: Option<String> = sqlx::query_scalar("select to_regclass('only_here')::text")
        .fetch_one(second.pool())
        .await?;
    assert_eq!(found, None);
    let mut connection = PgConnection::connect(first.url()).await?;
    let name: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&mut connection)
        .await?;
    assert_eq!(name, first.name());
    Ok(())
}

#[tokio::test]
async fn a_test_database_is_dropped_even_while_it_is_in_use() -> anyhow::Result<()> {
    let observer = TestDatabase::empty().await?;
    let database = TestDatabase::empty().await?;
    let name = database.name().to_owned();
    let _open = database.pool().acquire().await?;

    drop(database);

    let left: i64 = sqlx::query_scalar("select count(*) from pg_database where datname = $1")
        .bind(name)
        .fetch_one(observer.pool())
        .await?;
    assert_eq!(left, 0);
    Ok(())
}

#[test]
fn the_cluster_of_a_test_process_is_gone_after_its_end() -> anyhow::Result<()> {
    let mut parent = Parent::start(&["shared"])?;

    parent.end()?;

    eventually("the directory is gone", || !parent.run_directory.exists())?;
    assert!(!is_alive(parent.server));
    Ok(())
}
