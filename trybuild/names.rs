//! Two tasks of one name fail the build, which only a build can show: `cargo check` sees neither the
//! symbols of a crate nor those of a binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, io};

const MANIFEST: &str = r#"
[workspace]
resolver = "3"
members = ["mail", "kit", "app"]

[workspace.dependencies]
pgq = { path = "PGQ", default-features = false, features = ["macros"] }
"#;

/// A crate with a task.
const MAIL: &str = "#![deny(warnings)]\n#![forbid(unsafe_code)]\n\
                    #[pgq::task]\npub async fn send() {}\n";

/// What the linker names.
const SYMBOL: &str = "pgq_task_named_send";

#[test]
fn two_tasks_of_one_name_do_not_build() -> io::Result<()> {
    let place = Place::new()?;
    place.member(
        "mail",
        "2018",
        MAIL,
        "[dev-dependencies]\nkit = { path = \"../kit\" }",
    )?;
    place.member(
        "kit",
        "2021",
        "use mail as _;\n",
        "mail = { path = \"../mail\" }",
    )?;

    let same = "mod inner { #[pgq::task] pub async fn send() {} }\n\
                #[pgq::task] async fn send() {}\nfn main() {}\n";
    let error = place.app(same)?;
    assert!(error.contains("already defined"), "{error}");
    assert!(error.contains(SYMBOL), "{error}");

    // The caller's name, and the one of the option.
    let linked = "use mail as _;\n#[pgq::task(name = \"send\")] async fn own() {}\nfn main() {}\n";
    let error = place.app(linked)?;
    assert!(error.contains("linking"), "{error}");
    assert!(error.contains(SYMBOL), "{error}");

    let told_apart = linked.replace("\"send\"", "\"send/own\"");
    assert_eq!(place.app(&told_apart)?, "");
    // The crate under test is linked twice: as itself, and for the crate that its tests use.
    let twice = "#[cfg(test)]\nuse kit as _;\n";
    place.member(
        "mail",
        "2018",
        &format!("{MAIL}{twice}"),
        "[dev-dependencies]\nkit = { path = \"../kit\" }",
    )?;
    assert_eq!(
        error_of(&place.cargo(&["test", "--no-run", "-p", "mail"])?),
        ""
    );
    Ok(())
}

/// A workspace of its own, and its target folder, which is kept between two runs.
struct Place {
    root: PathBuf,
    target: PathBuf,
}

impl Place {
    fn new() -> io::Result<Self> {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let place = Self {
            root: temporary.join("names"),
            target: temporary.join("names-target"),
        };
        fs::create_dir_all(&place.root)?;
        let pgq = repository.join("pgq").display().to_string();
        fs::write(place.root.join("Cargo.toml"), MANIFEST.replace("PGQ", &pgq))?;
        fs::copy(repository.join("Cargo.lock"), place.root.join("Cargo.lock"))?;
        place.member(
            "app",
            "2024",
            "fn main() {}\n",
            "mail = { path = \"../mail\" }",
        )?;
        Ok(place)
    }

    fn member(&self, name: &str, edition: &str, code: &str, more: &str) -> io::Result<()> {
        let source = self.root.join(name).join("src");
        fs::create_dir_all(&source)?;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\
             [dependencies]\npgq.workspace = true\n{more}\n"
        );
        fs::write(self.root.join(name).join("Cargo.toml"), manifest)?;
        let file = if code.contains("fn main") {
            "main.rs"
        } else {
            "lib.rs"
        };
        fs::write(source.join(file), code)
    }

    /// Builds a binary of this code, and returns what is said if that fails.
    fn app(&self, code: &str) -> io::Result<String> {
        fs::write(self.root.join("app/src/main.rs"), code)?;
        Ok(error_of(&self.cargo(&["build", "-p", "app"])?))
    }

    fn cargo(&self, arguments: &[&str]) -> io::Result<Output> {
        Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--offline", "--quiet"])
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env_remove("RUSTFLAGS")
            .output()
    }
}

fn error_of(output: &Output) -> String {
    match output.status.success() {
        true => String::new(),
        false => format!("failed: {}", String::from_utf8_lossy(&output.stderr)),
    }
}
