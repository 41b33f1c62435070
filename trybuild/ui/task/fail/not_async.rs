#[pgq::task]
fn tidy(days: u8) -> Result<u8, std::fmt::Error> {
    Ok(days)
}

async fn enqueue(enqueuer: impl pgq::Enqueuer + Copy) -> Result<(), pgq::EnqueueError> {
    // What names the task has no second error.
    let _: pgq::JobHandle<u8> = tidy::enqueue(enqueuer, 7).await?;
    let _ = tidy::enqueue_many(enqueuer, [7]).await?;
    let _ = tidy(7).is_ok();
    Ok(())
}

fn main() {}
