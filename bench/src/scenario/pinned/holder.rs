//! Who holds an old snapshot.

use std::fmt;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::Bench;
use crate::server::Database;

/// Somebody who holds an old snapshot, or keeps the server from forgetting dead rows in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A transaction that only reads.
    Reader,
    /// A transaction that has enqueued a job and does not end.
    Writer,
    /// A transaction that writes in another database.
    WriterElsewhere,
    /// A transaction that was prepared and forgotten.
    Prepared,
}

pub(super) const HOLDERS: &[Holder] = &[
    Holder::Reader,
    Holder::Writer,
    Holder::WriterElsewhere,
    Holder::Prepared,
];

/// An old snapshot.
#[derive(Debug)]
pub(super) struct Held {
    holder: Holder,
    connection: PgConnection,
    elsewhere: Option<Database>,
}

/// Those of the holders that the server allows.
pub(super) async fn possible(bench: &Bench, holders: &[Holder]) -> anyhow::Result<Vec<Holder>> {
    let mut connection = bench.server.connect().await?;
    let most = "select current_setting('max_prepared_transactions')::int";
    let most: i32 = sqlx::query_scalar(most).fetch_one(&mut connection).await?;
    connection.close().await?;
    if most == 0 {
        eprintln!("no prepared transaction: `max_prepared_transactions` is 0");
    }
    let possible = |holder: &&Holder| most > 0 || **holder != Holder::Prepared;
    Ok(holders.iter().filter(possible).copied().collect())
}

impl Held {
    pub(super) async fn begin(
        bench: &Bench,
        database: &Database,
        holder: Holder,
    ) -> anyhow::Result<Self> {
        let elsewhere = match holder {
            Holder::WriterElsewhere => Some(bench.server.empty().await?),
            _ => None,
        };
        let place = elsewhere.as_ref().unwrap_or(database);
        let mut connection = place.connect().await?;
        match holder {
            Holder::Reader => {
                execute(&mut connection, "begin isolation level repeatable read").await?;
                execute(&mut connection, "select count(*) from pg_catalog.pg_class").await?;
            }
            Holder::Writer => {
                execute(&mut connection, "begin isolation level repeatable read").await?;
                crate::task::hold::enqueue(&mut connection).await?;
            }
            Holder::WriterElsewhere | Holder::Prepared => {
                execute(&mut connection, "create table public.held (n int)").await?;
                execute(&mut connection, "begin isolation level repeatable read").await?;
                execute(&mut connection, "insert into public.held values (1)").await?;
            }
        }
        if holder == Holder::Prepared {
            let prepare = format!("prepare transaction '{}'", place.name());
            sqlx::raw_sql(AssertSqlSafe(prepare))
                .execute(&mut connection)
                .await?;
        }
        Ok(Self {
            holder,
            connection,
            elsewhere,
        })
    }

    /// Ends the transaction, without what it wrote.
    pub(super) async fn end(mut self, bench: &Bench, database: &Database) -> anyhow::Result<()> {
        match self.holder {
            Holder::Prepared => database.roll_back_prepared().await?,
            _ => execute(&mut self.connection, "rollback").await?,
        }
        self.connection.close().await?;
        match self.elsewhere {
            Some(elsewhere) => bench.server.drop(elsewhere).await,
            None => Ok(()),
        }
    }
}

async fn execute(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map(|_| ())
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reader => "reader",
            Self::Writer => "open writer",
            Self::WriterElsewhere => "writer in another database",
            Self::Prepared => "prepared transaction",
        })
    }
}
