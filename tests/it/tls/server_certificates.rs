//! Servers that are not who they should be, and files that say who that is.

use pgq::driver::DriverErrorKind;

use super::authority::{Authority, Validity};
use super::{Refused, Server, assert_refused, is_encrypted};

const ANY: &[&str] = &["host all all 127.0.0.1/32 trust"];

/// A server of the tests' CA whose certificate is as this says.
async fn server(validity: Validity) -> anyhow::Result<Server> {
    let authority = Authority::new("tests")?;
    let identity = authority.server(&["127.0.0.1"], validity)?;
    Server::start_as(authority, &identity, ANY).await
}

/// What a client says that looks at everything.
async fn refused(server: &Server) -> anyhow::Result<Refused> {
    Refused::at(&server.url(&format!("verify-full&{}", server.trust()))).await
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused() -> anyhow::Result<()> {
    for name in ["somebody else's", "tests"] {
        let identity = Authority::new(name)?.server(&["127.0.0.1"], Validity::Valid)?;
        let server = Server::start_as(Authority::new("tests")?, &identity, ANY).await?;

        let refused = refused(&server).await?;

        let cause = "the server's certificate is not of a CA that is trusted here";
        let advice = "set `sslrootcert` in the URL to a file";
        assert_refused(&refused, DriverErrorKind::Tls, cause, advice);
    }
    Ok(())
}

#[tokio::test]
async fn a_ca_that_nobody_has_named_is_not_trusted() -> anyhow::Result<()> {
    let server = Server::start(ANY).await?;

    for mode in ["verify-ca", "verify-full"] {
        let refused = Refused::at(&server.url(mode)).await?;

        let cause = "the server's certificate is not of a CA that is trusted here";
        assert_refused(&refused, DriverErrorKind::Tls, cause, "set `sslrootcert`");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() -> anyhow::Result<()> {
    let refused = refused(&server(Validity::Expired).await?).await?;

    let cause = "the server's certificate has expired";
    assert_refused(&refused, DriverErrorKind::Tls, cause, "pg_reload_conf()");
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_the_future_is_refused() -> anyhow::Result<()> {
    let refused = refused(&server(Validity::NotYet).await?).await?;

    let cause = "the server's certificate is not valid yet";
    assert_refused(&refused, DriverErrorKind::Tls, cause, "compare the clocks");
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_is_not_for_servers_is_refused() -> anyhow::Result<()> {
    let authority = Authority::new("tests")?;
    let client = authority.client("127.0.0.1", Validity::Valid)?;
    let server = Server::start_as(authority, &client, ANY).await?;

    let refused = refused(&server).await?;

    let cause = "the server's certificate is not accepted";
    assert_refused(&refused, DriverErrorKind::Tls, cause, "issued for servers");
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_has_signed_itself_is_trusted_if_it_is_named() -> anyhow::Result<()> {
    let identity = Authority::itself(&["127.0.0.1"])?;
    let server = Server::start_as(Authority::new("tests")?, &identity, ANY).await?;
    let file = server.files.write("itself.crt", &identity.certificate)?;

    let url = server.url(&format!("verify-full&sslrootcert={}", file.display()));

    assert!(is_encrypted(&url).await?);
    let cause = "the server's certificate is not of a CA that is trusted here";
    let refused = refused(&server).await?;
    assert_refused(&refused, DriverErrorKind::Tls, cause, "set `sslrootcert`");
    Ok(())
}

#[tokio::test]
async fn a_file_with_the_ca_that_is_missing_is_named() -> anyhow::Result<()> {
    let server = Server::start(ANY).await?;

    let refused = Refused::at(&server.url("verify-full&sslrootcert=/nowhere/ca.crt")).await?;

    let cause = "cannot read `/nowhere/ca.crt`, which `sslrootcert` names: No such file or \
                 directory (os error 2)";
    assert_refused(&refused, DriverErrorKind::Tls, cause, "correct the path");
    Ok(())
}

#[tokio::test]
async fn a_file_without_a_certificate_is_named() -> anyhow::Result<()> {
    let server = Server::start(ANY).await?;
    let file = server.files.write("empty.crt", "no certificate\n")?;
    let file = file.display();

    let refused = Refused::at(&server.url(&format!("verify-ca&sslrootcert={file}"))).await?;

    let cause = format!("there is no certificate in `{file}`, which `sslrootcert` names");
    assert_refused(&refused, DriverErrorKind::Tls, &cause, "has to be PEM");
    Ok(())
}
