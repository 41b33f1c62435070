//! A primary and a standby that has whatever the primary has confirmed.

use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use anyhow::{Context as _, ensure};
use pgq::embedded::{Cluster, Shutdown};
use sqlx::{Connection as _, PgConnection};

use crate::eventually;

/// The database of the application, on both.
const DATABASE: &str = "postgres";

/// Two servers.
#[derive(Debug)]
pub struct Replicas {
    // The servers stop before their data is removed.
    primary: Cluster,
    standby: Cluster,
    _place: Place,
}

/// A directory that the account of a server can enter, removed at the end.
#[derive(Debug)]
struct Place(PathBuf);

impl Replicas {
    /// Starts both. From then on the primary confirms a commit once the standby has it.
    ///
    /// # Errors
    ///
    /// Fails if one does not start, or if the standby does not follow.
    pub async fn start() -> anyhow::Result<Self> {
        let replicas = tokio::task::spawn_blocking(Self::start_both).await??;
        let mut primary = PgConnection::connect(&replicas.primary.url(DATABASE)).await?;
        for sql in [
            "alter system set synchronous_standby_names = '*'",
            "select pg_reload_conf()",
        ] {
            sqlx::raw_sql(sql).execute(&mut primary).await?;
        }
        let url = replicas.primary.url(DATABASE);
        eventually("the standby follows the primary", || async {
            let mut primary = PgConnection::connect(&url).await?;
            let sql = "select exists (select from pg_stat_replication where sync_state = 'sync')";
            Ok(sqlx::query_scalar(sql).fetch_one(&mut primary).await?)
        })
        .await?;
        Ok(replicas)
    }

    fn start_both() -> anyhow::Result<Self> {
        let place = Place::make()?;
        let (first, second) = (place.0.join("first"), place.0.join("second"));
        Cluster::builder().persistent(&first).start()?.stop()?;
        // As the account that the server runs as, which owns its data.
        let copied = Command::new("cp")
            .arg("-a")
            .args([&first, &second])
            .status();
        ensure!(copied?.success(), "the data was not copied");
        fs::write(second.join("standby.signal"), "")?;
        let primary = Cluster::builder().persistent(&first).start()?;
        let follow = format!("host=127.0.0.1 port={} user=postgres", primary.port());
        let standby = Cluster::builder()
            .persistent(&second)
            .setting("primary_conninfo", follow)
            .start()?;
        Ok(Self {
            primary,
            standby,
            _place: place,
        })
    }

    /// A URL that names the standby, and then the primary.
    #[must_use]
    pub fn url(&self) -> String {
        let (primary, standby) = (self.primary.port(), self.standby.port());
        format!("postgres://postgres@127.0.0.1:{standby},127.0.0.1:{primary}/{DATABASE}")
    }

    /// A URL of the standby alone.
    #[must_use]
    pub fn standby_url(&self) -> String {
        self.standby.url(DATABASE)
    }

    /// Kills the primary, and makes the standby one.
    ///
    /// # Errors
    ///
    /// Fails if one of them does not do it.
    pub async fn fail_over(mut self) -> anyhow::Result<Self> {
        let replicas = tokio::task::spawn_blocking(move || {
            self.primary.halt(Shutdown::Immediate)?;
            anyhow::Ok(self)
        })
        .await??;
        let mut standby = PgConnection::connect(&replicas.standby_url()).await?;
        let promoted: bool = sqlx::query_scalar("select pg_promote()")
            .fetch_one(&mut standby)
            .await?;
        ensure!(promoted, "it is still a standby");
        // It would wait for a standby of its own. The setting of the other one has come with the data.
        for sql in [
            "alter system set synchronous_standby_names = ''",
            "select pg_reload_conf()",
        ] {
            sqlx::raw_sql(sql).execute(&mut standby).await?;
        }
        Ok(replicas)
    }
}

impl Place {
    fn make() -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("pgq-replicas-{}-{count}", process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
