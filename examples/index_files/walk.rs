//! Finds the files below a folder.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use walkdir::{DirEntry, WalkDir};

/// How many files are enqueued by one statement.
const BATCH: usize = 1000;

/// How many batches may wait for the database.
const BATCHES: usize = 4;

/// A walk that goes on in a thread of its own.
pub(crate) struct Walk {
    batches: mpsc::Receiver<Vec<PathBuf>>,
    end: JoinHandle<Passed>,
}

/// What a walk did not return.
#[derive(Default)]
pub(crate) struct Passed {
    pub(crate) symlinks: u64,
    /// Pipes, sockets and devices.
    pub(crate) special: u64,
    /// Folders that cannot be read, and why.
    pub(crate) unread: Vec<(PathBuf, String)>,
}

impl Walk {
    /// Finds every regular file below `folder` but those in `except`. Symlinks are not followed.
    pub(crate) fn start(folder: &Path, except: Option<&Path>) -> Self {
        let (sender, batches) = mpsc::channel(BATCHES);
        let (folder, except) = (folder.to_owned(), except.map(Path::to_owned));
        let end = tokio::task::spawn_blocking(move || walk(&folder, except.as_deref(), &sender));
        Self { batches, end }
    }

    /// Returns the next files, as paths below the folder.
    pub(crate) async fn next(&mut self) -> Option<Vec<PathBuf>> {
        self.batches.recv().await
    }

    pub(crate) async fn end(self) -> anyhow::Result<Passed> {
        Ok(self.end.await?)
    }
}

fn walk(folder: &Path, except: Option<&Path>, batches: &mpsc::Sender<Vec<PathBuf>>) -> Passed {
    let below = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_owned();
    let mut passed = Passed::default();
    let mut batch = Vec::with_capacity(BATCH);
    let entries = WalkDir::new(folder)
        .follow_links(false)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry: &DirEntry| Some(entry.path()) != except);
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_file() => batch.push(below(entry.path())),
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) if entry.file_type().is_symlink() => passed.symlinks += 1,
            Ok(_) => passed.special += 1,
            Err(error) => {
                let path = below(error.path().unwrap_or(folder));
                let reason = match error.io_error() {
                    Some(error) => error.to_string(),
                    None => error.to_string(),
                };
                passed.unread.push((path, reason));
            }
        }
        // Nobody takes the batch if the program is told to stop.
        if batch.len() == BATCH && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
            return passed;
        }
    }
    if !batch.is_empty() {
        let _ = batches.blocking_send(batch);
    }
    passed
}
