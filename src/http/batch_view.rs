//! What is answered about a batch: itself, and one entry for each of its files.

use serde::Serialize;

use crate::app::App;
use crate::model::{
    Batch, BatchFile, BatchId, BatchState, BatchVerdict, ChannelName, Finding, Serial, Sha256Digest, Timestamp,
};
use crate::packaging::ProjectName;

/// A batch.
#[derive(Serialize)]
pub struct BatchView {
    id: BatchId,
    channel: ChannelName,
    state: BatchState,
    created_at: Timestamp,
    created_by: String,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<Serial>,
    links: Links,
    file_count: usize,
    counts: Counts,
    size_bytes: u64,
    files: Vec<FileView>,
}

/// Where to go on.
#[derive(Serialize)]
struct Links {
    batch: String,
    files: String,
    archive: String,
    have: String,
    commit: String,
    preview: String,
}

/// Files by verdict.
#[derive(Default, Serialize)]
struct Counts {
    partial: usize,
    accepted: usize,
    unchanged: usize,
    refused: usize,
    stored: usize,
}

impl Counts {
    fn of(files: &[FileView]) -> Self {
        let mut counts = Self::default();
        for file in files {
            *match file.verdict {
                BatchVerdict::Partial => &mut counts.partial,
                BatchVerdict::Accepted => &mut counts.accepted,
                BatchVerdict::Unchanged => &mut counts.unchanged,
                BatchVerdict::Refused => &mut counts.refused,
                BatchVerdict::Stored => &mut counts.stored,
            } += 1;
        }
        counts
    }
}

/// One file of a batch.
#[derive(Serialize)]
pub struct FileView {
    filename: String,
    verdict: BatchVerdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<ProjectName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    findings: Vec<Finding>,
}

impl From<BatchFile> for FileView {
    fn from(file: BatchFile) -> Self {
        let report = file.report;
        let (code, detail, hint) = match report.refusal {
            Some(refusal) => (Some(refusal.code), Some(refusal.detail), refusal.hint),
            None => (None, None, None),
        };
        Self {
            filename: file.filename,
            verdict: file.verdict,
            project: file.project,
            version: report.version.map(|version| version.to_string()),
            sha256: file.sha256,
            size_bytes: file.size_bytes,
            code,
            detail,
            hint,
            findings: report.findings,
        }
    }
}

/// Some files, and how they stand together.
#[derive(Serialize)]
pub struct FilesView {
    file_count: usize,
    counts: Counts,
    /// Whether nothing was kept.
    dry_run: bool,
    files: Vec<FileView>,
}

impl FilesView {
    /// The files of one request.
    pub fn new(files: Vec<BatchFile>, dry_run: bool) -> Self {
        let files: Vec<FileView> = files.into_iter().map(FileView::from).collect();
        Self { file_count: files.len(), counts: Counts::of(&files), dry_run, files }
    }
}

impl BatchView {
    /// A batch with these files.
    pub fn new(app: &App, batch: Batch, files: Vec<BatchFile>) -> Self {
        let files: Vec<FileView> = files.into_iter().map(FileView::from).collect();
        let whole = files.iter().filter(|file| !file.verdict.blocks());
        let size_bytes = whole.filter_map(|file| file.size_bytes).sum();
        let url = url_of(app, &batch.id);
        let below = |what: &str| format!("{url}/{what}");
        Self {
            links: Links {
                files: below("files/"),
                archive: below("archive"),
                have: below("have"),
                commit: below("commit"),
                preview: below("simple/"),
                batch: url.clone(),
            },
            id: batch.id,
            channel: batch.channel,
            state: batch.state,
            created_at: batch.created_at,
            created_by: batch.created_by,
            expires_at: batch.expires_at,
            ended_at: batch.ended_at,
            serial: batch.committed_serial,
            file_count: files.len(),
            counts: Counts::of(&files),
            size_bytes,
            files,
        }
    }
}

/// The URL of a batch: below the public address that was set, or the path alone.
pub fn url_of(app: &App, id: &BatchId) -> String {
    format!("{}/api/v1/batches/{id}", app.settings.public_root().unwrap_or_default())
}
