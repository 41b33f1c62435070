#[derive(serde::Serialize)]
pub struct Email;

#[pgq::task]
async fn send(emails: Vec<Email>) {
    let _ = emails;
}

fn main() {}
