//! A run: which folder, which files, and which job is for which file.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use pgq::{JobHandle, Pgq};
use sqlx::{PgConnection, Row as _};

use crate::index::{FilePath, Indexed, index_file};
use crate::walk::{Passed, Walk};

/// One pass over a folder, from enqueueing to the report.
pub(crate) struct Run {
    id: i64,
    total: u64,
}

/// The tables of this program, beside those of pgq.
const TABLES: &str = "
    create schema if not exists index_files;
    create table if not exists index_files.run (
        id          bigint      not null primary key generated always as identity,
        folder      bytea       not null,
        started_at  timestamptz not null default now(),
        -- Null until the report was printed.
        finished_at timestamptz
    );
    -- Only one run of a folder can be unfinished. A path can be too long for an index.
    create unique index if not exists run_unfinished
        on index_files.run (sha256(folder)) where finished_at is null;
    create table if not exists index_files.file (
        run  bigint not null references index_files.run on delete cascade,
        job  bigint not null,
        path bytea  not null,
        primary key (run, job)
    );
    create table if not exists index_files.unread_folder (
        run    bigint not null references index_files.run on delete cascade,
        path   bytea  not null,
        reason text   not null
    );
    create index if not exists unread_folder_run on index_files.unread_folder (run);
";

/// Creates the tables unless they are there.
pub(crate) async fn prepare(pgq: &Pgq) -> anyhow::Result<()> {
    let mut transaction = pgq.pool().begin().await?;
    // Two processes that create the same table at once get in each other's way.
    sqlx::query("select pg_advisory_xact_lock(hashtext('index_files'))")
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

impl Run {
    /// Resumes the unfinished run of `folder`, or starts a new one and enqueues its jobs.
    ///
    /// The run, its files and their jobs are committed together. If this process ends before that,
    /// nothing was enqueued; if it ends after that, everything was.
    pub(crate) async fn open(
        pgq: &Pgq,
        folder: &Path,
        except: Option<&Path>,
    ) -> anyhow::Result<Self> {
        loop {
            if let Some(run) = Self::start(pgq, folder, except).await? {
                return Ok(run);
            }
            if let Some(run) = Self::resume(pgq, folder).await? {
                return Ok(run);
            }
            // Another process has just finished it.
        }
    }

    /// Returns `None` if there is an unfinished run.
    async fn start(
        pgq: &Pgq,
        folder: &Path,
        except: Option<&Path>,
    ) -> anyhow::Result<Option<Self>> {
        let mut transaction = pgq.pool().begin().await?;
        // Waits for another process that is enqueueing.
        let id: Option<i64> = sqlx::query_scalar(
            "insert into index_files.run (folder) values ($1)
             on conflict (sha256(folder)) where finished_at is null do nothing
             returning id",
        )
        .bind(folder.as_os_str().as_bytes())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(id) = id else {
            return Ok(None);
        };
        // Only the last run of a folder is kept.
        sqlx::query("delete from index_files.run where folder = $1 and id <> $2")
            .bind(folder.as_os_str().as_bytes())
            .bind(id)
            .execute(&mut *transaction)
            .await?;

        let mut total = 0;
        let mut walk = Walk::start(folder, except);
        while let Some(paths) = walk.next().await {
            total += paths.len() as u64;
            let inputs = paths.iter().map(|path| FilePath::from(folder.join(path)));
            let jobs = index_file::enqueue_many(&mut transaction, inputs).await?;
            insert_files(&mut transaction, id, &jobs, &paths).await?;
        }
        let passed = walk.end().await?;
        insert_unread(&mut transaction, id, &passed).await?;
        transaction.commit().await?;
        eprintln!(
            "enqueued {total} files; left out {} symlinks and {} pipes, sockets and devices",
            passed.symlinks, passed.special
        );
        Ok(Some(Self { id, total }))
    }

    async fn resume(pgq: &Pgq, folder: &Path) -> anyhow::Result<Option<Self>> {
        let row = sqlx::query(
            "select id, (select count(*) from index_files.file where file.run = run.id)
             from index_files.run
             where folder = $1 and finished_at is null",
        )
        .bind(folder.as_os_str().as_bytes())
        .fetch_optional(pgq.pool())
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let run = Self {
            id: row.try_get(0)?,
            total: u64::try_from(row.try_get::<i64, _>(1)?)?,
        };
        let done = run.total - run.left(pgq).await?;
        eprintln!("resuming: {done} of {} files are done", run.total);
        Ok(Some(run))
    }

    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// How many files there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many jobs have not ended.
    pub(crate) async fn left(&self, pgq: &Pgq) -> anyhow::Result<u64> {
        let left: i64 = sqlx::query_scalar(
            "select count(*)
             from index_files.file
             join pgq_jobs.job on job.id = file.job
             where file.run = $1 and job.state in ('scheduled', 'ready', 'running')",
        )
        .bind(self.id)
        .fetch_one(pgq.pool())
        .await?;
        Ok(u64::try_from(left)?)
    }

    /// Lets the next call start a new run.
    pub(crate) async fn finish(&self, pgq: &Pgq) -> anyhow::Result<()> {
        sqlx::query("update index_files.run set finished_at = now() where id = $1")
            .bind(self.id)
            .execute(pgq.pool())
            .await?;
        Ok(())
    }
}

async fn insert_files(
    connection: &mut PgConnection,
    run: i64,
    jobs: &[JobHandle<Indexed>],
    paths: &[PathBuf],
) -> anyhow::Result<()> {
    let jobs: Vec<i64> = jobs.iter().map(|job| job.id().as_i64()).collect();
    let paths: Vec<&[u8]> = paths
        .iter()
        .map(|path| path.as_os_str().as_bytes())
        .collect();
    sqlx::query(
        "insert into index_files.file (run, job, path)
         select $1, job, path from unnest($2::bigint[], $3::bytea[]) as new (job, path)",
    )
    .bind(run)
    .bind(jobs)
    .bind(paths)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_unread(
    connection: &mut PgConnection,
    run: i64,
    passed: &Passed,
) -> anyhow::Result<()> {
    for (path, reason) in &passed.unread {
        sqlx::query(
            "insert into index_files.unread_folder (run, path, reason) values ($1, $2, $3)",
        )
        .bind(run)
        .bind(path.as_os_str().as_bytes())
        .bind(reason)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
