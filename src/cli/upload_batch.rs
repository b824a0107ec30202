//! Uploading through a batch: all files become visible together or none does, and what has arrived is not sent again, though the
//! connection, this program or the server went away meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::{Client, Part};
use super::failure::{Exit, Failure};
use super::upload_inputs::{Input, Inputs};
use super::upload_report::{FileAnswer, Line, Report};
use super::upload_state::UploadState;
use crate::model::{ChannelName, Finding, Sha256Digest};

/// Files sent at the same time: enough to overlap the server's flushes to disk.
pub const PARALLEL_UPLOADS: usize = 4;

/// Digests that are asked about in one question.
const ASKED_AT_ONCE: usize = 1_000;

/// Seconds to wait before a request is sent again that a broken connection or a busy server has stopped; a server that is
/// started anew is there by then.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 15, 30];

/// The part that is read of what the server says of a batch.
#[derive(Deserialize)]
struct BatchAnswer {
    id: String,
    state: String,
    #[serde(default)]
    serial: Option<i64>,
    #[serde(default)]
    files: Vec<FileAnswer>,
}

#[derive(Deserialize)]
struct FilesAnswer {
    files: Vec<FileAnswer>,
}

#[derive(Deserialize)]
struct HaveAnswer {
    missing: Vec<Sha256Digest>,
}

#[derive(Serialize)]
struct Known<'a> {
    filename: &'a str,
    sha256: Sha256Digest,
}

/// An open batch on its way.
pub struct BatchUpload<'a> {
    client: &'a Client,
    bar: &'a ProgressBar,
    id: String,
    is_gone_on: bool,
    lines: BTreeMap<String, Line>,
    here_count: usize,
}

/// Uploads everything together; the report tells of each file.
pub async fn upload_batch(
    client: &Client,
    channel: &ChannelName,
    inputs: &Inputs,
    state: &UploadState,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let missing = missing(client, &inputs.files).await?;
    let mut upload = BatchUpload::open(client, channel, state, bar, &inputs.files).await?;
    upload.adopt(&inputs.files, &missing).await?;
    let to_send: Vec<&Input> = inputs.files.iter().filter(|file| !upload.lines.contains_key(&file.filename)).collect();
    let archive_bytes: u64 = inputs.archives.iter().map(|(_, size_bytes)| *size_bytes).sum();
    bar.reset();
    bar.set_length(to_send.iter().map(|file| file.size_bytes).sum::<u64>() + archive_bytes);
    bar.set_message("sending");
    upload.send_files(&to_send).await?;
    for (path, _) in &inputs.archives {
        upload.send_archive(path).await?;
    }
    bar.set_message("checking");
    let serial = upload.commit().await?;
    if serial.is_some() {
        state.forget();
    }
    let mut files: Vec<Line> = upload.lines.into_values().collect();
    files.sort_by(|one, other| (&one.path, &one.filename).cmp(&(&other.path, &other.filename)));
    let (channel, batch, here_count) = (channel.clone(), Some(upload.id), upload.here_count);
    Ok(Report { channel, serial, batch, dry_run: false, sent_bytes: client.sent_bytes(), here_count, files })
}

/// Digests of the files whose bytes the server has not got.
async fn missing(client: &Client, files: &[Input]) -> Result<Vec<Sha256Digest>, Failure> {
    let mut missing = Vec::new();
    for files in files.chunks(ASKED_AT_ONCE) {
        let digests: Vec<Sha256Digest> = files.iter().map(|file| file.sha256).collect();
        let answer: HaveAnswer = client.post("api/v1/have", &json!({ "sha256": digests })).await?;
        missing.extend(answer.missing);
    }
    Ok(missing)
}

/// Repeats what a passing trouble stops.
async fn patiently<T>(mut act: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    for seconds in PAUSES {
        match act().await {
            Err(failure) if failure.is_passing => tokio::time::sleep(Duration::from_secs(seconds)).await,
            outcome => return outcome,
        }
    }
    act().await.map_err(|failure| {
        let hint = "Repeat the command when the server is back: it goes on where it stopped.";
        if failure.is_passing { failure.with_hint(hint) } else { failure }
    })
}

impl<'a> BatchUpload<'a> {
    /// Goes on with the batch that an earlier run has left open, or opens one.
    async fn open(
        client: &'a Client,
        channel: &ChannelName,
        state: &UploadState,
        bar: &'a ProgressBar,
        files: &[Input],
    ) -> Result<Self, Failure> {
        let of = |id, is_gone_on| Self { client, bar, id, is_gone_on, lines: BTreeMap::new(), here_count: 0 };
        if let Some(id) = state.read() {
            match client.get::<BatchAnswer>(&format!("api/v1/batches/{id}")).await {
                Ok(batch) if batch.state == "open" => {
                    let mut upload = of(batch.id, true);
                    upload.go_on(batch.files, files).await?;
                    return Ok(upload);
                }
                Err(failure) if failure.is_passing => return Err(failure),
                // It has ended or is not known any more.
                Ok(_) | Err(_) => {}
            }
        }
        let batch: BatchAnswer = client.post("api/v1/batches", &json!({ "channel": channel })).await?;
        state.write(&batch.id);
        Ok(of(batch.id, false))
    }

    /// Takes over what has arrived whole, and takes out what is not to be uploaded any more.
    async fn go_on(&mut self, arrived: Vec<FileAnswer>, files: &[Input]) -> Result<(), Failure> {
        for answer in arrived {
            let Some(file) = files.iter().find(|file| file.filename == answer.filename) else {
                self.client.take_away(&self.file_path(&answer.filename)).await?;
                continue;
            };
            let is_same = answer.sha256.as_deref() == Some(&file.sha256.to_hex());
            if is_same && matches!(answer.verdict.as_str(), "accepted" | "unchanged") {
                self.here_count += 1;
                self.lines.insert(answer.filename.clone(), Line::of(file.path.clone(), answer));
            }
        }
        Ok(())
    }

    /// Makes files of the batch of bytes that are on the server.
    async fn adopt(&mut self, files: &[Input], missing: &[Sha256Digest]) -> Result<(), Failure> {
        let missing: BTreeSet<&Sha256Digest> = missing.iter().collect();
        let is_here = |file: &&Input| !missing.contains(&file.sha256) && !self.lines.contains_key(&file.filename);
        let here: Vec<&Input> = files.iter().filter(is_here).collect();
        for files in here.chunks(ASKED_AT_ONCE) {
            let known = |file: &&Input| json!(Known { filename: &file.filename, sha256: file.sha256 });
            let wish = json!({ "files": files.iter().map(known).collect::<Vec<_>>() });
            let adopted = match self.client.post::<FilesAnswer>(&self.path("have"), &wish).await {
                Ok(adopted) => adopted,
                Err(failure) if failure.is_passing => return Err(failure),
                // One of them stands against all; sent one by one, each has its own answer.
                Err(_) => continue,
            };
            for answer in adopted.files {
                if let Some(file) = files.iter().find(|file| file.filename == answer.filename) {
                    self.here_count += 1;
                    self.lines.insert(answer.filename.clone(), Line::of(file.path.clone(), answer));
                }
            }
        }
        Ok(())
    }

    async fn send_files(&mut self, files: &[&Input]) -> Result<(), Failure> {
        let upload = &*self;
        let sending = files.iter().map(|file| upload.send_file(file));
        let sent: Vec<_> = futures_util::stream::iter(sending).buffer_unordered(PARALLEL_UPLOADS).collect().await;
        for line in sent {
            let line = line?;
            self.lines.insert(line.filename.clone(), line);
        }
        Ok(())
    }

    /// Sends a file, from where an earlier try has ended.
    async fn send_file(&self, file: &Input) -> Result<Line, Failure> {
        let mut is_begun = self.is_gone_on;
        let mut sent = patiently(async || {
            // Only where something may have arrived, it is asked how much.
            let is_asked = std::mem::replace(&mut is_begun, true);
            self.send_rest(file, is_asked).await
        })
        .await;
        if is_begun && sent.as_ref().is_err_and(|failure| failure.code.as_deref() == Some("ingest/digest-mismatch")) {
            // What was there was of an older file of this name.
            sent = patiently(async || self.send_rest(file, false).await).await;
        }
        match sent {
            Ok(answer) => Ok(Line::of(file.path.clone(), answer)),
            Err(failure) if failure.is_passing || failure.is_of_all() => Err(failure),
            Err(failure) => Ok(Line::failed(file.path.clone(), file.filename.clone(), failure)),
        }
    }

    async fn send_rest(&self, file: &Input, is_asked: bool) -> Result<FileAnswer, Failure> {
        let path = self.file_path(&file.filename);
        let mut offset = 0;
        if is_asked && let Some(standing) = self.client.standing::<FileAnswer>(&path).await? {
            let is_whole = standing.answer.sha256.as_deref() == Some(&file.sha256.to_hex());
            if standing.is_complete && is_whole && standing.answer.verdict != "refused" {
                self.bar.inc(file.size_bytes);
                return Ok(standing.answer);
            }
            // The last byte is always sent, so that the file is judged.
            offset = if standing.is_complete { 0 } else { standing.offset.min(file.size_bytes.saturating_sub(1)) };
        }
        let part = Part { offset, size_bytes: file.size_bytes };
        let url = format!("{path}?sha256={}", file.sha256);
        self.client.put_part(&url, &file.path, part, self.bar).await
    }

    async fn send_archive(&mut self, path: &Path) -> Result<(), Failure> {
        let url = self.path("archive");
        let sent = patiently(async || self.client.post_with_bar::<FilesAnswer>(&url, path, self.bar).await).await?;
        for answer in sent.files {
            self.lines.insert(answer.filename.clone(), Line::of(path.to_owned(), answer));
        }
        Ok(())
    }

    /// Shows all files, unless one is refused; gives the channel's serial.
    async fn commit(&mut self) -> Result<Option<i64>, Failure> {
        if self.lines.values().any(Line::is_refused) {
            return Ok(None);
        }
        let url = self.path("commit");
        let committed = patiently(async || self.client.post::<BatchAnswer>(&url, &json!({})).await).await;
        match committed {
            Ok(batch) => {
                for answer in batch.files {
                    if let Some(line) = self.lines.get_mut(&answer.filename) {
                        line.verdict = answer.verdict;
                    }
                }
                Ok(batch.serial)
            }
            Err(failure) if failure.code.as_deref() == Some("batch/refused") => {
                self.note_refusals(&failure.findings);
                if self.lines.values().any(Line::is_refused) { Ok(None) } else { Err(failure) }
            }
            Err(failure) => Err(failure),
        }
    }

    /// Notes what stands against files since they were sent; the entry of each finding names its file.
    fn note_refusals(&mut self, findings: &[Finding]) {
        for finding in findings {
            let Some(line) = finding.entry.as_ref().and_then(|filename| self.lines.get_mut(filename)) else { continue };
            line.verdict = "refused".to_owned();
            line.exit = Some(Exit::Refused);
            line.code.get_or_insert_with(|| finding.reason.to_string());
            line.message.get_or_insert_with(|| finding.message.clone());
            line.findings.push(finding.clone());
        }
    }

    fn path(&self, what: &str) -> String {
        format!("api/v1/batches/{}/{what}", self.id)
    }

    fn file_path(&self, filename: &str) -> String {
        self.path(&format!("files/{}", super::upload::encoded(filename)))
    }
}
