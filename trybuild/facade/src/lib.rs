//! A crate through which others use the library, and which knows it by another name.
//!
//! Its lints are those that generated code must be clean under, clippy's pedantic ones included.
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::allow_attributes_without_reason,
    clippy::str_to_string,
    clippy::unwrap_used
)]

pub use jobs;

/// Shared.
#[derive(Debug)]
pub struct Mailer;

/// Sent.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Email {
    to: String,
}

/// Sends.
///
/// # Errors
///
/// Never.
#[jobs::task(crate = jobs, queue = "mail", timeout = "1h")]
pub async fn send(
    mailer: &Mailer,
    email: Email,
    #[default] copies: u8,
    #[cfg(not(any()))] context: &jobs::Context,
    #[secret] token: Option<String>,
) -> Result<String, std::fmt::Error> {
    let _ = (mailer, copies, context, token);
    Ok(std::future::ready(email.to).await)
}

/// Renders.
#[jobs::task(crate = "jobs", blocking)]
pub fn render(mailer: &Mailer, template: String, #[default = 100] width: u32) {
    let _ = (mailer, &template, width.to_string());
}

/// Tidies.
#[jobs::cron("0 3 * * *", crate = jobs)]
pub async fn tidy(mailer: &Mailer) {
    std::future::ready(mailer).await;
}

#[jobs::task(crate = jobs)]
async fn private(mut id: u64) {
    id += 1;
    std::future::ready(id).await;
}

/// Makes a task.
#[macro_export]
macro_rules! task {
    ($name:ident: $input:ty) => {
        #[$crate::jobs::task(crate = $crate::jobs)]
        async fn $name(input: $input, #[cfg(any())] gone: u8, #[default] added: bool) {
            ::std::future::ready((input, added)).await;
        }
    };
}

task!(made_here: u8);
