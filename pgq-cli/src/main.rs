//! The binary `pgq`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pgq_cli::main()
}
