//! A history that several users keep, who are members of its owner.

use pgq::driver::Driver as _;
use pgq::postgres::PostgresDriver;
use pgq::{Pgq, Retain, Retention};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::run;

#[tokio::test]
async fn partitions_are_the_owners_whoever_makes_them() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let name = database.name();
    let (owner, member) = (format!("{name}_owner"), format!("{name} Member"));
    let make = format!(
        "create role {owner}; create role \"{member}\" login in role {owner};
         grant create on database {name} to {owner}"
    );
    run(database.pool(), &make).await?;
    let options: PgConnectOptions = database.url().parse()?;
    let as_owner = PgPool::connect_lazy_with(options.clone().options([("role", &owner)]));
    let as_member = PgPool::connect_lazy_with(options.username(&member));

    Pgq::from_pool(as_owner.clone()).migrate().await?;
    let driver = PostgresDriver::new(as_member.clone());
    // What the migration has not made already.
    let mut rare = Retain::DEFAULT;
    rare.completed = Retention::YEAR;
    driver.prepare_history(&[rare]).await?;
    let owners: Vec<String> = sqlx::query_scalar(
        "select distinct pg_get_userbyid(relowner)::text from pg_class where relispartition",
    )
    .fetch_all(database.pool())
    .await?;
    as_owner.close().await;
    as_member.close().await;
    drop(driver);
    let leave = format!(
        "drop owned by {owner} cascade; drop owned by \"{member}\"; drop role \"{member}\"; drop role {owner}"
    );
    run(database.pool(), &leave).await?;

    assert_eq!(owners, [owner]);
    Ok(())
}
