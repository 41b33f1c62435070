//! Directories that are filled under a temporary name and renamed when they are complete.

use std::fs;
use std::path::{Path, PathBuf};

use super::{EmbeddedError, platform};

/// A new directory that is removed at the end of its scope.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a directory for `purpose` below `parent`, and removes those of the same purpose that
    /// killed processes left. The caller holds the lock of the purpose.
    pub(super) fn create(parent: &Path, purpose: &str) -> Result<Self, EmbeddedError> {
        let prefix = format!(".{purpose}.partial");
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = unique(parent, &prefix);
        platform::create_private_directory(&path).map_err(EmbeddedError::io("create", &path))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Returns a path below `parent` that nobody else has.
pub(super) fn unique(parent: &Path, prefix: &str) -> PathBuf {
    let random: String = std::iter::repeat_with(fastrand::alphanumeric)
        .take(12)
        .collect();
    parent.join(format!("{prefix}-{random}"))
}
