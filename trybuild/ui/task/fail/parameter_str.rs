#[pgq::task]
async fn send(to: &str) {
    let _ = to;
}

async fn enqueue(enqueuer: impl pgq::Enqueuer) {
    let _ = send::enqueue(enqueuer, "me").await;
}

fn main() {}
