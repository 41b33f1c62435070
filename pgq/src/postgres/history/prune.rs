//! Drops the partitions whose last row has been kept for long enough.
//!
//! A plain `drop` or `detach` of a partition needs the exclusive lock of the whole table: while it
//! waits for a reader, everybody else waits behind it. So a partition is first detached
//! `concurrently`, which marks it as leaving, waits with no lock until everybody has gone who may
//! not have seen the mark, and only then takes the exclusive lock of the partition, which by then
//! nobody knows of. What is left is a table of its own, and is dropped as one.
//!
//! A detachment that is interrupted leaves the mark. To bring it to an end later takes the lock
//! *before* the waiting, and waits for every older snapshot, whatever it is of. So it is not begun
//! while somebody holds on to the table, such as a dump: that is looked at first, from outside. Nor
//! is one brought to an end that somebody may still see.
//!
//! Whatever a crash interrupts, the names and the catalog say what is next: every call begins with
//! the plan. Nothing here waits long for a lock; what is in use is left for the next call.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::apart::delete_apart;
use super::make::{make_for, read_plan, series_of};
use super::plan::Plan;
use super::{Partition, Series};
use crate::driver::{DriverError, HistoryReport};
use crate::job::Retain;
use crate::postgres::PostgresDriver;
use crate::postgres::error::driver_error;
use crate::postgres::sql::Statements;

/// The limits of this connection. A detachment waits in vain, but with no lock, for a transaction
/// that began after it was found that there was none.
const LIMITS: [(&str, &str); 2] = [("lock_timeout", "2s"), ("statement_timeout", "10s")];

/// For the end of a detachment that was interrupted. It keeps others from making partitions.
const FINALIZE_TIMEOUT: &str = "set local lock_timeout = '50ms'";

/// For dropping a detached table, which its last readers may still read.
const DROP_TIMEOUT: &str = "set local lock_timeout = '5ms'";

/// How long the transactions that use a table may take to end; those of the runtime take much less.
const QUIET_WITHIN: Duration = Duration::from_millis(500);
/// How often it is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How many unique keys one statement deletes.
const KEYS_BATCH: i64 = 1000;

/// After this long a call begins nothing more.
const CALL_MAX: Duration = Duration::from_secs(15);

impl PostgresDriver {
    pub(in crate::postgres) async fn keep_history(
        &self,
        retains: &[Retain],
    ) -> Result<HistoryReport, DriverError> {
        // Not one of the runtime's connections: a step may take seconds.
        let servers = self.servers.map(|options| options.clone().options(LIMITS));
        let mut connection = servers.connect().await?;
        let keeper = Keeper {
            connection: &mut connection,
            statements: &self.statements,
            until: Instant::now() + CALL_MAX,
            problem: None,
        };
        let kept = keeper.run(&series_of(retains)).await;
        let _ = connection.close().await;
        kept.map_err(|error| driver_error("failed to maintain the history", error))
    }
}

/// One call.
struct Keeper<'a> {
    connection: &'a mut PgConnection,
    statements: &'a Statements,
    until: Instant,
    /// The first error that does not pass by itself. The other partitions do not wait for it.
    problem: Option<sqlx::Error>,
}

impl Keeper<'_> {
    async fn run(mut self, series: &BTreeSet<Series>) -> sqlx::Result<HistoryReport> {
        if !self.is_alone().await? {
            return Ok(HistoryReport::default());
        }
        let made = make_for(self.connection, self.statements, series).await;
        let made = self.settle(made).unwrap_or(0);

        let Plan {
            finalize, detach, ..
        } = read_plan(self.connection, self.statements, series).await?;
        for partition in finalize {
            let finalized = self.finalize(partition).await;
            self.settle(finalized);
        }
        let mut in_use = BTreeSet::new();
        for partition in detach {
            // Who holds on to one partition of a table mostly does to all of them.
            let table = partition.series.table();
            if !in_use.contains(table) {
                let detached = self.detach(partition).await;
                if self.settle(detached) != Some(true) {
                    in_use.insert(table);
                }
            }
        }

        let mut dropped = 0;
        let plan = read_plan(self.connection, self.statements, series).await?;
        for partition in &plan.drop {
            let done = self.drop(*partition).await;
            dropped += usize::from(self.settle(done) == Some(true));
        }
        let pruned = self.prune_keys().await;
        self.settle(pruned);
        let left = plan.finalize.len() + plan.detach.len() + plan.drop.len() - dropped;
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok(HistoryReport {
                made,
                dropped,
                postponed: left,
            }),
        }
    }

    /// Only to spare the work: two at once do no harm. The lock goes with the connection.
    async fn is_alone(&mut self) -> sqlx::Result<bool> {
        sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('pgq:prune:' || $1, 0))")
            .bind(self.statements.schema.as_str())
            .fetch_one(&mut *self.connection)
            .await
    }

    /// Keeps an error for the end, unless it only says that somebody was in the way.
    fn settle<T>(&mut self, done: sqlx::Result<T>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(error) => {
                if !is_passing(&error) {
                    self.problem.get_or_insert(error);
                }
                None
            }
        }
    }

    /// Returns `true` if the partition is a table of its own now.
    async fn detach(&mut self, partition: Partition) -> sqlx::Result<bool> {
        if !self.is_quiet(partition).await? {
            return Ok(false);
        }
        let schema = &self.statements.schema;
        let (name, parent) = (partition.qualified(schema), partition.parent(schema));
        // Not in a transaction: it is several of them.
        let detach = format!("alter table {parent} detach partition {name} concurrently");
        sqlx::raw_sql(AssertSqlSafe(detach))
            .execute(&mut *self.connection)
            .await?;
        Ok(true)
    }

    /// Brings a detachment to an end that was interrupted.
    async fn finalize(&mut self, partition: Partition) -> sqlx::Result<bool> {
        let schema = &self.statements.schema;
        let (name, parent) = (partition.qualified(schema), partition.parent(schema));
        let is_seen: bool = sqlx::query_scalar(self.statements.older_snapshots.clone())
            .bind(&name)
            .fetch_one(&mut *self.connection)
            .await?;
        if is_seen || !self.is_quiet(partition).await? {
            return Ok(false);
        }
        let finalize = format!("alter table {parent} detach partition {name} finalize");
        self.within(FINALIZE_TIMEOUT, finalize).await?;
        Ok(true)
    }

    /// Drops a table that was a partition, after what is kept apart of its jobs.
    async fn drop(&mut self, partition: Partition) -> sqlx::Result<bool> {
        if Instant::now() >= self.until {
            return Ok(false);
        }
        if let Series::Finished(..) = partition.series
            && !delete_apart(self.connection, self.statements, partition, self.until).await?
        {
            return Ok(false);
        }
        let name = partition.qualified(&self.statements.schema);
        self.within(DROP_TIMEOUT, format!("drop table {name}"))
            .await?;
        Ok(true)
    }

    /// Deletes unique keys whose period is over.
    async fn prune_keys(&mut self) -> sqlx::Result<()> {
        while Instant::now() < self.until {
            let pruned = sqlx::query(self.statements.prune_keys.clone())
                .bind(KEYS_BATCH)
                .execute(&mut *self.connection)
                .await?;
            if pruned.rows_affected() < KEYS_BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(())
    }

    async fn within(&mut self, limit: &'static str, ddl: String) -> sqlx::Result<()> {
        let mut transaction = self.connection.begin().await?;
        transaction.execute(sqlx::raw_sql(limit)).await?;
        transaction
            .execute(sqlx::raw_sql(AssertSqlSafe(ddl)))
            .await?;
        transaction.commit().await
    }

    /// Waits until the transactions have gone that hold on to the partition or its table now;
    /// returns `false` if they do not go.
    async fn is_quiet(&mut self, partition: Partition) -> sqlx::Result<bool> {
        let schema = &self.statements.schema;
        let tables = [partition.qualified(schema), partition.parent(schema)];
        let until = self.until.min(Instant::now() + QUIET_WITHIN);
        let mut left: Option<BTreeSet<String>> = None;
        loop {
            let holders: BTreeSet<String> =
                sqlx::query_scalar(self.statements.lock_holders.clone())
                    .bind(&tables[..])
                    .fetch_all(&mut *self.connection)
                    .await?
                    .into_iter()
                    .collect();
            let still = match left {
                Some(before) => &before & &holders,
                None => holders,
            };
            if Instant::now() >= until {
                return Ok(false);
            }
            if still.is_empty() {
                return Ok(true);
            }
            left = Some(still);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether the same step may succeed later: a lock was not to be had in time, another partition of
/// the table is still leaving, or somebody else was faster.
fn is_passing(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| ["55P03", "57014", "40P01", "55000", "42P01"].contains(&&*code))
}
