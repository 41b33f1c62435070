//! Everything that knows the tables of pgq. The rest goes through its public API.

mod fill;

use std::ops::RangeInclusive;

use sqlx::{PgConnection, PgPool, Row as _};

pub(crate) use self::fill::{Table, defer, multiply};
use crate::clock::Micros;

/// What pgq's enqueue does, without the wake-up. The parameters are the same: inputs, task, queue,
/// priority, `max_attempts`, fingerprint.
pub(crate) const INSERT_WITHOUT_WAKE_UP: &str = "
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select n, n, $6, statement_timestamp(), 0, $4, 0, $5, 0, 0, $3, $2, input
    from (
        select nextval('pgq_jobs.job_number') as n, input
        from unnest($1::bytea[]) as input
    ) as numbered
    returning id";

/// As [`INSERT_WITHOUT_WAKE_UP`], of one row: its input is the last parameter.
pub(crate) const INSERT_ONE_WITHOUT_WAKE_UP: &str = "
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select n, n, $5, statement_timestamp(), 0, $3, 0, $4, 0, 0, $2, $1, $6
    from (select nextval('pgq_jobs.job_number') as n) as numbered
    returning id";

/// A table with the columns and indexes of the one that jobs wait in.
pub(crate) const CREATE_BARE: &str = "create table public.bare (like pgq_jobs.ready including all)";

/// Inserts rows as wide as those of jobs.
///
/// The parameters are those of [`INSERT_WITHOUT_WAKE_UP`], and what the numbers follow.
pub(crate) const INSERT_BARE: &str = "
    insert into public.bare
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select $7 + n, $7 + n, $6, statement_timestamp(), 0, $4, 0, $5, 0, 0, $3, $2, input
    from unnest($1::bytea[]) with ordinality as numbered (input, n)
    returning id";

/// As [`INSERT_BARE`], and notifies whoever listens to `bare`.
pub(crate) const INSERT_BARE_AND_NOTIFY: &str = "
    with added as (
        insert into public.bare
            (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
             marks, queue, task, input)
        select $7 + n, $7 + n, $6, statement_timestamp(), 0, $4, 0, $5, 0, 0, $3, $2, input
        from unnest($1::bytea[]) with ordinality as numbered (input, n)
        returning id
    ), woken as materialized (
        select pg_notify('bare', '')
    )
    select added.id
    from added
    cross join woken";

/// Deletes the rows whose numbers are above $1 and at most $2, by the index that there is.
pub(crate) const DELETE_BARE: &str = "
    delete from public.bare
    where hashtextextended(queue, priority) = hashtextextended('default', 0)
      and seq > $1 and seq <= $2";

/// How jobs have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The rows of jobs that have ended.
    pub(crate) rows: i64,
    /// The jobs that have ended.
    pub(crate) jobs: i64,
    /// The jobs that completed in as many deliveries and attempts as allowed.
    pub(crate) clean: i64,
    /// The jobs that have not ended.
    pub(crate) left_over: i64,
}

/// Counts the jobs of a database that nobody works on.
pub(crate) async fn ended(
    pool: &PgPool,
    deliveries: RangeInclusive<i32>,
    attempt: i16,
) -> sqlx::Result<Ended> {
    let row = sqlx::query(
        "select count(*) as rows, count(distinct id) as jobs,
                count(*) filter (where state = 1 and deliveries between $1 and $2
                                 and attempt = $3) as clean,
                (select count(*) from pgq_jobs.ready) + (select count(*) from pgq_jobs.running)
                    + (select count(*) from pgq_jobs.scheduled) as left_over
         from pgq_jobs.finished",
    )
    .bind(deliveries.start())
    .bind(deliveries.end())
    .bind(attempt)
    .fetch_one(pool)
    .await?;
    Ok(Ended {
        rows: row.try_get("rows")?,
        jobs: row.try_get("jobs")?,
        clean: row.try_get("clean")?,
        left_over: row.try_get("left_over")?,
    })
}

/// How many jobs have not ended.
pub(crate) async fn unfinished(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select (select count(*) from pgq_jobs.ready) + (select count(*) from pgq_jobs.running)
            + (select count(*) from pgq_jobs.scheduled)",
    )
    .fetch_one(pool)
    .await
}

/// Where the jobs are that should have begun, for people.
pub(crate) async fn places(pool: &PgPool) -> sqlx::Result<String> {
    sqlx::query_scalar(
        "select format(
            '%s are scheduled and due, %s are ready, and %s are held by workers',
            (select count(*) from pgq_jobs.scheduled where run_at <= now()),
            (select count(*) from pgq_jobs.ready),
            (select count(*) from pgq_jobs.running)
        )",
    )
    .fetch_one(pool)
    .await
}

/// Whether no job is waiting or running.
pub(crate) async fn is_drained(pool: &PgPool) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select not exists (select from pgq_jobs.running)
            and not exists (select from pgq_jobs.scheduled)
            and not exists (select from pgq_jobs.ready)",
    )
    .fetch_one(pool)
    .await
}

/// How many jobs are held by workers.
pub(crate) async fn running(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from pgq_jobs.running")
        .fetch_one(pool)
        .await
}

/// The id under which the worker of a process is registered.
pub(crate) async fn worker_of(pool: &PgPool, pid: i32) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select id from pgq_jobs.worker where pid = $1")
        .bind(pid)
        .fetch_optional(pool)
        .await
}

/// The jobs that a worker holds.
pub(crate) async fn held(pool: &PgPool, worker: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar("select id from pgq_jobs.running where worker = $1")
        .bind(worker)
        .fetch_all(pool)
        .await
}

/// The database's current time.
pub(crate) async fn now(connection: &mut PgConnection) -> sqlx::Result<Micros> {
    sqlx::query_scalar("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
        .fetch_one(connection)
        .await
}

/// When a job that has ended was made, and when it was claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) job: i64,
    pub(crate) created_at: Micros,
    pub(crate) claimed_at: Micros,
}

/// The times of the jobs above this one that have completed, in the order of their numbers.
pub(crate) async fn times_above(pool: &PgPool, job: i64) -> sqlx::Result<Vec<Times>> {
    let rows = sqlx::query(
        "select id, (extract(epoch from created_at) * 1000000)::bigint as created_at,
                (extract(epoch from claimed_at) * 1000000)::bigint as claimed_at
         from pgq_jobs.finished
         where state = 1 and id > $1
         order by id",
    )
    .bind(job)
    .fetch_all(pool)
    .await?;
    let times = rows.iter().map(|row| {
        Ok(Times {
            job: row.try_get("id")?,
            created_at: row.try_get("created_at")?,
            claimed_at: row.try_get("claimed_at")?,
        })
    });
    times.collect()
}

/// When each job is due that is due before an instant.
pub(crate) async fn due_before(pool: &PgPool, end: Micros) -> sqlx::Result<Vec<(i64, Micros)>> {
    sqlx::query_as(
        "select id, (extract(epoch from run_at) * 1000000)::bigint
         from pgq_jobs.scheduled
         where run_at < timestamptz 'epoch' + $1 * interval '1 microsecond'",
    )
    .bind(end)
    .fetch_all(pool)
    .await
}

/// The transactions of a database.
pub(crate) async fn transactions(
    connection: &mut PgConnection,
    database: &str,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select xact_commit + xact_rollback from pg_stat_database where datname = $1",
    )
    .bind(database)
    .fetch_one(connection)
    .await
}

/// The processes of the server that clients of a database are connected to.
pub(crate) async fn backends(
    connection: &mut PgConnection,
    database: &str,
) -> sqlx::Result<Vec<i32>> {
    sqlx::query_scalar(
        "select pid from pg_stat_activity
         where datname = $1 and backend_type = 'client backend'",
    )
    .bind(database)
    .fetch_all(connection)
    .await
}
