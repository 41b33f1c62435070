//! The task: what is computed of one file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use pgq::TaskError;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

/// How much of a file is in memory at a time.
const CHUNK: usize = 128 * 1024;

/// A path, of whatever bytes the file system has: stored as bytes, since it need not be UTF-8.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FilePath(#[serde(with = "serde_bytes")] Vec<u8>);

impl From<PathBuf> for FilePath {
    fn from(path: PathBuf) -> Self {
        Self(path.into_os_string().into_vec())
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Indexed {
    #[serde(with = "serde_bytes")]
    pub(crate) sha256: [u8; 32],
    pub(crate) bytes: u64,
    /// How many newlines there are, as `wc -l` counts.
    pub(crate) lines: u64,
    /// How many runs of bytes other than ASCII white space there are.
    pub(crate) words: u64,
}

/// Reads a file. The errors that another attempt may not meet are tried again after 1, 2 and 4 s.
#[pgq::task(queue = "index_files", max_attempts = 4)]
pub(crate) async fn index_file(
    context: &pgq::Context,
    path: FilePath,
) -> Result<Indexed, TaskError> {
    let cancelled = context.cancelled().clone();
    // Reading blocks, which the threads of the runtime must not.
    tokio::task::spawn_blocking(move || {
        let path = path.as_ref();
        index(path, &cancelled).map_err(|error| task_error(path, error))
    })
    .await
    .map_err(TaskError::retryable)?
}

fn index(path: &Path, cancelled: &CancellationToken) -> io::Result<Indexed> {
    let mut file = open_regular(path)?;
    let mut buffer = vec![0; CHUNK];
    let mut digest = Sha256::new();
    let mut counts = Counts::default();
    loop {
        // A blocking thread is not stopped from outside, and would hold up the end of the program.
        if cancelled.is_cancelled() {
            return Err(io::Error::other("the worker stops"));
        }
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let chunk = &buffer[..read];
        digest.update(chunk);
        counts.add(chunk);
    }
    Ok(Indexed {
        sha256: digest.finalize().into(),
        bytes: counts.bytes,
        lines: counts.lines,
        words: counts.words,
    })
}

/// Opens what was a regular file when it was found. By now a pipe may be in its place, which must
/// not block, or a symlink, which is not followed.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "is no regular file any more",
        ));
    }
    Ok(file)
}

/// Names the path, and says whether another attempt can help.
fn task_error(path: &Path, error: io::Error) -> TaskError {
    let permanent = matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidInput
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let error = anyhow::Error::new(error).context(format!("cannot read {path:?}"));
    if permanent {
        TaskError::permanent(error)
    } else {
        TaskError::retryable(error)
    }
}

#[derive(Default)]
struct Counts {
    bytes: u64,
    lines: u64,
    words: u64,
    in_word: bool,
}

impl Counts {
    fn add(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        for byte in chunk {
            self.lines += u64::from(*byte == b'\n');
            let in_word = !matches!(byte, b' ' | b'\t'..=b'\r');
            self.words += u64::from(in_word && !self.in_word);
            self.in_word = in_word;
        }
    }
}
