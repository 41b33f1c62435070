//! What a connection was asked to be.

use std::fs;
use std::path::PathBuf;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Refusal;

/// How sqlx shows a parameter that is a file; otherwise it is what would be in one.
const FILE: &str = "file: ";

/// The parts of [`PgConnectOptions`] that say how a connection is made, and by whom.
#[derive(Debug)]
pub(in crate::postgres) struct Asked {
    mode: PgSslMode,
    pub(super) host: String,
    pub(super) user: String,
    pub(super) has_password: bool,
    root: Option<Pem>,
    certificate: Option<Pem>,
    key: Option<Pem>,
}

/// A parameter with certificates, or with a key.
#[derive(Debug)]
struct Pem {
    parameter: &'static str,
    /// `None` if the text is in the parameter itself.
    path: Option<PathBuf>,
}

impl Asked {
    pub(in crate::postgres) fn of(options: &PgConnectOptions) -> Self {
        // The only way to see the password and the files. It panics if host and user do not make a
        // URL, as an address of IPv6 does not.
        let plain = options.clone().host("localhost").username("user");
        let url = plain.to_url_lossy();
        let pem = |parameter: &'static str| {
            let (_, value) = url.query_pairs().find(|(name, _)| name == parameter)?;
            let path = value.strip_prefix(FILE).map(PathBuf::from);
            Some(Pem { parameter, path })
        };
        Self {
            mode: options.get_ssl_mode(),
            host: options.get_host().to_owned(),
            user: options.get_username().to_owned(),
            has_password: url.password().is_some_and(|password| !password.is_empty()),
            root: pem("sslrootcert"),
            certificate: pem("sslcert"),
            key: pem("sslkey"),
        }
    }

    /// Whether TLS was not even tried.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.mode, PgSslMode::Disable | PgSslMode::Allow)
    }

    pub(super) fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Looks for what is wrong with the files; the error of a connection does not name them.
    pub(super) fn wrong_file(&self) -> Option<Refusal> {
        let alone = |one, other| {
            Refusal::tls(
                format!("`{one}` is set without `{other}`"),
                "set both, the client certificate and its key, or none",
            )
        };
        match (&self.certificate, &self.key) {
            (Some(_), None) => return Some(alone("sslcert", "sslkey")),
            (None, Some(_)) => return Some(alone("sslkey", "sslcert")),
            _ => {}
        }
        // It is read only where the server's certificate is looked at.
        let is_verified = matches!(self.mode, PgSslMode::VerifyCa | PgSslMode::VerifyFull);
        let root = self.root.as_ref().filter(|_| is_verified);
        let mut checks = [
            (root, "certificate", "CERTIFICATE-----"),
            (self.certificate.as_ref(), "certificate", "CERTIFICATE-----"),
            (self.key.as_ref(), "private key", "PRIVATE KEY-----"),
        ]
        .into_iter();
        checks.find_map(|(pem, what, mark)| pem?.check(what, mark))
    }
}

impl Pem {
    fn check(&self, what: &str, mark: &str) -> Option<Refusal> {
        let path = self.path.as_ref()?;
        let place = format!("`{}`, which `{}` names", path.display(), self.parameter);
        match fs::read(path) {
            Err(error) => Some(Refusal::tls(
                format!("cannot read {place}: {error}"),
                "correct the path, or let the user whom this program runs as read the file",
            )),
            Ok(bytes) if !String::from_utf8_lossy(&bytes).contains(mark) => Some(Refusal::tls(
                format!("there is no {what} in {place}"),
                format!("the file has to be PEM, with a line `-----BEGIN … {mark}`"),
            )),
            Ok(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_the_options_can_be_looked_at() {
        for (host, user) in [
            ("::1", "a/b@c"),
            ("", ""),
            ("two words", "%"),
            ("/tmp", "é"),
        ] {
            let options = PgConnectOptions::new_without_pgpass()
                .host(host)
                .username(user)
                .password("it's :/@%")
                .ssl_client_cert("/two words/é.crt");

            let asked = Asked::of(&options);

            assert_eq!((&*asked.host, &*asked.user), (host, user));
            assert!(asked.has_password);
            let path = asked.certificate.and_then(|pem| pem.path);
            assert_eq!(path, Some(PathBuf::from("/two words/é.crt")));
        }
    }

    #[test]
    fn what_is_not_in_a_file_is_not_looked_for_in_one() {
        let pem = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";
        let options = PgConnectOptions::new_without_pgpass()
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(pem.into());

        assert_eq!(Asked::of(&options).wrong_file(), None);
    }
}
