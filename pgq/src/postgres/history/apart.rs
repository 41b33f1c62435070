//! The end of what is kept apart from the rows of jobs, before the partition of the jobs is dropped:
//! afterwards nobody knows what was theirs.
//!
//! A partition may have billions of rows, and is dropped without reading one. So it is not searched
//! for jobs that had something apart: large inputs and details are searched for jobs that are in it,
//! from its first id to its last, by the index of kinds.

use std::time::Instant;

use sqlx::{AssertSqlSafe, PgConnection, SqlStr};

use super::Partition;
use crate::postgres::schema::Schema;
use crate::postgres::sql::Statements;

/// How many rows of a table one statement looks at: few, so that it is short.
const BATCH: i64 = 1000;

/// The kinds of the jobs in a partition, and their first and last ids; nulls if it is empty.
type Contents = (Option<Vec<i64>>, Option<i64>, Option<i64>);

/// Deletes what is kept apart of the jobs in a partition of `finished` that has been detached. Each
/// batch commits by itself. Returns `false` if there was no time for all of them; the next call goes
/// on.
pub(super) async fn delete_apart(
    connection: &mut PgConnection,
    statements: &Statements,
    partition: Partition,
    until: Instant,
) -> sqlx::Result<bool> {
    let table = partition.qualified(&statements.schema);
    let contents: Contents = sqlx::query_as(AssertSqlSafe(read_contents(&table)))
        .fetch_one(&mut *connection)
        .await?;
    for (apart, delete) in [
        ("large_input", &statements.delete_large_inputs),
        ("detail", &statements.delete_details),
        ("attempt_log", &statements.delete_logs),
        ("progress", &statements.delete_progress),
    ] {
        let find = find(&statements.schema, apart, &table);
        if !delete_found(connection, &contents, &find, delete, until).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Deletes from one table. Returns `false` if there was no time for all.
async fn delete_found(
    connection: &mut PgConnection,
    contents: &Contents,
    find: &str,
    delete: &SqlStr,
    until: Instant,
) -> sqlx::Result<bool> {
    let (Some(kinds), Some(mut from), Some(last)) = contents.clone() else {
        return Ok(true);
    };
    loop {
        if Instant::now() >= until {
            return Ok(false);
        }
        let (looked_at, jobs): (Option<i64>, Vec<i64>) =
            sqlx::query_as(AssertSqlSafe(find.to_owned()))
                .bind(from)
                .bind(last)
                .bind(&kinds)
                .bind(BATCH)
                .fetch_one(&mut *connection)
                .await?;
        let Some(looked_at) = looked_at else {
            return Ok(true);
        };
        if !jobs.is_empty() {
            sqlx::query(delete.clone())
                .bind(jobs)
                .execute(&mut *connection)
                .await?;
        }
        from = looked_at + 1;
    }
}

/// Steps from one kind to the next, as `find_job` does.
fn read_contents(table: &str) -> String {
    let kind = "hashtextextended(task, hashtextextended(queue, 0))";
    format!(
        "with recursive kind (hash) as (
             (select {kind} from {table} order by {kind} limit 1)
             union all
             select (select {kind} from {table} where {kind} > kind.hash order by {kind} limit 1)
             from kind
             where kind.hash is not null
         )
         select array_agg(kind.hash) as kinds, min(ends.first) as first, max(ends.last) as last
         from kind
         cross join lateral (
             select (select id from {table} where {kind} = kind.hash order by id limit 1) as first,
                    (select id from {table} where {kind} = kind.hash order by id desc limit 1) as last
         ) as ends
         where kind.hash is not null"
    )
}

/// Of the next rows of the table `apart`: the last of their jobs, and those that are in the partition.
///
/// $1 and $2 are the first and the last job to look at, $3 the kinds, $4 how many to look at.
fn find(schema: &Schema, apart: &str, table: &str) -> String {
    format!(
        "with next as materialized (
             select job from \"{schema}\".{apart} where job between $1 and $2 order by job limit $4
         )
         select (select max(job) from next),
                array(
                    select next.job
                    from next
                    cross join unnest($3::bigint[]) as kind (hash)
                    cross join lateral (
                        select from {table} as ended
                        where hashtextextended(ended.task, hashtextextended(ended.queue, 0)) = kind.hash
                          and ended.id = next.job
                        limit 1
                    ) as found
                )"
    )
}
