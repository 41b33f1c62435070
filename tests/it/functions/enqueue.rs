//! Jobs that are enqueued without the code of their task.

use std::time::Duration;

use pgq::{CancellationToken, JobState, Pgq};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{DEADLINE, charge, database_of, drain, handle, refused, value, worker};

/// So rarely that a test would fail before.
const NEVER: Duration = Duration::from_secs(3600);

#[pgq::task(
    name = "functions/unique",
    aliases = ["functions/single"],
    unique(by = [customer], within = "1h")
)]
async fn unique(customer: String) -> anyhow::Result<String> {
    Ok(customer)
}

#[tokio::test]
async fn a_job_runs_with_the_parameters_of_an_object() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();

    let call = r#"pgq_jobs.enqueue('functions/charge', '{"customer": "ada", "cents": 7}')"#;
    let job: i64 = value(pool, call).await?;
    // A parameter with a default, and the name that the task had before.
    let call = r#"pgq_jobs.enqueue('functions/bill', '{"customer": "bob \u00e9"}')"#;
    let other: i64 = value(pool, call).await?;

    drain(worker::<charge>(&database)).await?;
    for (job, result) in [(job, "ada pays 7"), (other, "bob é pays 100")] {
        assert_eq!(
            handle::<charge>(job).wait_for(pool, DEADLINE).await?,
            result
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_said_is_up_to_the_task() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();

    let said: i64 = value(
        pool,
        r#"pgq_jobs.enqueue('functions/charge', '{"customer": "ada"}')"#,
    )
    .await?;
    let own: i64 = value(
        pool,
        r#"pgq_jobs.enqueue('functions/charge', '{"customer": "ada"}', queue => 'own', priority => 9,
                            max_attempts => 1, expires_in => '5 minutes', delay => '1 minute',
                            tags => array ['billing', 'web'], headers => '{"trace": "abc"}')"#,
    )
    .await?;

    let first = handle::<charge>(said).job(pool).await?;
    assert_eq!(
        (
            &*first.queue,
            first.priority,
            first.max_attempts,
            first.state
        ),
        ("money", 3, 4, JobState::Ready)
    );
    let second = handle::<charge>(own).job(pool).await?;
    assert_eq!(
        (
            &*second.queue,
            second.priority,
            second.max_attempts,
            second.state
        ),
        ("own", 9, 1, JobState::Scheduled)
    );
    let detail = second.detail.unwrap_or_default();
    assert_eq!(detail.tags, ["billing", "web"]);
    assert_eq!(detail.headers.get("trace").map(String::as_str), Some("abc"));
    let times =
        "(select bool_and(expires_at - created_at = case id when $1 then interval '5 minutes'
                                  else interval '1 hour' end) from pgq_jobs.job)";
    let times: bool = value(pool, &times.replace("$1", &own.to_string())).await?;
    assert!(times);
    Ok(())
}

#[tokio::test]
async fn a_task_that_no_build_has_is_refused_unless_it_is_to_come() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();

    let (code, message) = refused(pool, "pgq_jobs.enqueue('functions/chrage')").await?;
    assert_eq!(code, "PGQ02");
    assert!(message.contains("functions/chrage"), "{message}");

    let call = r#"pgq_jobs.enqueue('functions/charge', '{"customer": "ada"}', allow_unknown_task => true)"#;
    let job: i64 = value(pool, call).await?;
    drain(worker::<charge>(&database)).await?;
    handle::<charge>(job).wait_for(pool, DEADLINE).await?;
    Ok(())
}

#[tokio::test]
async fn many_jobs_are_told_in_the_order_of_their_inputs() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();
    let call = r#"array(select job from pgq_jobs.enqueue_many('functions/charge', array(
        select jsonb_build_object('customer', 'customer ' || n) from generate_series(1, 500) as n
    )))"#;

    let jobs: Vec<i64> = value(pool, call).await?;

    assert_eq!(jobs.len(), 500);
    assert!(jobs.is_sorted());
    drain(worker::<charge>(&database)).await?;
    for (place, result) in [(0, "customer 1 pays 100"), (499, "customer 500 pays 100")] {
        let job = handle::<charge>(jobs[place]);
        assert_eq!(job.wait_for(pool, DEADLINE).await?, result);
    }
    let none: Vec<i64> = value(
        pool,
        "array(select job from pgq_jobs.enqueue_many('functions/charge', '{}'))",
    )
    .await?;
    assert!(none.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_job_is_there_if_its_transaction_commits() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();
    let call = r#"select pgq_jobs.enqueue('functions/charge', '{"customer": "ada"}')"#;

    let mut transaction = pool.begin().await?;
    let job: i64 = sqlx::query_scalar(call)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.rollback().await?;
    assert!(handle::<charge>(job).job(pool).await.is_err());

    let mut transaction = pool.begin().await?;
    let job: i64 = sqlx::query_scalar(call)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    assert!(handle::<charge>(job).job(pool).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_trigger_enqueues_what_its_row_needs() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();
    sqlx::raw_sql(
        "create table orders (id bigint generated always as identity, customer text, cents bigint);
         create function charge_order() returns trigger language plpgsql as $$
         begin
             perform pgq_jobs.enqueue('functions/charge', jsonb_build_object(
                 'customer', new.customer, 'cents', new.cents
             ));
             return new;
         end
         $$;
         create trigger charge_order after insert on orders
             for each row execute function charge_order();
         insert into orders (customer, cents) values ('ada', 1), ('bob', 2);",
    )
    .execute(pool)
    .await?;

    let report = drain(worker::<charge>(&database)).await?;

    assert_eq!(report.completed, 2);
    Ok(())
}

#[tokio::test]
async fn an_input_may_be_message_pack_and_large() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();

    // The byte 1, a map of one, `customer`, and a text of three bytes.
    let call = r"(select job from pgq_jobs.enqueue_inputs('functions/charge',
                  array ['\x0181a8637573746f6d6572a3616461'::bytea]))";
    let packed: i64 = value(pool, call).await?;
    let call =
        "pgq_jobs.enqueue('functions/charge', jsonb_build_object('customer', repeat('a', 100000)))";
    let large: i64 = value(pool, call).await?;

    let apart: i64 = value(pool, "job from pgq_jobs.large_input").await?;
    assert_eq!(apart, large);
    drain(worker::<charge>(&database)).await?;
    let packed = handle::<charge>(packed).wait_for(pool, DEADLINE).await?;
    assert_eq!(packed, "ada pays 100");
    let large = handle::<charge>(large).wait_for(pool, DEADLINE).await?;
    assert_eq!(large.len(), 100_000 + " pays 100".len());
    Ok(())
}

/// Enqueues a job with a key, and returns its number.
async fn keyed(pool: &PgPool, customer: &str, conflict: &str) -> sqlx::Result<i64> {
    let call = format!(
        r#"pgq_jobs.enqueue('functions/unique', '{{"customer": "{customer}"}}', unique_key => 'order 7',
                            conflict => '{conflict}')"#
    );
    value(pool, &call).await
}

#[tokio::test]
async fn a_key_means_the_same_as_in_the_crate() -> anyhow::Result<()> {
    let database = database_of::<unique>().await?;
    let pool = database.pool();

    let first = keyed(pool, "ada", "skip").await?;
    assert_eq!(keyed(pool, "bob", "skip").await?, first);
    let same = unique::job("eve".into())
        .unique("order 7")
        .enqueue(pool)
        .await?;
    assert_eq!((same.is_new(), same.id().as_i64()), (false, first));

    let error = keyed(pool, "bob", "raise").await.unwrap_err();
    let error = error.as_database_error().map(|error| error.code());
    assert_eq!(error.flatten().as_deref(), Some("PGQ04"));

    assert_eq!(keyed(pool, "bob", "replace").await?, first);
    drain(worker::<unique>(&database)).await?;
    let result = handle::<unique>(first).wait_for(pool, DEADLINE).await?;
    assert_eq!(result, "bob");
    // It is unique for as long as the task says.
    assert_eq!(keyed(pool, "ada", "skip").await?, first);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_waits_is_woken() -> anyhow::Result<()> {
    let database = database_of::<charge>().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let run = worker::<charge>(&database)
        .poll_interval(NEVER)
        .stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());
    eventually("the worker waits", async || {
        let sql = "exists (select from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and granted
                   and (classid::bigint << 32 | objid::bigint)
                       = pgq_jobs.parked_lock('pgq_jobs', 'ready money', 7)
                   and database = (select oid from pg_database where datname = current_database()))";
        Ok(value(pool, sql).await?)
    })
    .await?;

    let call = r#"pgq_jobs.enqueue('functions/charge', '{"customer": "ada"}')"#;
    let job: i64 = value(pool, call).await?;

    handle::<charge>(job).wait_for(pool, DEADLINE).await?;
    stop.cancel();
    run.await??;
    Ok(())
}

#[tokio::test]
async fn each_schema_has_functions_of_its_own() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let other = Pgq::from_pool(pool.clone()).schema("billing")?;
    other.migrate().await?;
    let run = || worker::<charge>(&database).schema("billing");
    drain(run()).await?;

    let channel: String = value(pool, "billing.channel()").await?;
    assert_eq!(channel, "billing");
    let call = r#"billing.enqueue('functions/charge', '{"customer": "ada"}')"#;
    value::<i64>(pool, call).await?;

    assert_eq!(drain(run()).await?.completed, 1);
    assert_eq!(value::<i64>(pool, "count(*) from pgq_jobs.task").await?, 0);
    Ok(())
}

#[pgq::test]
async fn a_test_of_what_enqueues_by_name_needs_no_worker(
    database: pgq::testing::Database,
) -> anyhow::Result<()> {
    let call = r#"pgq_jobs.enqueue('functions/charge', '{"customer": "ada"}')"#;
    let job: i64 = value(database.pool(), call).await?;

    database
        .assert_enqueued::<charge>(|input| input.customer == "ada")
        .await;
    database.run_due().await.assert_completed();

    let job = handle::<charge>(job);
    assert_eq!(job.wait(database.pool()).await?, "ada pays 100");
    Ok(())
}
