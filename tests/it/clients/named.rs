//! Jobs of tasks that their enqueuer knows by name only.

use std::collections::BTreeMap;
use std::time::Duration;

use pgq::{Conflict, JobState, NamedError, NamedJob, Pgq};
use pgq_tests::clients::{Blocking, tokio_postgres};
use pgq_tests::database::TestDatabase;
use serde_json::json;

use super::{DEADLINE, drain, ready, worker};

#[pgq::task(name = "clients/bill", aliases = ["clients/invoice"], queue = "money", priority = 3)]
async fn bill(customer: String, #[default = 100] cents: u64) -> anyhow::Result<String> {
    Ok(format!("{customer} pays {cents}"))
}

fn money(database: &TestDatabase) -> pgq::Run {
    worker::<bill>(database).queue("money")
}

/// A database in which a worker has said that it has the task.
async fn database() -> anyhow::Result<TestDatabase> {
    let database = TestDatabase::migrated().await?;
    drain(money(&database)).await?;
    Ok(database)
}

#[tokio::test]
async fn what_is_not_said_is_as_the_task_has_it() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();

    let plain = NamedJob::new("clients/bill", &json!({ "customer": "ada" }))
        .returns::<String>()
        .enqueue(pool)
        .await?;
    let old = NamedJob::new("clients/invoice", &BTreeMap::from([("customer", "bob")]))
        .returns::<String>()
        .priority(7)
        .max_attempts(2)
        .tag("late")
        .header("tenant", "7")
        .expires_in(Duration::from_secs(3600))
        .enqueue(pool)
        .await?;

    let job = plain.job(pool).await?;
    assert_eq!(
        (&*job.queue, job.priority, job.max_attempts),
        ("money", 3, 20)
    );
    let job = old.job(pool).await?;
    assert_eq!(
        (&*job.queue, job.priority, job.max_attempts),
        ("money", 7, 2)
    );
    drain(money(&database)).await?;
    assert_eq!(plain.wait_for(pool, DEADLINE).await?, "ada pays 100");
    assert_eq!(old.wait_for(pool, DEADLINE).await?, "bob pays 100");
    Ok(())
}

#[tokio::test]
async fn a_job_is_enqueued_by_name_through_each_client() -> anyhow::Result<()> {
    let database = database().await?;
    let job = || NamedJob::new("clients/bill", &json!({ "customer": "ada" }));
    let mut tokio = tokio_postgres(database.url()).await?;
    let blocking = Blocking::connect(database.url()).await?;
    let pgq = Pgq::from_pool(database.pool().clone());

    let transaction = tokio.transaction().await?;
    job().enqueue(&transaction).await?;
    transaction.rollback().await?;
    assert_eq!(ready(&database).await?, 0);
    job().enqueue(&tokio).await?;
    job().enqueue(&pgq).await?;
    job().enqueue(pgq.within(&tokio)).await?;
    blocking
        .try_call(move |client| Ok(job().enqueue_blocking(client)?))
        .await?;

    assert_eq!(ready(&database).await?, 4);
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_there_already_leaves_the_transaction_whole() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    let job = || NamedJob::new("clients/bill", &json!({ "customer": "ada" })).unique("ada");
    let first = job().delay(Duration::from_secs(3600)).enqueue(pool).await?;

    let mut transaction = pool.begin().await?;
    let skipped = job().enqueue(&mut *transaction).await?;
    let raised = job()
        .on_conflict(Conflict::Raise)
        .enqueue(&mut *transaction)
        .await;
    let replaced = job()
        .on_conflict(Conflict::Replace)
        .enqueue(&mut *transaction)
        .await?;
    transaction.commit().await?;

    assert_eq!((skipped.is_new(), skipped.id()), (false, first.id()));
    assert!(
        matches!(raised, Err(NamedError::Conflict { job, .. }) if job == first.id()),
        "{raised:?}"
    );
    assert_eq!(replaced.id(), first.id());
    assert_eq!(replaced.status(pool).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn a_name_that_no_worker_has_is_an_error_unless_it_is_to_come() -> anyhow::Result<()> {
    let database = database().await?;
    let job = || NamedJob::new("clients/bil", &json!({}));

    let unknown = job().enqueue(database.pool()).await;
    job().allow_unknown_task().enqueue(database.pool()).await?;

    let error = match unknown {
        Err(error @ NamedError::UnknownTask { .. }) => error.to_string(),
        other => anyhow::bail!("{other:?}"),
    };
    assert!(
        error.contains("no worker has a task `clients/bil`"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_is_wrong() -> anyhow::Result<()> {
    let database = database().await?;
    let refused = NamedJob::new("clients/bill", &json!({ "customer": "ada" }))
        .priority(10)
        .enqueue(database.pool())
        .await;
    let keyless = NamedJob::new("clients/bill", &json!({ "customer": "ada" }))
        .unique_for(Duration::from_secs(60))
        .enqueue(database.pool())
        .await;
    let unwritable = NamedJob::new("clients/bill", &BTreeMap::from([((1, 2), 3)]))
        .enqueue(database.pool())
        .await;

    let source = match refused {
        Err(NamedError::Driver { source, .. }) => source,
        other => anyhow::bail!("{other:?}"),
    };
    assert_eq!(source.kind(), pgq::driver::DriverErrorKind::Rejected);
    let cause = std::error::Error::source(&source).map(ToString::to_string);
    let cause = cause.unwrap_or_default();
    assert!(cause.contains("priority 10 is not from 0 to 9"), "{cause}");
    assert!(
        matches!(keyless, Err(NamedError::Driver { .. })),
        "{keyless:?}"
    );
    assert!(
        matches!(unwritable, Err(NamedError::Encode { .. })),
        "{unwritable:?}"
    );
    Ok(())
}
