//! Each mistake that is made on a command line is said in a sentence.

use pgq_tests::database::TestDatabase;

use super::{Cli, Said, command, double};

/// A URL of this database in which something is replaced.
fn other_url(database: &TestDatabase, from: &str, to: &str) -> String {
    database.url().replacen(from, to, 1)
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let missing = other_url(&database, database.name(), "nowhere");
    let cases = [
        (
            None,
            "`DATABASE_URL` is not set; set it to `postgres://user:password@host:5432/database`, or \
                pass `--database-url`\n",
        ),
        (
            Some("mysql://root@localhost/shop"),
            "does not begin with `postgres://`; write it as",
        ),
        (
            Some("postgres://localhost:x/shop"),
            "the URL of the database cannot be read; write it as",
        ),
        (
            Some("postgres://shop@127.0.0.1:1/shop"),
            "cannot connect to database `shop` at 127.0.0.1:1 as \
                `shop`; check that the server runs",
        ),
        (
            Some(&*missing),
            "; create the database, or correct its name in the URL",
        ),
    ];
    for (url, message) in cases {
        // The option comes before the variable.
        for is_option in [false, true] {
            let mut command = match url {
                Some(url) if is_option => command(&["workers", "--database-url", url]),
                _ => command(&["workers"]),
            };
            match (url, is_option) {
                (Some(_), true) => command.env("DATABASE_URL", database.url()),
                (url, _) => command.envs(url.map(|url| ("DATABASE_URL", url))),
            };

            let said: Said = tokio::task::spawn_blocking(move || command.output())
                .await??
                .into();

            assert_eq!(said.code, Some(1), "{url:?}: {said:?}");
            assert!(
                said.err.starts_with("error: ") && said.err.contains(message),
                "{url:?}: {said:?}"
            );
            assert!(
                said.out.is_empty() && !said.err.contains("panicked"),
                "{said:?}"
            );
        }
    }
    Ok(())
}

/// Schedules that are not made, and what is said of them.
const IMPOSSIBLE: &[(&[&str], &str)] = &[
    (&["--cron", "0 25 * * *"], "the schedule `a` cannot tick: "),
    (&["--cron", "0 0 30 2 *"], "never"),
    (
        &["--cron", "0 3 * * *", "--tz", "Europe/Berln"],
        "not a time zone",
    ),
    (&["--every", "0s"], "its interval must be at least a second"),
    (&["--every", "1500ms"], "whole seconds"),
    (
        &["--every", "1h", "--ends-at", "2020-01-01"],
        "its end has passed",
    ),
    (
        &[
            "--every",
            "1h",
            "--starts-at",
            "2099-01-02",
            "--ends-at",
            "2099-01-01",
        ],
        "its end must be later than the start",
    ),
    (
        &["--every", "1h", "--priority", "10"],
        "their priority must be 0 to 9",
    ),
    (
        &["--every", "1h", "--max-attempts", "0"],
        "their max_attempts must be 1 to 1000",
    ),
    (
        &["--every", "1h", "--jitter", "2d"],
        "its jitter must be at most a day",
    ),
    (
        &[
            "--every",
            "1h",
            "--overlap",
            "queue-one",
            "--missed",
            "skip",
        ],
        "goes with `Missed::Once` only",
    ),
];

#[tokio::test]
async fn an_impossible_schedule_is_refused_in_a_sentence() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let create = [
        "schedules",
        "create",
        "a",
        "--allow-unknown-task",
        "--task",
        "t",
    ];
    for (arguments, message) in IMPOSSIBLE {
        assert_refused(&database, &[&create[..], arguments].concat(), message).await?;
    }
    assert!(
        Cli::on(&database)
            .json(&["schedules", "list"])
            .await?
            .is_empty()
    );
    Ok(())
}

/// Runs a command that is refused in one line.
async fn assert_refused(
    database: &TestDatabase,
    arguments: &[&str],
    message: &str,
) -> anyhow::Result<()> {
    let refused = Cli::on(database).refused(arguments).await?;
    assert!(refused.starts_with("error: "), "{arguments:?}: {refused}");
    assert!(refused.contains(message), "{arguments:?}: {refused}");
    assert_eq!(refused.lines().count(), 1, "{arguments:?}: {refused}");
    Ok(())
}

#[tokio::test]
async fn what_does_not_exist_is_refused_in_a_sentence() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    double::job(1)
        .schedule("report/7", pgq::When::cron("0 0 29 2 *"))
        .create(database.pool())
        .await?;
    let unknown = "no schedule named `report/8` (did you mean `report/7`?)";
    let cases: [(&[&str], &str); 12] = [
        (&["schedules", "show", "report/8"], unknown),
        (&["schedules", "pause", "report/8"], unknown),
        (&["schedules", "resume", "report/8"], unknown),
        (&["schedules", "trigger", "report/8"], unknown),
        (&["schedules", "delete", "report/8"], unknown),
        (&["schedules", "edit", "report/8", "--every", "1h"], unknown),
        (
            &["schedules", "edit", "report/8", "--jitter", "1s"],
            unknown,
        ),
        (
            &[
                "schedules",
                "create",
                "report/7",
                "--allow-unknown-task",
                "--task",
                "t",
                "--every",
                "1h",
            ],
            "there is a schedule named `report/7`; edit it, or choose another name",
        ),
        (&["jobs", "show", "404"], "job 404 does not exist"),
        (&["jobs", "wait", "404"], "job 404 does not exist"),
        (&["jobs", "requeue", "404"], "job 404 does not exist"),
        (
            &["workers", "--schema", "Jobs"],
            "`Jobs` cannot be the name of pgq's schema",
        ),
    ];
    for (arguments, message) in cases {
        assert_refused(&database, arguments, message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_written_wrong_is_said_before_anything_is_done() -> anyhow::Result<()> {
    let create = ["schedules", "create", "a", "--task", "t"];
    let created = |arguments: &[&'static str]| [&create[..], arguments].concat();
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (
            vec!["jobs", "show", "first"],
            "the id of a job is a whole number",
        ),
        (
            vec!["jobs", "show", "0"],
            "the id of a job is a whole number",
        ),
        (
            vec!["jobs", "list", "--state", "faild"],
            "(did you mean `failed`?); the states are scheduled, ready",
        ),
        (
            vec!["jobs", "list", "--created-from", "tomorrow"],
            "a time is written as 2026-01-31T08:00:00Z",
        ),
        (
            vec!["jobs", "wait", "1", "--timeout", "30"],
            "a duration is written as 500ms, 90s",
        ),
        (vec!["jobs", "lits"], "a similar subcommand exists: 'list'"),
        (created(&[]), "<--cron <EXPRESSION>|--every <DURATION>>"),
        (
            created(&["--cron", "@daily", "--every", "1h"]),
            "cannot be used with",
        ),
        (
            created(&["--every", "1h", "--tz", "Europe/Berlin"]),
            "cannot be used with",
        ),
        (created(&["--every", "soon"]), "a duration is written as"),
        (
            created(&["--every", "1h", "--input", "{shop: 7}"]),
            "it is not JSON",
        ),
        (
            created(&["--every", "1h", "--input", "7"]),
            "an input is a JSON object",
        ),
        (
            created(&["--every", "1h", "--missed", "twice"]),
            "`skip`, `once`, or `all:` and a duration",
        ),
        (
            created(&["--every", "1h", "--overlap", "maybe"]),
            "`allow`, `skip`, `queue-one` or `cancel-running`",
        ),
        (vec!["queues", "pause", ""], "a value is required"),
        (vec![], "Usage: pgq"),
    ];
    for (arguments, message) in cases {
        // There is no database to do anything on.
        let said: Said = command(&arguments).output()?.into();

        assert_eq!(
            (said.code, &*said.out),
            (Some(2), ""),
            "{arguments:?}: {said:?}"
        );
        assert!(said.err.contains(message), "{arguments:?}: {said:?}");
    }
    Ok(())
}

#[test]
fn every_command_has_a_manual_with_an_example() -> anyhow::Result<()> {
    let commands: [&[&str]; 26] = [
        &["migrate"],
        &["doctor"],
        &["jobs", "list"],
        &["jobs", "show"],
        &["jobs", "count"],
        &["jobs", "cancel"],
        &["jobs", "requeue"],
        &["jobs", "delete"],
        &["jobs", "reschedule"],
        &["jobs", "wait"],
        &["schedules", "list"],
        &["schedules", "show"],
        &["schedules", "create"],
        &["schedules", "edit"],
        &["schedules", "pause"],
        &["schedules", "resume"],
        &["schedules", "trigger"],
        &["schedules", "delete"],
        &["queues", "pause"],
        &["queues", "resume"],
        &["tasks", "pause"],
        &["tasks", "resume"],
        &["paused"],
        &["workers"],
        &["limits"],
        &["limits", "set"],
    ];
    let help: Said = command(&["help", "jobs", "list"]).output()?.into();
    assert!(help.code == Some(0) && help.out.contains("pgq jobs list --state failed"));
    for command_line in commands {
        let help: Said = command(&[command_line, &["--help"]].concat())
            .output()?
            .into();

        assert_eq!(help.code, Some(0), "{command_line:?}");
        let example = format!("  pgq {}", command_line.join(" "));
        assert!(
            help.out.contains("Example") && help.out.contains(&example),
            "{command_line:?}: {}",
            help.out
        );
    }
    Ok(())
}
