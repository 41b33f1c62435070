//! Python, with asyncpg and psycopg.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, ensure};
use pgq::{JobHandle, JobId};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{database_of, drain, worker};
use pgq_tests::root;

use super::{send_welcome, value};

const USERS: &str = "create table app_user (email text not null)";

#[pgq::task(register = false, name = "store")]
async fn store(name: String, content: serde_bytes::ByteBuf, size: u64) -> anyhow::Result<String> {
    Ok(format!("{name} {} {size}", content.len()))
}

/// Runs an example, and returns what it has printed.
fn run(example: &str, database: &TestDatabase) -> anyhow::Result<String> {
    let output = Command::new(python()?)
        .arg(root().join("examples/python").join(example))
        .env("DATABASE_URL", database.url())
        .output()
        .context("Python does not start")?;
    ensure!(
        output.status.success(),
        "{example}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The Python of an environment that has what the examples require. It is made once.
fn python() -> anyhow::Result<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();

    let python = PYTHON.get_or_init(|| install().map_err(|error| format!("{error:#}")));
    python
        .as_deref()
        .map_err(|error| anyhow::anyhow!("no Python: {error}"))
}

fn install() -> anyhow::Result<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let python = venv.join("bin/python");
    must(
        "python3",
        [OsStr::new("-m"), OsStr::new("venv"), venv.as_os_str()],
    )?;
    let requirements = root().join("examples/python/requirements.txt");
    let install = ["-m", "pip", "install", "--quiet", "--requirement"].map(OsStr::new);
    must(
        &python,
        install.into_iter().chain([requirements.as_os_str()]),
    )?;
    Ok(python)
}

fn must<'a>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

async fn database_of_users() -> anyhow::Result<TestDatabase> {
    let database = database_of::<send_welcome>().await?;
    sqlx::raw_sql(USERS).execute(database.pool()).await?;
    Ok(database)
}

#[tokio::test]
async fn asyncpg_enqueues_in_its_transaction() -> anyhow::Result<()> {
    let database = database_of_users().await?;

    let printed = run("with_asyncpg.py", &database)?;

    let lines: Vec<&str> = printed.lines().collect();
    let [job, not_signed_up, jobs, refused] = lines[..] else {
        anyhow::bail!("{printed}");
    };
    assert!(job.starts_with("job "), "{printed}");
    assert_eq!(not_signed_up, "not signed up: `nobody` is no address");
    assert_eq!(jobs.matches("'new'").count(), 2, "{printed}");
    assert!(refused.starts_with("refused: PGQ02 "), "{printed}");
    assert_welcomed(&database).await
}

#[tokio::test]
async fn psycopg_enqueues_in_its_transaction_and_changes_jobs() -> anyhow::Result<()> {
    let database = database_of_users().await?;

    let printed = run("with_psycopg.py", &database)?;

    let lines: Vec<&str> = printed.lines().collect();
    let [job, not_signed_up, jobs, cancel, state, requeued, refused] = lines[..] else {
        anyhow::bail!("{printed}");
    };
    assert!(job.starts_with("job "), "{printed}");
    assert_eq!(not_signed_up, "not signed up: `nobody` is no address");
    assert_eq!(jobs.matches("'new'").count(), 2, "{printed}");
    assert_eq!(
        [cancel, state, requeued],
        ["cancel: cancelled", "state: cancelled", "requeued: True"]
    );
    assert!(refused.starts_with("refused: PGQ02 "), "{printed}");
    assert_welcomed(&database).await
}

/// One user was signed up, and three are welcomed; the two of `enqueue_many` with the priority that it says.
async fn assert_welcomed(database: &TestDatabase) -> anyhow::Result<()> {
    let users = "select string_agg(email, ' ') from app_user";
    assert_eq!(
        value(database, users).await?.as_deref(),
        Some("ada@example.com")
    );
    let priorities = "select string_agg(priority::text, ' ' order by priority) from pgq_jobs.job";
    assert_eq!(value(database, priorities).await?.as_deref(), Some("0 5 5"));
    let report = drain(worker::<send_welcome>(database)).await?;
    assert_eq!(report.completed, 3);
    Ok(())
}

#[tokio::test]
async fn message_pack_of_python_is_the_input_of_a_task() -> anyhow::Result<()> {
    let database = database_of::<store>().await?;

    run("with_message_pack.py", &database)?;

    let report = drain(worker::<store>(&database)).await?;
    assert_eq!(report.completed, 2);
    let mut stored = Vec::new();
    let jobs: Vec<i64> = sqlx::query_scalar("select id from pgq_jobs.job order by id")
        .fetch_all(database.pool())
        .await?;
    for job in jobs {
        let job = JobHandle::<String>::from_id(JobId::from_i64(job));
        stored.push(job.wait(database.pool()).await?);
    }
    assert_eq!(stored, ["first 2 18446744073709551615", "second 1000 1000"]);
    Ok(())
}
