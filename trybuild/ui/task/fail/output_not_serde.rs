pub struct Receipt;

#[pgq::task]
async fn send() -> Result<Receipt, std::fmt::Error> {
    Ok(Receipt)
}

async fn enqueue(enqueuer: impl pgq::Enqueuer + Copy) {
    let _ = send::enqueue(enqueuer).await;
}

fn main() {}
