//! Clients that show who they are, and those that are taken for somebody else.

use std::sync::{Mutex, PoisonError};

use pgq::driver::DriverErrorKind;
use pgq_tests::eventually;

use super::authority::{Authority, Identity, Validity};
use super::{DEADLINE, Refused, Server, assert_refused, double, worker};

/// The certificate is all that is asked for.
const CERT: &[&str] = &["hostssl all all 127.0.0.1/32 cert"];

/// It is asked for beside the password.
const BOTH: &[&str] = &["hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full"];

/// The URL of a client with this certificate.
fn url(server: &Server, identity: &Identity) -> anyhow::Result<String> {
    let (trust, identify) = (server.trust(), server.identify(identity)?);
    Ok(server.url(&format!("verify-full&{trust}&{identify}")))
}

/// What is said where the alert of the server is lost.
const UNSAID: &str = "the server does not accept the client certificate; look into the log of the \
                      server, which says why, and correct the files of `sslcert` and `sslkey`";

/// Asserts what is said of an alert of the server. It ends the connection together with the alert:
/// what the client sends meanwhile can make the system drop what has not been read.
async fn assert_alerted(url: &str, cause: &str, advice: &str) -> anyhow::Result<()> {
    let said = Mutex::new([false; 3]);
    eventually("each has read the alert", || async {
        for (index, refused) in Refused::each(url).await?.iter().enumerate() {
            if refused.text != UNSAID {
                assert_refused(refused, DriverErrorKind::Tls, cause, advice);
                said.lock().unwrap_or_else(PoisonError::into_inner)[index] = true;
            }
        }
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(said.iter().all(|said| *said))
    })
    .await
}

#[tokio::test]
async fn a_worker_that_shows_its_certificate_runs_jobs() -> anyhow::Result<()> {
    for rules in [CERT, BOTH] {
        let server = Server::start(rules).await?;
        let identity = server.authority.client("postgres", Validity::Valid)?;
        let url = url(&server, &identity)?;
        let pgq = pgq::Pgq::connect(&url).await?;
        pgq.migrate().await?;
        let job = double::enqueue(&pgq, 21).await?;

        let report = worker(&url).until_idle().deadline(DEADLINE).await?;

        assert_eq!(report.completed, 1);
        assert_eq!(job.wait(&pgq).await?, 42);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_to_show_one() -> anyhow::Result<()> {
    for rules in [CERT, BOTH] {
        let server = Server::start(rules).await?;

        let refused = Refused::at(&server.url("require")).await?;

        let cause = "the server asks for a client certificate";
        let advice = "set `sslcert` and `sslkey`";
        assert_refused(&refused, DriverErrorKind::Authentication, cause, advice);
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused() -> anyhow::Result<()> {
    let server = Server::start(CERT).await?;
    let identity = Authority::new("somebody else's")?.client("postgres", Validity::Valid)?;

    let cause = "the client certificate is not of a CA that the server trusts";
    assert_alerted(&url(&server, &identity)?, cause, "`ssl_ca_file`").await
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() -> anyhow::Result<()> {
    let server = Server::start(CERT).await?;
    let identity = server.authority.client("postgres", Validity::Expired)?;

    let cause = "the client certificate has expired";
    assert_alerted(&url(&server, &identity)?, cause, "renew the files").await
}

#[tokio::test]
async fn a_certificate_that_is_not_for_clients_is_refused() -> anyhow::Result<()> {
    let server = Server::start(CERT).await?;
    let identity = server.authority.server(&["postgres"], Validity::Valid)?;

    let refused = Refused::at(&url(&server, &identity)?).await?;

    let cause = "the server does not accept the client certificate";
    assert_refused(
        &refused,
        DriverErrorKind::Tls,
        cause,
        "the log of the server",
    );
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_another_user_is_refused() -> anyhow::Result<()> {
    let server = Server::start(CERT).await?;
    let identity = server.authority.client("somebody", Validity::Valid)?;

    let refused = Refused::at(&url(&server, &identity)?).await?;

    let cause = "the client certificate is not one of `postgres`";
    let advice = "connect as the user who is its common name";
    assert_refused(&refused, DriverErrorKind::Authentication, cause, advice);
    Ok(())
}

/// The server says the same as of a wrong password.
#[tokio::test]
async fn a_certificate_of_another_user_is_thought_of_beside_the_password() -> anyhow::Result<()> {
    let server = Server::start(BOTH).await?;
    let identity = server.authority.client("somebody", Validity::Valid)?;

    let refused = Refused::at(&url(&server, &identity)?).await?;

    let cause = "the password is wrong, or the client certificate is not one of `postgres`";
    let advice = "the common name of the certificate";
    assert_refused(&refused, DriverErrorKind::Authentication, cause, advice);
    Ok(())
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_named() -> anyhow::Result<()> {
    let server = Server::start(CERT).await?;
    let identity = server.authority.client("postgres", Validity::Valid)?;
    let url = url(&server, &identity)?;
    // Whoever runs the tests: root reads every file, but no directory.
    let (key, directory) = (server.files.path().join("client.key"), server.files.path());
    let wrong = url.replacen(&*key.to_string_lossy(), &directory.to_string_lossy(), 1);

    let refused = Refused::at(&wrong).await?;

    let cause = format!(
        "cannot read `{}`, which `sslkey` names: Is a directory (os error 21)",
        directory.display()
    );
    assert_refused(&refused, DriverErrorKind::Tls, &cause, "read the file");
    Ok(())
}

#[tokio::test]
async fn the_key_of_another_certificate_is_noticed() -> anyhow::Result<()> {
    let server = Server::start(CERT).await?;
    let identity = server.authority.client("postgres", Validity::Valid)?;
    let other = server.authority.client("postgres", Validity::Valid)?;
    let mixed = Identity {
        certificate: identity.certificate,
        key: other.key,
    };

    let refused = Refused::at(&url(&server, &mixed)?).await?;

    let cause = "the key of `sslkey` is not that of the certificate of `sslcert`";
    assert_refused(&refused, DriverErrorKind::Tls, cause, "belong together");
    Ok(())
}

#[tokio::test]
async fn a_certificate_without_its_key_is_noticed() -> anyhow::Result<()> {
    let server = Server::start(CERT).await?;
    let root = server.files.root();

    let refused = Refused::at(&server.url(&format!("require&sslcert={}", root.display()))).await?;

    let cause = "`sslcert` is set without `sslkey`";
    assert_refused(&refused, DriverErrorKind::Tls, cause, "set both");
    Ok(())
}
