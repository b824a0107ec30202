//! `ferrywheel provenance verify`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{Environment, ServerArgs};
use crate::ingest::ReverifyReport;

#[derive(Args)]
pub struct ProvenanceArgs {
    #[command(subcommand)]
    command: ProvenanceCommand,
}

#[derive(Subcommand)]
enum ProvenanceCommand {
    /// Verify every stored provenance anew, by the trust roots that the server has now.
    Verify(VerifyArgs),
}

#[derive(Args)]
struct VerifyArgs {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Serialize)]
struct Wish {
    after: i64,
}

pub async fn run(arguments: ProvenanceArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let ProvenanceCommand::Verify(arguments) = arguments.command;
    let client = Client::new(&arguments.server, environment)?;
    let mut sum = ReverifyReport::default();
    let mut next = Some(0);
    while let Some(after) = next {
        let page: ReverifyReport = client.post("api/v1/provenance/verifications", &Wish { after }).await?;
        if !output.is_json() {
            for file in &page.unverified {
                output.note(&format!("{}: {}", file.filename, file.reasons.join("; ")));
            }
        }
        sum.checked_count += page.checked_count;
        sum.verified_count += page.verified_count;
        sum.changed_count += page.changed_count;
        sum.unverified.extend(page.unverified);
        next = page.next;
    }
    output.result(&sum, |sum| {
        let unverified_count = sum.checked_count - sum.verified_count;
        format!(
            "{} provenances: {} verified, {unverified_count} not verified; {} changed",
            sum.checked_count, sum.verified_count, sum.changed_count
        )
    });
    Ok(())
}
