//! The settings that a server is started with.

use std::ffi::OsString;
use std::path::Path;

use super::EmbeddedError;
use super::access::Access;

/// What the cluster decides itself: its methods would be wrong otherwise.
const RESERVED: [&str; 7] = [
    "config_file",
    "data_directory",
    "listen_addresses",
    "log_destination",
    "logging_collector",
    "port",
    "unix_socket_directories",
];

/// What makes a cluster fast whose data nobody wants after a crash of the machine. A commit is
/// still handed to the system before it is reported, so that a crash of the server loses nothing.
const VOLATILE: [(&str, &str); 2] = [("fsync", "off"), ("full_page_writes", "off")];

/// Settings for the command line, in order; the last of a name counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    pub(super) fn push(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// Returns true if `log` names one of the settings, as PostgreSQL does when it refuses one.
    pub(super) fn any_is_in(&self, log: &str) -> bool {
        self.0
            .iter()
            .any(|(name, _)| log.contains(&format!("\"{name}\"")))
    }

    /// Returns the arguments of `postgres`, without its port.
    pub(super) fn arguments(
        &self,
        data: &Path,
        socket: &Path,
        durable: bool,
        access: &Access,
    ) -> Result<Vec<OsString>, EmbeddedError> {
        let mut arguments: Vec<OsString> =
            vec!["-D".into(), data.into(), "-k".into(), socket.into()];
        let fixed = [
            ("listen_addresses", "127.0.0.1"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
        ];
        let volatile = if durable { &[][..] } else { &VOLATILE };
        for (name, value) in fixed.iter().chain(volatile) {
            arguments.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        for (name, value) in access.settings(socket) {
            arguments.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        for (name, value) in &self.0 {
            check(name, value)?;
            arguments.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        Ok(arguments)
    }
}

fn check(name: &str, value: &str) -> Result<(), EmbeddedError> {
    let known = |part: char| part.is_ascii_alphanumeric() || part == '_' || part == '.';
    let reason = if name.is_empty() || !name.chars().all(known) {
        "has a name that PostgreSQL does not have; use letters, digits, `_` and `.`"
    } else if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        "is chosen by the cluster; leave it out"
    } else if value.contains('\0') {
        "has a NUL character in its value; leave it out"
    } else {
        return Ok(());
    };
    Err(EmbeddedError::Setting {
        name: name.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_the_caller_comes_after_the_defaults() {
        let mut settings = Settings::default();
        settings.push("fsync".to_owned(), "on".to_owned());

        let arguments = settings
            .arguments(
                Path::new("/data"),
                Path::new("/run"),
                false,
                &Access::default(),
            )
            .unwrap();

        let last = arguments.last().unwrap();
        assert_eq!(last, "fsync=on");
        assert!(arguments.contains(&"fsync=off".into()));
    }

    #[test]
    fn what_the_cluster_chooses_cannot_be_set() {
        for name in ["port", "Listen_Addresses", "", "two words"] {
            let mut settings = Settings::default();
            settings.push(name.to_owned(), "1".to_owned());

            let (data, run) = (Path::new("/data"), Path::new("/run"));
            let result = settings.arguments(data, run, true, &Access::default());

            assert!(
                matches!(result, Err(EmbeddedError::Setting { .. })),
                "{name}"
            );
        }
    }
}
