//! The errors that have no type: those of sqlx itself, and of OpenSSL behind native-tls.
//!
//! Versions of OpenSSL differ in case, in hyphens and in the name of the protocol before an alert.

use super::Fault;

/// Parts of messages, in lowercase, without hyphens. The first that occurs counts.
const WORDS: &[(&str, Fault)] = &[
    // sqlx.
    ("built without tls", Fault::Absent),
    ("server does not support tls", Fault::NotOffered),
    // What the server says in an alert.
    ("alert certificate expired", Fault::ClientExpired),
    ("alert unknown ca", Fault::ClientUnknownIssuer),
    ("alert bad certificate", Fault::ClientOther),
    ("alert unsupported certificate", Fault::ClientOther),
    ("alert certificate revoked", Fault::ClientOther),
    ("alert certificate unknown", Fault::ClientOther),
    ("alert certificate required", Fault::ClientOther),
    ("alert decrypt error", Fault::ClientOther),
    ("alert access denied", Fault::ClientOther),
    ("alert protocol version", Fault::NothingInCommon),
    ("alert handshake failure", Fault::NothingInCommon),
    ("alert insufficient security", Fault::NothingInCommon),
    // What OpenSSL says of the server's certificate.
    ("certificate has expired", Fault::ServerExpired),
    ("certificate is not yet valid", Fault::ServerNotYetValid),
    ("unable to get local issuer", Fault::ServerUnknownIssuer),
    ("unable to get issuer", Fault::ServerUnknownIssuer),
    ("unable to verify the first", Fault::ServerUnknownIssuer),
    ("self signed certificate", Fault::ServerUnknownIssuer),
    ("certificate signature failure", Fault::ServerUnknownIssuer),
    ("hostname mismatch", Fault::ServerOtherName),
    ("ip address mismatch", Fault::ServerOtherName),
    ("certificate verify failed", Fault::ServerOther),
    // What it says of ours, and of the rest.
    ("key values mismatch", Fault::OtherKey),
    ("unsupported protocol", Fault::NothingInCommon),
    ("ssl routines", Fault::Other),
];

pub(super) fn fault(message: &str) -> Option<Fault> {
    let message = message.to_lowercase().replace('-', " ");
    // A server that crashes says no goodbye, which OpenSSL has words for.
    if message.contains("unexpected eof") {
        return None;
    }
    let known = WORDS.iter().find(|(words, _)| message.contains(words));
    known.map(|(_, fault)| *fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_of_openssl_is_understood() {
        let cases = [
            (
                "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify \
                 failed:../ssl/statem/statem_clnt.c:1889: (self-signed certificate in certificate \
                 chain)",
                Fault::ServerUnknownIssuer,
            ),
            (
                "certificate verify failed: (self signed certificate in certificate chain)",
                Fault::ServerUnknownIssuer,
            ),
            (
                "certificate verify failed: (unsuitable certificate purpose)",
                Fault::ServerOther,
            ),
            (
                "certificate verify failed: (Hostname mismatch)",
                Fault::ServerOtherName,
            ),
            (
                "error:14094415:SSL routines:ssl3_read_bytes:sslv3 alert certificate expired",
                Fault::ClientExpired,
            ),
            (
                "error:0A000415:SSL routines::ssl/tls alert certificate expired",
                Fault::ClientExpired,
            ),
            ("tlsv13 alert certificate required", Fault::ClientOther),
        ];

        for (message, expected) in cases {
            assert_eq!(fault(message), Some(expected), "{message}");
        }
        assert_eq!(fault("connection reset by peer"), None);
        let crashed = "error:0A000126:SSL routines::unexpected eof while reading";
        assert_eq!(fault(crashed), None);
    }
}
