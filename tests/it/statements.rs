//! The server accepts every statement, before any feature runs it.

use std::collections::{BTreeMap, BTreeSet};
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
fn functions_have_the_text_of_the_statements_that_they_stand_for() -> anyhow::Result<()> {
    let mut migrations = fs::read_dir(root().join("migrations"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    migrations.sort();
    // The last migration that has a function says what it is.
    let mut functions = BTreeMap::new();
    for path in migrations {
        let text = fs::read_to_string(path)?;
        for part in text.split("as $$\n-- statement ").skip(1) {
            let function = part.split("\n$$;").next().unwrap_or_default();
            if let Some((name, body)) = function.split_once('\n') {
                functions.insert(name.to_owned(), body.to_owned());
            }
        }
    }

    assert!(functions.len() >= 4, "{:?}", functions.keys());
    for (name, body) in functions {
        let statement = STATEMENTS.iter().find(|(own, _)| *own == name);
        let statement = statement.map(|(_, sql)| sql.trim_end());
        assert_eq!(statement, Some(&*body), "{name}");
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
