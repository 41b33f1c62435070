#[pgq::task]
async fn send(to: String, copies: u8) {
    let _ = (to, copies);
}

async fn enqueue(enqueuer: impl pgq::Enqueuer) {
    let _ = send::enqueue(enqueuer, "me".to_owned(), "two").await;
}

fn main() {}
