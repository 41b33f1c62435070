#[pgq::task]
async fn send(mailer: &&String) {
    let _ = mailer;
}

fn main() {}
