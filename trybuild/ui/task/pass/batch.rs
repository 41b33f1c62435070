//! Tasks that are given many jobs in one call.

use pgq::{TaskError, TaskOptions};

pub struct Mailer;

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Email {
    pub to: String,
}

#[pgq::task(batch(max = 100, wait = "50ms"))]
pub async fn send(
    mailer: &Mailer,
    context: &pgq::Context,
    emails: Vec<Email>,
) -> Vec<Result<u64, TaskError>> {
    let _ = (mailer, context);
    emails.iter().map(|_| Ok(1)).collect()
}

#[pgq::task(batch(max = 2))]
async fn note(mut numbers: std::vec::Vec<Option<i32>>) {
    numbers.clear();
}

#[pgq::task(batch(max = 2), queue = "numbers", timeout = "1s")]
async fn fallible(numbers: Vec<Vec<u8>>) -> Result<(), std::io::Error> {
    drop(numbers);
    Ok(())
}

#[pgq::task(batch(max = 2))]
async fn both(numbers: Vec<u8>) -> anyhow::Result<Vec<Result<(), String>>> {
    Ok(numbers.iter().map(|_| Ok(())).collect())
}

#[allow(dead_code)]
async fn enqueue(enqueuer: impl pgq::Enqueuer + Copy) -> Result<(), pgq::EnqueueError> {
    let to = "ada@example.com".to_owned();
    let _: pgq::JobHandle<u64> = send::enqueue(enqueuer, Email { to }).await?;
    note::enqueue(enqueuer, Some(1)).await?;
    fallible::job(vec![1]).priority(1).enqueue(enqueuer).await?;
    let _: Vec<pgq::JobHandle<()>> = both::enqueue_many(enqueuer, [1, 2]).await?;
    Ok(())
}

fn main() {
    let options: TaskOptions = <send as pgq::Task>::OPTIONS;
    assert_eq!(options.batch.map(|batch| batch.max), Some(100));
}
