//! Why a server and this program did not come together: certificates, keys, passwords, rules.
//!
//! The library of TLS says it in types where it is rustls, otherwise in words; the server says it
//! in an alert of TLS, or in an error with a code, which is less than there is to say.

mod options;
mod server;
mod tls;

use sqlx::Error;

pub(super) use self::options::Asked;
use crate::driver::DriverErrorKind;

/// Why a connection was refused, by whichever side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) kind: DriverErrorKind,
    /// What is wrong.
    pub(super) cause: String,
    /// What to do about it.
    pub(super) advice: String,
}

impl Refusal {
    /// Reads an error; `None` if it is about something else. `asked` is what the connection was asked
    /// to be, where that is known.
    pub(super) fn of(error: &Error, asked: Option<&Asked>) -> Option<Self> {
        match error {
            Error::Database(refused) => server::refusal(refused.as_ref(), asked),
            error => tls::refusal(error, asked),
        }
    }

    fn tls(cause: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(DriverErrorKind::Tls, cause, advice)
    }

    fn authentication(cause: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(DriverErrorKind::Authentication, cause, advice)
    }

    fn new(kind: DriverErrorKind, cause: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            kind,
            cause: cause.into(),
            advice: advice.into(),
        }
    }
}
