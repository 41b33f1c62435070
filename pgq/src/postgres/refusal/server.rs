//! What the server says when it lets somebody not in.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use super::{Asked, Refusal};

/// Where the server has compared what a client has shown, in its source: messages are translated.
const COMPARED: &str = "auth_failed";

pub(super) fn refusal(error: &dyn DatabaseError, asked: Option<&Asked>) -> Option<Refusal> {
    let error = error.try_downcast_ref::<PgDatabaseError>()?;
    match error.code() {
        "28P01" => Some(password(asked)),
        "28000" => Some(rule(error, asked)),
        _ => None,
    }
}

fn password(asked: Option<&Asked>) -> Refusal {
    match asked {
        Some(asked) if !asked.has_password => Refusal::authentication(
            "the server asks for a password, and none was given",
            "set it in the URL, in `PGPASSWORD`, or in the file of `PGPASSFILE`",
        ),
        // Of a rule with `clientcert=verify-full` the server says that the password is wrong.
        Some(asked) if asked.has_certificate() => Refusal::authentication(
            format!(
                "the password is wrong, or the client certificate is not one of `{}`",
                asked.user
            ),
            "check the user and the password of the URL, and the common name of the certificate",
        ),
        _ => Refusal::authentication(
            "the password is wrong, or there is no such user",
            "check the user and the password of the URL",
        ),
    }
}

fn rule(error: &PgDatabaseError, asked: Option<&Asked>) -> Refusal {
    // Some libraries pass over what they cannot use.
    if let Some(wrong) = asked.and_then(Asked::wrong_file) {
        return wrong;
    }
    let message = error.message();
    let user = match asked {
        Some(asked) => format!("`{}`", asked.user),
        None => "the user".to_owned(),
    };
    let has_certificate = asked.is_some_and(Asked::has_certificate);
    if error.routine() == Some(COMPARED) && has_certificate {
        return Refusal::authentication(
            format!("the client certificate is not one of {user}"),
            "connect as the user who is its common name, use a certificate of this user, or map \
             the names in `pg_ident.conf` on the server",
        );
    }
    if message.contains("client certificate") {
        return Refusal::authentication(
            "the server asks for a client certificate",
            "set `sslcert` and `sslkey` in the URL to the files of one whose CA the server trusts",
        );
    }
    if message.contains("no encryption") {
        let tried = match asked.is_some_and(Asked::is_plain) {
            true => "set `sslmode=require` or stricter",
            false => {
                "set `sslmode=require` or stricter, in a program with one of pgq's features `tls-…`"
            }
        };
        return Refusal::authentication(
            format!("no rule of the server lets {user} in without TLS"),
            format!("{tried}, or change `pg_hba.conf` on the server"),
        );
    }
    if message.contains("pg_hba.conf") {
        return Refusal::authentication(
            format!("no rule of the server lets {user} in"),
            "check the user, the database and `sslmode` of the URL, and `pg_hba.conf` on the server",
        );
    }
    Refusal::authentication(
        format!("the server does not let {user} in"),
        "check the user and the password of the URL, and `pg_hba.conf` on the server",
    )
}
