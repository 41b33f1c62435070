//! URLs that name several servers, as libpq has them: `postgres://user@first:5432,second:5432/database`.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::driver::{DriverError, DriverErrorKind};

/// The parameter by which libpq is told what kind of server is wanted.
const WANTED: &str = "target_session_attrs";

/// What it may say: pgq writes, so it takes servers that can be written to, and no others.
const WRITABLE: [&str; 3] = ["any", "read-write", "primary"];

/// Reads a URL: the options of each server that it names, at least one. The error does not repeat it: it may hold a
/// password.
pub(super) fn parse(url: &str) -> Result<Vec<PgConnectOptions>, DriverError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(invalid(
            "the URL of the database does not begin with `postgres://`",
        ));
    }
    let url = without_wanted(url)?;
    split(&url).iter().map(|url| options(url)).collect()
}

fn options(url: &str) -> Result<PgConnectOptions, DriverError> {
    PgConnectOptions::from_str(url)
        .map_err(|error| invalid("the URL of the database cannot be read").with_source(error))
}

fn invalid(problem: impl Into<String>) -> DriverError {
    DriverError::new(DriverErrorKind::InvalidDatabaseUrl, problem).with_advice(
        "write it as `postgres://user:password@host:5432/database`, with special characters \
         of the password percent-encoded",
    )
}

/// Takes the parameter that sqlx does not know out of a URL.
fn without_wanted(url: &str) -> Result<String, DriverError> {
    let Some((place, parameters)) = url.split_once('?') else {
        return Ok(url.to_owned());
    };
    let mut kept = Vec::new();
    for parameter in parameters.split('&') {
        match parameter.split_once('=') {
            Some((WANTED, wanted)) if WRITABLE.contains(&wanted) => {}
            Some((WANTED, wanted)) => {
                let problem = format!("`{WANTED}` of the URL is `{wanted}`, and pgq writes");
                return Err(invalid(problem).with_advice("leave it out, or write `read-write`"));
            }
            _ => kept.push(parameter),
        }
    }
    Ok(match kept.is_empty() {
        true => place.to_owned(),
        false => format!("{place}?{}", kept.join("&")),
    })
}

/// A URL for each server.
fn split(url: &str) -> Vec<String> {
    let start = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |length| start + length);
    // What is before the servers: the scheme, the user and the password, which may have commas.
    let servers = url[start..end]
        .rfind('@')
        .map_or(start, |at| start + at + 1);
    let (before, after) = (&url[..servers], &url[end..]);
    url[servers..end]
        .split(',')
        .map(|server| format!("{before}{server}{after}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(url: &str) -> Vec<(String, u16, String, Option<String>)> {
        let servers = parse(url).unwrap();
        let place = |options: &PgConnectOptions| {
            (
                options.get_host().to_owned(),
                options.get_port(),
                options.get_username().to_owned(),
                options.get_database().map(str::to_owned),
            )
        };
        servers.iter().map(place).collect()
    }

    fn at(host: &str, port: u16) -> (String, u16, String, Option<String>) {
        (
            host.to_owned(),
            port,
            "me".to_owned(),
            Some("shop".to_owned()),
        )
    }

    #[test]
    fn a_url_names_one_server_or_several() {
        assert_eq!(places("postgres://me@one:1/shop"), [at("one", 1)]);
        assert_eq!(
            places("postgres://me:a,b@one:1,two:2,three/shop?sslmode=disable"),
            [at("one", 1), at("two", 2), at("three", 5432)]
        );
        assert_eq!(
            places("postgresql://me@[::1]:1,10.0.0.1/shop"),
            [at("[::1]", 1), at("10.0.0.1", 5432)]
        );
    }

    #[test]
    fn only_servers_that_can_be_written_to_may_be_wanted() {
        let of = |wanted| format!("postgres://me@one:1,two:2/shop?target_session_attrs={wanted}");

        for wanted in WRITABLE {
            assert_eq!(places(&of(wanted)), [at("one", 1), at("two", 2)]);
        }
        let refused = parse(&of("standby")).unwrap_err().to_string();
        assert_eq!(
            refused,
            "`target_session_attrs` of the URL is `standby`, and pgq writes; leave it out, or write `read-write`"
        );
    }
}
