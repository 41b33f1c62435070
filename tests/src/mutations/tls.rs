//! The mistakes in what is said of connections that are refused, and in what becomes of workers then.

use super::Mutation;

/// Every such mistake that is tried.
pub const TLS: &[Mutation] = &[
    Mutation {
        name: "nobody looks at the types of rustls",
        file: "pgq/src/postgres/refusal/tls.rs",
        find: "if let Some(fault) = rustls::fault(error) {",
        replace: "if let Some(fault) = rustls::fault(error).filter(|_| false) {",
        tests: &[
            "tls::server_certificates::a_certificate_that_has_expired_is_refused",
            "tls::server_certificates::a_certificate_of_another_ca_is_refused",
        ],
    },
    Mutation {
        name: "files of certificates are not looked at",
        file: "pgq/src/postgres/refusal/options.rs",
        find: "checks.find_map(|(pem, what, mark)| pem?.check(what, mark))",
        replace: "checks.find_map(|(pem, what, mark)| pem?.check(what, mark).filter(|_| false))",
        tests: &[
            "tls::client_certificates::a_key_that_cannot_be_read_is_named",
            "tls::server_certificates::a_file_with_the_ca_that_is_missing_is_named",
        ],
    },
    Mutation {
        name: "a password that is missing is a wrong one",
        file: "pgq/src/postgres/refusal/server.rs",
        find: "Some(asked) if !asked.has_password =>",
        replace: "Some(asked) if asked.user.is_empty() =>",
        tests: &["tls::passwords::a_password_that_is_missing_is_asked_for"],
    },
    Mutation {
        name: "a server that asks for TLS does not say so",
        file: "pgq/src/postgres/refusal/server.rs",
        find: "if message.contains(\"no encryption\") {",
        replace: "if message.contains(\"never\") {",
        tests: &["tls::passwords::a_server_that_asks_for_tls_says_so_to_who_has_none"],
    },
    Mutation {
        name: "a certificate that is not accepted is not waited out",
        file: "pgq/src/driver/error.rs",
        find: "Self::Unavailable | Self::Tls | Self::Conflict",
        replace: "Self::Unavailable | Self::Conflict",
        tests: &["tls::renewal::a_result_is_kept_until_the_certificate_is_renewed"],
    },
    Mutation {
        name: "a result is thrown away for a password",
        file: "pgq/src/worker/persist.rs",
        find: "DriverErrorKind::Authentication => true,",
        replace: "DriverErrorKind::Authentication => failures < OTHER_TRIES,",
        tests: &["tls::renewal::a_result_is_kept_until_the_password_is_right_again"],
    },
    Mutation {
        name: "the connection that listens is not encrypted",
        file: "pgq/src/postgres/listener.rs",
        find: "|options| options.clone().options([(\"lock_timeout\", LOCK_TIMEOUT)])",
        replace: "|options| options.clone().ssl_mode(sqlx::postgres::PgSslMode::Disable)\n\
                  .options([(\"lock_timeout\", LOCK_TIMEOUT)])",
        tests: &["tls::sessions::every_session_of_a_worker_is_encrypted"],
    },
    Mutation {
        name: "the key of an embedded server is for everybody",
        file: "pgq/src/embedded/platform.rs",
        find: ".mode(0o600)",
        replace: ".mode(0o644)",
        tests: &["embedded::access::a_key_is_for_the_server_only_and_gone_with_it"],
    },
    Mutation {
        name: "an embedded server with a password does not ask for it",
        file: "pgq/src/embedded/access.rs",
        find: "(Some(_), true) => &WITH_PASSWORD[..],",
        replace: "(Some(_), true) => &[],",
        tests: &["embedded::access::a_superuser_with_a_password_is_asked_for_it"],
    },
];
