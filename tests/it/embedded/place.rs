//! Where clusters are: directories, caches, templates, accounts.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pgq::embedded::{Cluster, EmbeddedError};

use super::connect_to;
use super::parent::{Parent, Place, command};

#[tokio::test]
async fn a_cluster_starts_from_a_directory_that_only_its_parent_can_enter() -> anyhow::Result<()> {
    let place = Place::new()?;
    close(place.path())?;

    let parent = Parent::from_command(command().arg("ephemeral").current_dir(place.path()))?;

    connect_to(parent.port).await?;
    Ok(())
}

#[test]
fn a_relative_data_directory_counts_from_the_current_directory() -> anyhow::Result<()> {
    let place = Place::new()?;

    let parent = Parent::from_command(
        command()
            .args(["persistent", "below/data"])
            .current_dir(place.path()),
    )?;

    assert_eq!(
        parent.data_directory,
        place.join("below/data").canonicalize()?
    );
    assert!(place.join("below/data/PG_VERSION").exists());
    Ok(())
}

#[test]
fn a_data_directory_that_the_servers_account_cannot_reach_is_refused() -> anyhow::Result<()> {
    let place = Place::new()?;
    if fs::metadata(place.path())?.uid() != 0 {
        // The server runs as this account, which can.
        return Ok(());
    }
    let closed = place.join("closed");
    fs::create_dir(&closed)?;
    close(&closed)?;

    let result = Cluster::builder()
        .persistent(closed.join("below/data"))
        .start();

    let Err(error @ EmbeddedError::Unreachable { .. }) = result else {
        panic!("{result:?}");
    };
    let advice = format!("chmod o+x {}", closed.canonicalize()?.display());
    assert!(error.to_string().contains(&advice), "{error}");
    Ok(())
}

#[test]
fn a_damaged_template_is_made_again() -> anyhow::Result<()> {
    let place = Place::new()?;
    start_with_cache(place.path())?.end()?;
    let template = template(place.path())?;

    fs::remove_file(template.join("PG_VERSION"))?;
    start_with_cache(place.path())?.end()?;
    assert!(template.join("PG_VERSION").exists());

    // Damage that does not show before a server starts.
    fs::write(
        template.join("postgresql.conf"),
        "garbage = garbage = garbage\n",
    )?;
    start_with_cache(place.path())?.end()?;
    let settings = fs::read_to_string(template.join("postgresql.conf"))?;
    assert!(!settings.contains("garbage"));
    Ok(())
}

#[test]
fn processes_that_start_at_once_share_one_template() -> anyhow::Result<()> {
    let place = Place::new()?;

    let parents: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| start_with_cache(place.path())))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().map_err(|_| anyhow::anyhow!("panicked"))?)
            .collect::<anyhow::Result<_>>()
    })?;

    assert_eq!(parents.len(), 4);
    template(place.path())?;
    Ok(())
}

fn start_with_cache(cache: &Path) -> anyhow::Result<Parent> {
    Parent::from_command(command().arg("ephemeral").env("PGQ_CACHE_DIR", cache))
}

/// Returns the one template in a cache.
fn template(cache: &Path) -> anyhow::Result<PathBuf> {
    let directories: Vec<PathBuf> = fs::read_dir(cache)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    assert_eq!(directories.len(), 1, "{directories:?}");
    directories.into_iter().next().context("no template")
}

/// Closes a directory for all other accounts.
fn close(path: &Path) -> anyhow::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    Ok(())
}
