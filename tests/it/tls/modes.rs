//! What each `sslmode` asks of the server.

use pgq::driver::DriverErrorKind;
use pgq::embedded::Cluster;

use super::authority::{Authority, Validity};
use super::{Refused, Server, assert_refused, is_encrypted, start};

const ANY: &[&str] = &["host all all 127.0.0.1/32 trust"];

#[tokio::test]
async fn a_connection_is_encrypted_wherever_the_server_can() -> anyhow::Result<()> {
    let server = Server::start(ANY).await?;
    let verified = |mode: &str| server.url(&format!("{mode}&{}", server.trust()));

    for (url, encrypted) in [
        (server.url("disable"), false),
        (server.cluster.url("postgres"), true),
        (server.url("prefer"), true),
        (server.url("require"), true),
        (verified("verify-ca"), true),
        (verified("verify-full"), true),
    ] {
        assert_eq!(is_encrypted(&url).await?, encrypted, "{url}");
    }
    Ok(())
}

#[tokio::test]
async fn only_a_mode_that_asks_for_tls_refuses_a_server_without() -> anyhow::Result<()> {
    let cluster = start(Cluster::builder()).await?;
    let url = |mode| format!("{}?sslmode={mode}", cluster.url("postgres"));

    for mode in ["disable", "prefer"] {
        assert!(!is_encrypted(&url(mode)).await?, "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let refused = Refused::at(&url(mode)).await?;

        let cause = "the server has no TLS";
        assert_refused(&refused, DriverErrorKind::Tls, cause, "turn on `ssl`");
    }
    Ok(())
}

#[tokio::test]
async fn only_a_mode_that_verifies_looks_at_the_certificate() -> anyhow::Result<()> {
    let authority = Authority::new("nobody's")?;
    let expired = authority.server(&["elsewhere"], Validity::Expired)?;
    let server = Server::start_as(Authority::new("tests")?, &expired, ANY).await?;

    for mode in ["prefer", "require"] {
        let url = server.url(&format!("{mode}&{}", server.trust()));
        assert!(is_encrypted(&url).await?, "{mode}");
    }
    Ok(())
}

#[tokio::test]
async fn only_verify_full_looks_at_the_name() -> anyhow::Result<()> {
    let server = Server::start(ANY).await?;
    let by_name = |mode: &str| {
        let url = server.url(&format!("{mode}&{}", server.trust()));
        url.replacen("127.0.0.1", "localhost", 1)
    };

    assert!(is_encrypted(&by_name("verify-ca")).await?);
    let refused = Refused::at(&by_name("verify-full")).await?;

    let cause = "the server's certificate is not for `localhost`";
    let advice = "connect by a name that is in the certificate";
    assert_refused(&refused, DriverErrorKind::Tls, cause, advice);
    Ok(())
}
