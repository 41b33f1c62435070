//! Versions of PostgreSQL.

use std::fmt;

/// A version of PostgreSQL, as in 17.10; a beta counts as minor version 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// The oldest major version that an embedded cluster may have.
    pub const OLDEST_MAJOR: u16 = 14;

    /// Reads what `postgres --version` prints.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let text = line
            .split_whitespace()
            .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self {
            major: leading_number(major)?,
            minor: leading_number(minor)?,
        })
    }

    /// Returns the major version, as in 17; data directories of different ones do not mix.
    #[must_use]
    pub fn major(self) -> u16 {
        self.major
    }

    /// Returns the minor version, as in 10.
    #[must_use]
    pub fn minor(self) -> u16 {
        self.minor
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Reads `18` from `18beta1`.
fn leading_number(text: &str) -> Option<u16> {
    text.split(|part: char| !part.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_every_vendors_line() {
        let cases = [
            ("postgres (PostgreSQL) 17.10", (17, 10)),
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                (15, 18),
            ),
            ("postgres (PostgreSQL) 18beta1", (18, 0)),
            ("postgres (PostgreSQL) 19devel", (19, 0)),
            ("postgres (EnterpriseDB) 16.4.0", (16, 4)),
            ("postgres (PostgreSQL) 9.6.24", (9, 6)),
        ];

        for (line, (major, minor)) in cases {
            assert_eq!(
                Version::parse(line),
                Some(Version { major, minor }),
                "{line}"
            );
        }
        assert_eq!(Version::parse("postgres: not found"), None);
    }
}
