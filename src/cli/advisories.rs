//! `ferrywheel advisories import FILE`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{Environment, ServerArgs};

#[derive(Args)]
pub struct AdvisoriesArgs {
    #[command(subcommand)]
    command: AdvisoriesCommand,
}

#[derive(Subcommand)]
enum AdvisoriesCommand {
    /// Import OSV records: a JSON record, an array, lines, or the zip of an export; `-` reads standard input.
    Import(ImportArgs),
}

#[derive(Args)]
struct ImportArgs {
    /// The file, or `-`.
    file: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

/// The server's answer.
#[derive(Deserialize, Serialize)]
struct Report {
    record_count: u64,
    added_count: u64,
    replaced_count: u64,
    unchanged_count: u64,
    skipped_count: u64,
    skipped: Vec<Skipped>,
}

#[derive(Deserialize, Serialize)]
struct Skipped {
    record: String,
    reason: String,
}

pub async fn run(arguments: AdvisoriesArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let AdvisoriesCommand::Import(arguments) = arguments.command;
    let client = Client::new(&arguments.server, environment)?;
    let report: Report = client.post_file("api/v1/advisories", &arguments.file).await?;
    if !output.is_json() {
        for Skipped { record, reason } in &report.skipped {
            output.note(&format!("skipped {record}: {reason}"));
        }
    }
    output.result(&report, |report| {
        format!(
            "{} records: {} added, {} replaced, {} unchanged, {} skipped",
            report.record_count,
            report.added_count,
            report.replaced_count,
            report.unchanged_count,
            report.skipped_count
        )
    });
    Ok(())
}
