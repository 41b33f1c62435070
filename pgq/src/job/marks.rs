//! [`Marks`].

use std::ops::BitOr;

/// Which rows a job has beside its own, as bits of the column `marks`: a statement touches other
/// tables for the jobs that say so, and costs the others nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(i16);

impl Marks {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// It has keys that limits of its task go by.
    pub const KEYED: Self = Self(1);
    /// It holds unique keys, which are free again when it has ended.
    pub const UNIQUE: Self = Self(2);
    /// It has a [`Detail`](super::Detail).
    pub const DETAIL: Self = Self(4);
    /// No attempt of it has begun, and it expires.
    pub const EXPIRES: Self = Self(8);
    /// An attempt of it may have begun, so that no other job takes its place.
    pub const BEGUN: Self = Self(16);

    /// Two workers or more died with it, and no attempt of it has ended since: of such jobs a worker
    /// holds one at a time. The two bits below count the workers that died when it was the only one to
    /// blame.
    pub const SUSPECT: Self = Self(256);

    /// Its enqueuer did not have the code of its task: who claims it makes the keys that it goes by, if the
    /// task has any, before it runs.
    pub const UNREAD: Self = Self(512);
    /// Of such a job: whether there is another that is the same is to be seen then.
    pub const UNCOMPARED: Self = Self(1024);

    /// Makes marks from the number in the column `marks`.
    #[must_use]
    pub const fn from_i16(bits: i16) -> Self {
        Self(bits)
    }

    /// Returns the number in the column `marks`.
    #[must_use]
    pub const fn as_i16(self) -> i16 {
        self.0
    }

    /// Returns `true` if all of `marks` are set.
    #[must_use]
    pub const fn has(self, marks: Self) -> bool {
        self.0 & marks.0 == marks.0
    }
}

impl Marks {
    /// The same marks without those of `marks`.
    #[must_use]
    pub const fn without(self, marks: Self) -> Self {
        Self(self.0 & !marks.0)
    }
}

impl BitOr for Marks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
