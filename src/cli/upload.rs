//! `ferrywheel upload PATH…`: send files and folders, one line for each, all findings of a refused one.

use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::failure::{Exit, Failure};
use super::output::{Output, describe};
use super::{Environment, ServerArgs};
use crate::model::{ChannelName, Finding};

/// Files sent at the same time: enough to overlap the server's flushes to disk.
const PARALLEL_UPLOADS: usize = 4;

#[derive(Args)]
pub struct UploadArgs {
    /// Wheels, sdists, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Channel that they go into.
    #[arg(long, default_value = "staging")]
    channel: ChannelName,
    #[command(flatten)]
    server: ServerArgs,
}

/// One line of the result.
#[derive(Serialize)]
struct Line {
    path: PathBuf,
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    #[serde(skip)]
    failure: Option<Exit>,
}

/// The part of the server's answer that is shown.
#[derive(Deserialize)]
struct Stored {
    verdict: String,
    #[serde(default)]
    findings: Vec<Finding>,
}

pub async fn run(arguments: UploadArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, environment)?;
    let files = collect(&arguments.paths)?;
    let bar = ProgressBar::new(files.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files {msg}") {
        bar.set_style(style);
    }
    let channel = &arguments.channel;
    let sending = files.into_iter().map(|path| {
        let (client, bar) = (client.clone(), bar.clone());
        async move {
            let line = send(&client, channel, path).await;
            bar.suspend(|| {
                if !output.is_json() {
                    output.data(&line.lines());
                }
            });
            bar.inc(1);
            line
        }
    });
    let mut lines: Vec<Line> = futures_util::stream::iter(sending).buffer_unordered(PARALLEL_UPLOADS).collect().await;
    bar.finish_and_clear();
    lines.sort_by(|one, other| one.path.cmp(&other.path));
    if output.is_json() {
        output.result(&lines, |_| String::new());
    }
    let failures: Vec<Exit> = lines.iter().filter_map(|line| line.failure).collect();
    let Some(first) = failures.first() else { return Ok(()) };
    let exit = if failures.len() < lines.len() { Exit::Partial } else { *first };
    Err(Failure::new(exit, format!("{} of {} files were not stored", failures.len(), lines.len())))
}

/// The files that are named or lie directly or deeper in the named folders, by name.
fn collect(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for path in paths {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => folders.push(path.clone()),
            Ok(_) => files.push(path.clone()),
            Err(error) => {
                return Err(Failure::new(Exit::Usage, format!("`{}` cannot be read: {error}", path.display())));
            }
        }
    }
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Failure::new(Exit::Usage, format!("`{}` cannot be listed: {error}", folder.display()));
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if is_distribution(&entry.path()) {
                files.push(entry.path());
            }
        }
    }
    if files.is_empty() {
        return Err(Failure::new(Exit::Usage, "there is no `.whl` and no `.tar.gz` in the named folders"));
    }
    files.sort();
    Ok(files)
}

/// In a folder only distributions are taken; a file that is named is always sent, so that its refusal is seen.
fn is_distribution(path: &Path) -> bool {
    path.to_str().is_some_and(|name| name.ends_with(".whl") || name.ends_with(".tar.gz"))
}

async fn send(client: &Client, channel: &ChannelName, path: PathBuf) -> Line {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    // A space would come out as `+`, which means plus in a path.
    let encoded = encoded.replace('+', "%20");
    let sent = client.put_file::<Stored>(&format!("api/v1/channels/{channel}/files/{encoded}"), &path).await;
    match sent {
        Ok(stored) => Line { path, verdict: stored.verdict, message: None, findings: stored.findings, failure: None },
        Err(failure) => Line {
            path,
            verdict: "refused".to_owned(),
            message: Some(failure.message),
            findings: failure.findings,
            failure: Some(failure.exit),
        },
    }
}

impl Line {
    fn lines(&self) -> String {
        let message = self.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
        let mut text = format!("{} {}{message}", self.verdict, self.path.display());
        for finding in &self.findings {
            text.push_str("\n  ");
            text.push_str(&describe(finding));
        }
        text
    }
}
