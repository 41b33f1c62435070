#![doc = include_str!("../README.md")]

mod args;
mod commands;
mod error;
mod names;
mod output;
mod session;
mod table;
mod values;

use std::process::ExitCode;

use clap::Parser as _;

use self::args::Cli;
use self::error::Failure;
use self::output::Output;

/// Runs the command that the arguments of the process name.
///
/// The exit code is 0 if it did what it was to do, 1 if it was refused or failed, and 2 if the arguments are
/// wrong. What is wrong is said on the standard error.
///
/// The tasks that are linked into the program are known to the commands: see the section about a command line of
/// your own.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A standard error that is closed is nobody's to tell.
            let _ = error.print();
            return exit_code(error.exit_code());
        }
    };
    let output = Output::new(cli.global.json);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli, output)),
        Err(error) => Err(Failure::of(&error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.exit_code()
        }
    }
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
