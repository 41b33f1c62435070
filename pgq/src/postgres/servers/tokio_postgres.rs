//! From the configuration of `tokio-postgres` to the servers that it names.

use std::net::IpAddr;
use std::str::{self, FromStr};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, TargetSessionAttrs};

use crate::driver::{DriverError, DriverErrorKind};

const PORT_DEFAULT: u16 = 5432;

/// The options of each server that the configuration names, at least one.
pub(super) fn read(config: &Config) -> Result<Vec<PgConnectOptions>, DriverError> {
    if matches!(
        config.get_target_session_attrs(),
        TargetSessionAttrs::ReadOnly
    ) {
        let problem = "the configuration wants servers that only read, and pgq writes";
        return Err(invalid(problem, "leave `target_session_attrs` out"));
    }
    if matches!(config.get_channel_binding(), ChannelBinding::Require) {
        let problem = "the configuration requires channel binding, which sqlx does not have";
        return Err(invalid(
            problem,
            "use `Pgq::connect` with `sslmode=verify-full`",
        ));
    }
    let shared = shared(config)?;
    let servers = at_places(config, &shared)?;
    let ports = config.get_ports();
    if ports.len() > 1 && ports.len() != servers.len() {
        let problem = "the configuration has another number of ports than of servers";
        return Err(invalid(problem, "name one port, or one for each server"));
    }
    let port = |server: usize| {
        let port = ports.get(server).or_else(|| ports.first());
        port.copied().unwrap_or(PORT_DEFAULT)
    };
    let servers = servers.into_iter().enumerate();
    Ok(servers
        .map(|(number, server)| server.port(port(number)))
        .collect())
}

/// The options of each server, but for the port.
fn at_places(
    config: &Config,
    shared: &PgConnectOptions,
) -> Result<Vec<PgConnectOptions>, DriverError> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let is_verified = matches!(shared.get_ssl_mode(), PgSslMode::VerifyFull);
    match (hosts, addresses) {
        ([], []) => {
            let problem = "the configuration names no server";
            Err(invalid(problem, "say which, by `Config::host`"))
        }
        (_, []) => Ok(hosts.iter().map(|host| at_host(shared, host)).collect()),
        // The name is what the certificate is for, and the address what to connect to: sqlx takes one for both.
        ([_, ..], _) if is_verified => {
            let problem =
                "the configuration has addresses beside names, and requires a certificate";
            Err(invalid(problem, "leave `hostaddr` out"))
        }
        _ => {
            let at = |address: &IpAddr| shared.clone().host(&address.to_string());
            Ok(addresses.iter().map(at).collect())
        }
    }
}

fn at_host(shared: &PgConnectOptions, host: &Host) -> PgConnectOptions {
    match host {
        Host::Tcp(host) => shared.clone().host(host),
        #[cfg(unix)]
        Host::Unix(directory) => shared.clone().socket(directory),
    }
}

/// What is the same for each server. What the configuration leaves out is not to come from the environment, or a file
/// of passwords, of which its own client does not read.
fn shared(config: &Config) -> Result<PgConnectOptions, DriverError> {
    let user = config.get_user().ok_or_else(|| {
        let problem = "the configuration names no user";
        invalid(problem, "say who connects, by `Config::user`")
    })?;
    let password = config.get_password().unwrap_or_default();
    let password = str::from_utf8(password).map_err(|error| {
        invalid("the password is not UTF-8", "use another one").with_source(error)
    })?;
    let mut options = with_raw_options(config.get_options())?
        .username(user)
        .password(password)
        .database(config.get_dbname().unwrap_or(user))
        .ssl_mode(match config.get_ssl_mode() {
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Prefer => PgSslMode::Prefer,
            // Whether a certificate is looked at is a matter of the client's connector, which nobody can ask.
            _ => PgSslMode::VerifyFull,
        });
    if let Some(name) = config.get_application_name() {
        options = options.application_name(name);
    }
    Ok(options)
}

/// Options as the server reads them are only taken as part of a URL.
fn with_raw_options(raw: Option<&str>) -> Result<PgConnectOptions, DriverError> {
    let encoded: String = raw.unwrap_or_default().bytes().map(percent).collect();
    let url = match &*encoded {
        "" => "postgres://localhost".to_owned(),
        encoded => format!("postgres://localhost?options={encoded}"),
    };
    PgConnectOptions::from_str(&url)
        .map_err(|error| invalid("its options cannot be read", "mend them").with_source(error))
}

fn percent(byte: u8) -> String {
    format!("%{byte:02X}")
}

fn invalid(problem: &str, advice: &str) -> DriverError {
    DriverError::new(DriverErrorKind::InvalidDatabaseUrl, problem).with_advice(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> PgConnectOptions {
        let mut servers = read(&text.parse().unwrap()).unwrap();
        assert_eq!(servers.len(), 1);
        servers.remove(0)
    }

    #[test]
    fn each_part_is_taken_over() {
        let options = read_one(
            "host=one port=1 user=me password='a b' dbname=shop application_name=till \
             options='-c geqo=off -c work_mem=8MB' sslmode=disable",
        );

        assert_eq!(options.get_host(), "one");
        assert_eq!(options.get_port(), 1);
        assert_eq!(options.get_username(), "me");
        assert_eq!(options.get_database(), Some("shop"));
        assert_eq!(options.get_application_name(), Some("till"));
        assert_eq!(options.get_options(), Some("-c geqo=off -c work_mem=8MB"));
        assert!(matches!(options.get_ssl_mode(), PgSslMode::Disable));
    }

    #[test]
    fn what_is_left_out_is_as_the_client_has_it() {
        let options = read_one("host=one user=me");

        assert_eq!(options.get_port(), 5432);
        assert_eq!(options.get_database(), Some("me"));
        assert!(matches!(options.get_ssl_mode(), PgSslMode::Prefer));
    }

    #[test]
    fn a_required_certificate_is_verified() {
        let options = read_one("host=one user=me sslmode=require");

        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    }

    #[test]
    fn each_server_has_its_port_or_the_only_one() {
        let places = |text: &str| {
            let servers = read(&text.parse().unwrap()).unwrap();
            let place =
                |options: &PgConnectOptions| (options.get_host().to_owned(), options.get_port());
            servers.iter().map(place).collect::<Vec<_>>()
        };

        let one = ("one".to_owned(), 1);
        assert_eq!(
            places("host=one,two port=1,2 user=me"),
            [one.clone(), ("two".to_owned(), 2)]
        );
        assert_eq!(
            places("host=one,two port=1 user=me"),
            [one, ("two".to_owned(), 1)]
        );
        assert_eq!(
            places("host=one hostaddr=10.0.0.1 user=me"),
            [("10.0.0.1".to_owned(), 5432)]
        );
        assert_eq!(
            places("hostaddr=10.0.0.1 user=me"),
            [("10.0.0.1".to_owned(), 5432)]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_server_may_be_behind_a_socket() {
        let options = read_one("host=/run/postgresql port=7 user=me");

        let socket = options.get_socket().map(|path| path.as_path());
        assert_eq!(socket, Some(std::path::Path::new("/run/postgresql")));
        assert_eq!(options.get_port(), 7);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (text, expected) in [
            ("user=me", "names no server"),
            ("host=one", "names no user"),
            (
                "host=one user=me target_session_attrs=read-only",
                "pgq writes",
            ),
            (
                "host=one user=me channel_binding=require",
                "channel binding",
            ),
            ("host=one,two,three port=1,2 user=me", "number of ports"),
            (
                "host=one hostaddr=10.0.0.1 user=me sslmode=require",
                "addresses beside names",
            ),
        ] {
            let refused = read(&text.parse().unwrap()).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
