//! Where the jobs are kept between two runs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pgq_examples::Database;

const NAME: &str = "pgq-index-files";

/// Where a private server keeps its data: in `named`, else in the default directory. `None` if the
/// database is that of `DATABASE_URL`.
pub(crate) fn directory(named: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    match named {
        Some(directory) => Ok(Some(directory.to_owned())),
        None if env::var_os("DATABASE_URL").is_some_and(|url| !url.is_empty()) => Ok(None),
        None => default_directory().map(Some),
    }
}

/// Opens a database that outlives this process.
pub(crate) async fn open(directory: Option<&Path>) -> anyhow::Result<Database> {
    match directory {
        Some(directory) => Database::kept_in(&cluster(directory)).await,
        None => Database::open().await,
    }
}

/// Creates the directory, and returns its one true name.
pub(crate) fn create(directory: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(directory)
        .and_then(|()| directory.canonicalize())
        .with_context(|| format!("cannot create the data directory {directory:?}"))
}

/// The server keeps a lock file beside its data, so both get a directory of their own, which the
/// walk can leave out.
fn cluster(directory: &Path) -> PathBuf {
    directory.join("postgres")
}

fn default_directory() -> anyhow::Result<PathBuf> {
    // The server does not run as root, and its account cannot enter the home of root.
    if rustix::process::geteuid().is_root() {
        return Ok(Path::new("/var/lib").join(NAME));
    }
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join(NAME))
        .context(
            "neither `XDG_DATA_HOME` nor `HOME` is set; say with `--data` where to keep the data",
        )
}
