//! What is asked of a [`Driver`](super::Driver) about limits of the whole fleet.

use std::time::Duration;

use super::{Claim, Claimed};
use crate::job::JobId;
use crate::limit::{FleetRate, Limited};

/// A claim of jobs that are under limits.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The claim; its `limit` is what the worker has room for.
    pub claim: Claim,
    /// The limits that the worker has no permits of for these jobs.
    pub permits: Vec<PermitAsk>,
    /// How many jobs it takes beyond those that it may run at once.
    pub prefetch: usize,
    /// The task whose rate the jobs are under, each of which takes a token.
    pub rate: Option<String>,
    /// The task whose jobs have keys, if they have.
    pub keys: Option<KeyAsk>,
}

/// Asks for jobs whose keys are free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAsk {
    /// The name that the keys of the task go by, whatever it is called now.
    pub task: String,
    /// All names of the task.
    pub names: Vec<String>,
    /// How many jobs of one concurrency key run at once; `None`: no limit.
    pub running: Option<u32>,
    /// How many jobs of one rate key start in a time; `None`: no limit.
    pub rate: Option<FleetRate>,
    /// Jobs that may hold their keys no more. The storage keeps that in mind: they need not be named
    /// again once it has answered, unless with [`Claimed::Contended`].
    pub ended: Vec<JobId>,
    /// Whether any job may. Where that would be too many to look at, it may be some of them, and others
    /// the next time.
    pub all: bool,
}

/// Asks for permits: so many jobs under a limit a worker may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitAsk {
    /// The limit.
    pub limit: Limited,
    /// How many permits it uses. They are not taken from it.
    pub in_use: u32,
    /// How many jobs under the limit it has claimed before that have not started.
    pub waiting: u32,
    /// How many it could use, those included.
    pub wants: u32,
}

/// The answer to an [`Ask`].
#[derive(Debug)]
pub struct Asked {
    /// The jobs; none as well where there are some but no permits or tokens. [`Claimed::Contended`] as
    /// well while another worker asks for the same: then nothing of the ask was looked at.
    pub claimed: Claimed,
    /// How many permits the worker has now of each limit that it asked for. Empty if nothing has
    /// changed.
    pub permits: Vec<u32>,
    /// Jobs wait that could not be taken for want of permits or tokens: ask again after this time.
    pub again: Option<Duration>,
    /// Jobs wait for tokens of their keys: ask then as well. What else is there can be asked for before.
    pub turn: Option<Duration>,
}

/// What a worker has of a limit, and what the others have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allotment {
    /// The limit.
    pub limit: Limited,
    /// The most permits there are; `None` if there is no limit any more.
    pub max: Option<u32>,
    /// How many permits the other workers have, and how many they have use for.
    pub others: Vec<(u32, u32)>,
}

impl Allotment {
    /// A limit that no other worker has permits of.
    #[must_use]
    pub const fn new(limit: Limited, max: Option<u32>) -> Self {
        Self {
            limit,
            max,
            others: Vec::new(),
        }
    }
}

/// Permits that a worker keeps; it gives back the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The limit.
    pub limit: Limited,
    /// How many permits it keeps: not more than it has.
    pub permits: u32,
    /// How many it has use for.
    pub wants: u32,
}
