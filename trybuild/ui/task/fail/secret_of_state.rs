pub struct Mailer;

#[pgq::task]
async fn send(#[secret] mailer: &Mailer) {
    let _ = mailer;
}

fn main() {}
