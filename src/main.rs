//! The `ferrywheel` program: gathers arguments and environment, runs one subcommand, answers with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the environment is read once, here, and handed on as an argument")]
    let environment = std::env::vars().collect();
    ferrywheel::cli::run(std::env::args_os(), environment)
}
