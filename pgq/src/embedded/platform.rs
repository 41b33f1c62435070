//! The parts of the standard library that only Unix has.

#[cfg(unix)]
pub(super) use unix::*;

#[cfg(not(unix))]
pub(super) use other::*;

#[cfg(unix)]
mod unix {
    use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    use crate::embedded::EmbeddedError;

    /// Makes a directory that only this process' account can enter; fails if it exists.
    pub(in crate::embedded) fn create_private_directory(path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    /// Makes a file that only this process' account can read; fails if it exists.
    pub(in crate::embedded) fn create_private_file(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    /// Returns the account that this process acts as.
    ///
    /// The standard library does not tell, but a new directory does.
    pub(in crate::embedded) fn effective_uid() -> Result<u32, EmbeddedError> {
        let path = crate::embedded::scratch::unique(Path::new("/tmp"), ".pgq-who");
        create_private_directory(&path).map_err(EmbeddedError::io("create", &path))?;
        let owner = owner(&path);
        fs::remove_dir(&path).map_err(EmbeddedError::io("remove", &path))?;
        owner.map(|(uid, _)| uid)
    }

    /// Returns user and group of a file.
    pub(in crate::embedded) fn owner(path: &Path) -> Result<(u32, u32), EmbeddedError> {
        let metadata = fs::metadata(path).map_err(EmbeddedError::io("inspect", path))?;
        Ok((metadata.uid(), metadata.gid()))
    }

    pub(in crate::embedded) fn give(path: &Path, uid: u32, gid: u32) -> Result<(), EmbeddedError> {
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .map_err(EmbeddedError::io("change the owner of", path))
    }

    /// Makes `command` run as another account; its supplementary groups are dropped too.
    pub(in crate::embedded) fn run_as(command: &mut Command, uid: u32, gid: u32) {
        command.uid(uid).gid(gid);
    }

    /// Puts `command` into a process group of its own, out of the reach of Ctrl-C.
    pub(in crate::embedded) fn detach(command: &mut Command) {
        command.process_group(0);
    }

    pub(in crate::embedded) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, link)
    }

    /// Lets every account read a file and enter a directory; `executable` also lets all run a file.
    pub(in crate::embedded) fn publish(path: &Path, executable: bool) -> io::Result<()> {
        let metadata = fs::metadata(path)?;
        let mode = metadata.permissions().mode();
        let runs = executable || metadata.is_dir() || mode & 0o100 != 0;
        let bits = if runs { 0o755 } else { 0o644 };
        fs::set_permissions(path, Permissions::from_mode(mode | bits))
    }
}

/// Lets the module compile; [`ClusterBuilder::start`](super::ClusterBuilder::start) and the
/// functions of [`Binaries`](super::Binaries) fail before anything else is called.
#[cfg(not(unix))]
mod other {
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::process::Command;

    use crate::embedded::EmbeddedError;

    pub(in crate::embedded) fn create_private_directory(_: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::embedded) fn create_private_file(_: &Path) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::embedded) fn effective_uid() -> Result<u32, EmbeddedError> {
        Err(EmbeddedError::Unsupported)
    }

    pub(in crate::embedded) fn owner(_: &Path) -> Result<(u32, u32), EmbeddedError> {
        Err(EmbeddedError::Unsupported)
    }

    pub(in crate::embedded) fn give(_: &Path, _: u32, _: u32) -> Result<(), EmbeddedError> {
        Err(EmbeddedError::Unsupported)
    }

    pub(in crate::embedded) fn run_as(_: &mut Command, _: u32, _: u32) {}

    pub(in crate::embedded) fn detach(_: &mut Command) {}

    pub(in crate::embedded) fn symlink(_: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::embedded) fn publish(_: &Path, _: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
