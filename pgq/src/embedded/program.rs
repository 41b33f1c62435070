//! Running other programs to their end.

use std::env;
use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

use super::EmbeddedError;

/// How much of a failed program's output an error carries, in lines.
const OUTPUT_LINES: usize = 5;

/// Runs `command` and returns its standard output, or one line that says why it failed.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    judge(command.output())
}

fn judge(ended: io::Result<Output>) -> Result<String, String> {
    match ended {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => Err(complaint(&output)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("not installed".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns true if `PATH` has a program of that name.
pub(super) fn is_installed(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Runs `command`, which must succeed.
pub(super) fn run(command: &mut Command) -> Result<(), EmbeddedError> {
    let ended = command.output();
    succeeded(command, ended)
}

/// Runs `command` with `input`, which fits into a pipe; it must succeed.
pub(super) fn run_with_input(command: &mut Command, input: &str) -> Result<(), EmbeddedError> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = command.spawn().and_then(|mut child| {
        if let Some(mut pipe) = child.stdin.take() {
            // A program that ends without reading says why by itself.
            let _ = pipe.write_all(input.as_bytes());
        }
        child.wait_with_output()
    });
    succeeded(command, ended)
}

fn succeeded(command: &Command, ended: io::Result<Output>) -> Result<(), EmbeddedError> {
    judge(ended)
        .map(drop)
        .map_err(|output| EmbeddedError::Program {
            program: command.get_program().to_string_lossy().into_owned(),
            output,
        })
}

/// Returns the end of `text`: its last `count` lines that are not empty.
pub(super) fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

fn complaint(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    let text = if error.trim().is_empty() {
        String::from_utf8_lossy(&output.stdout)
    } else {
        error
    };
    let lines: Vec<&str> = last_lines(&text, OUTPUT_LINES)
        .into_iter()
        .map(str::trim)
        .collect();
    if lines.is_empty() {
        output.status.to_string()
    } else {
        lines.join("; ")
    }
}
