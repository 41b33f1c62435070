//! The examples, as processes of their own.
//!
//! Cargo tells a test where the binaries of its own package are, but not where another package's
//! examples are. So the test asks cargo, which builds them unless they are up to date: after a
//! `cargo test` of the whole workspace they are, since that builds examples too.

mod ends;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pgq::embedded::Cluster;
use pgq_tests::root;
use sqlx::{Connection as _, PgConnection};

/// How long an example may take. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn contract_runs_its_job() -> anyhow::Result<()> {
    let mut contract = Process::start(&mut Command::new(example("contract")?))?;

    let status = contract.wait()?;

    let (output, errors) = contract.output()?;
    assert!(status.success(), "{status}: {errors}");
    let output = String::from_utf8(output)?;
    assert!(
        output.starts_with("every queued job can be run\njob ") && output.contains("Hello to ada@"),
        "{output}"
    );
    Ok(())
}

#[test]
fn opentelemetry_prints_one_trace() -> anyhow::Result<()> {
    let mut opentelemetry = Process::start(&mut Command::new(example("opentelemetry")?))?;

    let status = opentelemetry.wait()?;

    let (output, errors) = opentelemetry.output()?;
    assert!(status.success(), "{status}: {errors}");
    let spans = "
  POST /bills
    send default
      process default
        send mail
          process mail failed: customer 7 has no address
";
    let output = String::from_utf8(output)?;
    assert!(output.ends_with(spans), "{output}");
    Ok(())
}

/// One file is endless, as far as a test can tell, so the program cannot be done when it is killed.
#[test]
fn index_files_goes_on_after_a_kill() -> anyhow::Result<()> {
    let place = Place::new()?;
    let files = place.fill()?;
    let endless = place.tree().join("m-endless");
    fs::File::create(&endless)?.set_len(1 << 38)?;

    let mut killed = Process::start(&mut place.index_files()?)?;
    let seen = killed.wait_for_line("files done")?;
    killed.kill()?;

    assert!(
        seen.contains(&format!(" of {} ", files + 3)),
        "three more than {files}: {seen}"
    );
    fs::write(&endless, "not any more\n")?;
    fs::remove_file(place.tree().join("z-vanishes"))?;
    fs::remove_file(place.tree().join("z-becomes-a-folder"))?;
    fs::create_dir(place.tree().join("z-becomes-a-folder"))?;
    let mut resumed = Process::start(&mut place.index_files()?)?;
    let status = resumed.wait()?;
    let (list, errors) = resumed.output()?;
    assert_eq!(status.code(), Some(1), "{errors}");
    for expected in [
        "resuming: ",
        "/z-vanishes\": cannot read ",
        "/z-becomes-a-folder\": cannot read ",
        "2 failed",
    ] {
        assert!(errors.contains(expected), "{expected:?} is not in {errors}");
    }
    let lines = list.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, files + 1, "{errors}");
    place.check(&list)?;
    Ok(())
}

#[tokio::test]
async fn index_files_runs_no_job_more_often_than_it_must() -> anyhow::Result<()> {
    let place = Place::new()?;
    let files = place.fill()?;
    let endless = place.tree().join("m-endless");
    fs::File::create(&endless)?.set_len(1 << 38)?;
    let mut killed = Process::start(&mut place.index_files()?)?;
    killed.wait_for_line("files done")?;
    killed.kill()?;
    fs::write(&endless, "")?;
    let mut resumed = Process::start(&mut place.index_files()?)?;
    let status = resumed.wait()?;
    assert!(status.success(), "{status}: {}", resumed.output()?.1);

    let data = place.data().join("postgres");
    let cluster = Cluster::builder().persistent(data).start()?;
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await?;
    let deliveries: Vec<(i32, i64)> = sqlx::query_as(
        "select deliveries, count(*) from pgq_jobs.job
         where state = 'completed' and attempt = 1
           and deliveries = 1 + (select count(*) from pgq_jobs.failure where job = id)
         group by deliveries",
    )
    .fetch_all(&mut connection)
    .await?;

    // Each job was delivered once, and those that the killed process held once more.
    let deliveries: BTreeMap<i32, i64> = deliveries.into_iter().collect();
    assert_eq!(deliveries.values().sum::<i64>(), i64::try_from(files + 3)?);
    assert!(
        deliveries.keys().all(|times| (1..=2).contains(times)),
        "{deliveries:?}"
    );
    assert!(deliveries.contains_key(&2), "{deliveries:?}");
    Ok(())
}

#[test]
fn index_files_names_a_mistake_in_its_arguments() -> anyhow::Result<()> {
    let place = Place::new()?;
    let mut missing = Command::new(example("index_files")?);
    missing.arg(place.tree().join("missing"));

    let mut process = Process::start(&mut missing)?;

    let status = process.wait()?;
    let errors = process.output()?.1;
    assert_eq!(status.code(), Some(2), "{errors}");
    assert!(errors.contains("cannot find the folder"), "{errors}");
    Ok(())
}

/// Where an example was built.
fn example(name: &str) -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<BTreeMap<String, PathBuf>, String>> = OnceLock::new();

    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    let built = built.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    built
        .get(name)
        .cloned()
        .with_context(|| format!("cargo did not build `{name}`"))
}

/// Builds the examples in the profile of this test. All members are named, so that the libraries
/// have the features that they have in a `cargo test` of all members, and are not built twice.
fn build() -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args([
        "build",
        "--workspace",
        "--examples",
        "--message-format=json",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::piped()).output()?;
    ensure!(
        output.status.success(),
        "cargo failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut built = BTreeMap::new();
    for line in output.stdout.lines() {
        let message: serde_json::Value = serde_json::from_str(&line?)?;
        let name = message["target"]["name"].as_str();
        if let (Some(name), Some(path)) = (name, message["executable"].as_str()) {
            built.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(built)
}

/// A folder to index, and a place for the database; removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> anyhow::Result<Self> {
        let name = format!(
            "pgq-examples-{}-{:?}",
            std::process::id(),
            thread::current().id()
        );
        // Below `/tmp`, because the account of the server must be able to enter it.
        let place = Self(Path::new("/tmp").join(name));
        fs::create_dir_all(place.tree())?;
        Ok(place)
    }

    fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Makes some 300 small files with names of every kind, and returns how many. There are two
    /// more that a test may do away with.
    fn fill(&self) -> anyhow::Result<usize> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        const NAMES: [&[u8]; 10] = [
            b"plain",
            b"-dash",
            b"sp ace ",
            b"new\nline",
            b"back\\slash",
            b"return\r",
            b"*star",
            b"\xff\xfe",
            "ümlaut".as_bytes(),
            b"tab\t",
        ];
        let mut files = 0;
        for folder in ["a", "n\\n", "z\n"] {
            let folder = self.tree().join(folder);
            fs::create_dir(&folder)?;
            for i in 0..10 {
                for name in NAMES {
                    let name = [name, i.to_string().as_bytes()].concat();
                    // Not every file system takes every name.
                    let path = folder.join(OsStr::from_bytes(&name));
                    if fs::write(path, "some words\nand a line ".repeat(i * i)).is_ok() {
                        files += 1;
                    }
                }
            }
        }
        std::os::unix::fs::symlink("a", self.tree().join("link"))?;
        fs::write(self.tree().join("z-vanishes"), "")?;
        fs::write(self.tree().join("z-becomes-a-folder"), "")?;
        Ok(files)
    }

    fn index_files(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(example("index_files")?);
        command
            .args(["tree", "--data", "data", "--check", "--concurrency", "1"])
            .current_dir(&self.0);
        Ok(command)
    }

    /// Lets `sha256sum` check the list, if the machine has it.
    fn check(&self, list: &[u8]) -> anyhow::Result<()> {
        let checker = Command::new("sha256sum")
            .args(["--check", "--quiet", "--strict"])
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut checker) = checker else {
            return Ok(());
        };
        if let Some(mut input) = checker.stdin.take() {
            input.write_all(list)?;
        }
        let output = checker.wait_with_output()?;
        let complaints = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "sha256sum: {complaints}");
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A server that was left alone may still be writing its last files.
        let deadline = Instant::now() + PATIENCE;
        while fs::remove_dir_all(&self.0).is_err() && self.0.exists() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// An example that runs; killed at the end of the test.
struct Process {
    child: Child,
    output: Option<JoinHandle<std::io::Result<Vec<u8>>>>,
    lines: Receiver<String>,
    errors: String,
}

impl Process {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let mut stdout = child.stdout.take().context("no stdout")?;
        let stderr = child.stderr.take().context("no stderr")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let output = thread::spawn(move || {
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).map(|_| output)
        });
        Ok(Self {
            child,
            output: Some(output),
            lines,
            errors: String::new(),
        })
    }

    /// Waits until the process says something on stderr, and returns the line.
    fn wait_for_line(&mut self, part: &str) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.errors += &line;
                    self.errors.push('\n');
                    if line.contains(part) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    bail!("it did not say {part:?}, but: {}", self.errors)
                }
            }
        }
    }

    /// Waits until the process has ended by itself.
    fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let _ = self.kill();
                bail!("not done after {PATIENCE:?}: {}", self.output()?.1);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills the process with SIGKILL.
    fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// What an ended process said on stdout and on stderr.
    fn output(&mut self) -> anyhow::Result<(Vec<u8>, String)> {
        let output = self.output.take().context("the output was taken")?;
        let output = output
            .join()
            .map_err(|_| anyhow::anyhow!("a reader panicked"))??;
        for line in &self.lines {
            self.errors += &line;
            self.errors.push('\n');
        }
        Ok((output, self.errors.clone()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
