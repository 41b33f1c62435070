//! Finding the binaries of PostgreSQL.

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Account;
use super::notice::Notices;
use super::provision::{self, Source};
use super::{EmbeddedError, Version, cache, program};

/// Places where packages put binaries: a directory, the start of the names in it, and what follows.
const PLACES: [(&str, &str, &str); 8] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The binaries of one PostgreSQL server: a directory with at least `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    directory: PathBuf,
    version: Version,
}

impl Binaries {
    /// Takes the binaries in `directory`, the `bin` of an installation.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::NotBinaries`] if there are none that work, [`EmbeddedError::TooOld`] if
    /// they are older than version 14, [`EmbeddedError::Unreachable`] if this process is root and
    /// the account of the server cannot enter the directory.
    pub fn at(directory: impl AsRef<Path>) -> Result<Self, EmbeddedError> {
        Self::explicit(directory.as_ref(), &Account::of_server()?)
    }

    /// Finds binaries on this machine, and gets none from elsewhere.
    ///
    /// The first of: the directory in `PGQ_PG_BINDIR`; `PATH`; what `pg_config --bindir` prints;
    /// the newest in the places of the usual packages; the newest that was
    /// [provisioned](Self::provision). Binaries older than version 14, or that do not run, are
    /// passed over.
    ///
    /// # Errors
    ///
    /// Those of [`Binaries::at`] if `PGQ_PG_BINDIR` is set.
    pub fn find() -> Result<Option<Self>, EmbeddedError> {
        Self::search(&Account::of_server()?, None)
    }

    /// Gets binaries from `source` into the cache, unless they are there already.
    ///
    /// The cache is `PGQ_CACHE_DIR`; else `/var/cache/pgq` for root; else `pgq` in
    /// `XDG_CACHE_HOME` or in `~/.cache`. Processes may do this at the same time.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Provision`] if the source does not have that version for this platform, or
    /// its client is missing or failed.
    pub fn provision(source: Source) -> Result<Self, EmbeddedError> {
        provision::get(source, &Account::of_server()?, &Notices::default())
    }

    /// Returns the directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the version of the server.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns binaries that were named by the user.
    pub(super) fn explicit(directory: &Path, account: &Account) -> Result<Self, EmbeddedError> {
        let directory = directory
            .canonicalize()
            .map_err(|error| EmbeddedError::NotBinaries {
                directory: directory.to_owned(),
                reason: error.to_string(),
            })?;
        account.check_reach(&directory)?;
        let binaries =
            Self::probe(&directory, account).map_err(|reason| EmbeddedError::NotBinaries {
                directory: directory.clone(),
                reason,
            })?;
        if binaries.version.major() < Version::OLDEST_MAJOR {
            return Err(EmbeddedError::TooOld {
                directory,
                version: binaries.version,
            });
        }
        Ok(binaries)
    }

    /// Finds binaries, of the major version `wanted` if there are any.
    pub(super) fn search(
        account: &Account,
        wanted: Option<u16>,
    ) -> Result<Option<Self>, EmbeddedError> {
        if let Some(named) = env::var_os("PGQ_PG_BINDIR").filter(|value| !value.is_empty()) {
            return Self::explicit(Path::new(&named), account).map(Some);
        }
        let mut first = None;
        for directory in candidates(account) {
            let Ok(binaries) = Self::probe(&directory, account) else {
                continue;
            };
            let major = binaries.version.major();
            if major < Version::OLDEST_MAJOR {
                tracing::debug!(?binaries, "passed over: too old");
            } else if wanted.is_none_or(|wanted| wanted == major) {
                return Ok(Some(binaries));
            } else {
                first = first.or(Some(binaries));
            }
        }
        Ok(first)
    }

    /// Asks the server in `directory` for its version, as the account that has to run it.
    pub(super) fn probe(directory: &Path, account: &Account) -> Result<Self, String> {
        if !is_complete(directory) {
            return Err("they are missing".to_owned());
        }
        let line = program::output(
            account
                .command(&directory.join("postgres"))
                .arg("--version"),
        )?;
        let version = Version::parse(&line).ok_or_else(|| format!("their version is `{line}`"))?;
        Ok(Self {
            directory: directory.to_owned(),
            version,
        })
    }

    /// Checks that `initdb` runs too; what a package manager installed needs no such doubt.
    pub(super) fn check_initdb(&self, account: &Account) -> Result<(), String> {
        program::output(account.command(&self.program("initdb")).arg("--version")).map(drop)
    }

    /// Returns the path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Returns the directories that may have binaries, the best first; each is looked for only when
/// those before it were of no use.
fn candidates(account: &Account) -> impl Iterator<Item = PathBuf> {
    in_path()
        .into_iter()
        .chain(iter::once_with(from_pg_config).flatten())
        .chain(PLACES.into_iter().flat_map(in_place))
        .chain(iter::once_with(|| provisioned(account)).flatten())
}

fn in_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(|directory| directory.is_absolute() && is_complete(directory))
        .map(|directory| {
            // Links, as in `/usr/local/bin`: one installation is one directory.
            let real = directory.join("postgres").canonicalize().ok();
            real.and_then(|postgres| postgres.parent().map(Path::to_owned))
                .filter(|directory| is_complete(directory))
                .unwrap_or(directory)
        })
        .collect()
}

fn from_pg_config() -> Option<PathBuf> {
    let line = program::output(
        Command::new("pg_config")
            .arg("--bindir")
            .stdin(Stdio::null()),
    );
    line.ok().map(|line| PathBuf::from(line.trim()))
}

fn provisioned(account: &Account) -> Vec<PathBuf> {
    cache::directory(account)
        .map(|cache| in_place((&cache.to_string_lossy(), provision::PREFIX, "bin")))
        .unwrap_or_default()
}

fn in_place((parent, prefix, suffix): (&str, &str, &str)) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let major = leading_number(name.strip_prefix(prefix)?);
            // The directory itself: links, as Homebrew's, move on to other versions.
            let directory = entry.path().join(suffix).canonicalize().ok()?;
            Some((major, directory))
        })
        .collect();
    found.sort_by_key(|(major, _)| Reverse(*major));
    found.into_iter().map(|(_, directory)| directory).collect()
}

/// Reads the `17` of `17`, `@17` or `17-npm`; no number counts as the oldest.
fn leading_number(name: &str) -> u32 {
    name.trim_start_matches('@')
        .split(|part: char| !part.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn is_complete(directory: &Path) -> bool {
    directory.join("initdb").is_file() && directory.join("postgres").is_file()
}
