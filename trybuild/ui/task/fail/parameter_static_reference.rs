#[pgq::task]
async fn send(mailer: &'static String) {
    let _ = mailer;
}

fn main() {}
