//! [`DriverError`].

use std::error::Error as StdError;
use std::fmt;

use super::Finding;

/// An error of the storage.
///
/// Its message says what is wrong and what to do about it; the cause is its
/// [`source`](StdError::source).
#[derive(Debug)]
pub struct DriverError {
    kind: DriverErrorKind,
    problem: Box<str>,
    advice: Option<Box<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    findings: Box<[Finding]>,
}

/// What a caller can do about a [`DriverError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DriverErrorKind {
    /// `DATABASE_URL` is not set, and nothing else says where the database is.
    NoDatabaseUrl,
    /// The URL of the database is not one.
    InvalidDatabaseUrl,
    /// The server cannot be reached, is starting, or dropped the connection. The same call may
    /// succeed later.
    Unavailable,
    /// The server and this program cannot agree on TLS: a certificate is not trusted or has expired, a
    /// file of one is missing, or one side has no TLS. The same call may succeed later, when somebody
    /// has mended it.
    Tls,
    /// The server refused the user, the password, or whom the client certificate is of.
    Authentication,
    /// The server has no database of that name.
    DatabaseMissing,
    /// The user may not do what pgq needs.
    PermissionDenied,
    /// The schema does not exist.
    SchemaMissing,
    /// The schema is older than this version of pgq; migrate it.
    SchemaOlder,
    /// The schema is newer than this version of pgq, and does not admit it.
    SchemaNewer,
    /// The database is not set up for pgq: [`DriverError::findings`] has everything that is wrong.
    Configuration,
    /// Another client has the session in which a statement was prepared, as behind a pooler in transaction mode. It
    /// did nothing.
    SharedSession,
    /// The transaction lost a race. The same call may succeed at once.
    Conflict,
    /// The call took longer than its limit. The same call may succeed later.
    Timeout,
    /// The attempt does not hold its job any more, so the server refused to end it.
    Fenced,
    /// No worker has said that it has the task of a job that is enqueued by its name.
    UnknownTask,
    /// The server refused the data, or the statement.
    Rejected,
    /// Any other error.
    Other,
}

impl DriverErrorKind {
    /// Returns `true` if the same call may succeed later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Tls | Self::Conflict | Self::Timeout
        )
    }
}

impl DriverError {
    /// Makes an error from what is wrong: a phrase in lowercase, without a full stop.
    pub fn new(kind: DriverErrorKind, problem: impl Into<String>) -> Self {
        Self {
            kind,
            problem: problem.into().into(),
            advice: None,
            source: None,
            findings: Box::default(),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into().into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings.into();
        self
    }

    /// What a caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> DriverErrorKind {
        self.kind
    }

    /// Returns `true` if the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }

    /// What is wrong, without what to do about it.
    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it; `None` where only the cause can tell.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// What was found to be wrong when a worker started; none in other errors.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl StdError for DriverError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
