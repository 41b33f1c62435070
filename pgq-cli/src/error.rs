//! [`Failure`]: why a command did not do what it was to do.

use std::error::Error as StdError;
use std::io;
use std::process::ExitCode;

use pgq::driver::{DriverError, DriverErrorKind};
use pgq::{ChangeError, JobError, ScheduleError};

use crate::output::tell;

/// The command was refused, or failed.
const FAILED: u8 = 1;
/// The arguments are wrong, as `clap` says it.
const USAGE: u8 = 2;

/// Why a command did not do what it was to do, for people.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// What is wrong and what to do about it; nothing if it has been said, or there is nobody to tell.
    message: Option<String>,
    causes: Vec<String>,
}

impl Failure {
    /// From a sentence, in lowercase and without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            code: FAILED,
            message: Some(message.into()),
            causes: Vec::new(),
        }
    }

    /// Of arguments that do not go together.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            ..Self::new(message)
        }
    }

    /// One that has been told already.
    pub(crate) const fn told() -> Self {
        Self {
            code: FAILED,
            message: None,
            causes: Vec::new(),
        }
    }

    /// From an error, with those of its causes that say something more.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut failure = Self::new(say(error));
        let mut last = say(error);
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = say(error);
            if !last.contains(&said) {
                failure.causes.push(said.clone());
                last = said;
            }
            cause = error.source();
        }
        failure
    }

    /// Tells it on the standard error.
    pub(crate) fn tell(&self) {
        if let Some(message) = &self.message {
            tell(&format!("error: {message}"));
        }
        for cause in &self.causes {
            tell(&format!("  caused by: {cause}"));
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

/// What an error says, with the advice of this program in the place of the library's.
fn say(error: &(dyn StdError + 'static)) -> String {
    if let Some(pgq::Error::Driver(error)) = error.downcast_ref() {
        return say_driver(error);
    }
    match error.downcast_ref::<DriverError>() {
        Some(error) => say_driver(error),
        None => error.to_string(),
    }
}

fn say_driver(error: &DriverError) -> String {
    let text = error.to_string();
    let advice = match error.kind() {
        DriverErrorKind::SchemaMissing => "run `pgq migrate`, or correct `--schema`",
        DriverErrorKind::SchemaOlder => "run `pgq migrate`",
        DriverErrorKind::NoDatabaseUrl => {
            "set it to `postgres://user:password@host:5432/database`, or pass `--database-url`"
        }
        _ => return text,
    };
    let own = error.advice().map(|own| format!("; {own}"));
    let problem = own.and_then(|own| text.strip_suffix(&own).map(str::to_owned));
    format!("{}; {advice}", problem.unwrap_or(text))
}

macro_rules! failures {
    ($($error:ty),* $(,)?) => {
        $(
            impl From<$error> for Failure {
                fn from(error: $error) -> Self {
                    Self::of(&error)
                }
            }
        )*
    };
}

failures! { pgq::Error, DriverError, JobError, ScheduleError, ChangeError }

impl From<io::Error> for Failure {
    /// Whoever reads the output may have seen enough, and has closed it.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self {
                code: 0,
                ..Self::told()
            },
            _ => Self::new(format!("cannot write the output: {error}")),
        }
    }
}
