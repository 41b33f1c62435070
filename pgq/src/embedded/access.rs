//! Who may connect, and how: `pg_hba.conf`, the password of the superuser, TLS.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::account::Account;
use super::{Binaries, EmbeddedError, Tls, platform, program};

/// The name of the file with the rules, in the run directory.
const RULES: &str = "pg_hba.conf";

/// The rules of a server whose superuser has a password, where the caller has none of his own.
const WITH_PASSWORD: [&str; 2] = [
    "local all all scram-sha-256",
    "host all all 127.0.0.1/32 scram-sha-256",
];

/// What a cluster asks of its clients; by default, nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    pub(super) tls: Option<Tls>,
    pub(super) password: Option<Password>,
    pub(super) rules: Vec<String>,
}

impl Access {
    /// Checks that what the caller gave can be passed on.
    pub(super) fn check(&self) -> Result<(), EmbeddedError> {
        let is_line = |text: &str| !text.contains(['\0', '\n', '\r']);
        let refused = |name: &str| EmbeddedError::Setting {
            name: name.to_owned(),
            reason: "has a line break or a NUL character; leave it out",
        };
        if !self.rules.iter().all(|rule| is_line(rule)) {
            return Err(refused("access_rule"));
        }
        match &self.password {
            Some(password) if !is_line(&password.0) => Err(refused("password")),
            _ => Ok(()),
        }
    }

    /// Returns the settings that lead the server to its files in the run directory.
    pub(super) fn settings(&self, run: &Path) -> Vec<(&'static str, String)> {
        let place = |name| run.join(name).display().to_string();
        let mut settings = Vec::new();
        if self.rules().next().is_some() {
            settings.push(("hba_file", place(RULES)));
        }
        if let Some(tls) = &self.tls {
            settings.push(("ssl", "on".to_owned()));
            settings.extend(tls.files().map(|(name, file, _)| (name, place(file))));
        }
        settings
    }

    /// Writes the files. No server runs.
    pub(super) fn write(&self, run: &Path, account: &Account) -> Result<(), EmbeddedError> {
        let rules: String = self.rules().map(|rule| format!("{rule}\n")).collect();
        if !rules.is_empty() {
            write(&run.join(RULES), &rules, account)?;
        }
        match &self.tls {
            Some(tls) => write_tls(tls, run, account),
            None => Ok(()),
        }
    }

    /// Gives the superuser his password. No server runs on `data`: one that serves nobody else does
    /// it, so that no connection is needed, which the rules may not allow.
    pub(super) fn set_password(
        &self,
        binaries: &Binaries,
        account: &Account,
        data: &Path,
    ) -> Result<(), EmbeddedError> {
        let Some(password) = &self.password else {
            return Ok(());
        };
        let mut server = account.command(&binaries.program("postgres"));
        server
            .args(["--single", "-D"])
            .arg(data)
            .args(["-c", "password_encryption=scram-sha-256"])
            // Otherwise it goes on after an error, and ends as if there had been none.
            .args(["-c", "exit_on_error=on"])
            // Whatever the configuration of a persistent cluster says: no log repeats it.
            .args(["-c", "log_statement=none"])
            .args(["-c", "log_min_error_statement=panic"])
            .arg("postgres");
        let statement = format!(
            "alter role postgres password '{}'\n",
            password.0.replace('\'', "''")
        );
        program::run_with_input(&mut server, &statement)
    }

    /// Returns true if `log` names one of the files, as PostgreSQL does when it cannot use one.
    pub(super) fn any_is_in(&self, log: &str) -> bool {
        let files = self.tls.iter().flat_map(Tls::files);
        files
            .map(|(_, file, _)| file)
            .chain([RULES])
            .any(|file| log.contains(file))
    }

    fn rules(&self) -> impl Iterator<Item = &str> {
        let default = match (&self.password, self.rules.is_empty()) {
            (Some(_), true) => &WITH_PASSWORD[..],
            _ => &[],
        };
        let rules = self.rules.iter().map(String::as_str);
        rules.chain(default.iter().copied())
    }
}

/// A password of the superuser, which no output shows.
#[derive(Clone)]
pub(super) struct Password(pub(super) String);

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password")
    }
}

/// Writes certificates and key, also those of a server that runs.
pub(super) fn write_tls(tls: &Tls, run: &Path, account: &Account) -> Result<(), EmbeddedError> {
    tls.files()
        .try_for_each(|(_, file, text)| write(&run.join(file), text, account))
}

/// Writes a file that only the server's account can read, and that is never half there.
fn write(path: &Path, text: &str, account: &Account) -> Result<(), EmbeddedError> {
    let partial = path.with_extension("partial");
    platform::create_private_file(&partial)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(EmbeddedError::io("write", &partial))?;
    account.own(&partial)?;
    fs::rename(&partial, path).map_err(EmbeddedError::io("rename", &partial))
}
