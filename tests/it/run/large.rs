//! Inputs that are kept apart from their jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pgq::{
    CancellationToken, Context, EnqueueError, INPUT_INLINE_MAX, INPUT_MAX, JobHandle, JobState, Pgq,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{DEADLINE, count, drain, worker};

const MIB: usize = 1024 * 1024;

/// Returns how long its input is, when it succeeds.
#[pgq::task(input_max = "20MiB")]
async fn weigh(context: &Context, text: String, succeed_at: i16) -> anyhow::Result<usize> {
    anyhow::ensure!(context.attempt() >= succeed_at, "too early");
    Ok(text.len())
}

/// Holds its input until it is let go.
#[pgq::task]
async fn carry(scale: &Arc<Scale>, text: String) -> anyhow::Result<usize> {
    let now = scale.carried.fetch_add(1, Ordering::SeqCst) + 1;
    scale.most.fetch_max(now, Ordering::SeqCst);
    scale.started.add_permits(1);
    scale.gate.acquire().await?.forget();
    scale.carried.fetch_sub(1, Ordering::SeqCst);
    Ok(text.len())
}

/// Ends at once.
#[pgq::task]
async fn pass(number: u32) -> anyhow::Result<u32> {
    Ok(number)
}

/// The sizes of the rows of its job while it runs.
#[pgq::task(max_attempts = 1)]
async fn measure(pool: &PgPool, context: &Context, text: String) -> anyhow::Result<i32> {
    drop(text);
    let size = "select pg_column_size(running.*) from pgq_jobs.running where id = $1";
    Ok(sqlx::query_scalar(size)
        .bind(context.job_id().as_i64())
        .fetch_one(pool)
        .await?)
}

/// How many jobs carry their inputs, and how many did at most.
#[derive(Debug)]
struct Scale {
    carried: AtomicUsize,
    most: AtomicUsize,
    started: Semaphore,
    gate: Semaphore,
}

impl Scale {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            carried: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            started: Semaphore::new(0),
            gate: Semaphore::new(0),
        })
    }

    /// Waits until so many more jobs have started.
    async fn until_started(&self, jobs: usize) -> anyhow::Result<()> {
        let jobs = u32::try_from(jobs)?;
        timeout(DEADLINE, self.started.acquire_many(jobs))
            .await??
            .forget();
        Ok(())
    }
}

/// A text that no compression makes much smaller.
fn text(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

async fn hurry(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::query("update pgq_jobs.scheduled set run_at = now()")
        .execute(pool)
        .await?;
    Ok(())
}

/// The version and the place of the row of each large input: what changes if one is written again.
async fn versions(pool: &PgPool) -> anyhow::Result<Vec<(i64, String)>> {
    let versions = "select job, xmin::text || ctid::text from pgq_jobs.large_input order by job";
    Ok(sqlx::query_as(versions).fetch_all(pool).await?)
}

/// What PostgreSQL has stored beside the tables of states, because it found rows too large, in bytes.
async fn beside_the_rows(pool: &PgPool) -> anyhow::Result<i64> {
    let sum = "select sum(pg_relation_size(reltoastrelid))::bigint
               from pg_class
               where reltoastrelid <> 0 and relnamespace = 'pgq_jobs'::regnamespace
                 and relname ~ '^(ready|scheduled|running|finished)'";
    Ok(sqlx::query_scalar(sum).fetch_one(pool).await?)
}

#[tokio::test]
async fn large_inputs_are_run_retried_and_scheduled_and_written_once() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let (one, sixteen) = (text(MIB), text(16 * MIB));
    let jobs = [
        weigh::enqueue(pool, one.clone(), 1).await?,
        weigh::enqueue(pool, one.clone(), 3).await?,
        weigh::enqueue(pool, sixteen, 3).await?,
        weigh::job(one, 1)
            .delay(Duration::from_secs(3600))
            .enqueue(pool)
            .await?,
    ];
    let written = versions(pool).await?;

    for _ in 0..3 {
        drain(worker::<weigh>(&database)).await?;
        hurry(pool).await?;
    }
    drain(worker::<weigh>(&database)).await?;

    let sizes = [MIB, MIB, 16 * MIB, MIB];
    let attempts = [1, 3, 3, 1];
    for ((job, size), attempt) in jobs.iter().zip(sizes).zip(attempts) {
        assert_eq!(job.wait_for(pool, DEADLINE).await?, size);
        assert_eq!(job.job(pool).await?.attempt, attempt);
    }
    assert_eq!(written.len(), 4);
    assert_eq!(versions(pool).await?, written);
    assert_eq!(beside_the_rows(pool).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_row_stays_small_whatever_its_input() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let largest = async |table: &str| -> anyhow::Result<i32> {
        let size = format!("select max(pg_column_size(job.*)) from pgq_jobs.{table} as job");
        Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(size))
            .fetch_one(pool)
            .await?)
    };

    let large = measure::enqueue(pool, text(MIB / 2)).await?;
    let ready = largest("ready").await?;
    drain(worker::<measure>(&database)).await?;
    let running = large.wait(pool).await?;
    let finished = largest("finished").await?;

    for size in [ready, running, finished] {
        assert!(size < 200, "{ready}, {running}, {finished}");
    }
    // The largest input that is not kept apart, beside the longest names.
    let name = "n".repeat(pgq::NAME_MAX);
    let inline = text(INPUT_INLINE_MAX - b"\x01\x81\xa4text\xda\x00\x00".len());
    measure::job(inline)
        .queue(name.clone())
        .enqueue(pool)
        .await?;
    let stored: i32 = sqlx::query_scalar("select octet_length(input) from pgq_jobs.ready")
        .fetch_one(pool)
        .await?;
    assert_eq!(usize::try_from(stored)?, INPUT_INLINE_MAX);
    let run = worker::<measure>(&database)
        .queue(name)
        .served_elsewhere("default");
    drain(run).await?;
    assert!(largest("finished").await? > 1536);
    assert_eq!(beside_the_rows(pool).await?, 0);
    assert_eq!(count(pool, "large_input").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_batch_of_small_and_large_inputs_keeps_its_order() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let sizes: Vec<usize> = (0..300).map(|n| (n * 7919) % 5000).collect();

    let jobs = weigh::enqueue_many(pool, sizes.iter().map(|size| (text(*size), 1))).await?;
    drain(worker::<weigh>(&database)).await?;

    assert!(jobs.is_sorted_by_key(JobHandle::id));
    for (job, size) in jobs.iter().zip(sizes) {
        assert_eq!(job.wait_for(pool, DEADLINE).await?, size);
    }
    Ok(())
}

#[tokio::test]
async fn the_view_shows_the_input_in_every_state() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let shown = async || -> anyhow::Result<Vec<(String, i32)>> {
        let sizes = "select state, octet_length(input) from pgq_jobs.job order by id";
        Ok(sqlx::query_as(sizes).fetch_all(pool).await?)
    };
    let size =
        i32::try_from(MIB + b"\x01\x82\xa4text\xdb\x00\x00\x00\x00\xaasucceed_at\x05".len())?;
    let state = |state: &str| (state.to_owned(), size);

    weigh::enqueue(pool, text(MIB), 5).await?;
    assert_eq!(shown().await?, [state("ready")]);
    drain(worker::<weigh>(&database)).await?;
    assert_eq!(shown().await?, [state("scheduled")]);
    for _ in 0..4 {
        hurry(pool).await?;
        drain(worker::<weigh>(&database)).await?;
    }
    assert_eq!(shown().await?, [state("completed")]);
    Ok(())
}

#[tokio::test]
async fn a_worker_holds_no_more_large_inputs_than_it_has_memory_for() -> anyhow::Result<()> {
    const JOBS: usize = 8;
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let scale = Scale::new();
    let stop = CancellationToken::new();
    let run = worker::<carry>(&database)
        .task::<pass>()
        .state(Arc::clone(&scale))
        .input_memory(250_000)
        .stop_on(stop.clone());
    let jobs = carry::enqueue_many(pool, vec![text(100_000); JOBS]).await?;
    let running = tokio::spawn(run.into_future());

    for ended in 0..JOBS {
        // As many as there is memory for, and no more.
        let more = if ended == 0 {
            2
        } else {
            usize::from(ended + 2 <= JOBS)
        };
        scale.until_started(more).await?;
        scale.gate.add_permits(1);
    }
    for job in &jobs {
        assert_eq!(job.wait_for(pool, DEADLINE).await?, 100_000);
    }

    assert_eq!(scale.most.load(Ordering::SeqCst), 2);
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn small_jobs_start_past_large_ones_that_wait_for_memory() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let scale = Scale::new();
    let stop = CancellationToken::new();
    let run = worker::<carry>(&database)
        .task::<pass>()
        .state(Arc::clone(&scale))
        .input_memory(1)
        .stop_on(stop.clone());
    let large = carry::enqueue_many(pool, [text(50_000), text(50_000)]).await?;
    let small = pass::enqueue(pool, 7).await?;
    let running = tokio::spawn(run.into_future());

    scale.until_started(1).await?;
    assert_eq!(small.wait_for(pool, DEADLINE).await?, 7);
    assert_eq!(scale.carried.load(Ordering::SeqCst), 1);
    scale.gate.add_permits(2);
    for job in large {
        job.wait_for(pool, DEADLINE).await?;
    }

    assert_eq!(scale.most.load(Ordering::SeqCst), 1);
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_job_whose_input_is_gone_fails_and_says_so() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gone = weigh::enqueue(pool, text(MIB), 1).await?;
    sqlx::query("delete from pgq_jobs.large_input")
        .execute(pool)
        .await?;
    let there = weigh::enqueue(pool, text(MIB), 1).await?;

    drain(worker::<weigh>(&database)).await?;

    let job = gone.job(pool).await?;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(
        job.error.as_deref(),
        Some("the input is gone: `large_input` has no row of this job")
    );
    assert_eq!(there.wait(pool).await?, MIB);
    Ok(())
}

#[tokio::test]
async fn an_input_that_cannot_be_read_costs_an_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = weigh::enqueue(pool, text(MIB), 1).await?;
    sqlx::query("alter table pgq_jobs.large_input rename to elsewhere")
        .execute(pool)
        .await?;

    let report = drain(worker::<weigh>(&database)).await?;
    sqlx::query("alter table pgq_jobs.elsewhere rename to large_input")
        .execute(pool)
        .await?;
    let failed = job.job(pool).await?;
    hurry(pool).await?;
    drain(worker::<weigh>(&database)).await?;

    assert_eq!(report.retried, 1);
    let error = failed.error.unwrap_or_default();
    assert!(error.starts_with("the input cannot be read: "), "{error}");
    assert_eq!(job.wait_for(pool, DEADLINE).await?, MIB);
    assert_eq!(job.job(pool).await?.attempt, 2);
    Ok(())
}

/// The server processes that wait for the lock of a table.
async fn waiting_for(pool: &PgPool, table: &str) -> anyhow::Result<Vec<i32>> {
    let waiting = "select pid from pg_locks
                   where relation = ('pgq_jobs.' || $1)::regclass and not granted
                     and database = (select oid from pg_database where datname = current_database())";
    Ok(sqlx::query_scalar(waiting)
        .bind(table)
        .fetch_all(pool)
        .await?)
}

/// Waits until a server process waits for the lock of a table.
async fn until_wanted(pool: &PgPool, table: &str) -> anyhow::Result<i32> {
    eventually("somebody waits for the table", async || {
        Ok(!waiting_for(pool, table).await?.is_empty())
    })
    .await?;
    Ok(waiting_for(pool, table).await?[0])
}

#[tokio::test]
async fn an_input_is_read_again_when_the_connection_is_lost() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = weigh::enqueue(pool, text(MIB), 1).await?;
    let mut lock = pool.begin().await?;
    sqlx::query("lock table pgq_jobs.large_input")
        .execute(&mut *lock)
        .await?;
    let running = tokio::spawn(drain(worker::<weigh>(&database)));

    let first = until_wanted(pool, "large_input").await?;
    sqlx::query("select pg_terminate_backend($1)")
        .bind(first)
        .execute(pool)
        .await?;
    eventually("it is read again", async || {
        let readers = waiting_for(pool, "large_input").await?;
        Ok(readers.iter().any(|pid| *pid != first))
    })
    .await?;
    lock.rollback().await?;

    running.await??;
    assert_eq!(job.wait_for(pool, DEADLINE).await?, MIB);
    let stored = job.job(pool).await?;
    assert_eq!((stored.attempt, stored.deliveries), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_lost_while_its_input_is_read_does_not_start() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = weigh::enqueue(pool, text(MIB), 1).await?;
    let mut lock = pool.begin().await?;
    sqlx::query("lock table pgq_jobs.large_input")
        .execute(&mut *lock)
        .await?;
    let run = worker::<weigh>(&database).poll_interval(Duration::from_millis(50));
    let running = tokio::spawn(drain(run));

    let reader = until_wanted(pool, "large_input").await?;
    let taken = sqlx::query("update pgq_jobs.running set claim = claim + 1000").execute(pool);
    assert_eq!(taken.await?.rows_affected(), 1);
    // The worker finds out while a claim is on its way, and before it looks whether it is idle.
    let mut claims = pool.begin().await?;
    sqlx::query("lock table pgq_jobs.ready")
        .execute(&mut *claims)
        .await?;
    until_wanted(pool, "ready").await?;
    lock.rollback().await?;
    eventually("it has been read", async || {
        let idle = "select state = 'idle' from pg_stat_activity where pid = $1";
        let idle = sqlx::query_scalar(idle).bind(reader).fetch_optional(pool);
        Ok(idle.await?.unwrap_or(true))
    })
    .await?;
    claims.rollback().await?;

    // The worker gives back what it does not know of, and claims it again.
    running.await??;
    assert_eq!(job.wait_for(pool, DEADLINE).await?, MIB);
    let stored = job.job(pool).await?;
    assert_eq!((stored.attempt, stored.deliveries), (1, 2));
    assert_eq!(count(pool, "failure").await?, 0);
    Ok(())
}

#[tokio::test]
async fn inputs_above_a_limit_are_refused_before_anything_is_sent() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let small = Pgq::from_pool(pool.clone()).input_max(10);
    let huge = Pgq::from_pool(pool.clone()).input_max(usize::MAX);
    let mut transaction = pool.begin().await?;
    let largest = text(INPUT_MAX);

    let by_task = weigh::enqueue(&mut transaction, text(20 * MIB), 1).await;
    let by_enqueuer = measure::enqueue(&small, text(20)).await;
    let by_nature = measure::enqueue(huge.within(&mut transaction), largest.clone()).await;
    let together = measure::enqueue_many(
        huge.within(&mut transaction),
        vec![largest[..INPUT_MAX - 100].to_owned(); 3],
    )
    .await;
    // The task has its own limit, whatever the enqueuer's.
    weigh::enqueue(&small, text(20), 1).await?;
    pass::enqueue(&mut transaction, 7).await?;
    transaction.commit().await?;

    let message = |error: Option<EnqueueError>| error.map(|error| error.to_string());
    assert_eq!(
        message(by_task.err()).as_deref(),
        Some(
            "the input of task `weigh` has 20971544 bytes, but at most 20971520 are allowed; store \
             the data elsewhere and enqueue a reference to it, or raise the limit with the option \
             `input_max` of the task"
        )
    );
    assert!(
        matches!(
            by_enqueuer,
            Err(EnqueueError::InputTooLarge { limit: 10, .. })
        ),
        "{by_enqueuer:?}"
    );
    assert_eq!(
        message(by_nature.err()).as_deref(),
        Some(
            "the input of task `measure` has 67108876 bytes, but at most 67108864 are allowed; \
             store the data elsewhere and enqueue a reference to it"
        )
    );
    assert!(
        matches!(
            together,
            Err(EnqueueError::BatchTooLarge {
                task: "measure",
                ..
            })
        ),
        "{:?}",
        together.err()
    );
    assert_eq!(count(pool, "ready").await?, 2);
    Ok(())
}

#[test]
fn a_limit_above_what_can_be_stored_is_reported_at_the_start() {
    let run = pgq::Run::new(pgq::Registry::new())
        .task::<pass>()
        .result_max(INPUT_MAX + 1);

    let problems = run.check().map_err(|error| error.to_string());

    assert_eq!(
        problems.err().as_deref(),
        Some(
            "1 problem before the start:\n  - setting `result_max`: must be at most 67108864 \
             bytes, but is 67108865"
        )
    );
}
