#[pgq::task]
async fn send() -> u64 {
    1
}

async fn enqueue(enqueuer: impl pgq::Enqueuer) {
    let _ = send::enqueue(enqueuer).await;
}

fn main() {}
