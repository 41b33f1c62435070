//! Policy: what is wrong with a session, or changes while the server runs.

use super::read::{Connections, SessionState};
use crate::driver::{Finding, FindingCode};

/// The oldest server that is supported, and tested.
const SERVER_MIN: u32 = 140_000;

/// By how many seconds clocks may differ. Times that an application computes are off by that.
const CLOCK_MAX: i64 = 5;

/// How full the queue of notifications may be. Listeners take them at once, so that it is all but empty
/// unless a session holds on to them; and it holds gigabytes.
const QUEUE_MAX: f64 = 0.02;

/// The most connections that one worker has: its pool, those of the hot statements, that of wake-ups, the
/// lease's and that of the history.
const OF_A_WORKER: i64 = 12;

/// How many connections are left at least, for whoever has to look at the server.
const LEFT_MIN: i64 = 3;

/// A setting that ends statements, transactions or sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Timeout {
    name: &'static str,
    /// Whose sessions it matters for; `None` for all.
    of: Option<Whose>,
    /// The shortest time that does no harm, in milliseconds.
    min: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Runtime,
    Application,
}

/// In the order of the statement that reads them.
const TIMEOUTS: [Timeout; 4] = [
    // An enqueue waits for those of the same keys. The runtime sets its own.
    Timeout {
        name: "statement_timeout",
        of: Some(Whose::Application),
        min: 1_000,
    },
    // Tasks have transactions, and the runtime may be held up between two statements of its own.
    Timeout {
        name: "idle_in_transaction_session_timeout",
        of: None,
        min: 5_000,
    },
    // The session that listens is tried every 15 s. A pool notices that one of its own is gone.
    Timeout {
        name: "idle_session_timeout",
        of: Some(Whose::Runtime),
        min: 30_000,
    },
    // A statement of the runtime may take 30 s.
    Timeout {
        name: "transaction_timeout",
        of: None,
        min: 30_000,
    },
];

/// The version of the server, if it says one.
pub(super) fn version(version: Option<u32>) -> Option<Finding> {
    let version = version.filter(|version| *version < SERVER_MIN)?;
    Some(Finding::new(
        FindingCode::ServerTooOld,
        format!(
            "the server is PostgreSQL {}, and pgq needs {} or newer",
            version / 10_000,
            SERVER_MIN / 10_000
        ),
        "upgrade the server",
    ))
}

/// Of a session that has the settings of the runtime.
pub(super) fn runtime(state: &SessionState) -> Vec<Finding> {
    let mut findings = changing(state);
    findings.extend(isolation(state));
    let short = short(state, Whose::Runtime);
    findings.extend(short.map(|timeout| too_short(timeout, "a worker's sessions")));
    if !state.has_settings {
        findings.push(Finding::new(
            FindingCode::SettingsIgnored,
            "the settings that a worker's connections begin with do not reach the server",
            "let the pooler pass the startup parameter `options` on, or connect to the server directly",
        ));
    }
    findings
}

/// Of a session of the application, beside one of the runtime.
pub(super) fn application(runtime: &SessionState, state: &SessionState) -> Vec<Finding> {
    let mut findings = Vec::new();
    if state.is_in_transaction {
        findings.push(Finding::new(
            FindingCode::InTransaction,
            "the connections of the application's pool are in a transaction already, so nothing that is \
             enqueued through it is committed",
            "take `begin` out of what the pool does when it connects",
        ));
    }
    // What is wrong with both has been said. Tasks and enqueuers may have reasons of their own.
    if runtime.isolation == READ_COMMITTED {
        findings.extend(isolation(state).map(Finding::warning));
    }
    if state.is_read_only && !runtime.is_read_only {
        findings.push(read_only("the application's connections").warning());
    }
    let said: Vec<_> = short(runtime, Whose::Runtime).collect();
    let unsaid = short(state, Whose::Application).filter(|timeout| !said.contains(timeout));
    findings.extend(unsaid.map(|timeout| too_short(timeout, "the application's sessions")));
    findings
}

/// What may change while a worker runs.
pub(super) fn changing(state: &SessionState) -> Vec<Finding> {
    let mut findings = Vec::new();
    if state.is_standby {
        findings.push(Finding::new(
            FindingCode::Standby,
            "the server is a standby, on which nothing can be written",
            "connect to the primary, for instance with several hosts and a name that follows it",
        ));
    } else if state.is_read_only {
        findings.push(read_only("a worker's connections"));
    }
    findings.extend(state.connections.iter().filter_map(scarce));
    let seconds = (state.clock_ahead + state.clock_ahead.signum() * 500_000) / 1_000_000;
    if seconds.abs() >= CLOCK_MAX {
        let (by, how) = match seconds {
            0.. => (seconds, "behind"),
            _ => (-seconds, "ahead of"),
        };
        findings.push(Finding::new(
            FindingCode::ClockDifference,
            format!("the clock of this machine is {by} s {how} that of the server"),
            "let both follow a time server; jobs go by the clock of the server",
        ));
    }
    if state.queue_usage > QUEUE_MAX {
        findings.push(Finding::new(
            FindingCode::NotificationQueue,
            format!(
                "the server's queue of notifications is {:.0} % full",
                state.queue_usage * 100.0
            ),
            "look in `pg_stat_activity` for a session with LISTEN that has been in a transaction for long, \
             and end it",
        ));
    }
    findings
}

/// Of the application's pool, by its size.
pub(super) fn pool(connections: u32, concurrency: usize) -> Option<Finding> {
    (connections < 2 && concurrency > 1).then(|| {
        Finding::new(
            FindingCode::PoolTooSmall,
            format!("the application's pool has one connection for {concurrency} jobs at once"),
            "give it more: a task that has the connection and waits for another waits for itself",
        )
    })
}

const READ_COMMITTED: &str = "read committed";

fn isolation(state: &SessionState) -> Option<Finding> {
    let isolation = &state.isolation;
    (isolation != READ_COMMITTED).then(|| {
        Finding::new(
            FindingCode::IsolationLevel,
            format!("`default_transaction_isolation` is `{isolation}`"),
            "set it to `read committed` for the user and the database of the workers; transactions that \
             need more begin with `set transaction isolation level`",
        )
    })
}

fn read_only(whose: &str) -> Finding {
    Finding::new(
        FindingCode::ReadOnly,
        format!("`default_transaction_read_only` is on for {whose}"),
        "set it to `off` for the user and the database of the workers",
    )
}

/// The settings of a session that are too short, with what they are.
fn short(state: &SessionState, whose: Whose) -> impl Iterator<Item = (Timeout, i64)> {
    let all = TIMEOUTS.iter().copied().zip(state.timeouts);
    all.filter(move |(timeout, set)| {
        timeout.of.is_none_or(|of| of == whose) && (1..timeout.min).contains(set)
    })
}

fn too_short((timeout, set): (Timeout, i64), whose: &str) -> Finding {
    let Timeout { name, min, .. } = timeout;
    Finding::new(
        FindingCode::TimeoutTooShort,
        format!("`{name}` of {whose} is {set} ms"),
        format!("set it to {min} ms or more, or to 0, for the user and the database"),
    )
}

fn scarce(connections: &Connections) -> Option<Finding> {
    let Connections { of, max, used } = *connections;
    let is_server = of == "the server";
    let problem = match max - used {
        _ if !is_server && max < OF_A_WORKER => {
            format!("{of} may have {max} connections, and one worker needs up to {OF_A_WORKER}")
        }
        left if left < LEFT_MIN => {
            format!("{used} of {max} connections that {of} may have are in use")
        }
        _ => return None,
    };
    Some(Finding::new(
        FindingCode::ConnectionsScarce,
        problem,
        "use fewer connections, for instance smaller pools, or raise `max_connections` of the server or \
         `connection limit` of the user or the database",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_an_error() {
        let said = |number| version(number).map(|finding| finding.to_string());

        assert_eq!(
            said(Some(130_021)),
            Some(
                "server-too-old: the server is PostgreSQL 13, and pgq needs 14 or newer; upgrade the \
                 server"
                    .to_owned()
            )
        );
        assert_eq!(said(Some(140_000)), None);
        assert_eq!(said(None), None);
    }
}
