pub struct Email;

#[pgq::task]
async fn send(id: u64, email: Email) {
    let _ = (id, email);
}

async fn enqueue(enqueuer: impl pgq::Enqueuer + Copy) {
    let _ = send::enqueue(enqueuer, 1, Email).await;
    let _ = send::job(1, Email).enqueue(enqueuer).await;
}

fn main() {}
