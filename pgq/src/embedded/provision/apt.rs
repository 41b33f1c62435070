//! The package `postgresql` of Debian and its kin.

use std::process::{Command, Stdio};

use crate::embedded::account::Account;
use crate::embedded::notice::Notices;
use crate::embedded::{Binaries, EmbeddedError, program};

/// Installs the package for the whole machine.
pub(super) fn install(account: &Account, notices: &Notices) -> Result<Binaries, EmbeddedError> {
    let failed = |reason| EmbeddedError::Provision {
        origin: "apt",
        reason,
    };
    if *account == Account::Own {
        return Err(failed("needs root".to_owned()));
    }
    if !program::is_installed("apt-get") {
        return Err(failed("`apt-get` is not installed".to_owned()));
    }
    notices.say("getting PostgreSQL with apt-get install postgresql");
    let install =
        || program::output(apt().args(["install", "-y", "--no-install-recommends", "postgresql"]));
    // An image without package lists is as common as one with.
    if install().is_err() {
        program::output(apt().arg("update")).map_err(failed)?;
        install().map_err(failed)?;
    }
    Binaries::search(account, None)?
        .ok_or_else(|| failed("the package has no PostgreSQL 14 or newer".to_owned()))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}
