//! What goes wrong before the server knows who comes.

use std::error::Error as StdError;
use std::io::ErrorKind;

use sqlx::Error;

use super::{Asked, Refusal};

#[cfg(feature = "_tls-rustls")]
mod rustls;
mod words;

/// What is wrong with TLS, by whichever library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// This program was built without.
    Absent,
    /// The server does not have it.
    NotOffered,
    ServerExpired,
    ServerNotYetValid,
    ServerUnknownIssuer,
    ServerOtherName,
    ServerOther,
    ClientExpired,
    ClientUnknownIssuer,
    ClientOther,
    /// The key is not that of the certificate.
    OtherKey,
    /// No version or cipher that both know.
    NothingInCommon,
    Other,
}

pub(super) fn refusal(error: &Error, asked: Option<&Asked>) -> Option<Refusal> {
    let wrong_file = || asked.and_then(Asked::wrong_file);
    match error {
        Error::Tls(source) => {
            Some(wrong_file().unwrap_or_else(|| fault(source.as_ref()).refusal(asked)))
        }
        Error::Configuration(_) => wrong_file(),
        Error::Io(error) => {
            let inner = error
                .get_ref()
                .map(|inner| inner as &(dyn StdError + 'static));
            match inner.and_then(within) {
                Some(fault) => Some(wrong_file().unwrap_or_else(|| fault.refusal(asked))),
                None if is_cut(error.kind()) && asked.is_some_and(Asked::has_certificate) => {
                    Some(Fault::ClientOther.refusal(asked))
                }
                None => wrong_file(),
            }
        }
        _ => None,
    }
}

/// Whether the server has ended the connection: its alert can be lost then.
fn is_cut(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}

/// What an error of TLS says.
fn fault(error: &(dyn StdError + 'static)) -> Fault {
    within(error).unwrap_or(Fault::Other)
}

/// What an error says that need not be one of TLS.
fn within(error: &(dyn StdError + 'static)) -> Option<Fault> {
    #[cfg(feature = "_tls-rustls")]
    if let Some(fault) = rustls::fault(error) {
        return Some(fault);
    }
    words::fault(&error.to_string())
}

impl Fault {
    fn refusal(self, asked: Option<&Asked>) -> Refusal {
        let (cause, advice) = match self {
            Self::Absent => (
                "this program was built without TLS",
                "enable one of pgq's features `tls-…`",
            ),
            Self::NotOffered => (
                "the server has no TLS",
                "turn on `ssl` there; where nobody can listen in, `sslmode=disable` does without",
            ),
            Self::ServerExpired => (
                "the server's certificate has expired",
                "renew it, and let the server read it with `select pg_reload_conf()`",
            ),
            Self::ServerNotYetValid => (
                "the server's certificate is not valid yet",
                "compare the clocks of this machine and of the server",
            ),
            Self::ServerUnknownIssuer => (
                "the server's certificate is not of a CA that is trusted here",
                "set `sslrootcert` in the URL to a file with the certificate of its CA; if it was \
                 right before, something else may answer in the place of the server",
            ),
            Self::ServerOtherName => {
                let host = asked.map_or("this host", |asked| &asked.host);
                return Refusal::tls(
                    format!("the server's certificate is not for `{host}`"),
                    "connect by a name that is in the certificate, or give the server one with \
                     this name; if it was right before, something else may answer in its place",
                );
            }
            Self::ServerOther => (
                "the server's certificate is not accepted",
                "give the server one that its CA has issued for servers; a CA's own is none",
            ),
            Self::ClientExpired => (
                "the client certificate has expired",
                "renew the files of `sslcert` and `sslkey`",
            ),
            Self::ClientUnknownIssuer => (
                "the client certificate is not of a CA that the server trusts",
                "set `sslcert` and `sslkey` to the files of one whose CA is in `ssl_ca_file` of \
                 the server",
            ),
            Self::ClientOther => (
                "the server does not accept the client certificate",
                "look into the log of the server, which says why, and correct the files of \
                 `sslcert` and `sslkey`",
            ),
            Self::OtherKey => (
                "the key of `sslkey` is not that of the certificate of `sslcert`",
                "set both to files that belong together",
            ),
            Self::NothingInCommon => (
                "the server and this program know no common version or cipher of TLS",
                "look at `ssl_min_protocol_version`, `ssl_max_protocol_version` and `ssl_ciphers` \
                 of the server",
            ),
            Self::Other => (
                "TLS with the server failed",
                "check `sslmode`, `sslrootcert`, `sslcert` and `sslkey` of the URL",
            ),
        };
        Refusal::tls(cause, advice)
    }
}

#[cfg(all(test, not(any(feature = "_tls-rustls", feature = "tls-native-tls"))))]
mod tests {
    use std::net::TcpListener;

    use crate::driver::DriverErrorKind;
    use crate::postgres::Servers;

    /// Of a build with TLS there is nothing to say.
    #[tokio::test]
    async fn a_build_without_tls_says_so() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let url = format!("postgres://app@127.0.0.1:{port}/app?sslmode=require");

        let error = Servers::of_url(&url).unwrap().connect().await.unwrap_err();

        assert_eq!(error.kind(), DriverErrorKind::Tls);
        let expected = "this program was built without TLS; enable one of pgq's features `tls-…`";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
