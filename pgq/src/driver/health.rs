//! [`Finding`]: what is wrong with a storage, or may become so.

use std::fmt;

use async_trait::async_trait;

use super::{DriverError, DriverErrorKind};

/// What a storage knows about its own health.
#[async_trait]
pub trait HealthDriver {
    /// Looks for whatever keeps jobs from being enqueued or run as promised, and returns all of it, errors
    /// first. What cannot be looked at is left out.
    ///
    /// # Errors
    ///
    /// Fails only if the storage cannot be asked.
    async fn check_health(&self, _: HealthCheck) -> Result<Vec<Finding>, DriverError> {
        Ok(Vec::new())
    }
}

/// Who asks for the health of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthCheck {
    /// A worker that is about to start.
    Start {
        /// It migrates the schema itself, so that an old or a missing one is no finding.
        migrates: bool,
        /// It goes on until it is stopped, and so depends on wake-ups.
        listens: bool,
        /// How many jobs it runs at once.
        concurrency: usize,
    },
    /// A worker that runs, about once a minute: only what changes by itself, and is cheap to look at.
    Running,
}

/// One thing that is wrong, or may become so.
///
/// ```
/// # async fn example(pgq: &pgq::Pgq) -> pgq::Result<()> {
/// for finding in pgq.check_health().await? {
///     println!("{}: {}", finding.code, finding.problem);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub code: FindingCode,
    /// Whether a worker can start in spite of it.
    pub severity: Severity,
    /// What is wrong: a phrase in lowercase, without a full stop.
    pub problem: String,
    /// What to do about it.
    pub advice: String,
}

/// What becomes of a worker that meets a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing could work, or a promise would be broken: it does not start. One that runs goes on, because
    /// somebody may be mending it; but not if the schema does not admit its version any more.
    Error,
    /// It runs, and warns.
    Warning,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $severity:ident $text:literal,)*) => {
        /// What a [`Finding`] is about. The [page about each](crate::troubleshooting) says what to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FindingCode {
            $($(#[$doc])* $name,)*
        }

        impl FindingCode {
            /// Every code, those of errors first.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name that logs and scripts know it by; it never changes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                }
            }
        }
    };
}

codes! {
    /// The server is older than the oldest version that is supported.
    ServerTooOld Error "server-too-old",
    /// The server is a standby.
    Standby Error "standby",
    /// Transactions only read unless they say otherwise.
    ReadOnly Error "read-only",
    /// Transactions have another isolation level than `read committed` unless they say otherwise.
    IsolationLevel Error "isolation-level",
    /// The text of the database is not in UTF-8.
    Encoding Error "encoding",
    /// Two connections are one session of the server: there is a pooler in transaction mode.
    SharedSession Error "shared-session",
    /// The application's connections are in a transaction that nobody has begun for the call.
    InTransaction Error "in-transaction",
    /// The schema does not exist.
    SchemaMissing Error "schema-missing",
    /// The schema is older than this version of pgq.
    SchemaOlder Error "schema-older",
    /// The schema is newer than this version of pgq, or was not made by it.
    SchemaNewer Error "schema-newer",
    /// Tables, columns or functions are not as the migrations have made them.
    SchemaAltered Error "schema-altered",
    /// The user lacks rights that a worker needs.
    GrantsMissing Error "grants-missing",
    /// The user does not own the tables, and so cannot keep the history.
    NotOwner Error "not-owner",
    /// An index is missing, or is not valid.
    IndexMissing Warning "index-missing",
    /// The database is a template of others.
    TemplateDatabase Warning "template-database",
    /// The settings of the worker's sessions do not reach the server.
    SettingsIgnored Warning "settings-ignored",
    /// Wake-ups are not delivered.
    NotListening Warning "not-listening",
    /// A time limit of the user, the database or the server is too short.
    TimeoutTooShort Warning "timeout-too-short",
    /// The application's pool has too few connections.
    PoolTooSmall Warning "pool-too-small",
    /// Few connections are left, or fewer are allowed than a worker needs.
    ConnectionsScarce Warning "connections-scarce",
    /// The clocks of this process and of the server differ.
    ClockDifference Warning "clock-difference",
    /// The server's queue of notifications fills up.
    NotificationQueue Warning "notification-queue",
}

impl FindingCode {
    /// The kind of an error that has this finding and no other.
    const fn kind(self) -> DriverErrorKind {
        match self {
            Self::SchemaMissing => DriverErrorKind::SchemaMissing,
            Self::SchemaOlder => DriverErrorKind::SchemaOlder,
            Self::SchemaNewer => DriverErrorKind::SchemaNewer,
            _ => DriverErrorKind::Configuration,
        }
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Finding {
    /// Makes a finding of the severity of its code.
    pub fn new(code: FindingCode, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            problem: problem.into(),
            advice: advice.into(),
        }
    }

    /// Makes a finding that is less bad than others of its code.
    pub(crate) fn warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            problem,
            advice,
            ..
        } = self;
        write!(f, "{code}: {problem}; {advice}")
    }
}

impl DriverError {
    /// Makes one error of all findings that are errors; `None` if there are none.
    ///
    /// Its kind is [`DriverErrorKind::Configuration`], or one of the schema's if there is no finding but
    /// that.
    #[must_use]
    pub fn of_findings(findings: &[Finding]) -> Option<Self> {
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        let errors: Vec<Finding> = findings.iter().filter(is_error).cloned().collect();
        let error = match &*errors {
            [] => return None,
            [only] => {
                let problem = match only.code.kind() {
                    DriverErrorKind::Configuration => format!("{}: {}", only.code, only.problem),
                    _ => only.problem.clone(),
                };
                Self::new(only.code.kind(), problem).with_advice(&*only.advice)
            }
            all => {
                let lines: String = all.iter().map(|finding| format!("\n- {finding}")).collect();
                let problem = format!("{} problems with the database:{lines}", all.len());
                Self::new(DriverErrorKind::Configuration, problem)
            }
        };
        Some(error.with_findings(errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_first_among_the_codes_and_names_are_told_apart() {
        assert!(FindingCode::ALL.is_sorted_by_key(|code| code.severity()));
        let names = FindingCode::ALL.iter().map(|code| code.as_str());
        let names: std::collections::BTreeSet<_> = names.collect();
        assert_eq!(names.len(), FindingCode::ALL.len());
    }

    #[test]
    fn one_error_has_every_finding_that_is_one() {
        let standby = Finding::new(FindingCode::Standby, "it is a standby", "go elsewhere");
        let missing = Finding::new(FindingCode::SchemaMissing, "nothing is there", "migrate");
        let clock = Finding::new(FindingCode::ClockDifference, "it is late", "set it");
        let of = |findings: &[&Finding]| {
            let findings: Vec<Finding> = findings.iter().map(|&finding| finding.clone()).collect();
            let error = DriverError::of_findings(&findings)?;
            Some((error.kind(), error.to_string(), error.findings().len()))
        };

        assert_eq!(of(&[&clock]), None);
        assert_eq!(
            of(&[&standby, &clock]),
            Some((
                DriverErrorKind::Configuration,
                "standby: it is a standby; go elsewhere".to_owned(),
                1
            ))
        );
        assert_eq!(
            of(&[&missing]),
            Some((
                DriverErrorKind::SchemaMissing,
                "nothing is there; migrate".to_owned(),
                1
            ))
        );
        assert_eq!(
            of(&[&standby, &missing]),
            Some((
                DriverErrorKind::Configuration,
                "2 problems with the database:\n\
                 - standby: it is a standby; go elsewhere\n\
                 - schema-missing: nothing is there; migrate"
                    .to_owned(),
                2
            ))
        );
    }
}
