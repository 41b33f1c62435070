//! A copy of the repository to make mistakes in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// A copy that is kept from one run to the next, so that only what has changed is compiled.
#[derive(Debug)]
pub struct Copy {
    tree: PathBuf,
}

impl Copy {
    /// Brings the copy up to date with the repository, files that are not committed included.
    ///
    /// # Errors
    ///
    /// Fails if git does not list the files, or they cannot be copied.
    pub fn refresh(repository: &Path, tree: &Path) -> anyhow::Result<Self> {
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(repository)
            .output()
            .context("cannot run git")?;
        ensure!(listed.status.success(), "git lists no files");
        let listed = String::from_utf8(listed.stdout)?;
        let mut wanted = BTreeSet::new();
        for name in listed.split_terminator('\0') {
            // Git also lists what was removed and not yet committed.
            if repository.join(name).symlink_metadata().is_ok() {
                copy(&repository.join(name), &tree.join(name)).context(name.to_owned())?;
                wanted.insert(tree.join(name));
            }
        }
        remove_others(tree, &wanted)?;
        Ok(Self {
            tree: tree.to_owned(),
        })
    }

    /// Returns the root of the copy.
    #[must_use]
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Replaces the text of a file, and returns what it was.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or written, or `change` does not apply.
    pub fn change(
        &self,
        file: &str,
        change: impl FnOnce(&str) -> Option<String>,
    ) -> anyhow::Result<String> {
        let path = self.tree.join(file);
        let before = fs::read_to_string(&path).context(file.to_owned())?;
        let after = change(&before)
            .with_context(|| format!("the text to replace is not in {file} exactly once"))?;
        fs::write(&path, after)?;
        Ok(before)
    }
}

/// Copies a file or a link, unless the copy is the same.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if from.is_symlink() {
        let target = fs::read_link(from)?;
        if fs::read_link(to).ok().as_ref() != Some(&target) {
            let _ = fs::remove_file(to);
            link(&target, to)?;
        }
        return Ok(());
    }
    let text = fs::read(from)?;
    if to.is_symlink() || fs::read(to).ok().as_ref() != Some(&text) {
        let _ = fs::remove_file(to);
        fs::write(to, text)?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Removes the files that the repository has no more.
fn remove_others(directory: &Path, wanted: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
