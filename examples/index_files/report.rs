//! What a run has found: the list on stdout, everything else on stderr.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use indicatif::HumanBytes;
use pgq::{JobHandle, Pgq};

use crate::index::Indexed;
use crate::run::Run;

#[derive(Default)]
pub(crate) struct Totals {
    files: u64,
    bytes: u64,
    lines: u64,
    words: u64,
    failed: u64,
}

impl Totals {
    /// Whether every file was indexed.
    pub(crate) fn is_complete(&self) -> bool {
        self.failed == 0
    }

    fn add(&mut self, indexed: &Indexed) {
        self.files += 1;
        self.bytes += indexed.bytes;
        self.lines += indexed.lines;
        self.words += indexed.words;
    }
}

/// A file, the state of its job, its result, and its error.
type FileRow = (Vec<u8>, Option<String>, Option<Vec<u8>>, Option<String>);

/// Prints what the jobs of a run have found. `folder` is how the list names the folder.
pub(crate) async fn report(
    pgq: &Pgq,
    run: &Run,
    folder: &Path,
    list: bool,
) -> anyhow::Result<Totals> {
    let mut totals = Totals::default();
    let mut failures = unread_folders(pgq, run).await?;
    let mut output = BufWriter::new(io::stdout());
    let mut rows = sqlx::query_as::<_, FileRow>(
        "select file.path, job.state, job.result, job.error
         from index_files.file
         left join pgq_jobs.job on job.id = file.job
         where file.run = $1
         order by file.path",
    )
    .bind(run.id())
    .fetch(pgq.pool());
    while let Some((path, state, result, error)) = rows.try_next().await? {
        let path = PathBuf::from(OsString::from_vec(path));
        if state.as_deref() != Some("completed") {
            let error = error.unwrap_or_else(|| match state {
                Some(state) => format!("its job was {state}"),
                None => "its job is gone".to_owned(),
            });
            failures.push((path, error));
            continue;
        }
        let indexed = JobHandle::<Indexed>::decode(result.as_deref())?;
        totals.add(&indexed);
        if list {
            let path = folder.join(path);
            write_line(&mut output, &indexed.sha256, path.as_os_str().as_bytes())
                .context("cannot write the list")?;
        }
    }
    output.flush().context("cannot write the list")?;

    for (path, error) in &failures {
        eprintln!("failed: {:?}: {error}", folder.join(path));
    }
    totals.failed = failures.len() as u64;
    let Totals {
        files,
        bytes,
        lines,
        words,
        failed,
    } = totals;
    eprintln!(
        "{files} files, {bytes} bytes ({}), {lines} lines, {words} words; {failed} failed",
        HumanBytes(bytes)
    );
    Ok(totals)
}

async fn unread_folders(pgq: &Pgq, run: &Run) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let rows: Vec<(Vec<u8>, String)> =
        sqlx::query_as("select path, reason from index_files.unread_folder where run = $1")
            .bind(run.id())
            .fetch_all(pgq.pool())
            .await?;
    let folder = |(path, reason)| (PathBuf::from(OsString::from_vec(path)), reason);
    Ok(rows.into_iter().map(folder).collect())
}

/// Writes one line of the list, as `sha256sum` does: a name with a backslash, a newline or a
/// carriage return is escaped, which a backslash at the beginning of the line says.
fn write_line(output: &mut impl Write, sha256: &[u8], name: &[u8]) -> io::Result<()> {
    if name.iter().any(|byte| b"\\\n\r".contains(byte)) {
        output.write_all(b"\\")?;
    }
    for byte in sha256 {
        write!(output, "{byte:02x}")?;
    }
    output.write_all(b"  ")?;
    for byte in name {
        match byte {
            b'\\' => output.write_all(b"\\\\")?,
            b'\n' => output.write_all(b"\\n")?,
            b'\r' => output.write_all(b"\\r")?,
            _ => output.write_all(&[*byte])?,
        }
    }
    output.write_all(b"\n")
}
