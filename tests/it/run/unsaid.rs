//! What a schedule leaves to its task, because the program that makes it does not know the task.

use std::collections::BTreeMap;
use std::time::Duration;

use pgq::{
    CancellationToken, JobHandle, JobState, Run, ScheduleBuilder, ScheduleError, ScheduleHandle,
    Schedules, Task as _, When,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{count, drain, worker};

/// Of which only workers know: it is not among the tasks that are linked.
#[pgq::task(
    register = false,
    name = "unsaid/charge",
    aliases = ["unsaid/bill"],
    queue = "money",
    priority = 2,
    max_attempts = 3,
    expires = "1h",
    tags = ["billing"],
    unique(by = [customer], within = "1h"),
    concurrency = 1,
    ordered_by = [customer],
)]
async fn charge(customer: u64, cents: u64) -> anyhow::Result<u64> {
    Ok(customer + cents)
}

/// The task before it was given its name.
struct Bill;

impl pgq::Task for Bill {
    const NAME: &'static str = "unsaid/bill";
    type Input = <charge as pgq::Task>::Input;
    type Output = u64;

    async fn run(context: &pgq::Context, input: Self::Input) -> Result<u64, pgq::TaskError> {
        <charge as pgq::Task>::run(context, input).await
    }
}

const HOURLY: &str = "0 * * * *";

/// Far away from any test.
const RARELY: &str = "0 0 29 2 *";

fn input(customer: u64) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([("customer", customer), ("cents", 1)])
}

fn of_task(name: &str, customer: u64) -> ScheduleBuilder {
    ScheduleBuilder::of_task(charge::NAME, &input(customer), name, When::cron(HOURLY))
}

async fn made(pool: &PgPool, name: &str, customer: u64) -> anyhow::Result<ScheduleHandle> {
    let schedule = of_task(name, customer).allow_unknown_task();
    Ok(schedule.create(pool).await?)
}

async fn go_back(pool: &PgPool, time: &'static str) -> anyhow::Result<()> {
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - $1::text::interval")
        .bind(time)
        .execute(pool)
        .await?;
    Ok(())
}

fn ever(
    database: &TestDatabase,
    stop: &CancellationToken,
) -> tokio::task::JoinHandle<pgq::Result<()>> {
    let run: Run = worker::<charge>(database).stop_on(stop.clone());
    tokio::spawn(run.into_future())
}

#[tokio::test]
async fn a_job_is_as_its_task_says_where_the_schedule_says_nothing() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let first = made(pool, "a", 7).await?;
    let same = made(pool, "b", 7).await?;
    let other = of_task("c", 8)
        .queue("own")
        .priority(5)
        .allow_unknown_task();
    let other = other.create(pool).await?;
    let info = first.get(pool).await?;
    assert_eq!(
        (info.queue, info.priority, info.max_attempts),
        (None, None, None)
    );
    go_back(pool, "1 day").await?;

    let run = worker::<charge>(&database).queue("own").queue("money");
    drain(run).await?;

    // It is unique by its customer, so that one of two has a job.
    let mut runs = first.runs(pool).await?;
    runs.extend(same.runs(pool).await?);
    assert_eq!(runs.len(), 1);
    let job = &runs[0];
    assert_eq!(
        (&*job.queue, job.priority, job.max_attempts),
        ("money", 2, 3)
    );
    assert_eq!(job.state, JobState::Completed);
    let detail = job.detail.as_ref();
    let detail = detail.map(|detail| (&*detail.tags, detail.order_key.is_some()));
    assert_eq!(detail, Some((&["billing".to_owned()][..], true)));
    let fingerprint = "select count(*) from pgq_jobs.finished where fingerprint is not null";
    let fingerprints: i64 = sqlx::query_scalar(fingerprint).fetch_one(pool).await?;
    assert_eq!(fingerprints, 2);
    let job = &other.runs(pool).await?[0];
    assert_eq!((&*job.queue, job.priority, job.max_attempts), ("own", 5, 3));
    Ok(())
}

#[tokio::test]
async fn its_keys_are_those_of_the_jobs_that_its_task_enqueues() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let before = charge::job(7, 2).unique("another").enqueue(pool).await?;
    let schedule = made(pool, "made", 7).await?;
    go_back(pool, "1 day").await?;

    drain(worker::<charge>(&database).queue("money")).await?;

    let job = schedule.runs(pool).await?[0].id;
    let order = "select order_key from pgq_jobs.detail where job = any ($1)";
    let keys: Vec<i64> = sqlx::query_scalar(order)
        .bind([before.id().as_i64(), job.as_i64()])
        .fetch_all(pool)
        .await?;
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
    let same = charge::enqueue(pool, 7, 3).await?;
    assert_eq!((same.is_new(), same.id()), (false, job));
    Ok(())
}

#[tokio::test]
async fn who_does_not_know_the_task_has_its_job_of_a_worker_that_does() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let schedule = made(pool, "made", 7).await?;
    schedule.pause(pool).await?;

    schedule.request_trigger(pool).await?;
    assert!(schedule.get(pool).await?.requested_since.is_some());
    let stop = CancellationToken::new();
    let run = worker::<charge>(&database).queue("money");
    let run = tokio::spawn(run.stop_on(stop.clone()).into_future());
    let answered = async || {
        eventually("a worker has seen to the request", async || {
            Ok(schedule.get(pool).await?.requested_since.is_none())
        })
        .await
    };
    answered().await?;
    let runs = schedule.runs(pool).await?;
    JobHandle::<u64>::from_id(runs[0].id).wait(pool).await?;
    // The worker is there this time. It is unique by its customer.
    schedule.request_trigger(pool).await?;
    answered().await?;

    assert_eq!((&*runs[0].queue, runs[0].priority), ("money", 2));
    assert_eq!(schedule.runs(pool).await?.len(), 1);
    stop.cancel();
    run.await??;
    Ok(())
}

#[tokio::test]
async fn who_does_not_know_the_task_enqueues_none_of_its_jobs() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let schedule = made(pool, "made", 7).await?;
    let rarely = || schedule.edit().when(When::cron(RARELY));

    let triggered = schedule.trigger::<u64>(pool).await.map(|_| ());
    // A worker that knows the task reads its input.
    drain(worker::<charge>(&database)).await?;
    go_back(pool, "1 day").await?;
    let edited = rarely().apply(pool).await;

    for refused in [triggered, edited] {
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("this program does not know"), "{text}");
    }
    assert_eq!(count(pool, "job").await?, 0);
    let other = || schedule.edit().input(&input(8));
    let unknown = other().apply(pool).await;
    assert!(matches!(unknown, Err(ScheduleError::UnknownTask { .. })));
    other().allow_unknown_task().apply(pool).await?;
    let info = schedule.get(pool).await?;
    assert_eq!((info.queue, info.is_checked), (None, false));
    // What is paused has no ticks that are due.
    schedule.pause(pool).await?;
    rarely().apply(pool).await?;
    Ok(())
}

#[tokio::test]
async fn an_alias_of_a_task_is_known() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let old = || {
        let when = When::every(Duration::from_secs(1));
        ScheduleBuilder::of_task("unsaid/bill", &input(7), "old", when)
    };
    let unknown = old().create(pool).await;
    assert!(matches!(unknown, Err(ScheduleError::UnknownTask { .. })));
    let stop = CancellationToken::new();
    let run = ever(&database, &stop);
    eventually("the worker is there", async || {
        Ok(count(pool, "worker").await? == 1)
    })
    .await?;

    let old = old().create(pool).await?;
    eventually("it has run", async || {
        Ok(count(pool, "finished where state = 1").await? == 1)
    })
    .await?;

    assert_eq!(old.runs(pool).await?[0].task, "unsaid/bill");
    // A build that knows no other name runs such a job as well.
    let carried: i64 = sqlx::query_scalar("select fingerprint from pgq_jobs.finished")
        .fetch_one(pool)
        .await?;
    assert_eq!(carried, pgq::contract::fingerprint::<Bill>());
    stop.cancel();
    run.await??;
    Ok(())
}

#[tokio::test]
async fn a_list_tells_which_schedules_no_worker_ticks() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let schedule = made(pool, "made", 7).await?;
    let gone = ScheduleBuilder::of_task("unsaid/gone", &(), "gone", When::cron(RARELY));
    gone.allow_unknown_task().create(pool).await?;
    let kept = async || -> anyhow::Result<Vec<bool>> {
        let page = Schedules::all().list(pool).await?;
        Ok(page.schedules.iter().map(|one| one.is_kept).collect())
    };
    assert_eq!(kept().await?, [false, false]);

    let stop = CancellationToken::new();
    let run = ever(&database, &stop);
    eventually("a worker ticks it", async || {
        Ok(kept().await? == [false, true])
    })
    .await?;
    assert!(schedule.get(pool).await?.is_kept);
    stop.cancel();
    run.await??;

    assert_eq!(kept().await?, [false, false]);
    Ok(())
}

#[tokio::test]
async fn an_input_is_as_large_as_that_of_any_other_job_at_most() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let large = BTreeMap::from([("text", "x".repeat(1 << 20))]);
    let when = || When::cron(HOURLY);

    let unknown = ScheduleBuilder::of_task("unsaid/gone", &large, "made", when());
    let unknown = unknown.allow_unknown_task().create(pool).await;
    let schedule = made(pool, "made", 7).await?;
    let edited = schedule.edit().input(&large).apply(pool).await;

    for refused in [unknown.map(|_| ()), edited] {
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("but at most 1048576 are allowed"), "{text}");
    }
    Ok(())
}
