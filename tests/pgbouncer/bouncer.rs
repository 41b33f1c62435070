//! A PgBouncer in front of the database of a test.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pgq_tests::PATIENCE;
use pgq_tests::database::TestDatabase;
use sqlx::postgres::PgConnectOptions;

/// The port is the name of a socket only, and each pooler has a directory of its own.
const PORT: u16 = 6432;

/// What is not the default of the tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Config {
    pub(super) mode: Mode,
    /// The most sessions of the server.
    pub(super) sessions: u32,
    /// The startup parameters that it ignores.
    pub(super) ignored: &'static str,
    /// Whether it lends the session that was used the longest time ago, and not the last one.
    pub(super) round_robin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Session,
    Transaction,
}

impl Config {
    pub(super) const TRANSACTION: Self = Self {
        mode: Mode::Transaction,
        sessions: 3,
        ignored: "extra_float_digits, options",
        round_robin: false,
    };

    /// With as many sessions as a worker, its jobs and some clients need.
    pub(super) const SESSION: Self = Self {
        mode: Mode::Session,
        sessions: 40,
        ..Self::TRANSACTION
    };
}

/// A pooler, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Bouncer {
    process: Child,
    directory: PathBuf,
    database: String,
}

impl Bouncer {
    /// Starts a pooler in front of a database.
    pub(super) fn start(database: &TestDatabase, config: Config) -> anyhow::Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pgq-bouncer-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory)?;
        // It runs as another user, who makes its socket there.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
        let file = directory.join("pgbouncer.ini");
        fs::write(&file, text(database, config, &directory)?)?;

        let mut command = Command::new(program());
        if fs::metadata("/proc/self")?.uid() == 0 {
            command.args(["-u", "nobody"]);
        }
        let log = fs::File::create(directory.join("log"))?;
        let process = command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("pgbouncer does not start")?;
        let mut bouncer = Self {
            process,
            directory,
            database: database.name().to_owned(),
        };
        bouncer.wait()?;
        Ok(bouncer)
    }

    /// Waits until it takes connections.
    fn wait(&mut self) -> anyhow::Result<()> {
        let socket = self.directory.join(format!(".s.PGSQL.{PORT}"));
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&socket).is_err() {
            let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            ensure!(self.process.try_wait()?.is_none(), "it ended: {}", log());
            ensure!(Instant::now() < deadline, "it does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(super) fn url(&self) -> String {
        let (database, directory) = (&self.database, self.directory.display());
        format!("postgres://somebody@localhost:{PORT}/{database}?host={directory}")
    }

    pub(super) fn options(&self) -> anyhow::Result<PgConnectOptions> {
        Ok(self.url().parse()?)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // What is left of it is of no use to anybody.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn program() -> &'static str {
    // Debian has it where only the path of root leads.
    match fs::exists("/usr/sbin/pgbouncer") {
        Ok(true) => "/usr/sbin/pgbouncer",
        _ => "pgbouncer",
    }
}

fn text(
    database: &TestDatabase,
    config: Config,
    directory: &std::path::Path,
) -> anyhow::Result<String> {
    let server: PgConnectOptions = database.url().parse()?;
    let (host, port, user) = (server.get_host(), server.get_port(), server.get_username());
    let mode = match config.mode {
        Mode::Session => "session",
        Mode::Transaction => "transaction",
    };
    // Newer ones would let statements that are prepared follow their clients.
    let old = match keeps_statements()? {
        true => "max_prepared_statements = 0\n",
        false => "",
    };
    Ok(format!(
        "[databases]\n\
         * = host={host} port={port} user={user}\n\
         [pgbouncer]\n\
         listen_addr =\n\
         listen_port = {PORT}\n\
         unix_socket_dir = {directory}\n\
         auth_type = any\n\
         pool_mode = {mode}\n\
         default_pool_size = {sessions}\n\
         max_client_conn = 300\n\
         ignore_startup_parameters = {ignored}\n\
         server_round_robin = {round_robin}\n\
         {old}",
        directory = directory.display(),
        sessions = config.sessions,
        ignored = config.ignored,
        round_robin = u8::from(config.round_robin),
    ))
}

/// Whether it is 1.21 or newer.
fn keeps_statements() -> anyhow::Result<bool> {
    let output = Command::new(program()).arg("--version").output();
    let output = output.context("there is no pgbouncer")?;
    let output = String::from_utf8(output.stdout)?;
    let version = output.split_whitespace().nth(1).context("no version")?;
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next(), numbers.next());
    let (Some(Ok(major)), Some(Ok(minor))) = (major, minor) else {
        anyhow::bail!("not a version: {version}");
    };
    Ok((major, minor) >= (1, 21))
}
