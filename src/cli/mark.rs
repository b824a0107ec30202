//! `ferrywheel yank`, `unyank`, `remove`, `delete` and `status`: marks on what is published.

use std::str::FromStr;

use clap::Args;
use reqwest::Method;
use serde::Serialize;

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{Environment, ServerArgs};
use crate::channels::{ChannelMove, DeletionOutcome, MarkOutcome, StatusOutcome};
use crate::model::{ChannelName, ProjectStatus};
use crate::packaging::ProjectName;

#[derive(Args)]
pub struct YankArgs {
    /// Why; installers show it.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    files: FilesInChannel,
}

#[derive(Args)]
pub struct UnyankArgs {
    #[command(flatten)]
    files: FilesInChannel,
}

#[derive(Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    files: FilesInChannel,
}

#[derive(Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    files: Files,
}

#[derive(Args)]
pub struct StatusArgs {
    /// The project.
    project: ProjectName,
    /// active, archived (no new files), quarantined (no new files, none offered) or deprecated.
    #[arg(value_name = "STATE")]
    status: StatusArg,
    /// Why; pages show it.
    #[arg(long)]
    reason: Option<String>,
    /// Channel that it is about.
    #[arg(long, default_value = "blessed")]
    channel: ChannelName,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
struct FilesInChannel {
    #[command(flatten)]
    files: Files,
    /// Channel that they are in.
    #[arg(long, default_value = "blessed")]
    channel: ChannelName,
}

#[derive(Args)]
struct Files {
    /// Names of files, or releases with all their files.
    #[arg(required = true, value_name = "FILE|NAME==VERSION")]
    select: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// A status on the command line, spelled as in JSON.
#[derive(Clone, Copy)]
struct StatusArg(ProjectStatus);

impl FromStr for StatusArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = serde_json::Value::String(text.to_owned());
        serde_json::from_value(value).map(Self).map_err(|error| error.to_string())
    }
}

/// Body of `PATCH /api/v1/channels/{channel}/files`.
#[derive(Serialize)]
struct YankRequest {
    select: Vec<String>,
    yanked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Body of a removal or a deletion.
#[derive(Serialize)]
struct SelectRequest {
    select: Vec<String>,
}

/// Body of `PUT /api/v1/channels/{channel}/projects/{project}/status`.
#[derive(Serialize)]
struct StatusRequest {
    status: ProjectStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub async fn yank(arguments: YankArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let YankArgs { reason, files } = arguments;
    mark_yank(files, Some(reason), environment, output).await
}

pub async fn unyank(arguments: UnyankArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    mark_yank(arguments.files, None, environment, output).await
}

/// Yanks with `Some` of a reason that may be absent, else takes the mark off.
async fn mark_yank(
    files: FilesInChannel,
    yank: Option<Option<String>>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let FilesInChannel { files, channel } = files;
    let client = Client::new(&files.server, environment)?;
    let (yanked, verb) = (yank.is_some(), if yank.is_some() { "yanked" } else { "unyanked" });
    let request = YankRequest { select: files.select, yanked, reason: yank.flatten() };
    let path = format!("api/v1/channels/{channel}/files");
    let outcome: MarkOutcome = client.send_json(Method::PATCH, &path, &request).await?;
    output.result(&outcome, |outcome| describe(outcome, verb));
    Ok(())
}

pub async fn remove(arguments: RemoveArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let FilesInChannel { files, channel } = arguments.files;
    let client = Client::new(&files.server, environment)?;
    let request = SelectRequest { select: files.select };
    let outcome: MarkOutcome = client.post(&format!("api/v1/channels/{channel}/removals"), &request).await?;
    output.result(&outcome, |outcome| describe(outcome, "removed"));
    Ok(())
}

pub async fn delete(arguments: DeleteArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let Files { select, server } = arguments.files;
    let client = Client::new(&server, environment)?;
    let outcome: DeletionOutcome = client.post("api/v1/deletions", &SelectRequest { select }).await?;
    output.result(&outcome, describe_deletion);
    Ok(())
}

pub async fn status(arguments: StatusArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let StatusArgs { project, status, reason, channel, server } = arguments;
    let client = Client::new(&server, environment)?;
    let path = format!("api/v1/channels/{channel}/projects/{project}/status");
    let request = StatusRequest { status: status.0, reason };
    let outcome: StatusOutcome = client.send_json(Method::PUT, &path, &request).await?;
    output.result(&outcome, |outcome| {
        format!("{} is {} in {}; {}", outcome.project, outcome.status, outcome.at.channel, serials(&outcome.at))
    });
    Ok(())
}

fn describe(outcome: &MarkOutcome, verb: &str) -> String {
    let mut lines: Vec<String> = outcome.changed.iter().map(|filename| format!("{verb} {filename}")).collect();
    lines.push(format!(
        "{}: {verb} {}; {}; {} were so already",
        outcome.at.channel,
        file_count(outcome.changed.len()),
        serials(&outcome.at),
        outcome.unchanged_count
    ));
    lines.join("\n")
}

fn describe_deletion(outcome: &DeletionOutcome) -> String {
    let mut lines: Vec<String> = outcome.deleted.iter().map(|filename| format!("deleted {filename}")).collect();
    lines.extend(outcome.channels.iter().map(|channel| format!("{}: {}", channel.channel, serials(channel))));
    let count = file_count(outcome.deleted.len());
    lines.push(format!("deleted {count}; {} were gone already", outcome.unchanged_count));
    lines.join("\n")
}

fn file_count(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn serials(channel: &ChannelMove) -> String {
    if channel.serial == channel.serial_before {
        return format!("serial {} as before", channel.serial);
    }
    format!("serial {} → {}", channel.serial_before, channel.serial)
}
