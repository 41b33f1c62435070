//! A task may be written in the body of a fn, with types of that body.
#![deny(warnings)]

use pgq::Task;

fn main() {
    struct Mailer;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Email {
        to: String,
    }

    #[pgq::task]
    async fn send(mailer: &Mailer, email: Email) -> Result<Email, std::fmt::Error> {
        let _ = mailer;
        Ok(email)
    }

    let email = Email { to: String::new() };
    let _ = send(&Mailer, email);
    let _ = send::job(Email { to: String::new() });
    assert_eq!(send::NAME, "send");
    let _: fn(<send as Task>::Output) -> String = |email| email.to;
}
