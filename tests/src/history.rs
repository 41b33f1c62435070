//! A history that is older than the database it is in.

use sqlx::{AssertSqlSafe, PgPool, Row};

/// The partitioned tables: each with the columns of its key before the time, and the time.
const TABLES: [(&str, &[&str], &str); 3] = [
    ("finished", &["state", "retention"], "finished_at"),
    ("result", &["retention"], "finished_at"),
    ("failure", &["retention"], "failed_at"),
];

/// Moves everything that is in the history that many hours into the past, into partitions that are
/// made for it by the rule of the names.
///
/// # Errors
///
/// Returns the error of the server.
pub async fn age(pool: &PgPool, hours: i64) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    for (table, key, time) in TABLES {
        let columns = key.join(", ");
        let places = format!(
            "select distinct array[{columns}]::bigint[] as key,
                    floor(extract(epoch from {time}) / 3600)::bigint - {hours} as hour
             from pgq_jobs.{table}"
        );
        for place in sqlx::query(AssertSqlSafe(places))
            .fetch_all(&mut *transaction)
            .await?
        {
            let key: Vec<i64> = place.try_get("key")?;
            let width = (key[key.len() - 1] / 4).max(1);
            let hour: i64 = place.try_get("hour")?;
            let make = partition(table, &key, hour - hour.rem_euclid(width), width);
            sqlx::raw_sql(AssertSqlSafe(make))
                .execute(&mut *transaction)
                .await?;
        }
        let shift =
            format!("update pgq_jobs.{table} set {time} = {time} - interval '{hours} hours'");
        sqlx::raw_sql(AssertSqlSafe(shift))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// Makes a partition, unless there is one of its name.
fn partition(table: &str, key: &[i64], begin: i64, width: i64) -> String {
    let joined = |separator: &str| {
        let parts: Vec<String> = key.iter().map(ToString::to_string).collect();
        parts.join(separator)
    };
    let bound = |hour: i64| format!("({}, to_timestamp({hour}::bigint * 3600))", joined(", "));
    format!(
        "create table if not exists pgq_jobs.{table}_{}_{begin} partition of pgq_jobs.{table}
         for values from {} to {}",
        joined("_"),
        bound(begin),
        bound(begin + width),
    )
}

/// The names of the partitions that there are, those that are leaving included.
///
/// # Errors
///
/// Returns the error of the server.
pub async fn partitions(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select child.relname::text
         from pg_inherits as inherits
         join pg_class as child on child.oid = inherits.inhrelid and child.relkind = 'r'
         order by child.relname",
    )
    .fetch_all(pool)
    .await
}
