//! [`Statement`]: SQL with its arguments, for whatever client runs it.

use std::error::Error as StdError;

use chrono::{DateTime, Utc};
use sqlx::SqlStr;

use super::error::{made, of_sqlstate};
use crate::driver::{DriverError, DriverErrorKind};

/// A statement with its arguments, which a [`Connection`](super::Connection) of any client runs.
#[derive(Clone, Debug)]
pub struct Statement {
    sql: SqlStr,
    arguments: Vec<Argument>,
    problem: &'static str,
    is_kept: bool,
}

/// An argument of a [`Statement`]; each variant is a type of PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Argument {
    /// `smallint`
    SmallInt(i16),
    /// `bigint`
    BigInt(Option<i64>),
    /// `text`
    Text(String),
    /// `bytea`
    Bytes(Option<Vec<u8>>),
    /// `timestamptz`
    Time(Option<DateTime<Utc>>),
    /// `smallint[]`
    SmallInts(Vec<i16>),
    /// `bigint[]`
    BigInts(Vec<Option<i64>>),
    /// `text[]`
    Texts(Vec<String>),
    /// `bytea[]`
    ByteStrings(Vec<Vec<u8>>),
}

impl Statement {
    /// `problem` says what has failed if it fails.
    pub(super) fn new(sql: &SqlStr, problem: &'static str) -> Self {
        Self {
            sql: sql.clone(),
            arguments: Vec::new(),
            problem,
            is_kept: true,
        }
    }

    pub(super) fn with(mut self, argument: impl Into<Argument>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// For a connection that is the application's: without the settings that make a kept plan safe, and perhaps
    /// through a pooler, behind which another session knows the name for another statement.
    pub(super) fn unnamed(mut self) -> Self {
        self.is_kept = false;
        self
    }

    /// The text, with `$1`, `$2` and so on in the places of the arguments.
    #[must_use]
    pub fn sql(&self) -> &str {
        self.sql.as_str()
    }

    /// The arguments, in the order of their numbers.
    #[must_use]
    pub fn arguments(&self) -> &[Argument] {
        &self.arguments
    }

    /// The text and the arguments.
    pub(super) fn into_parts(self) -> (SqlStr, Vec<Argument>) {
        (self.sql, self.arguments)
    }

    /// Whether the statement may be prepared once and kept for later. One that may not is planned for its
    /// arguments, as a statement without a name is. Parse it and run it in one request, or in one transaction: between
    /// two a pooler may change the session.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// What has failed, if the statement fails.
    #[must_use]
    pub fn problem(&self) -> &'static str {
        self.problem
    }

    /// The error of the statement: `sqlstate` is the code with which the server has refused it, and
    /// `constraint` the name of the constraint that the server says it violates, if it says one.
    #[must_use]
    pub fn refused(
        &self,
        sqlstate: &str,
        constraint: Option<&str>,
        source: impl StdError + Send + Sync + 'static,
    ) -> DriverError {
        made(of_sqlstate(sqlstate, constraint), self.problem, source)
    }

    /// The error of the statement if the connection was lost: the same call may succeed later.
    #[must_use]
    pub fn lost(&self, source: impl StdError + Send + Sync + 'static) -> DriverError {
        made(DriverErrorKind::Unavailable, self.problem, source)
    }
}

macro_rules! arguments {
    ($($type:ty => $variant:ident),* $(,)?) => {
        $(impl From<$type> for Argument {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

arguments! {
    i16 => SmallInt,
    Option<i64> => BigInt,
    String => Text,
    Option<Vec<u8>> => Bytes,
    Option<DateTime<Utc>> => Time,
    Vec<i16> => SmallInts,
    Vec<Option<i64>> => BigInts,
    Vec<String> => Texts,
    Vec<Vec<u8>> => ByteStrings,
}

impl From<i64> for Argument {
    fn from(value: i64) -> Self {
        Self::BigInt(Some(value))
    }
}

impl From<&str> for Argument {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Vec<i64>> for Argument {
    fn from(values: Vec<i64>) -> Self {
        Self::BigInts(values.into_iter().map(Some).collect())
    }
}
