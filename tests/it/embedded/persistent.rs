use std::fs;

use pgq::embedded::{Cluster, EmbeddedError, Shutdown};

use super::parent::{Parent, Place, is_alive};
use super::{connect, connect_to, read_row, write_row};

#[tokio::test]
async fn a_persistent_cluster_keeps_its_data() -> anyhow::Result<()> {
    let place = Place::new()?;
    let data = place.join("data");

    let first = Cluster::builder().persistent(&data).start()?;
    write_row(&mut connect(&first).await?, 5).await?;
    first.stop()?;
    let second = Cluster::builder().persistent(&data).start()?;

    assert_eq!(second.data_directory(), data.canonicalize()?);
    assert_eq!(read_row(&mut connect(&second).await?).await?, 5);
    let fsync: String = sqlx::query_scalar("show fsync")
        .fetch_one(&mut connect(&second).await?)
        .await?;
    assert_eq!(fsync, "on");
    Ok(())
}

#[tokio::test]
async fn a_start_right_after_kill_9_of_the_parent_finds_all_data_after_a_clean_stop()
-> anyhow::Result<()> {
    let place = Place::new()?;
    let data = place.join("data");
    let mut parent = Parent::start(&["persistent", &data.to_string_lossy()])?;
    write_row(&mut connect_to(parent.port).await?, 6).await?;

    parent.kill()?;
    let cluster = Cluster::builder().persistent(&data).start()?;

    assert_eq!(read_row(&mut connect(&cluster).await?).await?, 6);
    assert!(!is_alive(parent.server));
    let log = fs::read_to_string(cluster.log_file())?;
    assert!(log.contains("database system was shut down at"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_persistent_cluster_recovers_after_a_crash() -> anyhow::Result<()> {
    let place = Place::new()?;
    let mut cluster = Cluster::builder().persistent(place.join("data")).start()?;
    write_row(&mut connect(&cluster).await?, 7).await?;

    cluster.restart(Shutdown::Kill)?;

    assert_eq!(read_row(&mut connect(&cluster).await?).await?, 7);
    Ok(())
}

#[test]
fn a_data_directory_has_one_parent_at_a_time() -> anyhow::Result<()> {
    let place = Place::new()?;
    let data = place.join("data");
    let parent = Parent::start(&["persistent", &data.to_string_lossy()])?;

    let result = Cluster::builder().persistent(&data).start();

    let Err(error @ EmbeddedError::InUse { pid, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(pid, parent.pid());
    assert!(error.to_string().contains(&parent.pid().to_string()));
    assert!(is_alive(parent.server));
    Ok(())
}

#[test]
fn a_data_directory_of_another_major_version_is_refused() -> anyhow::Result<()> {
    let place = Place::new()?;
    let data = place.join("data");
    fs::create_dir(&data)?;
    fs::write(data.join("PG_VERSION"), "13\n")?;

    let result = Cluster::builder().persistent(&data).start();

    let Err(error @ EmbeddedError::OtherMajor { .. }) = result else {
        panic!("{result:?}");
    };
    let EmbeddedError::OtherMajor { binaries, .. } = &error else {
        panic!("{error}");
    };
    let message = error.to_string();
    assert!(message.contains("PostgreSQL 13"), "{message}");
    assert!(message.contains(&binaries.to_string()), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_data_directory_that_was_half_made_is_made_again() -> anyhow::Result<()> {
    let place = Place::new()?;
    let half = place.join(".data.partial-0123456789ab");
    fs::create_dir_all(half.join("data/base"))?;
    fs::write(half.join("data/PG_VERSION"), "15\n")?;

    let cluster = Cluster::builder().persistent(place.join("data")).start()?;

    connect(&cluster).await?;
    assert!(!half.exists());
    Ok(())
}

#[test]
fn a_directory_with_other_files_is_left_alone() -> anyhow::Result<()> {
    let place = Place::new()?;
    fs::write(place.join("letter.txt"), "dear …")?;

    let result = Cluster::builder().persistent(place.path()).start();

    assert!(
        matches!(result, Err(EmbeddedError::NotADataDirectory { .. })),
        "{result:?}"
    );
    assert!(place.join("letter.txt").exists());
    Ok(())
}

#[test]
fn an_empty_directory_becomes_the_data_directory() -> anyhow::Result<()> {
    let place = Place::new()?;
    let data = place.join("data");
    fs::create_dir(&data)?;

    let cluster = Cluster::builder().persistent(&data).start()?;

    assert!(data.join("PG_VERSION").exists());
    cluster.stop()?;
    Ok(())
}

#[test]
fn a_trace_of_a_server_whose_number_another_process_has_now_is_removed() -> anyhow::Result<()> {
    let place = Place::new()?;
    let data = place.join("data");
    Cluster::builder().persistent(&data).start()?.stop()?;
    // This test is certainly alive, and not a server.
    fs::write(
        data.join("postmaster.pid"),
        format!("{}\n{}\n", std::process::id(), data.display()),
    )?;

    let cluster = Cluster::builder().persistent(&data).start()?;

    assert!(cluster.pid().is_some());
    Ok(())
}
