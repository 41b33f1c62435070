//! Looking at jobs on the command line.

use pgq::JobState;
use pgq_tests::database::TestDatabase;
use serde_json::{Value, json};

use super::{Cli, assert_line, double, drain, fail};

#[tokio::test]
async fn a_job_is_listed_shown_counted_and_waited_for() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let job = double::job(21)
        .priority(4)
        .tag("even")
        .enqueue(database.pool())
        .await?;
    let id = &*job.id().to_string();

    let listed = cli.done(&["jobs", "list", "--tag", "even"]).await?;
    assert_line(
        &listed,
        &[id, "ready", "cli/double", "numbers", "4", "0/", "Z"],
    );
    let late = cli
        .refused(&["jobs", "wait", id, "--timeout", "1ms"])
        .await?;
    assert_eq!(
        late,
        format!("error: job {id} had not ended by the deadline\n")
    );
    let count = cli.done(&["jobs", "count"]).await?;
    assert_line(&count, &["ready", "1"]);
    assert_line(&count, &["numbers", "1"]);

    drain(&database).await?;
    assert_eq!(cli.done(&["jobs", "wait", id]).await?, "42\n");
    let waited = cli.one(&["jobs", "wait", id]).await?;
    assert_eq!(
        waited,
        json!({"id": job.id(), "state": "completed", "result": 42})
    );
    let shown = cli.one(&["jobs", "show", id]).await?;
    assert_eq!(
        [
            &shown["state"],
            &shown["result"],
            &shown["tags"],
            &shown["priority"]
        ],
        [&json!("completed"), &json!(42), &json!(["even"]), &json!(4)]
    );
    let attempt = &shown["attempts"][0];
    assert_eq!(
        [&attempt["number"], &attempt["outcome"]],
        [&json!(1), &json!("completed")]
    );
    assert!(attempt["duration_seconds"].as_f64() >= Some(0.0), "{shown}");
    let shown = cli.done(&["jobs", "show", id]).await?;
    assert_line(&shown, &["result", "42"]);
    let counted = cli
        .one(&[
            "jobs",
            "count",
            "--state",
            "completed",
            "--task",
            "cli/double",
        ])
        .await?;
    assert_eq!(
        counted,
        json!({"state": "completed", "jobs": 1, "is_exact": true})
    );
    Ok(())
}

#[tokio::test]
async fn an_input_is_shown_only_to_who_asks_for_it() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let large = "x".repeat(10_000);
    let job = fail::job(large.clone())
        .header("token", "s3cret")
        .enqueue(database.pool())
        .await?;
    let id = &*job.id().to_string();

    for arguments in [&["jobs", "show", id][..], &["jobs", "show", id, "--json"]] {
        let shown = cli.done(arguments).await?;
        assert!(
            !shown.contains(&large) && !shown.contains("s3cret"),
            "{shown}"
        );
    }
    let shown = cli.one(&["jobs", "show", id, "--input"]).await?;
    assert_eq!(shown["input"], json!({ "reason": large }));
    assert_eq!(shown["headers"]["token"], "s3cret");
    let shown = cli.done(&["jobs", "show", id, "--input"]).await?;
    assert_line(&shown, &["header", "token: s3cret"]);
    assert_line(&shown, &["input", r#"{"reason":"x"#]);
    Ok(())
}

#[tokio::test]
async fn a_job_that_failed_says_why() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    // What steers a terminal is not printed on one.
    let job = fail::enqueue(database.pool(), "no \u{1b}[31mluck".to_owned()).await?;
    let id = &*job.id().to_string();
    drain(&database).await?;
    sqlx::query(
        "insert into pgq_jobs.attempt_log (job, worker, claim, ended_at, attempt, text)
         values ($1, 1, 1, now(), 1, E'0.001 INFO shop: one\\n0.002 INFO shop: two')",
    )
    .bind(job.id().as_i64())
    .execute(database.pool())
    .await?;

    let listed = cli
        .done(&["jobs", "list", "--state", "failed,cancelled"])
        .await?;
    assert_line(
        &listed,
        &[id, "failed", "cli/fail", "1/1", "no ", "[31mluck"],
    );
    let shown = cli.done(&["jobs", "show", id, "--logs"]).await?;
    assert_line(&shown, &["error", "no ", "[31mluck"]);
    assert_line(&shown, &["1", "failed", "no "]);
    assert_line(&shown, &["log of attempt 1, which ended at "]);
    assert_line(&shown, &["0.002 INFO shop: two"]);
    assert!(
        !listed.contains('\u{1b}') && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let refused = cli.refused(&["jobs", "wait", id]).await?;
    assert!(
        refused.starts_with(&format!("error: job {id} failed in attempt 1: no ")),
        "{refused}"
    );
    let shown = cli.one(&["jobs", "show", id, "--logs"]).await?;
    assert_eq!(shown["error"], "no \u{1b}[31mluck");
    assert_eq!(shown["logs"][0]["attempt"], 1);
    Ok(())
}

#[tokio::test]
async fn jobs_are_listed_in_pages() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let jobs = double::enqueue_many(database.pool(), 0..5).await?;
    fail::enqueue(database.pool(), String::new()).await?;
    let of_double = ["jobs", "list", "--task", "cli/double", "--limit", "2"];

    let (mut listed, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = [&of_double[..], &["--state", "ready"]].concat();
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let mut lines = cli.json(&arguments).await?;
        assert!(lines.len() <= 3, "{lines:?}");
        after = match lines.last() {
            Some(Value::Object(last)) if last.contains_key("next") => {
                Some(last["next"].to_string())
            }
            _ => None,
        };
        lines.truncate(2);
        listed.extend(lines.iter().filter_map(|line| line["id"].as_i64()));
        if after.is_none() {
            break;
        }
    }
    let mut expected: Vec<i64> = jobs.iter().map(|job| job.id().as_i64()).collect();
    expected.reverse();
    assert_eq!(listed, expected);

    let said = cli.run(&of_double).await?;
    assert_eq!(said.err, "there are more: raise `--limit`\n");
    let lines = cli.json(&of_double).await?;
    assert_eq!(lines.last(), Some(&serde_json::json!({"next": null})));
    let said = cli
        .run(&[&of_double[..], &["--after", "1"]].concat())
        .await?;
    assert_eq!(said.code, Some(2));
    let said = cli.run(&["jobs", "list", "--state", "expired"]).await?;
    assert_eq!((&*said.out, &*said.err), ("", "no jobs\n"));
    Ok(())
}

#[tokio::test]
async fn who_has_read_enough_may_close_the_output() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    double::enqueue_many(database.pool(), 0..100).await?;
    let cli = Cli::on(&database);
    let list = ["jobs", "list", "--limit", "100", "--json"];

    let said = cli.run_unread(&list, (true, false)).await?;

    assert_eq!((said.code, &*said.err), (Some(0), ""));
    Ok(())
}

#[tokio::test]
async fn a_command_is_done_though_nobody_reads_what_it_says() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (cli, pool) = (Cli::on(&database), database.pool());
    let jobs = double::enqueue_many(pool, 0..3).await?;
    let ids: Vec<String> = jobs.iter().map(|job| job.id().to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();

    let said = cli
        .run_unread(&[&["jobs", "cancel"], &ids[..]].concat(), (true, false))
        .await?;

    // Whoever called it cannot know.
    assert_eq!((said.code, &*said.err), (Some(1), ""));
    for job in &jobs {
        assert_eq!(job.status(pool).await?, JobState::Cancelled);
    }
    let said = cli.run_unread(&["jobs", "show", "999"], (false, true));
    assert_eq!(said.await?.code, Some(1));
    Ok(())
}
