pub trait Mailer: Send + Sync {}

#[pgq::task]
async fn send(mailer: &dyn Mailer) {
    let _ = mailer;
}

fn main() {}
