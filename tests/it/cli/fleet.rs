//! Pauses, limits and workers on the command line.

use pgq_tests::database::TestDatabase;
use serde_json::{Value, json};

use super::{Cli, Living, assert_line};

#[tokio::test]
async fn queues_and_tasks_are_paused_and_resumed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let worker = Living::on(&database).await?;

    let said = cli.run(&["queues", "pause", "nubmers"]).await?;
    assert_eq!(said.out, "queue `nubmers` is paused\n");
    assert_eq!(
        said.err,
        "note: no worker that lives serves the queue `nubmers` (did you mean `numbers`?)\n"
    );
    assert_eq!(
        cli.done(&["queues", "resume", "nubmers"]).await?,
        "queue `nubmers` goes on\n"
    );
    let said = cli.run(&["tasks", "pause", "cli/double"]).await?;
    assert_eq!(
        (&*said.out, &*said.err),
        ("task `cli/double` is paused\n", "")
    );
    let again = cli.one(&["tasks", "pause", "cli/double"]).await?;
    assert_eq!(
        again,
        json!({"kind": "task", "name": "cli/double", "paused": true, "changed": false})
    );
    cli.done(&["queues", "pause", "numbers"]).await?;

    let paused = cli.json(&["paused"]).await?;
    let named: Vec<_> = paused
        .iter()
        .map(|line| (&line["kind"], &line["name"]))
        .collect();
    let (queue, task) = (json!("queue"), json!("task"));
    assert_eq!(
        named,
        [(&queue, &json!("numbers")), (&task, &json!("cli/double"))]
    );
    assert_line(&cli.done(&["paused"]).await?, &["queue", "numbers", "Z"]);
    cli.done(&["queues", "resume", "numbers"]).await?;
    assert_eq!(
        cli.done(&["tasks", "resume", "cli/double"]).await?,
        "task `cli/double` goes on\n"
    );
    let resumed = cli.done(&["tasks", "resume", "cli/double"]).await?;
    assert_eq!(resumed, "task `cli/double` was not paused\n");
    let none = cli.run(&["paused"]).await?;
    assert_eq!((&*none.out, &*none.err), ("", "nothing is paused\n"));
    worker.stop().await
}

#[tokio::test]
async fn workers_are_listed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    assert_eq!(cli.run(&["workers"]).await?.err, "no worker runs\n");
    let worker = Living::on(&database).await?;

    let line = cli.one(&["workers"]).await?;
    let listed = cli.done(&["workers"]).await?;

    assert_eq!(
        [&line["pid"], &line["app_version"]],
        [&json!(std::process::id()), &json!("7.1")]
    );
    assert_eq!(line["queues"], json!(["default", "numbers"]));
    assert_eq!(line["tasks"], json!(["cli/double", "cli/fail"]));
    assert_eq!(line["is_alive"], true);
    let pid = std::process::id().to_string();
    assert_line(
        &listed,
        &[&*pid, "alive", "7.1", "0 of ", "Z", "default, numbers"],
    );
    worker.stop().await
}

#[tokio::test]
async fn limits_are_set_and_listed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cli = Cli::on(&database);
    let set = ["limits", "set", "--task", "cli/double"];

    assert_eq!(cli.run(&["limits"]).await?.err, "there are no limits\n");
    let said = cli.done(&[&set[..], &["--running", "5"]].concat()).await?;
    assert_eq!(said, "task `cli/double`: 5 running\n");
    let line = cli
        .one(&[&set[..], &["--rate", "100/m", "--burst", "20"]].concat())
        .await?;
    assert_eq!(line["running"], 5);
    assert_eq!(
        line["rate"],
        json!({"max": 100, "per_seconds": 60.0, "burst": 20})
    );
    cli.done(&["limits", "set", "--queue", "numbers", "--running", "7"])
        .await?;
    let listed = cli.done(&["limits"]).await?;
    assert_line(&listed, &["queue", "numbers", "7", "-"]);
    assert_line(
        &listed,
        &["task", "cli/double", "5", "100 in 1m, 20 at once"],
    );

    let none = cli
        .done(&[&set[..], &["--running", "none", "--rate", "none"]].concat())
        .await?;
    assert_eq!(none, "task `cli/double`: no limit\n");
    let left: Vec<Value> = cli.json(&["limits", "list"]).await?;
    assert_eq!(left.len(), 1, "{left:?}");

    let worker = Living::on(&database).await?;
    let alias = ["limits", "set", "--task", "cli/twofold", "--running", "5"];
    let refused = cli.refused(&alias).await?;
    assert!(
        refused.contains("is an alias of a task, for which no limit is in force"),
        "{refused}"
    );
    worker.stop().await?;

    let wrong: [(&[&str], &str); 5] = [
        (
            &["--task", "a", "--running", "0"],
            "a number from 1 to 1000000",
        ),
        (
            &["--task", "a", "--rate", "fast"],
            "a rate is written as 100/m",
        ),
        (&["--queue", "a", "--rate", "1/s"], "cannot be used with"),
        (&["--task", "a"], "required arguments"),
        (&["--running", "1"], "required arguments"),
    ];
    for (arguments, message) in wrong {
        let said = cli.run(&[&["limits", "set"], arguments].concat()).await?;
        assert_eq!(said.code, Some(2), "{arguments:?}: {said:?}");
        assert!(said.err.contains(message), "{arguments:?}: {said:?}");
    }
    Ok(())
}
