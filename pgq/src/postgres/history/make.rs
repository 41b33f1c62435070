//! Makes partitions.
//!
//! To attach a partition takes a lock (share update exclusive) that nothing but DDL, `vacuum` and
//! `analyze` conflicts with: it makes nobody wait, and neither does waiting for it.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::plan::{Plan, Stage, plan};
use super::{Partition, Series};
use crate::driver::DriverError;
use crate::job::Retain;
use crate::postgres::PostgresDriver;
use crate::postgres::error::driver_error;
use crate::postgres::schema::Schema;
use crate::postgres::sql::Statements;

/// How long to wait for an `analyze` of a parent; whoever needs the partition tries again.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '5s'";

impl PostgresDriver {
    /// Makes the partitions that are missing, for now and for some time ahead.
    pub(in crate::postgres) async fn make_partitions(
        &self,
        retains: &[Retain],
    ) -> Result<(), DriverError> {
        let mut connection = self.servers.connect().await?;
        let made = make(&mut connection, &self.statements, retains).await;
        let _ = connection.close().await;
        made
    }
}

/// See [`PostgresDriver::make_partitions`].
pub(in crate::postgres) async fn make(
    connection: &mut PgConnection,
    statements: &Statements,
    retains: &[Retain],
) -> Result<(), DriverError> {
    make_for(connection, statements, &series_of(retains))
        .await
        .map(|_| ())
        .map_err(|error| driver_error("failed to make the partitions of the history", error))
}

pub(super) fn series_of(retains: &[Retain]) -> BTreeSet<Series> {
    retains
        .iter()
        .flat_map(|retain| Series::of(*retain))
        .collect()
}

/// Makes what the plan for these series says; one at a time does this. Returns how many there were.
pub(super) async fn make_for(
    connection: &mut PgConnection,
    statements: &Statements,
    series: &BTreeSet<Series>,
) -> sqlx::Result<usize> {
    let schema = &statements.schema;
    // Mostly nothing is missing, and then nobody waits for anybody.
    let Plan { make, attach, .. } = read_plan(connection, statements, series).await?;
    if make.is_empty() && attach.is_empty() {
        return Ok(0);
    }
    let mut transaction = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('pgq:history:' || $1, 0))")
        .bind(schema.as_str())
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(LOCK_TIMEOUT)
        .execute(&mut *transaction)
        .await?;
    let Plan { make, attach, .. } = read_plan(&mut transaction, statements, series).await?;
    let owner: Option<String> = match make.is_empty() {
        true => None,
        false => {
            sqlx::query_scalar(statements.history_owner.clone())
                .fetch_optional(&mut *transaction)
                .await?
        }
    };
    let is_unlogged: bool = sqlx::query_scalar(statements.is_unlogged.clone())
        .fetch_one(&mut *transaction)
        .await?;
    let unlogged = if is_unlogged { "unlogged" } else { "" };
    for partition in &make {
        let create = partition.create(schema, unlogged, owner.as_deref());
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut *transaction)
            .await?;
    }
    for partition in make.iter().chain(&attach) {
        sqlx::raw_sql(AssertSqlSafe(partition.attach(schema)))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(make.len() + attach.len())
}

/// Reads what there is, and the time, and plans.
pub(super) async fn read_plan(
    connection: &mut PgConnection,
    statements: &Statements,
    series: &BTreeSet<Series>,
) -> sqlx::Result<Plan> {
    let hour: i64 =
        sqlx::query_scalar("select floor(extract(epoch from clock_timestamp()) / 3600)::bigint")
            .fetch_one(&mut *connection)
            .await?;
    let mut tables = BTreeMap::new();
    for row in sqlx::query(statements.partitions.clone())
        .fetch_all(connection)
        .await?
    {
        let name: &str = row.try_get("name")?;
        let parent: Option<&str> = row.try_get("parent")?;
        let Some(partition) = Partition::from_name(name) else {
            continue;
        };
        let stage = match parent {
            None => Stage::Alone,
            Some(parent) if parent != partition.series.table() => continue,
            Some(_) if row.try_get("is_leaving")? => Stage::Leaving,
            Some(_) if row.try_get("is_filled")? => Stage::Filled,
            Some(_) => Stage::Empty,
        };
        tables.insert(partition, stage);
    }
    Ok(plan(&tables, series, hour))
}

impl Partition {
    /// Makes the partition apart: to create it in its place would wait for everybody who uses the
    /// table. It can be attached only if it has the checks that somebody has given to the table.
    ///
    /// It is the owner's of the table, and not of the member who happens to make it: others could not
    /// drop it. Of itself it would not have the table's replica identity.
    fn create(self, schema: &Schema, unlogged: &str, owner: Option<&str>) -> String {
        let (name, parent) = (self.qualified(schema), self.parent(schema));
        let mut sql = format!(
            "create {unlogged} table {name} (like {parent} including constraints);
             alter table {name} replica identity full;"
        );
        if let Some(owner) = owner {
            sql.push_str(&format!("alter table {name} owner to {owner};"));
        }
        sql
    }

    fn attach(self, schema: &Schema) -> String {
        let (name, parent) = (self.qualified(schema), self.parent(schema));
        let (key, begin, end) = (self.series.key(), self.begin, self.end());
        let time = |hour: i64| format!("to_timestamp({hour}::bigint * 3600)");
        format!(
            "alter table {parent} attach partition {name} for values from ({key}, {}) to ({key}, {})",
            time(begin),
            time(end),
        )
    }
}
