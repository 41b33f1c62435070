//! A finished data directory that new clusters are copied from: four times as fast as `initdb`.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::scratch::Scratch;
use super::{Binaries, EmbeddedError, cache, program};

/// What every cluster is made with. `-N` leaves out the flush of each single file.
const INITDB: [&str; 6] = [
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
];

/// How often a template is looked at before its repeated loss is an error.
const TRIES: usize = 3;

/// The size of a complete `pg_control`, in bytes; it is the file that `initdb` cannot do without.
const CONTROL_BYTES: u64 = 8192;

/// The template for one set of binaries.
#[derive(Debug)]
pub(super) struct Template<'a> {
    binaries: &'a Binaries,
    account: &'a Account,
    /// The cache.
    parent: PathBuf,
    name: String,
    /// Held shared by those who copy, and alone by the one who makes or removes the template.
    lock: File,
}

impl<'a> Template<'a> {
    /// Opens the place of the template, which need not exist yet.
    pub(super) fn open(
        binaries: &'a Binaries,
        account: &'a Account,
    ) -> Result<Self, EmbeddedError> {
        let mut hasher = DefaultHasher::new();
        (binaries.directory(), account.key(), INITDB).hash(&mut hasher);
        let name = format!("template-{}-{:016x}", binaries.version(), hasher.finish());
        let parent = cache::directory(account)?;
        let lock = cache::open_lock(&parent.join(format!("{name}.lock")))?;
        Ok(Self {
            binaries,
            account,
            parent,
            name,
            lock,
        })
    }

    /// Copies the template to `target`, which does not exist yet; makes the template first if there
    /// is none or it is damaged.
    pub(super) fn copy_to(&self, target: &Path) -> Result<(), EmbeddedError> {
        for _ in 0..TRIES {
            self.lock.lock_shared().map_err(self.lock_error())?;
            if self.is_complete() {
                let copied = self.copy(target);
                self.unlock()?;
                return copied;
            }
            self.unlock()?;
            self.lock.lock().map_err(self.lock_error())?;
            let made = if self.is_complete() {
                Ok(())
            } else {
                self.make()
            };
            self.unlock()?;
            made?;
        }
        Err(EmbeddedError::Program {
            program: "initdb".to_owned(),
            output: format!("`{}` does not stay complete", self.path().display()),
        })
    }

    /// Removes the template; the next copy makes it again.
    pub(super) fn discard(&self) -> Result<(), EmbeddedError> {
        self.lock.lock().map_err(self.lock_error())?;
        let removed = self.remove();
        self.unlock()?;
        removed
    }

    /// Writes the files of a data directory through to the disk.
    pub(super) fn flush(&self, data: &Path) -> Result<(), EmbeddedError> {
        program::run(
            self.account
                .command(&self.binaries.program("initdb"))
                .arg("--sync-only")
                .arg("--pgdata")
                .arg(data),
        )
    }

    fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    fn is_complete(&self) -> bool {
        let path = self.path();
        let control = fs::metadata(path.join("global/pg_control"));
        major_of(&path).is_some_and(|major| major == self.binaries.version().major().to_string())
            && control.is_ok_and(|control| control.len() == CONTROL_BYTES)
    }

    fn copy(&self, target: &Path) -> Result<(), EmbeddedError> {
        program::run(
            self.account
                .command(Path::new("cp"))
                .arg("-a")
                .arg(self.path())
                .arg(target),
        )
    }

    /// Makes the template under a temporary name. The lock is held alone.
    fn make(&self) -> Result<(), EmbeddedError> {
        self.remove()?;
        let scratch = Scratch::create(&self.parent, &self.name)?;
        self.account.own(scratch.path())?;
        program::run(
            self.account
                .command(&self.binaries.program("initdb"))
                .args(INITDB)
                .arg("--pgdata")
                .arg(scratch.path()),
        )?;
        // A crash of the machine must not leave a template that only looks complete.
        self.flush(scratch.path())?;
        fs::rename(scratch.path(), self.path()).map_err(EmbeddedError::io("rename", scratch.path()))
    }

    fn remove(&self) -> Result<(), EmbeddedError> {
        let path = self.path();
        if path.exists() {
            fs::remove_dir_all(&path).map_err(EmbeddedError::io("remove", &path))?;
        }
        Ok(())
    }

    fn unlock(&self) -> Result<(), EmbeddedError> {
        self.lock.unlock().map_err(self.lock_error())
    }

    fn lock_error(&self) -> impl FnOnce(std::io::Error) -> EmbeddedError {
        let action = format!("lock `{}`", self.path().display());
        move |source| EmbeddedError::Io { action, source }
    }
}

/// Returns the major version that made a data directory, if it is one.
pub(super) fn major_of(data: &Path) -> Option<String> {
    let text = fs::read_to_string(data.join("PG_VERSION")).ok()?;
    let major = text.trim();
    (!major.is_empty()).then(|| major.to_owned())
}
