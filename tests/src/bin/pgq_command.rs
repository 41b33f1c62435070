//! The command line of pgq, for tests: cargo does not tell where the binary of another package is.

use std::process::ExitCode;

fn main() -> ExitCode {
    pgq_cli::main()
}
