//! The partitions of what is left of jobs.
//!
//! A series holds the rows of one table that are kept for the same time. Its partitions follow
//! each other on the hours from 1970, each a quarter of that time wide, so that a partition whose
//! last row has been kept for long enough holds nothing that is much older.
//!
//! `plan.rs` says what is to be done, `make.rs` makes partitions, and `prune.rs` drops them, after `apart.rs` has
//! deleted what else there is of their jobs.

mod apart;
mod make;
mod plan;
mod prune;

use super::schema::Schema;
use crate::job::{Retain, Retention};

pub(super) use self::make::make;

/// The states of `finished` that jobs end in today, by the number in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finished {
    Completed = 1,
    Failed = 2,
    Cancelled = 3,
    Expired = 4,
}

/// Partitions of one table that follow each other in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Series {
    Finished(Finished, Retention),
    Result(Retention),
    Failure(Retention),
}

/// One partition of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Partition {
    pub(super) series: Series,
    /// In hours from 1970.
    pub(super) begin: i64,
}

impl Finished {
    const ALL: [Self; 4] = [
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i16 == number)
    }
}

impl Series {
    /// What jobs leave behind that are kept like that.
    fn of(retain: Retain) -> [Self; 6] {
        [
            Self::Finished(Finished::Completed, retain.completed),
            Self::Finished(Finished::Cancelled, retain.completed),
            Self::Finished(Finished::Expired, retain.completed),
            Self::Finished(Finished::Failed, retain.failed),
            Self::Result(retain.result),
            Self::Failure(retain.failed),
        ]
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Finished(..) => "finished",
            Self::Result(_) => "result",
            Self::Failure(_) => "failure",
        }
    }

    const fn retention(self) -> Retention {
        match self {
            Self::Finished(_, retention) | Self::Result(retention) | Self::Failure(retention) => {
                retention
            }
        }
    }

    /// How much time a partition covers, in hours.
    fn width(self) -> i64 {
        (i64::from(self.retention().hours()) / 4).max(1)
    }

    /// The partition that a row of `hour` goes to.
    fn at(self, hour: i64) -> Partition {
        Partition {
            series: self,
            begin: hour - hour.rem_euclid(self.width()),
        }
    }

    /// The columns of the key before the time.
    fn key(self) -> String {
        match self {
            Self::Finished(state, retention) => format!("{}, {}", state as u8, retention.hours()),
            Self::Result(retention) | Self::Failure(retention) => retention.hours().to_string(),
        }
    }
}

impl Partition {
    pub(super) fn name(self) -> String {
        let key = self.series.key().replace(", ", "_");
        format!("{}_{key}_{}", self.series.table(), self.begin)
    }

    /// The partition that has exactly this name. Whatever has another one is not pgq's.
    fn from_name(name: &str) -> Option<Self> {
        let (rest, begin) = name.rsplit_once('_')?;
        let (rest, hours) = rest.rsplit_once('_')?;
        let retention = Retention::from_hours(hours.parse().ok()?)?;
        let series = match rest {
            "result" => Series::Result(retention),
            "failure" => Series::Failure(retention),
            _ => {
                let state = rest.strip_prefix("finished_")?.parse().ok()?;
                Series::Finished(Finished::from_number(state)?, retention)
            }
        };
        let partition = series.at(begin.parse().ok()?);
        // Leading zeros, signs, and hours at which no partition begins.
        (partition.name() == name).then_some(partition)
    }

    fn end(self) -> i64 {
        self.begin + self.series.width()
    }

    /// Whether its last row has been kept for long enough at the beginning of `hour`.
    fn has_expired(self, hour: i64) -> bool {
        self.end() + i64::from(self.series.retention().hours()) <= hour
    }

    /// With its schema.
    fn qualified(self, schema: &Schema) -> String {
        format!("\"{schema}\".\"{}\"", self.name())
    }

    /// With its schema, the table that it is a partition of.
    fn parent(self, schema: &Schema) -> String {
        format!("\"{schema}\".{}", self.series.table())
    }
}
