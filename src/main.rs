//! The `ferrywheel` program: gathers arguments and environment, runs one subcommand, answers with its exit code.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the environment is read once, here, and handed on as an argument")]
    let variables = std::env::vars_os();
    // A variable that is not text is none of ours, and no reason not to start.
    let as_text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let environment = variables.filter_map(as_text).collect();
    ferrywheel::cli::run(std::env::args_os(), environment)
}
