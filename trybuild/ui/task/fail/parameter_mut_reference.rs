pub struct Mailer;

#[pgq::task]
async fn send(mailer: &mut Mailer) {
    let _ = mailer;
}

fn main() {}
