//! The server accepts every statement, before any feature runs it.

use std::collections::BTreeSet;
use std::fs;

use pgq::postgres::STATEMENTS;
use pgq_tests::database::TestDatabase;
use pgq_tests::root;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

#[tokio::test]
async fn every_statement_prepares() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;

    for (name, sql) in STATEMENTS {
        let prepared = database
            .pool()
            .prepare(AssertSqlSafe(*sql).into_sql_str())
            .await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
    Ok(())
}

#[test]
fn every_sql_file_is_a_statement() -> anyhow::Result<()> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(root().join("pgq/src/postgres/sql"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        files.insert(name.trim_end_matches(".sql").to_owned());
    }

    let statements: BTreeSet<String> = STATEMENTS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(files, statements);
    Ok(())
}
