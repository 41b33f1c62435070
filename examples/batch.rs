//! Many jobs in one call, each with an outcome of its own.
//!
//! `cargo run --example batch`

use pgq::TaskError;
use pgq_examples::Database;
use sqlx::PgPool;

/// Writes all readings in one statement, but those that cannot be right.
#[pgq::task(batch(max = 100, wait = "20ms"), max_attempts = 3)]
async fn record(db: &PgPool, readings: Vec<i32>) -> anyhow::Result<Vec<Result<(), TaskError>>> {
    let is_right = |reading: &i32| (-90..=60).contains(reading);
    let right: Vec<i32> = readings.iter().copied().filter(is_right).collect();
    println!("a call for {} readings", readings.len());
    // An error here is one of each job.
    sqlx::query("insert into reading select unnest($1::int[])")
        .bind(right)
        .execute(db)
        .await?;
    Ok(readings
        .iter()
        .map(|reading| match is_right(reading) {
            true => Ok(()),
            false => Err(TaskError::permanent(format!(
                "{reading} °C is not on earth"
            ))),
        })
        .collect())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    sqlx::query("create table if not exists reading (celsius int not null)")
        .execute(pgq.pool())
        .await?;

    record::enqueue_many(&pgq, (0..250).map(|number| number % 40)).await?;
    let wrong = record::enqueue(&pgq, 400).await?;

    let report = pgq::run().url(database.url()).until_idle().await?;
    println!("{} completed, {} failed", report.completed, report.failed);
    if let Err(error) = wrong.wait(&pgq).await {
        println!("{error}");
    }
    Ok(())
}
