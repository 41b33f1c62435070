//! Changing jobs on the command line.

use pgq::JobState;
use pgq_tests::database::TestDatabase;
use serde_json::json;

use super::{Cli, assert_line, double, drain, fail};

#[tokio::test]
async fn jobs_are_changed_by_their_ids() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (cli, pool) = (Cli::on(&database), database.pool());
    let jobs = double::enqueue_many(pool, 0..3).await?;
    let [a, b, c] = [0, 1, 2].map(|place| jobs[place].id().to_string());

    cli.done(&["jobs", "reschedule", &a, "--delay", "1h"])
        .await?;
    assert_eq!(jobs[0].status(pool).await?, JobState::Scheduled);
    let later = jobs[0].job(pool).await?.run_at;
    cli.done(&["jobs", "reschedule", &a, "--now"]).await?;
    // A worker makes it ready.
    assert!(jobs[0].job(pool).await?.run_at < later);

    let cancelled = cli.done(&["jobs", "cancel", &a, &b]).await?;
    assert_eq!(
        cancelled,
        format!("job {a} is cancelled\njob {b} is cancelled\n")
    );
    assert_eq!(
        cli.one(&["jobs", "requeue", &b]).await?,
        json!({"id": jobs[1].id(), "outcome": "requeued"})
    );
    assert_eq!(jobs[1].status(pool).await?, JobState::Ready);
    cli.done(&["jobs", "delete", &a]).await?;

    // One that cannot be changed does not keep the others.
    let said = cli.run(&["jobs", "cancel", &a, &c]).await?;
    assert_eq!(
        (said.code, said.out),
        (Some(1), format!("job {c} is cancelled\n"))
    );
    assert!(
        said.err
            .starts_with(&format!("error: job {a} does not exist")),
        "{}",
        said.err
    );
    drain(&database).await?;
    let refused = cli.refused(&["jobs", "cancel", &b]).await?;
    assert!(
        refused.contains("is completed and cannot be cancelled"),
        "{refused}"
    );
    let refused = cli.refused(&["jobs", "requeue", &b]).await?;
    assert!(
        refused.contains("must be failed, cancelled or expired"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn jobs_are_changed_by_a_filter_until_none_is_left() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (cli, pool) = (Cli::on(&database), database.pool());
    // More than a batch of the library.
    double::enqueue_many(pool, 0..600).await?;
    for _ in 0..3 {
        fail::enqueue(pool, "no luck".to_owned()).await?;
    }
    let other = fail::enqueue(pool, "no luck".to_owned()).await?;

    let delayed = cli
        .done(&["jobs", "reschedule", "--queue", "numbers", "--delay", "1h"])
        .await?;
    assert_eq!(delayed, "600 jobs rescheduled\n");
    let now = cli
        .done(&[
            "jobs",
            "reschedule",
            "--state",
            "scheduled",
            "--now",
            "--limit",
            "5",
        ])
        .await?;
    assert_eq!(now, "5 jobs rescheduled\n");
    let cancelled = cli.one(&["jobs", "cancel", "--task", "cli/double"]).await?;
    assert_eq!(cancelled, json!({"changed": 600, "left": 0}));

    drain(&database).await?;
    // Without a state these are the dead letters, and not what somebody has cancelled.
    assert_eq!(
        cli.done(&["jobs", "requeue", "--all"]).await?,
        "4 jobs requeued\n"
    );
    other.cancel(pool).await?;
    drain(&database).await?;
    let requeued = cli
        .done(&["jobs", "requeue", "--tag", "broken", "--limit", "2"])
        .await?;
    assert_eq!(requeued, "2 jobs requeued\n");

    let deleted = cli.done(&[
        "jobs",
        "delete",
        "--state",
        "cancelled,failed",
        "--created-from",
        "2026-01-01",
    ]);
    assert_eq!(deleted.await?, "602 jobs deleted\n");
    let count = cli
        .done(&["jobs", "count", "--created-from", "2026-01-01"])
        .await?;
    assert_line(&count, &["ready", "2"]);
    assert_line(&count, &["cancelled", "0"]);
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_left_is_told_and_fails_the_command() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (cli, pool) = (Cli::on(&database), database.pool());
    let jobs = double::enqueue_many(pool, 0..2).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query("select from pgq_jobs.ready where id = $1 for update")
        .bind(jobs[0].id().as_i64())
        .execute(&mut *transaction)
        .await?;

    let said = cli.run(&["jobs", "cancel", "--state", "ready"]).await?;

    assert_eq!(
        (said.code, &*said.out),
        (
            Some(1),
            "1 jobs cancelled; 1 were left, because they changed meanwhile or somebody keeps them locked\n"
        )
    );
    transaction.rollback().await?;
    assert_eq!(jobs[0].status(pool).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn nothing_is_changed_that_was_not_named() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (cli, pool) = (Cli::on(&database), database.pool());
    let job = double::enqueue(pool, 1).await?;
    let id = job.id().to_string();
    let wrong: [(&[&str], i32, &str); 6] = [
        (
            &["cancel"],
            2,
            "by their ids, by a filter such as `--task`, or `--all`",
        ),
        (&["requeue"], 2, "which jobs are to be requeued"),
        (&["delete", "--task", "cli/double"], 2, "say with `--state`"),
        (
            &["cancel", &id, "--task", "cli/double"],
            2,
            "cannot be used with",
        ),
        (
            &["reschedule", &id],
            2,
            "required arguments were not provided",
        ),
        // The refusal of one state comes before a change of the other.
        (
            &["cancel", "--state", "ready,failed"],
            1,
            "failed jobs cannot be cancelled",
        ),
    ];
    for (arguments, code, message) in wrong {
        let said = cli.run(&[&["jobs"], arguments].concat()).await?;

        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        assert!(said.err.contains(message), "{arguments:?}: {said:?}");
        assert_eq!(job.status(pool).await?, JobState::Ready, "{arguments:?}");
    }
    Ok(())
}
