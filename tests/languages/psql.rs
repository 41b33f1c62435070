//! `psql`, and what it runs: a trigger.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{database_of, drain, worker};
use pgq_tests::root;

use super::value;

#[pgq::task(register = false, name = "send_email")]
async fn send_email(to: String, body: String) -> anyhow::Result<String> {
    Ok(format!("{to}: {body}"))
}

/// Runs a script, until the first error.
fn psql(database: &TestDatabase, script: &str) -> anyhow::Result<Output> {
    let mut psql = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--set", "VERBOSITY=verbose"])
        .arg(database.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("psql does not start")?;
    let mut input = psql.stdin.take().context("no input")?;
    input.write_all(script.as_bytes())?;
    drop(input);
    Ok(psql.wait_with_output()?)
}

#[tokio::test]
async fn psql_runs_the_page_about_the_functions() -> anyhow::Result<()> {
    let database = database_of::<send_email>().await?;
    let page = fs::read_to_string(root().join("pgq/docs/sql.md"))?;
    let blocks = page.split("```sql\n").skip(1);
    let script: String = blocks.filter_map(|rest| rest.split("```").next()).collect();

    let output = psql(&database, &script)?;

    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let greeted = "select count(*) from pgq_jobs.job where task = 'send_email'";
    assert_eq!(value(&database, greeted).await?.as_deref(), Some("6"));
    let report = drain(
        worker::<send_email>(&database)
            .queue("default")
            .queue("mail"),
    )
    .await?;
    assert_eq!(report.completed, 6);
    Ok(())
}

#[tokio::test]
async fn a_trigger_enqueues_if_its_row_is_committed() -> anyhow::Result<()> {
    let database = database_of::<send_email>().await?;
    let script = "
        create table account (id bigint primary key, email text not null);
        create function greet() returns trigger language plpgsql as $$
        begin
            perform pgq_jobs.enqueue('send_email', jsonb_build_object('to', new.email, 'body', 'Welcome'));
            return new;
        end
        $$;
        create trigger greet after insert on account for each row execute function greet();
        begin;
        insert into account values (1, 'bob@example.org');
        rollback;
        insert into account values (2, 'ada@example.org');
        copy account from stdin;
3\teve@example.org
4\tdan@example.org
\\.
    ";

    let output = psql(&database, script)?;

    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let report = drain(worker::<send_email>(&database)).await?;
    assert_eq!(report.completed, 3);
    Ok(())
}

#[tokio::test]
async fn psql_tells_the_code_of_what_is_wrong() -> anyhow::Result<()> {
    let database = database_of::<send_email>().await?;

    for (statement, code, words) in [
        ("select pgq_jobs.enqueue('send_mail')", "PGQ02", "send_mail"),
        (
            "select pgq_jobs.enqueue('send_email', '[]')",
            "PGQ03",
            "not an object",
        ),
        ("select pgq_jobs.requeue(1)", "PGQ05", "no job"),
    ] {
        let output = psql(&database, statement)?;

        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{statement}: {errors}");
        assert!(
            errors.contains(code) && errors.contains(words),
            "{statement}: {errors}"
        );
    }
    Ok(())
}
