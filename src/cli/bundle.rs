//! `ferrywheel bundle`: build a bundle on the server and bring it here.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::failure::{Exit, Failure};
use super::lock::Requirements;
use super::output::{Output, human_size};
use super::target::target_value;
use super::{Environment, ServerArgs};
use crate::model::{BundleName, ChannelAddress, Sha256Digest};

#[derive(Args)]
pub struct BundleArgs {
    #[command(flatten)]
    requirements: Requirements,
    /// Target environment: a name, or a JSON file.
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// Channel, or a snapshot such as `blessed@7`, `blessed@2026-11-20` or `blessed@sha256:…`, to take files from.
    #[arg(long, default_value = "blessed")]
    channel: ChannelAddress,
    #[command(flatten)]
    entry: Entry,
    /// Where to write; the file's stem names the bundle.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

/// What the bundle starts; its own interpreter when nothing is named.
#[derive(Args)]
#[group(multiple = false)]
struct Entry {
    /// Start this console script of one of the wheels.
    #[arg(long)]
    script: Option<String>,
    /// Call this function.
    #[arg(long, value_name = "MODULE:FUNCTION")]
    entry_point: Option<String>,
    /// Run this module as `python -m` does.
    #[arg(long)]
    module: Option<String>,
}

/// Body of `POST /api/v1/bundles`.
#[derive(Serialize)]
pub struct BundleRequest {
    /// File stem.
    pub name: BundleName,
    /// Requirements as written.
    pub requirements: Vec<String>,
    /// Name or full description of the target environment.
    pub target: serde_json::Value,
    /// Channel or snapshot.
    pub channel: String,
    /// Console script to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Function to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<String>,
    /// Module to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

/// The part of the server's answer that is used here.
#[derive(Serialize, Deserialize)]
pub struct BundleAnswer {
    /// Id of the bundle.
    pub id: Sha256Digest,
    /// Name of the file.
    pub filename: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Digest of the file.
    pub sha256: Sha256Digest,
    /// Where to fetch it, from the server's root.
    pub download: String,
}

pub async fn run(arguments: BundleArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, environment)?;
    let stem = arguments.output.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name: Result<BundleName, _> = stem.parse();
    let name = name.map_err(|error| Failure { exit: Exit::Usage, ..Failure::from(error) })?;
    let request = BundleRequest {
        name,
        requirements: arguments.requirements.read()?,
        target: target_value(&arguments.target)?,
        channel: arguments.channel.to_string(),
        script: arguments.entry.script,
        entry_point: arguments.entry.entry_point,
        module: arguments.entry.module,
    };
    let answer = build(&client, &request, &arguments.output).await?;
    output.result(&answer, |answer| {
        let path = arguments.output.display();
        let is_bare_name = arguments.output.components().count() == 1;
        let command = if is_bare_name { format!("./{path}") } else { path.to_string() };
        let size = human_size(answer.size_bytes);
        format!("{path}: {size}, sha256 {}\nstart it: {command} (or python3 {path})", answer.sha256)
    });
    Ok(())
}

/// Has the server build a bundle and writes it, verified and executable, to `path`.
pub async fn build(client: &Client, request: &BundleRequest, path: &std::path::Path) -> Result<BundleAnswer, Failure> {
    let answer: BundleAnswer = client.post("api/v1/bundles", request).await?;
    client.download(answer.download.trim_start_matches('/'), &answer.sha256, path).await?;
    Ok(answer)
}
