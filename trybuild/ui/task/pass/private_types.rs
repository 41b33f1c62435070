//! Types that are less visible than the task cause no more than the lint on the fn itself.
#![deny(warnings)]

pub mod tasks {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Email;
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Receipt;
    struct Mailer;
    #[derive(Debug)]
    struct MailError;

    impl std::fmt::Display for MailError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("lost")
        }
    }

    impl std::error::Error for MailError {}

    #[pgq::task]
    #[allow(private_interfaces)]
    pub async fn send(mailer: &Mailer, email: Email) {
        let _ = (mailer, email);
    }

    #[pgq::task]
    async fn private(mailer: &Mailer, email: Email) -> Result<Receipt, MailError> {
        let _ = (mailer, email);
        Ok(Receipt)
    }

    #[pgq::task]
    pub(super) async fn between(id: u8) -> Result<(), std::fmt::Error> {
        let _ = id;
        Ok(())
    }

    /// Uses them all.
    pub fn main() {
        let _ = send::job(Email);
        let _ = private::job(Email);
        let _ = between::job(1);
    }
}

fn main() {
    tasks::main();
    let _ = tasks::between::job(1);
}
