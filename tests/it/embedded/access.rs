//! Clusters that ask who comes, and that speak TLS.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use pgq::embedded::{Cluster, EmbeddedError, Shutdown, Tls};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sqlx::{Connection as _, PgConnection};

use super::parent::Place;

const PASSWORD: &str = "it's :/@%é";

fn tls() -> anyhow::Result<Tls> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    Ok(Tls::new(cert.pem(), signing_key.serialize_pem()))
}

/// Asks the server of this URL for a setting, or for another value.
async fn ask(url: &str, sql: &'static str) -> sqlx::Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query_scalar(sql).fetch_one(&mut connection).await
}

/// The code of the error with which the server refuses somebody.
async fn refusal(url: &str) -> String {
    let refused = PgConnection::connect(url).await.err();
    let code = refused.and_then(|error| Some(error.as_database_error()?.code()?.into_owned()));
    code.unwrap_or_default()
}

#[tokio::test]
async fn a_superuser_with_a_password_is_asked_for_it() -> anyhow::Result<()> {
    let mut cluster = Cluster::builder().password(PASSWORD).start()?;
    let without = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port());
    let socket = cluster.socket_directory().display().to_string();
    let socket = format!("{without}?host={socket}");

    for how in [Shutdown::Fast, Shutdown::Immediate] {
        assert_eq!(
            ask(&cluster.url("postgres"), "select current_user::text").await?,
            "postgres"
        );
        assert_eq!(refusal(&without).await, "28P01");
        assert_eq!(refusal(&socket).await, "28P01");
        cluster.restart(how)?;
    }
    let shown = format!("{cluster:?} {:?}", Cluster::builder().password(PASSWORD));
    assert!(!shown.contains("it's"), "{shown}");
    let log = fs::read_to_string(cluster.log_file())?;
    assert!(!log.contains("it's"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_persistent_cluster_has_the_password_of_its_last_start() -> anyhow::Result<()> {
    let place = Place::new()?;
    let data = place.path().join("data");
    let start = |password: &str| {
        Cluster::builder()
            .persistent(&data)
            .password(password)
            .start()
    };
    start("first")?.stop()?;

    let cluster = start("second")?;

    assert_eq!(
        ask(&cluster.url("postgres"), "select 'let in'").await?,
        "let in"
    );
    let first = cluster.url("postgres").replacen("second", "first", 1);
    assert_eq!(refusal(&first).await, "28P01");
    Ok(())
}

#[tokio::test]
async fn the_first_rule_counts_that_a_client_matches() -> anyhow::Result<()> {
    let cluster = Cluster::builder()
        .access_rule("host postgres all 127.0.0.1/32 reject")
        .access_rule("host all postgres 127.0.0.1/32 trust")
        .start()?;

    assert_eq!(refusal(&cluster.url("postgres")).await, "28000");
    assert_eq!(
        ask(&cluster.url("template1"), "select 'let in'").await?,
        "let in"
    );
    let other = cluster.url("template1").replacen("postgres@", "other@", 1);
    assert_eq!(refusal(&other).await, "28000");
    Ok(())
}

#[tokio::test]
async fn a_key_is_for_the_server_only_and_gone_with_it() -> anyhow::Result<()> {
    let cluster = Cluster::builder().tls(tls()?).start()?;
    let run = cluster.socket_directory().to_owned();
    let url = format!("{}?sslmode=require", cluster.url("postgres"));

    let key = ask(&url, "show ssl_key_file").await?;

    let file = fs::metadata(&key)?;
    assert!(key.starts_with(&*run.to_string_lossy()), "{key}");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert_eq!(file.uid(), fs::metadata(cluster.data_directory())?.uid());
    let certificate = ask(
        &url,
        "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()",
    );
    assert_eq!(certificate.await?, "true");
    cluster.stop()?;
    assert!(!run.exists());
    Ok(())
}

#[test]
fn a_key_is_not_shown() -> anyhow::Result<()> {
    let tls = tls()?.client_ca("a CA");

    let shown = format!("{tls:?} {:?}", Cluster::builder().tls(tls.clone()));

    assert!(shown.contains("BEGIN CERTIFICATE"), "{shown}");
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    Ok(())
}

#[test]
fn the_error_of_a_server_whose_certificate_is_none_has_its_log() {
    let result = Cluster::builder().tls(Tls::new("none", "none")).start();

    let Err(EmbeddedError::Exited { log }) = result else {
        panic!("{result:?}");
    };
    assert!(
        log.contains("could not load server certificate file"),
        "{log}"
    );
}

#[test]
fn what_is_not_one_line_is_refused() {
    let builder = Cluster::builder;
    for refused in [
        builder().password("two\nlines"),
        builder().access_rule("local all all trust\nhost all all 0.0.0.0/0 trust"),
        builder().access_rule("nul\0"),
    ] {
        let result = refused.start();

        assert!(
            matches!(result, Err(EmbeddedError::Setting { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn a_halted_server_cannot_be_given_another_certificate() -> anyhow::Result<()> {
    let mut cluster = Cluster::builder().tls(tls()?).start()?;
    cluster.halt(Shutdown::Fast)?;

    let renewed = cluster.renew_tls(&tls()?);

    assert!(
        matches!(renewed, Err(EmbeddedError::State { .. })),
        "{renewed:?}"
    );
    Ok(())
}
