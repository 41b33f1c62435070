//! The directory for what is made once and used by many clusters.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::{EmbeddedError, platform};

/// The cache when this process is root: the server's account cannot enter root's home.
const ROOT_CACHE: &str = "/var/cache/pgq";

/// Returns the cache directory, which exists then and can be entered by `account`.
pub(super) fn directory(account: &Account) -> Result<PathBuf, EmbeddedError> {
    let path = place(account)?;
    if !path.is_dir() {
        fs::create_dir_all(&path).map_err(EmbeddedError::io("create", &path))?;
        if *account != Account::Own {
            platform::publish(&path, false).map_err(EmbeddedError::io("open up", &path))?;
        }
    }
    account.check_reach(&path)?;
    Ok(path)
}

fn place(account: &Account) -> Result<PathBuf, EmbeddedError> {
    if let Some(path) = variable("PGQ_CACHE_DIR") {
        return std::path::absolute(&path).map_err(EmbeddedError::io("resolve", &path));
    }
    if *account != Account::Own {
        return Ok(PathBuf::from(ROOT_CACHE));
    }
    // A relative `XDG_CACHE_HOME` is invalid and to be ignored.
    variable("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("pgq"))
        .ok_or(EmbeddedError::NoCacheDirectory)
}

/// Opens the lock file for one entry of a directory.
pub(super) fn open_lock(path: &Path) -> Result<File, EmbeddedError> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(EmbeddedError::io("open", path))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
