//! The end of large inputs, before the partition of their jobs is dropped: afterwards nobody knows
//! which they were.
//!
//! A partition may have billions of rows, and is dropped without reading one. So it is not searched
//! for jobs that had a large input: the large inputs are searched for jobs that are in it, from its
//! first id to its last, by the index of kinds.

use std::time::Instant;

use sqlx::{AssertSqlSafe, PgConnection};

use super::Partition;
use crate::postgres::schema::Schema;
use crate::postgres::sql::Statements;

/// How many large inputs one statement looks at: few, so that it is short.
const BATCH: i64 = 1000;

/// The kinds of the jobs in a partition, and their first and last ids; nulls if it is empty.
type Contents = (Option<Vec<i64>>, Option<i64>, Option<i64>);

/// Deletes the large inputs of the jobs in a partition of `finished` that has been detached. Each
/// batch commits by itself. Returns `false` if there was no time for all of them; the next call goes
/// on.
pub(super) async fn delete_large_inputs(
    connection: &mut PgConnection,
    statements: &Statements,
    partition: Partition,
    until: Instant,
) -> sqlx::Result<bool> {
    let table = partition.qualified(&statements.schema);
    let contents: Contents = sqlx::query_as(AssertSqlSafe(read_contents(&table)))
        .fetch_one(&mut *connection)
        .await?;
    let (Some(kinds), Some(mut from), Some(last)) = contents else {
        return Ok(true);
    };
    let find = find_large(&statements.schema, &table);
    loop {
        if Instant::now() >= until {
            return Ok(false);
        }
        let (looked_at, jobs): (Option<i64>, Vec<i64>) =
            sqlx::query_as(AssertSqlSafe(find.clone()))
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
            sqlx::query(statements.delete_large_inputs.clone())
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

/// Of the next large inputs: the last of them, and those whose job is in the partition.
///
/// $1 and $2 are the first and the last job to look at, $3 the kinds, $4 how many to look at.
fn find_large(schema: &Schema, table: &str) -> String {
    format!(
        "with next as materialized (
             select job from \"{schema}\".large_input where job between $1 and $2 order by job limit $4
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
