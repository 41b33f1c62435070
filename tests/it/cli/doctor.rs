//! What is wrong with a database, on the command line.

use pgq_tests::database::TestDatabase;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::Cli;

#[tokio::test]
async fn a_database_that_is_well_has_nothing_to_say() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);

    let said = cli.run(&["doctor"]).await?;

    assert_eq!(
        (said.code, &*said.out, &*said.err),
        (Some(0), "", "all is well\n")
    );
    assert_eq!(cli.json(&["doctor"]).await?, [Value::Null; 0]);
    Ok(())
}

#[tokio::test]
async fn a_warning_is_told_and_an_error_fails() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let run = async |sql: String| {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        sql.execute(database.pool()).await.map(|_| ())
    };

    run("drop index pgq_jobs.ready_again".to_owned()).await?;
    let warned = cli.run(&["doctor"]).await?;
    let name = database.name();
    run(format!(
        "alter database {name} set default_transaction_read_only = on"
    ))
    .await?;
    let failed = cli.run(&["doctor"]).await?;
    let json = cli.run(&["doctor", "--json"]).await?;

    assert_eq!((warned.code, &*warned.err), (Some(0), ""));
    assert!(
        warned
            .out
            .starts_with("warning: index-missing: the schema `pgq_jobs` is not as"),
        "{warned:?}"
    );
    assert_eq!((failed.code, &*failed.err), (Some(1), ""));
    let lines: Vec<&str> = failed.out.lines().collect();
    assert_eq!(lines.len(), 4, "{failed:?}");
    assert!(lines[0].starts_with("error: read-only: `default_transaction_read_only` is on"));
    assert!(lines[1].starts_with("  set it to `off`"));
    assert!(lines[2].starts_with("warning: index-missing: "));
    assert_eq!(json.code, Some(1));
    let objects = json.out.lines().map(serde_json::from_str);
    let objects: Vec<Value> = objects.collect::<Result<_, _>>()?;
    let of = |field: &str| -> Vec<&str> {
        let values = objects.iter().filter_map(|object| object[field].as_str());
        values.collect()
    };
    assert_eq!(of("code"), ["read-only", "index-missing"]);
    assert_eq!(of("severity"), ["error", "warning"]);
    assert_eq!((of("problem").len(), of("advice").len()), (2, 2));
    Ok(())
}

#[tokio::test]
async fn a_database_without_tables_is_told_so() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;

    let said = Cli::on(&database).run(&["doctor"]).await?;

    assert_eq!(said.code, Some(1));
    assert!(
        said.out.starts_with("error: schema-missing: the database"),
        "{said:?}"
    );
    Ok(())
}
