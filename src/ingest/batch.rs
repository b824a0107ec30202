//! Batches: opened, looked at, given up. Files come in by `batch_put` and `batch_archive`, and out by `batch_commit`.
//!
//! A batch belongs to the principal that opened it; administrators may do everything with it. To anybody else it is as if
//! it did not exist. What may be uploaded is asked for each file anew, when it comes and when the batch is committed.

use std::time::Duration;

use crate::access::{ReadPolicy, authorize};
use crate::index::IndexError;
use crate::model::{
    AuditEvent, Batch, BatchFile, BatchId, BatchReport, BatchState, BatchVerdict, ChannelName, Diagnostic as _,
    ListedFile, Permission, Principal, Refusal, Timestamp,
};
use crate::packaging::{DistFileName, ProjectName, parse_dist_filename, shown};

use super::batch_senders::Senders;
use super::{BatchRequestError, IngestParts, Staged, UploadError};

/// What batches need of the server.
#[derive(Clone)]
pub struct BatchParts {
    /// What receiving a file needs.
    pub ingest: IngestParts,
    /// Who sends which file at the moment.
    pub senders: Senders,
    /// How long a batch stays open, and how long what became of it is remembered.
    pub lifetime: Duration,
    /// Who may read, and so take over bytes that are here.
    pub reads: ReadPolicy,
}

impl BatchParts {
    /// A lifetime from now.
    pub(super) fn end_of_lifetime(&self) -> Timestamp {
        let now = self.ingest.clock.now();
        now.checked_add(self.lifetime).unwrap_or(Timestamp::MAX)
    }

    /// Whether the batch still takes files.
    pub(super) fn need_open(&self, batch: &Batch) -> Result<(), BatchRequestError> {
        match batch.is_open(self.ingest.clock.now()) {
            true => Ok(()),
            false => Err(BatchRequestError::Ended { id: batch.id, state: batch.state }),
        }
    }

    /// Puts files into the batch whose blobs are durable.
    pub(super) async fn record(&self, batch: &Batch, files: &[BatchFile]) -> Result<(), BatchRequestError> {
        if self.ingest.index.put_batch_files(batch, files).await? {
            return Ok(());
        }
        // It was ended since it was looked up.
        let state = self.ingest.index.find_batch(&batch.id).await?.map_or(BatchState::Abandoned, |now| now.state);
        Err(BatchRequestError::Ended { id: batch.id, state })
    }
}

/// Opens a batch for a channel. `make_id` gives random ids.
pub async fn open_batch(
    parts: &BatchParts,
    who: &Principal,
    channel: &ChannelName,
    mut make_id: impl FnMut() -> BatchId + Send,
) -> Result<Batch, BatchRequestError> {
    authorize(who, Permission::Upload, Some(channel), None, ReadPolicy::Open)?;
    let mut tx = parts.ingest.index.begin().await?;
    loop {
        // Taken only if the generator was wound back, as a restored machine may do.
        if let Some(batch) = tx.open_batch(&make_id(), channel, who, parts.end_of_lifetime()).await? {
            tx.commit(who, &AuditEvent::BatchOpened { batch: batch.id, channel: channel.clone() }).await?;
            return Ok(batch);
        }
    }
}

/// The batch of this id, for somebody who may change it: whoever opened it, and administrators.
pub async fn find_own_batch(parts: &BatchParts, who: &Principal, id: &str) -> Result<Batch, BatchRequestError> {
    let batch = find_batch(parts, id).await?;
    let is_admin = authorize(who, Permission::Admin, None, None, ReadPolicy::Open).is_ok();
    match is_admin || batch.created_by == who.name() {
        true => Ok(batch),
        false => Err(BatchRequestError::Unknown),
    }
}

/// The batch of this id, for whoever knows it.
pub async fn find_batch(parts: &BatchParts, id: &str) -> Result<Batch, BatchRequestError> {
    let id: BatchId = id.parse().map_err(|_| BatchRequestError::Unknown)?;
    parts.ingest.index.find_batch(&id).await?.ok_or(BatchRequestError::Unknown)
}

/// Takes a file out of an open batch, also one of which only a part is here.
pub async fn remove_batch_file(parts: &BatchParts, batch: &Batch, filename: &str) -> Result<(), BatchRequestError> {
    parts.need_open(batch)?;
    let key = super::batch_put::key_of(batch, filename);
    // Whoever sends it at the moment is stopped; what he has sent is dropped.
    let _sending = parts.senders.begin(key);
    let had_bytes = parts.ingest.blobs.discard_partial(&key).await?;
    let had_row = parts.ingest.index.remove_batch_file(batch, filename).await?;
    match had_bytes || had_row {
        true => Ok(()),
        false => Err(BatchRequestError::NoSuchFile { filename: shown(filename) }),
    }
}

/// Gives an open batch up with all its files; one that was given up before stays so.
pub async fn abandon_batch(parts: &BatchParts, who: &Principal, batch: &Batch) -> Result<(), BatchRequestError> {
    let mut tx = parts.ingest.index.begin().await?;
    if tx.end_batch(batch, BatchState::Abandoned, parts.end_of_lifetime()).await? {
        tx.commit(who, &AuditEvent::BatchAbandoned { batch: batch.id }).await?;
        parts.senders.stop_all(*batch.id.as_bytes());
        drop_partials(parts, |group| group == batch.id.as_bytes()).await?;
        return Ok(());
    }
    drop(tx);
    match parts.ingest.index.find_batch(&batch.id).await?.map(|batch| batch.state) {
        Some(BatchState::Committed) => Err(BatchRequestError::Ended { id: batch.id, state: BatchState::Committed }),
        _ => Ok(()),
    }
}

/// Gives up batches whose time is over, forgets ended ones, and drops parts of files that no open batch waits for.
///
/// Tells how many were given up. Blobs that nothing names any more are left to the sweep of the store.
pub async fn expire_batches(parts: &BatchParts) -> Result<u64, BatchRequestError> {
    let mut tx = parts.ingest.index.begin().await?;
    let (mut given_up, mut forgotten_count) = (Vec::new(), 0);
    for batch in tx.list_expired_batches().await? {
        if batch.state != BatchState::Open {
            tx.forget_batch(&batch).await?;
            forgotten_count += 1;
        } else if tx.end_batch(&batch, BatchState::Abandoned, parts.end_of_lifetime()).await? {
            given_up.push(batch.id);
        }
    }
    let count = given_up.len() as u64;
    if count > 0 || forgotten_count > 0 {
        tx.commit(&Principal::Local, &AuditEvent::BatchesExpired { given_up, forgotten_count }).await?;
    } else {
        drop(tx);
    }
    let open = parts.ingest.index.list_open_batches().await?;
    drop_partials(parts, |group| !open.contains(&BatchId::from_bytes(*group))).await?;
    Ok(count)
}

async fn drop_partials(
    parts: &BatchParts,
    is_over: impl Fn(&[u8; 16]) -> bool + Send,
) -> Result<(), BatchRequestError> {
    for key in parts.ingest.blobs.list_partials().await? {
        if is_over(&key.group) {
            parts.ingest.blobs.discard_partial(&key).await?;
        }
    }
    Ok(())
}

/// The files of a project that a commit of the batch would show, as a page lists them.
pub async fn list_preview(
    parts: &BatchParts,
    batch: &Batch,
    project: &ProjectName,
) -> Result<Vec<ListedFile>, BatchRequestError> {
    let files = parts.ingest.index.list_staged_of_project(batch, project).await?;
    let listed = |file: &BatchFile| {
        let Staged { file, yank, .. } = staged_of(file)?;
        Ok(ListedFile {
            filename: file.filename,
            version: file.version,
            sha256: file.digests.sha256,
            size_bytes: file.digests.size_bytes,
            metadata_sha256: file.metadata_sha256,
            requires_python: file.requires_python.filter(|text| !text.is_empty()),
            uploaded_at: file.uploaded_at,
            yank,
            has_provenance: false,
        })
    };
    files.iter().map(listed).collect()
}

/// What is to be published of a file of a batch.
pub(super) fn staged_of(file: &BatchFile) -> Result<Staged, BatchRequestError> {
    let damaged = |source: Option<Box<dyn std::error::Error + Send + Sync>>| {
        BatchRequestError::Index(IndexError::Damaged {
            what: "`batch_files.staged` holds other JSON".to_owned(),
            source,
        })
    };
    let text = file.staged.as_deref().ok_or_else(|| damaged(None))?;
    serde_json::from_str(text).map_err(|error| damaged(Some(Box::new(error))))
}

/// The row of a file that was staged. `is_there` says that the channel has it.
pub(super) fn accepted(staged: &Staged, is_there: bool, now: Timestamp) -> Result<BatchFile, BatchRequestError> {
    let file = &staged.file;
    let is_unchanged = is_there && staged.yank.is_none() && staged.provenance.is_none();
    let text = serde_json::to_string(staged)
        .map_err(|_| IndexError::Unstorable { field: "staged", reason: "it has no JSON form" })?;
    Ok(BatchFile {
        filename: file.filename.clone(),
        verdict: if is_unchanged { BatchVerdict::Unchanged } else { BatchVerdict::Accepted },
        project: Some(file.project.clone()),
        sha256: Some(file.digests.sha256),
        metadata_sha256: file.metadata_sha256,
        provenance_sha256: staged.provenance.as_ref().map(|provenance| provenance.sha256),
        size_bytes: Some(file.digests.size_bytes),
        received_at: now,
        report: BatchReport {
            version: Some(file.version.clone()),
            refusal: None,
            findings: file.notes.iter().chain(&staged.findings).cloned().collect(),
        },
        staged: Some(text),
    })
}

/// The row of a file that was refused; nothing of its bytes stays.
pub(super) fn refused(filename: &str, error: &UploadError, now: Timestamp) -> BatchFile {
    let name = parse_dist_filename(filename).ok();
    let refusal = Refusal {
        code: error.code().to_owned(),
        detail: error.to_string(),
        hint: error.hint().map(std::borrow::Cow::into_owned),
    };
    BatchFile {
        verdict: BatchVerdict::Refused,
        report: BatchReport {
            version: name.as_ref().map(|name| name.version().clone()),
            refusal: Some(refusal),
            findings: error.findings().to_vec(),
        },
        ..empty(filename, now)
    }
}

/// The row of a file of which `size_bytes` are expected, if that is known.
pub(super) fn partial(filename: &str, size_bytes: Option<u64>, now: Timestamp) -> BatchFile {
    BatchFile { size_bytes, ..empty(filename, now) }
}

fn empty(filename: &str, now: Timestamp) -> BatchFile {
    let name = parse_dist_filename(filename).ok();
    BatchFile {
        filename: entry_name(filename),
        verdict: BatchVerdict::Partial,
        project: name.as_ref().map(DistFileName::project).cloned(),
        sha256: None,
        metadata_sha256: None,
        provenance_sha256: None,
        size_bytes: None,
        received_at: now,
        report: BatchReport::default(),
        staged: None,
    }
}

/// The name under which a file stands in a batch: its own, unless that could not be shown.
pub(super) fn entry_name(filename: &str) -> String {
    let is_plain = filename.chars().count() <= 120 && shown(filename) == filename;
    if is_plain || parse_dist_filename(filename).is_ok() { filename.to_owned() } else { shown(filename) }
}

/// Whether sending the same file again would be refused again.
pub(super) fn is_refusal(error: &UploadError) -> bool {
    error.is_about_file() || matches!(error, UploadError::ForeignNamespace { .. })
}
