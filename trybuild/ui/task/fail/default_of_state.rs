pub struct Mailer;

#[pgq::task]
async fn send(#[default] mailer: &Mailer) {
    let _ = mailer;
}

fn main() {}
