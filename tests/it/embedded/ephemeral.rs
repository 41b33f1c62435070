use std::os::unix::process::CommandExt as _;
use std::process::Command;

use pgq::embedded::{Cluster, EmbeddedError, Shutdown};

use super::parent::{Parent, Place, command, eventually, is_alive, send};
use super::{connect, connect_to, read_row, write_row};

#[tokio::test]
async fn an_ephemeral_cluster_answers_a_query() -> anyhow::Result<()> {
    let cluster = Cluster::builder().setting("work_mem", "7MB").start()?;

    let mut connection = connect(&cluster).await?;
    let version: String = sqlx::query_scalar("show server_version_num")
        .fetch_one(&mut connection)
        .await?;
    let work_mem: String = sqlx::query_scalar("show work_mem")
        .fetch_one(&mut connection)
        .await?;

    let expected = cluster.version();
    assert_eq!(
        version.parse::<u32>()?,
        u32::from(expected.major()) * 10_000 + u32::from(expected.minor())
    );
    assert_eq!(work_mem, "7MB");
    assert_ne!(cluster.port(), 5432);
    let socket = cluster
        .socket_directory()
        .join(format!(".s.PGSQL.{}", cluster.port()));
    assert!(socket.exists());
    Ok(())
}

#[test]
fn a_stopped_cluster_leaves_nothing() -> anyhow::Result<()> {
    let cluster = Cluster::ephemeral()?;
    let run_directory = cluster.socket_directory().to_owned();
    let server = cluster.pid();

    cluster.stop()?;

    assert!(!run_directory.exists());
    assert!(server.is_some_and(|pid| !is_alive(pid)));
    Ok(())
}

#[test]
fn a_dropped_cluster_leaves_nothing() -> anyhow::Result<()> {
    let cluster = Cluster::ephemeral()?;
    let run_directory = cluster.socket_directory().to_owned();
    let server = cluster.pid();

    drop(cluster);

    assert!(!run_directory.exists());
    assert!(server.is_some_and(|pid| !is_alive(pid)));
    Ok(())
}

#[test]
fn an_ephemeral_cluster_leaves_nothing_after_kill_9_of_its_parent() -> anyhow::Result<()> {
    let mut parent = Parent::start(&["ephemeral"])?;
    assert!(parent.data_directory.exists());

    parent.kill()?;

    eventually("the directory is gone", || !parent.run_directory.exists())?;
    assert!(!is_alive(parent.server));
    Ok(())
}

#[test]
fn a_cluster_that_is_still_being_made_leaves_nothing_after_kill_9_of_its_parent()
-> anyhow::Result<()> {
    let place = Place::new()?;
    // The account of the server names the directory: nothing else tells it from here.
    let mut parent = command()
        .arg("ephemeral")
        .env("PGQ_CACHE_DIR", place.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()?;
    let pid = parent.id().to_string();
    let mut watchdog = None;
    eventually("the watchdog runs", || {
        watchdog = child_of(&pid);
        watchdog.is_some()
    })?;

    parent.kill()?;
    parent.wait()?;

    let directory = watchdog.unwrap_or_default();
    eventually("the directory is gone", || {
        !std::path::Path::new(&directory).exists()
    })
}

/// Returns the run directory of the watchdog whose parent is `pid`.
fn child_of(pid: &str) -> Option<String> {
    let output = Command::new("ps")
        .args(["-eo", "ppid=,args="])
        .output()
        .ok()?;
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    table
        .lines()
        .filter(|line| line.split_whitespace().next() == Some(pid))
        .find_map(|line| {
            let (_, arguments) = line.split_once("pgq-watchdog ")?;
            arguments.split_whitespace().next().map(str::to_owned)
        })
}

#[tokio::test]
async fn ctrl_c_in_the_terminal_leaves_the_server_to_a_parent_that_is_not_done()
-> anyhow::Result<()> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", r#"trap '' INT TERM; exec "$0" ephemeral"#])
        .arg(env!("CARGO_BIN_EXE_cluster_parent"))
        .process_group(0);
    let mut parent = Parent::from_command(&mut shell)?;

    let group = format!("-{}", parent.pid());
    send("INT", &group)?;
    send("TERM", &group)?;

    let mut connection = connect_to(parent.port).await?;
    write_row(&mut connection, 1).await?;
    parent.end()?;
    eventually("the directory is gone", || !parent.run_directory.exists())
}

#[test]
fn ctrl_c_in_the_terminal_ends_the_server_of_a_parent_that_does_not_care() -> anyhow::Result<()> {
    let parent = Parent::from_command(command().arg("ephemeral").process_group(0))?;

    let group = format!("-{}", parent.pid());
    send("INT", &group)?;
    // A shell starts its background jobs with SIGINT ignored, and the tests may be one of them.
    // Otherwise the group is already gone.
    let _ = send("TERM", &group);

    eventually("the directory is gone", || !parent.run_directory.exists())?;
    assert!(!is_alive(parent.server));
    Ok(())
}

#[tokio::test]
async fn a_commit_survives_every_way_to_halt_the_server() -> anyhow::Result<()> {
    let mut cluster = Cluster::builder().durable().start()?;
    let (port, mut before) = (cluster.port(), cluster.pid());
    write_row(&mut connect(&cluster).await?, 17).await?;

    for how in [Shutdown::Immediate, Shutdown::Kill, Shutdown::Fast] {
        cluster.restart(how)?;

        assert_eq!(cluster.port(), port, "{how:?}");
        assert_ne!(cluster.pid(), before, "{how:?}");
        assert_eq!(
            read_row(&mut connect(&cluster).await?).await?,
            17,
            "{how:?}"
        );
        before = cluster.pid();
    }
    Ok(())
}

#[tokio::test]
async fn a_halted_server_is_unreachable_until_it_is_resumed() -> anyhow::Result<()> {
    let mut cluster = Cluster::ephemeral()?;

    cluster.halt(Shutdown::Immediate)?;

    assert_eq!(cluster.pid(), None);
    assert!(connect(&cluster).await.is_err());
    assert!(matches!(
        cluster.halt(Shutdown::Fast),
        Err(EmbeddedError::State { .. })
    ));
    cluster.resume()?;
    assert!(matches!(cluster.resume(), Err(EmbeddedError::State { .. })));
    connect(&cluster).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_killed_by_others_can_be_resumed() -> anyhow::Result<()> {
    let mut cluster = Cluster::ephemeral()?;
    let server = cluster.pid().unwrap_or_default();

    send("KILL", &server.to_string())?;
    eventually("its end is noticed", || cluster.pid().is_none())?;

    cluster.resume()?;
    connect(&cluster).await?;
    Ok(())
}

#[test]
fn the_error_of_a_server_that_does_not_start_has_its_log() {
    let result = Cluster::builder()
        .setting("shared_buffers", "nonsense")
        .start();

    let Err(EmbeddedError::Exited { log }) = result else {
        panic!("{result:?}");
    };
    assert!(log.contains("shared_buffers"), "{log}");
}
