//! The command line: one file per subcommand. Data goes to stdout, everything else to stderr.

mod admin;
mod advisories;
mod bundle;
mod client;
mod failure;
mod lock;
mod mark;
mod namespace;
mod output;
mod promote;
mod provenance;
mod quickstart;
mod serve;
mod target;
mod upload;
mod upload_batch;
mod upload_inputs;
mod upload_report;
mod upload_state;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use failure::{Exit, Failure};
use output::Output;

/// Environment variables by name, read once by the program.
pub type Environment = BTreeMap<String, String>;

/// An offline Python package repository: a wheel index, a blessed mirror, and bundles that start on a bare host.
#[derive(Parser)]
#[command(name = "ferrywheel", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print JSON instead of lines for people.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve an index from a data directory; makes the directory on first start.
    Serve(serve::ServeArgs),
    /// Pull, publish, bless, bundle and run one real application, and leave the server up.
    Quickstart(quickstart::QuickstartArgs),
    /// Upload wheels and sdists: files, folders and archives, all or none.
    Upload(upload::UploadArgs),
    /// Bring files from one channel into another.
    Promote(promote::PromoteArgs),
    /// Short for `promote staging blessed`.
    Bless(promote::BlessArgs),
    /// Mark files so that installers pass them over unless they are pinned.
    Yank(mark::YankArgs),
    /// Take the yank mark off files.
    Unyank(mark::UnyankArgs),
    /// Take files out of a channel; other channels and older snapshots keep them.
    Remove(mark::RemoveArgs),
    /// Delete files from every channel and from the server, for ever.
    Delete(mark::DeleteArgs),
    /// Say that a project is active, archived, quarantined or deprecated in a channel.
    Status(mark::StatusArgs),
    /// Grant, revoke and list namespaces, where the server offers them.
    Namespace(namespace::NamespaceArgs),
    /// Solve requirements for a target environment and write a lock file.
    Lock(lock::LockArgs),
    /// Build a bundle that starts on a bare host.
    Bundle(bundle::BundleArgs),
    /// Import advisories, so that audit tools are told of vulnerable versions.
    Advisories(advisories::AdvisoriesArgs),
    /// Verify the provenance of files anew.
    Provenance(provenance::ProvenanceArgs),
    /// Look at target environments.
    Target(target::TargetArgs),
    /// Work on a data directory itself; stop its server first.
    Admin(admin::AdminArgs),
}

/// Which server a command talks to.
#[derive(Args)]
struct ServerArgs {
    /// Address of the server [variable: FERRYWHEEL_SERVER; default: http://127.0.0.1:8417].
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// The command line as a tree of commands and flags, for completions and for the test that the manual is whole.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line and gives the exit code: 0 done, 1 refused by a rule, 2 wrong usage, 3 not reachable or not
/// allowed, 4 partial.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Where the command line cannot be read, what can be read of it still says how to answer.
    let is_json = arguments.iter().any(|argument| argument == "--json");
    let cli = match command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) if is_json && error.use_stderr() => return Output::new(true).failure(&wrong_usage(&error)),
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage.code() } else { 0 };
            // A closed pipe on the other side of `--help` is nobody's problem.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let output = Output::new(cli.json);
    // Every TLS library in the tree must use one provider; a second call finds it set already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return output.failure(&Failure::new(Exit::Refused, format!("no threads could be started: {error}")));
        }
    };
    let outcome = runtime.block_on(dispatch(cli.command, &environment, &output));
    // Blocking reads of a vanished client must not hold the program back.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

/// What the parser says of a wrong command line, in one sentence.
fn wrong_usage(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::new(Exit::Usage, "the command line names no command, or only the beginning of one");
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    Failure::new(Exit::Usage, first.split_whitespace().collect::<Vec<_>>().join(" "))
}

async fn dispatch(command: Command, environment: &Environment, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(arguments, environment, output).await,
        Command::Quickstart(arguments) => quickstart::run(arguments, environment, output).await,
        Command::Upload(arguments) => upload::run(arguments, environment, output).await,
        Command::Promote(arguments) => promote::run(arguments, environment, output).await,
        Command::Bless(arguments) => promote::run(arguments.into(), environment, output).await,
        Command::Yank(arguments) => mark::yank(arguments, environment, output).await,
        Command::Unyank(arguments) => mark::unyank(arguments, environment, output).await,
        Command::Remove(arguments) => mark::remove(arguments, environment, output).await,
        Command::Delete(arguments) => mark::delete(arguments, environment, output).await,
        Command::Status(arguments) => mark::status(arguments, environment, output).await,
        Command::Namespace(arguments) => namespace::run(arguments, environment, output).await,
        Command::Lock(arguments) => lock::run(arguments, environment, output).await,
        Command::Bundle(arguments) => bundle::run(arguments, environment, output).await,
        Command::Advisories(arguments) => advisories::run(arguments, environment, output).await,
        Command::Provenance(arguments) => provenance::run(arguments, environment, output).await,
        Command::Target(arguments) => target::run(arguments, environment, output).await,
        Command::Admin(arguments) => admin::run(arguments, environment, output).await,
    }
}
