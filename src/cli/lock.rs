//! `ferrywheel lock`: solve requirements for a target environment, write `pylock.toml`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::client::Client;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::target::target_value;
use super::{Environment, ServerArgs};
use crate::model::ChannelAddress;
use crate::packaging::parse_requirements_file;

#[derive(Args)]
pub struct Requirements {
    /// Requirements, for example `flask>=3`.
    #[arg(value_name = "REQUIREMENT")]
    requirements: Vec<String>,
    /// File of requirements; may be repeated.
    #[arg(short = 'r', long = "requirement-file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Requirements {
    /// All of them, those of files after those of the command line.
    pub fn read(self) -> Result<Vec<String>, Failure> {
        let mut all = self.requirements;
        for file in self.files {
            let invalid = |reason: String| Failure::new(Exit::Usage, format!("`{}`: {reason}", file.display()));
            let text = std::fs::read_to_string(&file).map_err(|error| invalid(error.to_string()))?;
            let parsed = parse_requirements_file(&text).map_err(|error| invalid(error.to_string()))?;
            all.extend(parsed.iter().map(ToString::to_string));
        }
        if all.is_empty() {
            return Err(Failure::new(Exit::Usage, "nothing is required: name a requirement or a file with `-r`"));
        }
        Ok(all)
    }
}

#[derive(Args)]
pub struct LockArgs {
    #[command(flatten)]
    requirements: Requirements,
    /// Target environment: a name, or a JSON file.
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// Channel, or a snapshot such as `blessed@7`, `blessed@2026-11-20` or `blessed@sha256:…`, to take files from.
    #[arg(long, default_value = "blessed")]
    channel: ChannelAddress,
    /// Where to write; stdout when absent.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Body of `POST /api/v1/locks`.
#[derive(Serialize)]
struct LockRequest {
    requirements: Vec<String>,
    target: serde_json::Value,
    channel: String,
}

pub async fn run(arguments: LockArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, environment)?;
    let request = LockRequest {
        requirements: arguments.requirements.read()?,
        target: target_value(&arguments.target)?,
        channel: arguments.channel.to_string(),
    };
    let accept = if output.is_json() { "application/json" } else { "application/toml" };
    let text = client.post_for_text("api/v1/locks", &request, accept).await?;
    let Some(path) = arguments.output else {
        output.data(text.trim_end());
        return Ok(());
    };
    std::fs::write(&path, text)
        .map_err(|error| Failure::new(Exit::Refused, format!("`{}` cannot be written: {error}", path.display())))?;
    output.note(&format!("wrote {}", path.display()));
    Ok(())
}
