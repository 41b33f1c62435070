//! The database, and the server that it is on.

use pgq::driver::{FindingCode, Severity};
use pgq::embedded::Shutdown;
use pgq_tests::database::TestDatabase;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::{DEADLINE, assert_finding, check, codes, only, own_server, run, worker};

#[tokio::test]
async fn a_database_that_is_well_has_no_findings() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;

    assert_eq!(check(&database.url().parse()?).await?, []);
    Ok(())
}

/// Makes an empty database beside that of the test, looks at it, and drops it.
async fn check_encoding(encoding: &str) -> anyhow::Result<Vec<pgq::driver::Finding>> {
    let database = TestDatabase::empty().await?;
    let name = format!("{}_{}", database.name(), encoding.to_lowercase());
    let create = format!(
        "create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
    );
    run(database.pool(), &create).await?;
    let options: PgConnectOptions = database.url().parse()?;
    let found = check(&options.database(&name)).await;
    run(
        database.pool(),
        &format!("drop database {name} with (force)"),
    )
    .await?;
    found
}

#[tokio::test]
async fn text_that_is_not_in_utf_8_is_an_error() -> anyhow::Result<()> {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let found = check_encoding(encoding).await?;

        // There is no schema either: it could not be made.
        assert_eq!(
            codes(&found),
            [FindingCode::Encoding, FindingCode::SchemaMissing]
        );
        let wanted = [encoding, "encoding 'UTF8' template template0"];
        assert_finding(&found[0], (FindingCode::Encoding, Severity::Error), &wanted);
    }
    Ok(())
}

#[tokio::test]
async fn a_template_of_other_databases_is_a_warning() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let template = |is| {
        let name = database.name();
        format!("alter database {name} is_template {is}")
    };

    run(database.pool(), &template(true)).await?;
    let found = only(&database).await;
    // A template cannot be dropped.
    run(database.pool(), &template(false)).await?;

    let wanted = [database.name(), "correct the name of the database"];
    let expected = (FindingCode::TemplateDatabase, Severity::Warning);
    assert_finding(&found?, expected, &wanted);
    Ok(())
}

#[tokio::test]
async fn a_standby_is_an_error_and_no_other_finding() -> anyhow::Result<()> {
    let (mut cluster, pool) = own_server(&[]).await?;
    pool.close().await;

    let signal = cluster.data_directory().join("standby.signal");
    let cluster = tokio::task::spawn_blocking(move || {
        cluster.halt(Shutdown::Fast)?;
        std::fs::write(signal, "")?;
        cluster.resume()?;
        anyhow::Ok(cluster)
    })
    .await??;
    let options: PgConnectOptions = cluster.url("postgres").parse()?;
    let found = check(&options).await?;
    let pool = sqlx::PgPool::connect_lazy_with(options);
    // It would wait for a primary.
    let refused = worker(&pool).once().deadline(DEADLINE).await;

    assert_eq!(codes(&found), [FindingCode::Standby]);
    let wanted = ["nothing can be written", "connect to the primary"];
    assert_finding(&found[0], (FindingCode::Standby, Severity::Error), &wanted);
    let refused = refused.err().map(|error| error.to_string());
    let refused = refused.unwrap_or_default();
    assert!(refused.starts_with("standby: "), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_queue_of_notifications_that_fills_up_is_a_warning() -> anyhow::Result<()> {
    let (cluster, pool) = own_server(&[]).await?;
    // It keeps what comes after it.
    let mut holds = PgConnection::connect(&cluster.url("postgres")).await?;
    // Together they would be one transaction.
    for sql in ["listen nobody", "begin", "select 1"] {
        sqlx::raw_sql(sql).execute(&mut holds).await?;
    }

    // Each takes a page, and 8 GB is full.
    let fill = "do $$ begin
                    perform pg_notify('nobody', repeat('x', 7990) || n)
                    from generate_series(1, 24000) as n;
                end $$";
    sqlx::raw_sql(fill).execute(&pool).await?;
    let found = check(&cluster.url("postgres").parse()?).await?;

    assert_eq!(codes(&found), [FindingCode::NotificationQueue]);
    let wanted = ["2 % full", "pg_stat_activity"];
    let expected = (FindingCode::NotificationQueue, Severity::Warning);
    assert_finding(&found[0], expected, &wanted);
    Ok(())
}
