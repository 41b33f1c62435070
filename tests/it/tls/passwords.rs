//! Passwords, and the rules that ask for them.

use pgq::Pgq;
use pgq::driver::DriverErrorKind;

use super::{Refused, Server, assert_refused, is_encrypted};

/// Nobody is let in without TLS.
const SCRAM: &[&str] = &["hostssl all all 127.0.0.1/32 scram-sha-256"];

/// The password as it stands in a URL.
fn written(server: &Server) -> anyhow::Result<String> {
    let url = server.cluster.url("postgres");
    let (_, rest) = url.split_once("postgres:").unwrap_or_default();
    let (_, rest) = rest.split_once("postgres:").unwrap_or_default();
    let (password, _) = rest.split_once('@').unwrap_or_default();
    anyhow::ensure!(!password.is_empty(), "{url}");
    Ok(password.to_owned())
}

#[tokio::test]
async fn the_right_password_is_let_in_over_tls() -> anyhow::Result<()> {
    let server = Server::start(SCRAM).await?;

    for parameters in [
        "prefer",
        "require",
        &format!("verify-full&{}", server.trust()),
    ] {
        assert!(is_encrypted(&server.url(parameters)).await?, "{parameters}");
    }
    let pgq = Pgq::connect(&server.url("require")).await?;
    let stored = "select rolpassword like 'SCRAM-SHA-256$%' from pg_authid
                  where rolname = 'postgres'";
    let is_scram: bool = sqlx::query_scalar(stored).fetch_one(pgq.pool()).await?;
    assert!(is_scram);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_refused() -> anyhow::Result<()> {
    let server = Server::start(SCRAM).await?;
    let wrong = server.url("require");
    let wrong = wrong.replacen(&written(&server)?, "s3cret", 1);

    let refused = Refused::at(&wrong).await?;

    let cause = "the password is wrong, or there is no such user";
    let advice = "check the user and the password of the URL";
    assert_refused(&refused, DriverErrorKind::Authentication, cause, advice);
    Ok(())
}

#[tokio::test]
async fn a_password_that_is_missing_is_asked_for() -> anyhow::Result<()> {
    let server = Server::start(SCRAM).await?;
    let password = format!(":{}@", written(&server)?);
    let missing = server.url("require").replacen(&password, "@", 1);

    let refused = Refused::at(&missing).await?;

    let cause = "the server asks for a password, and none was given";
    let advice = "set it in the URL, in `PGPASSWORD`, or in the file of `PGPASSFILE`";
    assert_refused(&refused, DriverErrorKind::Authentication, cause, advice);
    Ok(())
}

#[tokio::test]
async fn a_server_that_asks_for_tls_says_so_to_who_has_none() -> anyhow::Result<()> {
    let server = Server::start(SCRAM).await?;

    let refused = Refused::at(&server.url("disable")).await?;

    let cause = "no rule of the server lets `postgres` in without TLS";
    let advice = "set `sslmode=require` or stricter, or change `pg_hba.conf`";
    assert_refused(&refused, DriverErrorKind::Authentication, cause, advice);
    Ok(())
}

#[tokio::test]
async fn a_user_for_whom_there_is_no_rule_is_told_so() -> anyhow::Result<()> {
    let server = Server::start(&["host all somebody 127.0.0.1/32 trust"]).await?;

    let refused = Refused::at(&server.url("require")).await?;

    let cause = "no rule of the server lets `postgres` in";
    assert_refused(
        &refused,
        DriverErrorKind::Authentication,
        cause,
        "`pg_hba.conf` on the server",
    );
    Ok(())
}
