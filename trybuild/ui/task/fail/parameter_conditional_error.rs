#[pgq::task(priority = 11)]
async fn send(#[cfg(all())] to: &str, #[cfg(any())] gone: &mut str) {
    let _ = to;
}

async fn enqueue(enqueuer: impl pgq::Enqueuer) -> Result<(), pgq::EnqueueError> {
    // What names the task has no second error.
    let _ = send::enqueue(enqueuer, "me").await?;
    Ok(())
}

fn main() {}
