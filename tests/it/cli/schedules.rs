//! Schedules on the command line.

use pgq::When;
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use serde_json::{Value, json};

use super::{Cli, Living, assert_line, double};

/// Far away from any test.
const RARELY: &str = "0 0 29 2 *";

/// Makes a schedule of which everything is said, and reads it back.
async fn make_report(cli: &Cli<'_>) -> anyhow::Result<()> {
    let made = cli
        .done(&[
            "schedules",
            "create",
            "report",
            "--task",
            "cli/double",
            "--cron",
            RARELY,
            "--tz",
            "Europe/Berlin",
            "--input",
            r#"{"number": 21}"#,
            "--missed",
            "all:6h",
            "--overlap",
            "skip",
            "--jitter",
            "5s",
            "--starts-at",
            "2026-01-31",
            "--ends-at",
            "2099-01-01T00:00:00+01:00",
            "--queue",
            "numbers",
            "--priority",
            "3",
            "--max-attempts",
            "2",
        ])
        .await?;
    assert!(
        made.contains("`report` is made; its first tick is at 20"),
        "{made}"
    );
    let listed = cli.done(&["schedules", "list"]).await?;
    assert_line(
        &listed,
        &["report", "cli/double", RARELY, "Europe/Berlin", "on", "Z"],
    );
    let info = cli.one(&["schedules", "show", "report"]).await?;
    let expected = json!({
        "name": "report", "task": "cli/double", "made_at_run_time": true, "expression": RARELY,
        "zone": "Europe/Berlin", "starts_at": "2026-01-31T00:00:00Z",
        "ends_at": "2098-12-31T23:00:00Z", "missed": "all", "missed_within_seconds": 21600,
        "overlap": "skip", "jitter_seconds": 5.0, "queue": "numbers", "priority": 3,
        "max_attempts": 2, "is_kept": true, "paused_since": null, "recent": [], "runs": [],
    });
    for (field, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(info[field], *value, "{field} of {info}");
    }
    assert_eq!(info["next"].as_array().map(Vec::len), Some(5));
    Ok(())
}

#[tokio::test]
async fn a_schedule_lives_its_whole_life_on_the_command_line() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let worker = Living::on(&database).await?;
    let show = ["schedules", "show", "report"];

    make_report(&cli).await?;

    assert!(
        cli.done(&["schedules", "pause", "report"])
            .await?
            .contains("is paused")
    );
    assert!(
        cli.done(&["schedules", "pause", "report"])
            .await?
            .contains("paused already")
    );
    let listed = cli.done(&["schedules", "list"]).await?;
    assert_line(&listed, &["report", "paused"]);
    assert_eq!(
        cli.one(&["schedules", "resume", "report"]).await?["changed"],
        true
    );

    cli.done(&[
        "schedules",
        "edit",
        "report",
        "--every",
        "1s",
        "--jitter",
        "0s",
    ])
    .await?;
    eventually("a tick has run", async || {
        let info = cli.one(&show).await?;
        let mut runs = info["runs"].as_array().into_iter().flatten();
        Ok(runs.any(|run| run["state"] == "completed"))
    })
    .await?;
    cli.done(&["schedules", "edit", "report", "--cron", "@yearly"])
        .await?;
    let shown = cli.done(&show).await?;
    assert_line(&shown, &["when", "@yearly"]);
    assert_line(&shown, &["completed"]);

    assert!(
        cli.done(&["schedules", "delete", "report"])
            .await?
            .contains("is deleted")
    );
    assert!(cli.json(&["schedules", "list"]).await?.is_empty());
    worker.stop().await
}

#[tokio::test]
async fn an_edit_keeps_what_it_does_not_say() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    cli.done(&[
        "schedules",
        "create",
        "a",
        "--task",
        "nobody",
        "--allow-unknown-task",
        "--cron",
        RARELY,
        "--tz",
        "Europe/Berlin",
        "--ends-at",
        "2099-01-01",
        "--overlap",
        "queue-one",
    ])
    .await?;
    let edits: [(&[&str], Value); 5] = [
        (
            &["--tz", "America/New_York"],
            json!([RARELY, "America/New_York", "2099-01-01T00:00:00Z"]),
        ),
        (
            &["--ends-at", "none"],
            json!([RARELY, "America/New_York", null]),
        ),
        (&["--every", "90s"], json!(["every 90s", "UTC", null])),
        (
            &["--ends-at", "2098-01-01"],
            json!(["every 90s", "UTC", "2098-01-01T00:00:00Z"]),
        ),
        (
            &["--input", "{}", "--allow-unknown-task", "--jitter", "1m30s"],
            json!(["every 90s", "UTC", "2098-01-01T00:00:00Z"]),
        ),
    ];
    for (edit, expected) in edits {
        cli.done(&[&["schedules", "edit", "a"], edit].concat())
            .await?;

        let info = cli.one(&["schedules", "show", "a"]).await?;
        let said = json!([info["expression"], info["zone"], info["ends_at"]]);
        assert_eq!(
            (said, &info["overlap"]),
            (expected, &json!("queue-one")),
            "{edit:?}"
        );
    }
    let nothing = cli.run(&["schedules", "edit", "a"]).await?;
    assert_eq!(nothing.code, Some(2));
    assert!(
        nothing.err.contains("say what is to be changed"),
        "{nothing:?}"
    );
    let zone = cli
        .run(&["schedules", "edit", "a", "--tz", "Europe/Berlin"])
        .await?;
    assert!(
        zone.err.contains("an interval, which has no time zone"),
        "{zone:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_schedule_is_triggered_and_its_job_is_waited_for() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    double::job(21)
        .schedule("typed", When::cron(RARELY))
        .create(database.pool())
        .await?;

    let id = cli.done(&["schedules", "trigger", "typed"]).await?;
    let worker = Living::on(&database).await?;
    let result = cli
        .done(&["jobs", "wait", id.trim(), "--timeout", "60s"])
        .await?;

    assert_eq!(result, "42\n");
    let again = cli.one(&["schedules", "trigger", "typed"]).await?;
    assert_eq!(again["replaced"], false);
    assert!(again["id"].as_i64() > id.trim().parse().ok());
    worker.stop().await
}

#[tokio::test]
async fn a_schedule_that_was_made_on_the_command_line_is_triggered_there() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let worker = Living::on(&database).await?;
    let create = [
        "schedules",
        "create",
        "made",
        "--task",
        "cli/double",
        "--input",
        r#"{"number": 21}"#,
        "--cron",
        RARELY,
    ];
    cli.done(&create).await?;

    let id = cli
        .done(&["schedules", "trigger", "made", "--timeout", "60s"])
        .await?;

    let result = cli
        .done(&["jobs", "wait", id.trim(), "--timeout", "60s"])
        .await?;
    assert_eq!(result, "42\n");
    worker.stop().await
}

#[tokio::test]
async fn an_input_that_the_task_does_not_take_is_refused() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let worker = Living::on(&database).await?;
    let create = async |input: &'static str| {
        let made = ["schedules", "create", "made", "--task", "cli/double"];
        cli.run(&[&made[..], &["--cron", RARELY, "--input", input]].concat())
            .await
    };
    let problem = "parameter `number` of the input does not decode";

    let wrong = create(r#"{"number": "three"}"#).await?;

    assert_eq!(wrong.code, Some(1));
    let expected = "error: the schedule `made` is not made, because its task `cli/double` does not take its input: ";
    assert!(
        wrong.err.starts_with(expected) && wrong.err.contains(problem),
        "{wrong:?}"
    );
    assert!(cli.json(&["schedules", "list"]).await?.is_empty());
    assert_eq!(create(r#"{"number": 3}"#).await?.code, Some(0));
    let edit = [
        "schedules",
        "edit",
        "made",
        "--input",
        r#"{"number": "three"}"#,
    ];
    let edited = cli.refused(&edit).await?;
    assert!(
        edited.contains("is not edited, because its task") && edited.contains(problem),
        "{edited}"
    );
    assert_eq!(
        cli.one(&["schedules", "show", "made"]).await?["is_kept"],
        true
    );
    worker.stop().await
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_shown_once_a_worker_has_read_it() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let made = ["schedules", "create", "made", "--task", "cli/double"];
    let rarely = ["--cron", RARELY, "--allow-unknown-task"];
    cli.done(&[&made[..], &rarely].concat()).await?;
    let show = ["schedules", "show", "made"];
    let shown = cli.one(&show).await?;
    assert_eq!(
        (&shown["is_checked"], &shown["problem"]),
        (&json!(false), &Value::Null)
    );

    let worker = Living::on(&database).await?;
    eventually("a worker has read it", async || {
        Ok(cli.one(&show).await?["problem"].is_string())
    })
    .await?;

    let shown = cli.done(&show).await?;
    assert_line(&shown, &["state", "its input does not fit"]);
    assert_line(
        &shown,
        &["its input", "the input has no parameter `number`"],
    );
    let trigger = cli.refused(&["schedules", "trigger", "made", "--timeout", "0s"]);
    let text = trigger.await?;
    assert!(
        text.contains("its task does not take its input: the input has no"),
        "{text}"
    );
    let shown = cli.done(&show).await?;
    assert_line(&shown, &["requested since", "Z"]);
    worker.stop().await
}

#[tokio::test]
async fn a_task_that_no_worker_knows_is_refused_with_the_names_that_are_like_it()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let worker = Living::on(&database).await?;
    let create = [
        "schedules",
        "create",
        "a",
        "--task",
        "cli/duoble",
        "--every",
        "1h",
    ];

    let refused = cli.refused(&create).await?;

    assert_eq!(
        refused,
        "error: no worker that lives knows the task `cli/duoble` (did you mean `cli/double`?); correct its \
         name, start a worker that knows it, or add `--allow-unknown-task`\n"
    );
    cli.done(&[&create[..], &["--allow-unknown-task"]].concat())
        .await?;
    let listed = cli.done(&["schedules", "list"]).await?;
    assert_line(
        &listed,
        &[
            "a",
            "cli/duoble",
            "every 3600s",
            "nobody has read its input",
        ],
    );
    let untold = cli.refused(&["schedules", "trigger", "a", "--timeout", "0s"]);
    assert_eq!(
        untold.await?,
        "error: the job of `a` is requested, and no worker has read its input; the first that \
         knows the task `cli/duoble` enqueues it\n"
    );
    worker.stop().await
}

#[tokio::test]
async fn schedules_are_listed_in_pages() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    for name in ["a", "b", "c"] {
        double::job(1)
            .schedule(name, When::cron(RARELY))
            .create(database.pool())
            .await?;
    }
    let names = async |arguments: &[&str]| -> anyhow::Result<Vec<Value>> {
        let lines = cli
            .json(&[&["schedules", "list", "--limit", "2"], arguments].concat())
            .await?;
        let named = |line: Value| [&line["name"], &line["next"]].map(Value::clone);
        Ok(lines
            .into_iter()
            .flat_map(named)
            .filter(Value::is_string)
            .collect())
    };

    assert_eq!(names(&[]).await?, ["a", "b", "b"]);
    assert_eq!(names(&["--after", "b"]).await?, ["c"]);
    let said = cli.run(&["schedules", "list", "--limit", "2"]).await?;
    assert_eq!(said.err, "there may be more: add `--after b`\n");
    Ok(())
}
