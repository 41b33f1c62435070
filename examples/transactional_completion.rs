//! The work of a job and its completion commit together, so that it is done exactly once.
//!
//! `cargo run --example transactional_completion`

use pgq::{Context, JobTransaction};
use pgq_examples::Database;
use sqlx::PgPool;

/// Moves money in the transaction of its job. It commits when the task returns, and with it the job
/// is completed; if the task fails, nothing has happened.
#[pgq::task]
async fn transfer(tx: &JobTransaction, from: i32, to: i32, cents: i64) -> anyhow::Result<()> {
    let mut db = tx.connection().await?;
    // In the order of the accounts, so that two transfers cannot wait for each other.
    let mut changes = [(from, -cents), (to, cents)];
    changes.sort_unstable();
    for (account, change) in changes {
        sqlx::query("update account set cents = cents + $2 where id = $1")
            .bind(account)
            .bind(change)
            .execute(&mut *db)
            .await?;
    }
    anyhow::ensure!(cents > 0, "nothing to move");
    Ok(())
}

/// Commits itself, and then does what need not happen exactly once.
#[pgq::task]
async fn audit(ctx: &Context, db: &PgPool) -> anyhow::Result<i64> {
    let mut tx = db.begin().await?;
    let total: i64 = sqlx::query_scalar(
        "insert into audit select sum(cents)::bigint from account returning total",
    )
    .fetch_one(&mut *tx)
    .await?;
    ctx.complete_in(&mut *tx, &total).await?;
    tx.commit().await?;
    println!("the books are closed");
    Ok(total)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    sqlx::raw_sql(
        "create table if not exists account (id int primary key, cents bigint not null);
         create table if not exists audit (total bigint not null);
         insert into account values (1, 1000), (2, 0) on conflict do nothing",
    )
    .execute(pgq.pool())
    .await?;

    let moved = transfer::enqueue(&pgq, 1, 2, 250).await?;
    let refused = transfer::job(2, 1, 0).max_attempts(1).enqueue(&pgq).await?;
    pgq::run().url(database.url()).until_idle().await?;
    moved.wait(&pgq).await?;
    if let Err(error) = refused.wait(&pgq).await {
        println!("{error}");
    }

    let audited = audit::enqueue(&pgq).await?;
    pgq::run().url(database.url()).until_idle().await?;
    println!("audited: {} cents", audited.wait(&pgq).await?);
    Ok(())
}
