//! Broca's binary; see [`broca::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    broca::cli::main()
}
