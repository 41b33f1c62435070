//! What a server shows of itself, and whom it trusts.

use std::fmt;

/// A certificate of the server with its key, for connections over TLS.
///
/// Everything is PEM text, not the name of a file. The server gets files of its own, which nobody
/// else can read and which are removed with it.
#[derive(Clone)]
#[must_use = "a cluster has TLS when it is given to `ClusterBuilder::tls`"]
pub struct Tls {
    certificate: String,
    key: String,
    client_ca: Option<String>,
}

impl Tls {
    /// Takes the certificate, with those between it and its CA after it, and its key, which no
    /// password protects.
    pub fn new(certificate: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
        }
    }

    /// Lets the server check certificates of clients against this CA.
    ///
    /// A client that shows none is still let in, where no
    /// [access rule](super::ClusterBuilder::access_rule) asks for one.
    pub fn client_ca(mut self, ca: impl Into<String>) -> Self {
        self.client_ca = Some(ca.into());
        self
    }

    /// Returns the settings of the server, each with the name of its file and what is in it.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let client_ca = self.client_ca.as_deref();
        [
            ("ssl_cert_file", "server.crt", self.certificate.as_str()),
            ("ssl_key_file", "server.key", self.key.as_str()),
        ]
        .into_iter()
        .chain(client_ca.map(|ca| ("ssl_ca_file", "client-ca.crt", ca)))
    }
}

impl fmt::Debug for Tls {
    /// Without the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("certificate", &self.certificate)
            .field("client_ca", &self.client_ca)
            .finish_non_exhaustive()
    }
}
