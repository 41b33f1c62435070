//! Indexes every file below a folder: one job for each, in one transaction, safe from `kill -9`.
//!
//! `cargo run --release --example index_files -- FOLDER [--data DIR] [--check] [--concurrency N]`
//!
//! Each job computes the SHA-256, the lines and the words of one file. The jobs and the table that
//! says which file each is for are written in one transaction, so there are all of them or none.
//! If the program is stopped or killed, the same command goes on where it was; `--check` prints the
//! list that `sha256sum -c` reads. A file counts as failed if five processes died while they read it,
//! since it may be why. For Unix, where names of files are bytes.
//!
//! Exit codes: 0 if every file was indexed, 1 if one was not or something failed, 2 for a mistake in
//! the arguments, 130 if it was stopped by a signal.

mod data;
mod index;
mod progress;
mod report;
mod run;
mod walk;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use pgq::Pgq;
use tokio_util::sync::CancellationToken;

use self::progress::Progress;
use self::run::Run;

/// The jobs of a process that was killed run again when its lease has ended. They are short and the
/// worker has little else to do, so the lease can be short too.
const LEASE: Duration = Duration::from_secs(2);

/// How long a file may take once the program is told to stop; then its job is given back.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// How long to wait between two looks at how many jobs are left.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a shell reports of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// Computes SHA-256, lines and words of every regular file below a folder, one job for each.
/// Symlinks are not followed. Run the same command again to go on after an interruption.
#[derive(Parser)]
#[command(name = "index_files")]
struct Args {
    /// The folder to index.
    folder: PathBuf,

    /// Where the private PostgreSQL server keeps its data. Default: the database of `DATABASE_URL`
    /// if it is set, else `pgq-index-files` in the user's data directory, or in `/var/lib` for root.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Print the list of checksums that `sha256sum -c` reads.
    #[arg(long)]
    check: bool,

    /// How many files to read at once. Default: the number of processors.
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let folder = match folder_problem(&args) {
        Ok(folder) => folder,
        Err(problem) => Args::command()
            .error(ErrorKind::ValueValidation, problem)
            .exit(),
    };
    match index_folder(&args, &folder).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder by its one true name, or what is wrong with it.
fn folder_problem(args: &Args) -> Result<PathBuf, String> {
    let name = args.folder.display();
    let folder = args
        .folder
        .canonicalize()
        .map_err(|error| format!("cannot find the folder `{name}`: {error}"))?;
    if !folder.is_dir() {
        return Err(format!("`{name}` is not a folder"));
    }
    let data = data::directory(args.data.as_deref()).map_err(|error| error.to_string())?;
    let data = data.and_then(|data| data.canonicalize().ok());
    if data.is_some_and(|data| folder.starts_with(data)) {
        return Err(format!(
            "`{name}` is where the database is; name another place for it with `--data`"
        ));
    }
    Ok(folder)
}

async fn index_folder(args: &Args, folder: &Path) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signals();
    let directory = data::directory(args.data.as_deref())?
        .map(|directory| data::create(&directory))
        .transpose()?;
    let database = data::open(directory.as_deref()).await?;
    let pgq = database.connect().await?;
    run::prepare(&pgq).await?;

    let opening = Run::open(&pgq, folder, directory.as_deref());
    let run = tokio::select! {
        run = opening => run?,
        () = stop.cancelled() => {
            eprintln!("stopped before the jobs were enqueued; run the same command to start again");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let left = work(args, database.url(), &pgq, &run, &stop).await?;
    if left > 0 {
        let (done, total) = (run.total() - left, run.total());
        eprintln!("stopped with {done} of {total} files done; run the same command to go on");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let totals = report::report(&pgq, &run, &args.folder, args.check).await?;
    run.finish(&pgq).await?;
    Ok(if totals.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the jobs until none is left, or until `stop`. Returns how many are left.
async fn work(
    args: &Args,
    url: &str,
    pgq: &Pgq,
    run: &Run,
    stop: &CancellationToken,
) -> anyhow::Result<u64> {
    let concurrency = args
        .concurrency
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let done = stop.child_token();
    let worker = pgq::run()
        .url(url)
        .concurrency(concurrency)
        .lease(LEASE)
        .drain_deadline(DRAIN_DEADLINE)
        .stop_on(done.clone());
    let mut worker = tokio::spawn(worker.into_future());
    let mut progress = Progress::new(run.total());
    loop {
        let asked = Instant::now();
        let left = run.left(pgq).await?;
        progress.set(run.total() - left);
        if left == 0 {
            done.cancel();
            worker.await??;
            return Ok(0);
        }
        // Counting takes longer the more files there are: at most a tenth of the time.
        let pause = (10 * asked.elapsed()).clamp(PAUSE_MIN, PAUSE_MAX);
        tokio::select! {
            ended = &mut worker => {
                ended?.context("the worker ended")?;
                return run.left(pgq).await;
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Is cancelled by the first SIGINT or SIGTERM. A second one stops the worker at once.
fn stop_on_signals() -> CancellationToken {
    use tokio::signal::unix::{SignalKind, signal};

    let stop = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let stop = stop.clone();
        if let Ok(mut signals) = signal(kind) {
            tokio::spawn(async move {
                signals.recv().await;
                stop.cancel();
            });
        }
    }
    stop
}
