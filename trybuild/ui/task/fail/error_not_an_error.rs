pub struct MailError;

#[pgq::task]
async fn send() -> Result<(), MailError> {
    Ok(())
}

fn main() {}
