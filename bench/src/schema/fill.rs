//! Fills tables with rows.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::clock::Micros;

/// Where rows can be multiplied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Table {
    Ready,
    Scheduled,
    Finished,
}

/// Multiplies the only row of a table until there are so many: enqueueing them would take longer
/// than all the rest. Every column is copied but those that tell rows apart.
pub(crate) async fn multiply(pool: &PgPool, table: Table, rows: i64) -> anyhow::Result<()> {
    let (table, own) = match table {
        Table::Ready => ("ready", &[("id", "n"), ("seq", "n")][..]),
        Table::Scheduled => (
            "scheduled",
            &[("id", "n"), ("run_at", "run_at + n * interval '1 ms'")][..],
        ),
        Table::Finished => ("finished", &[("id", "n")][..]),
    };
    let numbers =
        format!("select nextval('pgq_jobs.job_number') as n from generate_series(2, {rows})");
    let mut connection = pool.acquire().await?;
    copy(&mut connection, table, own, &numbers).await?;
    // By hand and now, so that the server does not do it during the measurement.
    sqlx::raw_sql(AssertSqlSafe(format!("vacuum analyze pgq_jobs.{table}")))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Copies the oldest row that is scheduled into so many that become due evenly from `first` on, for so
/// long. Which of them lies beside which is left to chance.
pub(crate) async fn defer(
    pool: &PgPool,
    rows: i64,
    first: Micros,
    window: Micros,
) -> anyhow::Result<()> {
    let run_at = format!(
        "timestamptz 'epoch' + ({first} + place * {window} / {rows}) * interval '1 microsecond'"
    );
    let numbers = format!(
        "select nextval('pgq_jobs.job_number') as n, place
         from (
             select place from generate_series(0, {rows}::bigint - 1) as place order by random()
         ) as shuffled"
    );
    let own = &[("id", "n"), ("run_at", run_at.as_str())];
    let mut connection = pool.acquire().await?;
    copy(&mut connection, "scheduled", own, &numbers).await?;
    Ok(())
}

/// Copies the oldest row of a table, once for each row of `numbers`, but for the columns of `own`.
async fn copy(
    connection: &mut PgConnection,
    table: &str,
    own: &[(&str, &str)],
    numbers: &str,
) -> sqlx::Result<()> {
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns
         where table_schema = 'pgq_jobs' and table_name = $1
         order by ordinal_position",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await?;
    let value = |column: &String| {
        let own = own.iter().find(|(name, _)| name == column);
        own.map_or_else(|| column.clone(), |(_, value)| (*value).to_owned())
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let columns = columns.join(", ");
    let insert = format!(
        "insert into pgq_jobs.{table} ({columns})
         select {}
         from (select {columns} from pgq_jobs.{table} order by id limit 1) as template
         cross join ({numbers}) as numbers",
        values.join(", "),
    );
    sqlx::raw_sql(AssertSqlSafe(insert))
        .execute(connection)
        .await?;
    Ok(())
}
