//! `pgq doctor`.

use clap::Args;
use pgq::driver::{Finding, Severity};
use serde::Serialize;

use crate::args::Global;
use crate::error::Failure;
use crate::output::Output;
use crate::session::connect;

/// Looks for whatever keeps jobs from being enqueued or run as promised, and says what to do about it.
///
/// It looks at the server, the database, the tables, the rights of the user and the way there, as a worker does when
/// it starts: run it as the user that workers connect as. An error is what no worker starts with, a warning what it
/// runs with; the exit code is 1 if there is an error. Each has a code, about which the documentation of pgq has a
/// page, `troubleshooting`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  pgq doctor\n  pgq doctor --json | jq -r .code")]
pub(crate) struct Doctor {}

#[derive(Serialize)]
struct Line<'a> {
    code: &'static str,
    severity: &'static str,
    problem: &'a str,
    advice: &'a str,
}

impl<'a> Line<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            problem: &finding.problem,
            advice: &finding.advice,
        }
    }
}

impl Doctor {
    pub(crate) async fn run(&self, global: &Global, output: Output) -> Result<(), Failure> {
        let found = connect(global).await?.check_health().await?;
        for line in found.iter().map(Line::of) {
            let Line {
                code,
                severity,
                problem,
                advice,
            } = line;
            let text = format!("{severity}: {code}: {problem}\n  {advice}");
            output.answer(&line, &text)?;
        }
        if found.is_empty() {
            output.note("all is well");
        }
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        match found.iter().any(is_error) {
            true => Err(Failure::told()),
            false => Ok(()),
        }
    }
}
