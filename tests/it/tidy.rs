//! Rules of the house that the compiler does not check.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use pgq_tests::root;

/// The most lines of a source file.
const LINES_MAX: usize = 500;

/// What each module of `pgq` may use of the others: the layers, from the bottom up.
const MAY_USE: &[(&str, &[&str])] = &[
    // Data and pure functions.
    ("queue", &[]),
    ("backoff", &["queue"]),
    ("embedded", &[]),
    ("metrics", &[]),
    ("limit", &[]),
    ("schedule", &[]),
    ("decode", &[]),
    ("shape", &["decode"]),
    // A job names the handle that its docs point to.
    ("job", &["decode", "shape"]),
    // The seam.
    ("trace", &["job"]),
    ("logs", &["trace"]),
    ("driver", &["job", "limit", "logs", "schedule"]),
    // What users write.
    (
        "task",
        &["backoff", "driver", "job", "queue", "schedule", "shape"],
    ),
    // What an application does with jobs.
    (
        "client",
        &[
            "driver", "job", "logs", "metrics", "queue", "schedule", "task", "trace",
        ],
    ),
    ("contract", &["client", "driver", "job", "shape", "task"]),
    // Drivers.
    (
        "postgres",
        &[
            "client", "driver", "job", "limit", "logs", "schedule", "task",
        ],
    ),
    (
        "memory",
        &["client", "driver", "job", "limit", "logs", "schedule"],
    ),
    // The runtime.
    ("middleware", &["job", "task"]),
    (
        "worker",
        &[
            "backoff",
            "driver",
            "job",
            "limit",
            "logs",
            "metrics",
            "middleware",
            "task",
            "trace",
        ],
    ),
    (
        "scheduler",
        &[
            "driver",
            "job",
            "metrics",
            "middleware",
            "schedule",
            "task",
            "worker",
        ],
    ),
    ("error", &["client", "contract", "driver", "task"]),
    // The facade.
    (
        "app",
        &[
            "client",
            "contract",
            "driver",
            "error",
            "job",
            "limit",
            "middleware",
            "postgres",
            "queue",
            "scheduler",
            "task",
            "worker",
        ],
    ),
    (
        "testing",
        &[
            "app",
            "client",
            "driver",
            "embedded",
            "job",
            "memory",
            "middleware",
            "postgres",
            "task",
            "worker",
        ],
    ),
];

/// Modules whose code reads no clock, draws no random number and waits for nothing.
const PURE: &[&str] = &[
    "backoff.rs",
    "contract/lock.rs",
    "contract/review.rs",
    "job/codec.rs",
    "job/input.rs",
    "job/state.rs",
    "limit/admit.rs",
    "limit/allot.rs",
    "limit/bucket.rs",
    "limit/decide.rs",
    "queue.rs",
    "schedule.rs",
    "schedule/when.rs",
    "scheduler/agenda.rs",
    "task/due.rs",
    "task/invalid.rs",
    "shape/compare.rs",
    "shape/parse.rs",
    "task/registry.rs",
    "postgres/health/schema.rs",
    "postgres/health/session.rs",
    "postgres/health/structure.rs",
    "postgres/history/plan.rs",
    "worker/board.rs",
    "worker/board/cancel.rs",
    "worker/board/pause.rs",
    "worker/board/stuck.rs",
    "worker/decide.rs",
    "worker/memory.rs",
    "worker/pace.rs",
    "worker/parking.rs",
    "worker/storm.rs",
];

#[test]
fn modules_use_only_the_layers_below() -> anyhow::Result<()> {
    for (module, allowed) in MAY_USE {
        for path in module_sources(module)? {
            let text = without_tests(&fs::read_to_string(&path)?);
            for (other, _) in MAY_USE {
                let uses =
                    code_lines(&text).any(|line| line.contains(&format!("crate::{other}::")));
                assert!(
                    other == module || allowed.contains(other) || !uses,
                    "{}: `{module}` must not use `{other}`",
                    path.display(),
                );
            }
        }
    }
    Ok(())
}

#[test]
fn every_module_has_a_layer() -> anyhow::Result<()> {
    for entry in fs::read_dir(root().join("pgq/src"))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let known = MAY_USE.iter().any(|(module, _)| *module == name);
        assert!(
            known || ["lib", "private"].contains(&&*name),
            "{name}: say in `MAY_USE` what it may use",
        );
    }
    Ok(())
}

#[test]
fn policy_has_no_clock_no_chance_and_no_waiting() -> anyhow::Result<()> {
    for file in PURE {
        let text = without_tests(&fs::read_to_string(root().join("pgq/src").join(file))?);
        for word in ["::now()", "fastrand", ".await", "tokio::time"] {
            let found = code_lines(&text).any(|line| line.contains(word));
            assert!(!found, "{file}: policy must not use `{word}`");
        }
    }
    Ok(())
}

#[test]
fn only_the_postgres_driver_and_the_facade_know_sqlx() -> anyhow::Result<()> {
    for path in sources(&["pgq/src"], OsStr::new("rs"))? {
        let relative = path.strip_prefix(root().join("pgq/src"))?.to_owned();
        let may = ["postgres", "app", "testing/database"];
        if may.iter().any(|module| relative.starts_with(module)) {
            continue;
        }
        let text = without_tests(&fs::read_to_string(&path)?);
        let found = code_lines(&text).any(|line| line.contains("sqlx::"));
        assert!(!found, "{}: only {may:?} may name sqlx", relative.display());
    }
    Ok(())
}

#[test]
fn the_command_line_sees_the_public_api_only() -> anyhow::Result<()> {
    for path in sources(&["pgq-cli/src"], OsStr::new("rs"))? {
        let text = fs::read_to_string(&path)?;
        for word in ["__private", "sqlx"] {
            let found = code_lines(&text).any(|line| line.contains(word));
            assert!(
                !found,
                "{}: not a word of the API: `{word}`",
                path.display()
            );
        }
    }
    let manifest = fs::read_to_string(root().join("pgq/Cargo.toml"))?;
    assert!(
        !manifest.contains("clap"),
        "users of pgq build no command line"
    );
    Ok(())
}

#[test]
fn only_what_stands_for_a_database_reads_the_wall_clock() -> anyhow::Result<()> {
    let may = [
        "pgq/src/memory/clock.rs",
        // How far it is from that of the server, which people are told.
        "pgq/src/postgres/health/clock.rs",
        // The age of what a test has left behind.
        "pgq/src/testing/database/mod.rs",
    ];
    let members = ["pgq/src", "pgq-cli/src", "pgq-cron/src", "pgq-macros/src"];
    for path in sources(&members, OsStr::new("rs"))? {
        let relative = path.strip_prefix(root())?;
        if may.iter().any(|may| relative == Path::new(may)) {
            continue;
        }
        let text = without_tests(&fs::read_to_string(&path)?);
        let reads = |line: &str| {
            let clocks = ["SystemTime::now", "Utc::now", "Local::now"];
            clocks.iter().any(|clock| line.contains(clock))
        };
        assert!(
            !code_lines(&text).any(reads),
            "{}: jobs are compared with the clock of the database only",
            relative.display()
        );
    }
    Ok(())
}

#[test]
fn no_file_is_too_long() -> anyhow::Result<()> {
    let members = [
        "bench",
        "examples",
        "models",
        "pgq",
        "pgq-cli",
        "pgq-cron",
        "pgq-macros",
        "tests",
        "trybuild",
    ];
    for path in sources(&members, OsStr::new("rs"))? {
        let lines = fs::read_to_string(&path)?.lines().count();
        assert!(
            lines <= LINES_MAX,
            "{}: {lines} lines, at most {LINES_MAX}",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn every_migration_is_listed() -> anyhow::Result<()> {
    let list = fs::read_to_string(root().join("pgq/src/postgres/migrate.rs"))?;
    for path in sources(&["migrations"], OsStr::new("sql"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        assert!(
            list.contains(&format!("migrations/{name}")),
            "{name}: not in `MIGRATIONS`"
        );
    }
    Ok(())
}

#[test]
fn statements_are_static_qualified_and_explained() -> anyhow::Result<()> {
    const TABLES: &[&str] = &[
        "scheduled",
        "ready",
        "running",
        "finished",
        "failure",
        "large_input",
        "attempt_log",
        "pause",
        "cancel_request",
        "detail",
        "expiry",
        "unique_key",
        "worker",
        "schedule",
        "migration",
        "fleet_limit",
        "allotment",
        "bucket",
        "key_permit",
        "set_aside",
        "key_bucket",
        "key_turn",
        "task",
    ];

    for path in sources(&["pgq/src/postgres/sql"], OsStr::new("sql"))? {
        let text = fs::read_to_string(&path)?;
        let name = path.display();
        assert!(
            text.starts_with("-- "),
            "{name}: begin with a comment that says what it does"
        );
        let code: String = text
            .lines()
            .filter(|line| !line.starts_with("--"))
            .collect();
        assert!(!code.contains("select *"), "{name}: name the columns");
        assert!(
            code.trim_end().ends_with(';'),
            "{name}: end with a semicolon"
        );
        for table in TABLES {
            for verb in ["from", "into", "update", "join"] {
                let bare = format!("{verb} {table} ");
                assert!(!code.contains(&bare), "{name}: write `pgq_jobs.{table}`");
            }
        }
    }
    Ok(())
}

/// The lines that are code, not comments.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The text before its unit tests, which may use what they like.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn module_sources(module: &str) -> anyhow::Result<Vec<PathBuf>> {
    let base = root().join("pgq/src").join(module);
    let mut files = Vec::new();
    if base.is_dir() {
        walk(&base, OsStr::new("rs"), &mut files)?;
    } else {
        let file = base.with_extension("rs");
        if file.is_file() {
            files.push(file);
        }
    }
    anyhow::ensure!(
        !files.is_empty(),
        "`MAY_USE` names `{module}`, which does not exist"
    );
    Ok(files)
}

fn sources(folders: &[&str], extension: &OsStr) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in folders {
        walk(&root().join(folder), extension, &mut files)?;
    }
    anyhow::ensure!(!files.is_empty(), "no source was found");
    Ok(files)
}

fn walk(folder: &Path, extension: &OsStr, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // What is built in a workspace of its own.
        let is_built = path.file_name() == Some(OsStr::new("target"));
        if path.is_dir() && !is_built {
            walk(&path, extension, files)?;
        } else if path.extension() == Some(extension) {
            files.push(path);
        }
    }
    Ok(())
}
