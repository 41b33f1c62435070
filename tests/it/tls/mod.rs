//! TLS and authentication, on servers that ask for them.

mod authority;
mod client_certificates;
mod features;
mod modes;
mod passwords;
mod renewal;
mod server_certificates;
mod sessions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use pgq::driver::DriverErrorKind;
use pgq::embedded::{Cluster, ClusterBuilder, Tls};
use pgq::{Error, Pgq, Registry, Run};

use self::authority::{Authority, Identity, Validity};

/// How long a run may take. Only a test that fails takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

#[pgq::task(name = "tls/double")]
async fn double(number: u32) -> anyhow::Result<u32> {
    Ok(number * 2)
}

/// The password of servers that ask for one, with whatever a URL has to encode.
const PASSWORD: &str = "it's s3cret:/@%";

fn worker(url: &str) -> Run {
    Run::new(Registry::new())
        .task::<double>()
        .url(url)
        .without_signals()
}

/// A server of the test's own, and the files that its clients need.
struct Server {
    cluster: Cluster,
    /// Has signed the certificate of the server, and those of clients that it lets in.
    authority: Authority,
    files: Files,
}

impl Server {
    /// A server that clients reach by its address and not by its name, for whom these lines of
    /// `pg_hba.conf` count.
    async fn start(rules: &[&str]) -> anyhow::Result<Self> {
        let authority = Authority::new("tests")?;
        let identity = authority.server(&["127.0.0.1"], Validity::Valid)?;
        Self::start_as(authority, &identity, rules).await
    }

    /// A server with this certificate, which `authority` need not have signed.
    async fn start_as(
        authority: Authority,
        identity: &Identity,
        rules: &[&str],
    ) -> anyhow::Result<Self> {
        let builder = Cluster::builder()
            .tls(tls(&authority, identity))
            .setting("log_connections", "on");
        let builder = rules
            .iter()
            .fold(builder, |builder, rule| builder.access_rule(*rule));
        let with_password = rules.iter().any(|rule| rule.contains("scram"));
        let builder = match with_password {
            true => builder.password(PASSWORD),
            false => builder,
        };
        Ok(Self {
            cluster: start(builder).await?,
            files: Files::new(&authority)?,
            authority,
        })
    }

    /// The URL of the database, with `sslmode` and more.
    fn url(&self, parameters: &str) -> String {
        format!("{}?sslmode={parameters}", self.cluster.url("postgres"))
    }

    /// The parameter for a client that trusts the server's CA.
    fn trust(&self) -> String {
        format!("sslrootcert={}", self.files.root().display())
    }

    /// The parameters for a client that has a certificate.
    fn identify(&self, identity: &Identity) -> anyhow::Result<String> {
        let certificate = self.files.write("client.crt", &identity.certificate)?;
        let key = self.files.write("client.key", &identity.key)?;
        Ok(format!(
            "sslcert={}&sslkey={}",
            certificate.display(),
            key.display()
        ))
    }
}

fn tls(authority: &Authority, identity: &Identity) -> Tls {
    Tls::new(&identity.certificate, &identity.key).client_ca(&authority.certificate)
}

async fn start(builder: ClusterBuilder) -> anyhow::Result<Cluster> {
    Ok(tokio::task::spawn_blocking(move || builder.start()).await??)
}

/// A directory that is gone after the test.
struct Files(PathBuf);

impl Files {
    fn new(authority: &Authority) -> anyhow::Result<Self> {
        let name = format!("pgq-tls-{}-{}", std::process::id(), fastrand::u64(..));
        let files = Self(std::env::temp_dir().join(name));
        fs::create_dir(files.path())?;
        files.write("ca.crt", &authority.certificate)?;
        Ok(files)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn root(&self) -> PathBuf {
        self.0.join("ca.crt")
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What somebody reads who is refused, without the part that says where the database is.
#[derive(Debug, PartialEq)]
struct Refused {
    kind: DriverErrorKind,
    text: String,
}

impl Refused {
    /// What everybody reads, from a client, from a worker that starts, and on the command line.
    async fn at(url: &str) -> anyhow::Result<Self> {
        let [client, worker, doctor] = Self::each(url).await?;
        anyhow::ensure!(
            client == worker && worker == doctor,
            "{client:?}, {worker:?}, {doctor:?}"
        );
        Ok(client)
    }

    /// What each of the three reads.
    async fn each(url: &str) -> anyhow::Result<[Self; 3]> {
        let client = Self::of(Pgq::connect(url).await.err())?;
        let report = worker(url).once().deadline(DEADLINE).await;
        let worker = Self::of(report.err())?;
        let doctor = doctor(url).await?;
        let line = doctor.lines().next().unwrap_or_default();
        let line = line.strip_prefix("error: ").context(doctor.clone())?;
        // Nobody sees its kind.
        let doctor = Self::new(client.kind, line)?;
        Ok([client, worker, doctor])
    }

    fn of(error: Option<Error>) -> anyhow::Result<Self> {
        let error = error.context("it was let in")?;
        without_password(&format!("{error:?}"))?;
        match &error {
            Error::Driver(driver) => Self::new(driver.kind(), &error.to_string()),
            _ => anyhow::bail!("{error:?}"),
        }
    }

    fn new(kind: DriverErrorKind, text: &str) -> anyhow::Result<Self> {
        let (_, text) = text
            .split_once(" as `postgres`: ")
            .context(text.to_owned())?;
        let text = text.to_owned();
        Ok(Self { kind, text })
    }
}

fn without_password(said: &str) -> anyhow::Result<()> {
    anyhow::ensure!(!said.contains("s3cret"), "the password is in: {said}");
    Ok(())
}

/// Asserts that a refusal has this kind, and names its cause and what to do, in these words.
#[track_caller]
fn assert_refused(refused: &Refused, kind: DriverErrorKind, cause: &str, advice: &str) {
    assert_eq!(refused.kind, kind, "{refused:?}");
    let said = refused.text.split_once("; ");
    let (said_cause, said_advice) = said.unwrap_or((&refused.text, ""));
    assert_eq!(said_cause, cause);
    assert!(
        said_advice.contains(advice),
        "no {advice:?} in: {refused:?}"
    );
}

/// What `pgq doctor` says on its standard error.
async fn doctor(url: &str) -> anyhow::Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgq_command"));
    command.arg("doctor").env("DATABASE_URL", url);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    anyhow::ensure!(output.status.code() == Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr)?;
    without_password(&said)?;
    Ok(said)
}

/// Whether a connection is encrypted.
async fn is_encrypted(url: &str) -> anyhow::Result<bool> {
    let pgq = Pgq::connect(url).await?;
    let ssl = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let encrypted = sqlx::query_scalar(ssl).fetch_one(pgq.pool()).await?;
    pgq.pool().close().await;
    Ok(encrypted)
}
