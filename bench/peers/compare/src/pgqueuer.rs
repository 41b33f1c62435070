//! PgQueuer, which is in Python.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::program::{self, Program};

/// More would take it longer than a minute.
const MOST_JOBS: u64 = 100_000;

/// Installs it into a virtual environment in this workspace.
pub(crate) fn install() -> anyhow::Result<Program> {
    let environment = program::folder().join(".venv");
    let sources = program::folder().join("pgqueuer");
    let bin = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let python = bin.join("python");
    call(
        Path::new("python3"),
        &[Path::new("-m"), Path::new("venv"), &environment],
    )?;
    let requirements = sources.join("requirements.txt");
    let install = ["-m", "pip", "install", "--quiet", "--requirement"].map(Path::new);
    call(&python, &[&install[..], &[&*requirements]].concat())?;
    let script = sources.join("measure.py");
    Ok(Program::new("PgQueuer", python, &[&script]).at_most(MOST_JOBS))
}

fn call(program: &Path, arguments: &[&Path]) -> anyhow::Result<()> {
    let status = Command::new(program)
        .args(arguments)
        // Figures only.
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        status.success(),
        "{} {arguments:?}: {status}",
        program.display()
    );
    Ok(())
}
