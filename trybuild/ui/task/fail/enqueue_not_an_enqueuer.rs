#[pgq::task]
async fn send() {}

async fn enqueue() {
    let _ = send::enqueue(&1).await;
}

fn main() {}
