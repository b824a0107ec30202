//! `ferrywheel upload PATH…`: sends files, folders and archives, together or one by one, and tells what is refused.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, Part};
use super::failure::Failure;
use super::output::Output;
use super::upload_batch::{PARALLEL_UPLOADS, upload_batch};
use super::upload_inputs::{Input, Inputs};
use super::upload_report::{FileAnswer, Line, Report};
use super::upload_state::UploadState;
use super::{Environment, ServerArgs};
use crate::model::ChannelName;

/// A single file of fewer bytes is sent by itself: to send it again costs less than to ask how much of it is there.
const SENT_ALONE_BYTES: u64 = 8 << 20;

/// How often the bar is drawn while nothing moves.
const TICK: Duration = Duration::from_millis(200);

#[derive(Args)]
pub struct UploadArgs {
    /// Wheels, sdists, folders of them, archives of them (tar, tar.gz, tar.zst, zip).
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Channel that they go into.
    #[arg(long, default_value = "staging")]
    channel: ChannelName,
    /// Look into the folders inside of folders too.
    #[arg(long, short)]
    recursive: bool,
    /// Have everything judged, and keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Store each file that is not refused, instead of all or none.
    #[arg(long)]
    one_by_one: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(arguments: UploadArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, environment)?;
    let bar = progress_bar();
    bar.set_message("reading");
    let sent = send(&client, &arguments, environment, &bar).await;
    bar.finish_and_clear();
    let report = sent?;
    output.result(&report, Report::text);
    report.outcome(arguments.one_by_one)
}

/// One bar for everything; where standard error is no terminal, none is drawn.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

async fn send(
    client: &Client,
    arguments: &UploadArgs,
    environment: &Environment,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let inputs = Inputs::read(&arguments.paths, arguments.recursive, bar).await?;
    let is_single = inputs.archives.is_empty() && inputs.files.len() == 1 && inputs.size_bytes() < SENT_ALONE_BYTES;
    if arguments.dry_run || arguments.one_by_one || is_single {
        return send_each(client, arguments, &inputs, bar).await;
    }
    let state = UploadState::of(environment, client.base(), &arguments.channel, &arguments.paths);
    upload_batch(client, &arguments.channel, &inputs, &state, bar).await
}

/// Sends files that do not depend on each other.
async fn send_each(
    client: &Client,
    arguments: &UploadArgs,
    inputs: &Inputs,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    bar.reset();
    bar.set_length(inputs.size_bytes());
    bar.set_message(if arguments.dry_run { "judging" } else { "sending" });
    let sending = inputs.files.iter().map(|file| send_one(client, arguments, file, bar));
    let sent: Vec<_> = futures_util::stream::iter(sending).buffer_unordered(PARALLEL_UPLOADS).collect().await;
    let (mut files, mut serial) = (Vec::new(), None);
    for one in sent {
        let (line, at) = one?;
        files.push(line);
        serial = serial.max(at);
    }
    if !inputs.archives.is_empty() {
        files.extend(send_archives(client, arguments, inputs, bar).await?);
    }
    files.sort_by(|one, other| (&one.path, &one.filename).cmp(&(&other.path, &other.filename)));
    let (channel, dry_run) = (arguments.channel.clone(), arguments.dry_run);
    let serial = serial.filter(|_| !dry_run);
    Ok(Report { channel, serial, batch: None, dry_run, sent_bytes: client.sent_bytes(), here_count: 0, files })
}

/// The part of an upload's answer that is read beside the file.
#[derive(Deserialize)]
struct OneAnswer {
    #[serde(flatten)]
    file: FileAnswer,
    serial: i64,
}

async fn send_one(
    client: &Client,
    arguments: &UploadArgs,
    file: &Input,
    bar: &ProgressBar,
) -> Result<(Line, Option<i64>), Failure> {
    let dry_run = if arguments.dry_run { "&dry_run" } else { "" };
    let (channel, name) = (&arguments.channel, encoded(&file.filename));
    let url = format!("api/v1/channels/{channel}/files/{name}?sha256={}{dry_run}", file.sha256);
    let part = Part { offset: 0, size_bytes: file.size_bytes };
    match client.put_part::<OneAnswer>(&url, &file.path, part, bar).await {
        Ok(answer) => Ok((Line::of(file.path.clone(), answer.file), Some(answer.serial))),
        Err(failure) if failure.is_passing || failure.is_of_all() => Err(failure),
        Err(failure) => Ok((Line::failed(file.path.clone(), file.filename.clone(), failure), None)),
    }
}

#[derive(Deserialize)]
struct BatchId {
    id: String,
}

#[derive(Deserialize)]
struct FilesAnswer {
    files: Vec<FileAnswer>,
}

/// Archives go through a batch of their own, which is committed if nothing in it is refused; of a dry run nothing is.
async fn send_archives(
    client: &Client,
    arguments: &UploadArgs,
    inputs: &Inputs,
    bar: &ProgressBar,
) -> Result<Vec<Line>, Failure> {
    let batch: BatchId = client.post("api/v1/batches", &json!({ "channel": arguments.channel })).await?;
    let batch = format!("api/v1/batches/{}", batch.id);
    let dry_run = if arguments.dry_run { "?dry_run" } else { "" };
    let mut lines = Vec::new();
    for (path, _) in &inputs.archives {
        let sent = client.post_with_bar::<FilesAnswer>(&format!("{batch}/archive{dry_run}"), path, bar).await;
        match sent {
            Ok(answer) => lines.extend(answer.files.into_iter().map(|file| Line::of(path.clone(), file))),
            Err(failure) => {
                client.take_away(&batch).await?;
                return Err(failure);
            }
        }
    }
    if arguments.dry_run {
        client.take_away(&batch).await?;
        return Ok(lines);
    }
    for line in lines.iter().filter(|line| line.is_refused()) {
        client.take_away(&format!("{batch}/files/{}", encoded(&line.filename))).await?;
    }
    let committed: FilesAnswer = client.post(&format!("{batch}/commit"), &json!({})).await?;
    for line in &mut lines {
        if let Some(file) = committed.files.iter().find(|file| file.filename == line.filename) {
            line.verdict.clone_from(&file.verdict);
        }
    }
    Ok(lines)
}

/// A file name as a segment of a path.
pub fn encoded(filename: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(filename.as_bytes()).collect();
    // A space would come out as `+`, which means plus in a path.
    encoded.replace('+', "%20")
}
