//! The lock file in a test: what is written, and what fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use pgq::contract::{Error, Finding, Lock, Mode, Outcome, check_registry};
use pgq::{Context, Task, TaskError};

use super::{First, WithCopy, WithNumber, WithSubject, build, registry};

/// A lock file of one test.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pgq-lock-{}-{count}.lock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }

    fn write(&self, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(&self.0, text)?)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

struct SendMail;

impl Task for SendMail {
    const NAME: &'static str = "mail/send";
    type Input = First;
    type Output = ();

    async fn run(_: &Context, _: First) -> Result<(), TaskError> {
        Ok(())
    }
}

fn updated(outcome: &Outcome) -> &[String] {
    match outcome {
        Outcome::Updated { tasks } => tasks,
        other => panic!("the file was not written: {other:?}"),
    }
}

fn findings(result: Result<Outcome, Error>) -> Vec<String> {
    match result {
        Err(Error::Broken(findings)) => findings.iter().map(ToString::to_string).collect(),
        other => panic!("nothing is said to break: {other:?}"),
    }
}

#[test]
fn the_first_check_writes_the_file_and_the_next_finds_it_up_to_date() -> anyhow::Result<()> {
    let file = File::new();

    let first = check_registry(&build::<WithCopy>(), file.path(), Mode::Update)?;
    let second = check_registry(&build::<WithCopy>(), file.path(), Mode::Check)?;

    assert_eq!(updated(&first), ["send"]);
    assert_eq!(second, Outcome::UpToDate);
    let text = file.text();
    let (head, task) = text.split_once("\ntask ").unwrap_or_default();
    assert!(
        head.starts_with("# ") && head.contains("\nversion 1\n"),
        "{text}"
    );
    let (first_line, rest) = task.split_once(" {\n").unwrap_or_default();
    assert!(first_line.starts_with("\"send\"\n  now "), "{text}");
    assert_eq!(rest, "    cc?: text?\n    to: text\n  }\n");
    Ok(())
}

#[test]
fn a_compatible_edit_updates_the_file_and_keeps_what_was() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&build::<First>(), file.path(), Mode::Update)?;
    let first = Lock::parse(&file.text())?.fingerprints();

    let outcome = check_registry(&build::<WithCopy>(), file.path(), Mode::Update)?;

    assert_eq!(updated(&outcome), ["send"]);
    let lock = Lock::parse(&file.text())?;
    assert_eq!(lock.to_string(), file.text());
    assert_eq!(lock.fingerprints()[1..], first, "{}", file.text());
    // And back: both can be read.
    check_registry(&build::<First>(), file.path(), Mode::Update)?;
    let mut both = Lock::parse(&file.text())?.fingerprints();
    both.reverse();
    assert_eq!(both, lock.fingerprints());
    Ok(())
}

#[test]
fn an_edit_that_breaks_fails_and_leaves_the_file_alone() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&build::<First>(), file.path(), Mode::Update)?;
    let before = file.text();

    let number = findings(check_registry(
        &build::<WithNumber>(),
        file.path(),
        Mode::Update,
    ));
    let subject = findings(check_registry(
        &build::<WithSubject>(),
        file.path(),
        Mode::Check,
    ));

    assert_eq!(file.text(), before);
    let fingerprint = Lock::parse(&before)?.fingerprints()[0];
    assert_eq!(number.len(), 1);
    assert!(
        number[0].starts_with("task `send`: `to` was text, but is u64;"),
        "{number:?}"
    );
    assert!(
        number[0].ends_with(&format!("({fingerprint:016x})")),
        "{number:?}"
    );
    assert!(subject[0].contains("`subject` is required, but queued jobs do not have it"));
    Ok(())
}

#[test]
fn the_report_of_a_failed_test_lists_every_edit_and_how_to_accept_them() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&registry::<SendMail>(), file.path(), Mode::Update)?;

    let error =
        check_registry(&build::<First>(), file.path(), Mode::Update).expect_err("a task is gone");
    let report = format!("{error:?}");
    assert!(
        report.contains("\n  - task `mail/send` is gone"),
        "{report}"
    );
    assert!(
        report.contains("renamed to `send`, write `aliases = [\"mail/send\"]`"),
        "{report}"
    );
    assert!(report.contains("`PGQ_LOCK=accept`"), "{report}");
    Ok(())
}

/// Has the name that the task had before.
struct Renamed;

impl Task for Renamed {
    const NAME: &'static str = "send";
    const ALIASES: &'static [&'static str] = &["mail/send"];
    type Input = First;
    type Output = ();

    async fn run(_: &Context, _: First) -> Result<(), TaskError> {
        Ok(())
    }
}

#[test]
fn a_task_that_keeps_its_old_name_as_an_alias_may_be_renamed() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&registry::<SendMail>(), file.path(), Mode::Update)?;
    let before = Lock::parse(&file.text())?.fingerprints();

    let renamed = check_registry(&registry::<Renamed>(), file.path(), Mode::Update)?;

    assert_eq!(updated(&renamed), ["send"]);
    let after = Lock::parse(&file.text())?.fingerprints();
    assert!(after.contains(&before[0]), "{after:?} has not {before:?}");
    Ok(())
}

mod before {
    #[pgq::task(name = "contract_charge", register = false)]
    pub(super) async fn charge(_order: u64) {}
}

mod after {
    #[pgq::task(name = "contract_charge", register = false)]
    pub(super) async fn charge(_order: u64, #[default = 2] _tries: u8) {}
}

#[test]
fn a_parameter_with_a_default_may_be_added() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&registry::<before::charge>(), file.path(), Mode::Update)?;

    let added = check_registry(&registry::<after::charge>(), file.path(), Mode::Update)?;

    assert_eq!(updated(&added), ["contract_charge"]);
    Ok(())
}

#[test]
fn an_edit_that_is_accepted_is_forgotten() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&build::<First>(), file.path(), Mode::Update)?;

    let accepted = check_registry(&build::<WithNumber>(), file.path(), Mode::Accept)?;
    let after = check_registry(&build::<WithNumber>(), file.path(), Mode::Check)?;

    assert_eq!(updated(&accepted), ["send"]);
    assert_eq!(after, Outcome::UpToDate);
    assert_eq!(Lock::parse(&file.text())?.fingerprints().len(), 1);
    Ok(())
}

#[test]
fn an_edit_must_be_able_to_read_earlier_contracts_too() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&build::<First>(), file.path(), Mode::Update)?;
    let first = Lock::parse(&file.text())?.fingerprints()[0];
    check_registry(&build::<WithCopy>(), file.path(), Mode::Update)?;

    let result = check_registry(&build::<WithSubject>(), file.path(), Mode::Update);

    let Err(Error::Broken(found)) = result else {
        panic!("nothing is said to break: {result:?}");
    };
    let [Finding::Edited { fingerprints, .. }] = &found[..] else {
        panic!("one edit: {found:?}");
    };
    assert_eq!(fingerprints.len(), 2);
    assert!(fingerprints.contains(&first));
    Ok(())
}

#[test]
fn a_build_server_writes_nothing() -> anyhow::Result<()> {
    let file = File::new();

    let missing = check_registry(&build::<First>(), file.path(), Mode::Check);
    assert!(matches!(missing, Err(Error::Missing { .. })), "{missing:?}");
    assert_eq!(file.text(), "");

    check_registry(&build::<First>(), file.path(), Mode::Update)?;
    let before = file.text();
    let stale = check_registry(&build::<WithCopy>(), file.path(), Mode::Check);
    let Err(error @ Error::OutOfDate { .. }) = stale else {
        panic!("the file is out of date: {stale:?}");
    };
    assert!(
        error
            .to_string()
            .contains("the contract of `send` has changed"),
        "{error}"
    );
    assert_eq!(file.text(), before);
    Ok(())
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&build::<WithCopy>(), file.path(), Mode::Update)?;
    let good = file.text();
    let line = |part: &str| {
        good.lines()
            .position(|line| line.contains(part))
            .unwrap_or(0)
            + 1
    };
    let cases = [
        (
            good.replace("    cc", "<<<<<<< ours\n    cc"),
            line("cc?"),
            "two branches changed",
        ),
        (
            good.replace("to: text", "to: u8"),
            line("  now "),
            "has the fingerprint",
        ),
        (
            good.replace("to: text", "to: string"),
            line("to: "),
            "`string` is not a shape",
        ),
        (
            good.replace("to: text", "cc: text"),
            line("to: "),
            "`cc` is there twice",
        ),
        (
            good.replace("  now", "  new"),
            line("  now "),
            "`now` is expected",
        ),
        (
            good.replace("version 1", "version 2"),
            line("version 1"),
            "a newer version",
        ),
        (
            good.replace("version 1", ""),
            line("task \""),
            "`version 1` is expected",
        ),
        (
            good.replace("\"send\"", "\"send"),
            line("task \""),
            "the name of a task is expected",
        ),
        (
            format!("{good}}}"),
            good.lines().count() + 1,
            "`task` is expected",
        ),
    ];

    for (text, expected, problem) in cases {
        match Lock::parse(&text) {
            Err(Error::Malformed {
                line,
                problem: said,
            }) => {
                assert!(said.contains(problem), "{said}\n{text}");
                assert_eq!(line, expected, "{said}\n{text}");
            }
            other => panic!("{other:?}\n{text}"),
        }
    }
    Ok(())
}

#[test]
fn whatever_is_cut_off_a_file_nothing_panics() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&build::<WithCopy>(), file.path(), Mode::Update)?;
    let good = file.text();
    for length in (0..good.len()).filter(|&length| good.is_char_boundary(length)) {
        let whole = Lock::parse(&good[..length]).is_ok_and(|lock| lock.shape("send").is_some());
        assert!(!whole || length >= good.trim_end().len(), "{length}");
    }
    Ok(())
}

#[test]
fn comments_and_line_ends_do_not_matter() -> anyhow::Result<()> {
    let file = File::new();
    check_registry(&build::<WithCopy>(), file.path(), Mode::Update)?;
    let text = file
        .text()
        .replace('\n', "\r\n")
        .replace("  now", "# mine\n\tnow");
    file.write(&text)?;

    let outcome = check_registry(&build::<WithCopy>(), file.path(), Mode::Check)?;

    assert_eq!(outcome, Outcome::UpToDate);
    Ok(())
}
