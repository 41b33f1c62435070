//! The page about the functions is true.

use std::collections::BTreeSet;
use std::fs;

use pgq_tests::root;
use sqlx::AssertSqlSafe;

use super::{database_of, drain, value, worker};

#[pgq::task(register = false, name = "send_email")]
async fn send_email(to: String, body: String) -> anyhow::Result<String> {
    Ok(format!("{to}: {body}"))
}

#[tokio::test]
async fn its_statements_run_in_their_order() -> anyhow::Result<()> {
    let database = database_of::<send_email>().await?;
    let pool = database.pool();
    let page = fs::read_to_string(root().join("pgq/docs/sql.md"))?;
    let blocks = page.split("```sql\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 6);

    for block in blocks {
        let run = sqlx::raw_sql(AssertSqlSafe(block.to_owned()))
            .execute(pool)
            .await;
        assert!(run.is_ok(), "{block}: {:?}", run.err());
    }

    // What it says was cancelled was requeued.
    let job = "count(*) from pgq_jobs.job where tags @> '{welcome}' and state = 'ready' and queue = 'mail'";
    assert_eq!(value::<i64>(pool, job).await?, 1);
    let report = drain(worker::<send_email>(&database).queue("mail")).await?;
    assert_eq!(report.completed, 6);
    Ok(())
}

#[test]
fn it_has_every_error_of_the_functions() -> anyhow::Result<()> {
    let codes = |text: &str| -> BTreeSet<String> {
        let after = text.match_indices("PGQ0").map(|(at, _)| &text[at..]);
        after.map(|code| code.chars().take(5).collect()).collect()
    };
    let page = fs::read_to_string(root().join("pgq/docs/sql.md"))?;
    let mut raised = BTreeSet::new();
    for file in ["0001_create_jobs", "0002_create_functions"] {
        let migration = fs::read_to_string(root().join(format!("migrations/{file}.sql")))?;
        raised.extend(codes(&migration));
    }
    assert_eq!(codes(&page), raised);
    Ok(())
}
