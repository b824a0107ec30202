//! One file into a batch, in one piece or in parts: what has arrived is kept when the connection or the server goes away.
//!
//! Small files that come whole are not kept: to send them again costs less than to ask how much is here.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, pin_mut};

use crate::blobs::{Hashing, PartialKey};
use crate::model::{Batch, BatchFile, BatchVerdict, Principal};
use crate::packaging::shown;

use super::batch::{accepted, entry_name, is_refusal, partial, refused};
use super::{
    BatchParts, BatchRequestError, CheckedUpload, Declared, PendingUpload, Profile, SentProvenance, Staged, Upload,
    UploadError, check_access,
};

/// Files of this many bytes and more are kept while they arrive. The row that this costs takes some milliseconds.
const KEPT_FROM_BYTES: u64 = 1 << 20;

/// A file, or a part of one, that is sent to a batch, apart from its bytes.
#[derive(Clone, Debug)]
pub struct BatchPut {
    /// File name as the client gave it.
    pub filename: String,
    /// What the client says of the file.
    pub declared: Declared,
    /// Which part of it is sent; all of it, when absent.
    pub part: Option<FilePart>,
    /// Length of what is sent in bytes, as far as the client says.
    pub length_bytes: Option<u64>,
    /// What vouches for it.
    pub provenance: Option<SentProvenance>,
}

/// A run of bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// Where it begins.
    pub first_byte: u64,
    /// Its length in bytes, never 0 unless the file has none.
    pub length_bytes: u64,
    /// Length of the whole file in bytes.
    pub total_bytes: u64,
}

impl FilePart {
    /// Whether the file is whole with it.
    fn is_last(&self) -> bool {
        self.first_byte.saturating_add(self.length_bytes) >= self.total_bytes
    }
}

/// What became of a part that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchPutOutcome {
    /// It is here, and so many bytes of the file with it; others are missing.
    Partial(u64),
    /// The file is whole and was not refused.
    Whole(Box<BatchFile>),
}

/// Names the bytes of a file that has not arrived whole.
pub(super) fn key_of(batch: &Batch, filename: &str) -> PartialKey {
    PartialKey::new(*batch.id.as_bytes(), filename)
}

/// How many bytes of a file are here, and what is known of it; fails with [`BatchRequestError::NoSuchFile`].
pub async fn find_batch_file(
    parts: &BatchParts,
    batch: &Batch,
    filename: &str,
) -> Result<(u64, BatchFile), BatchRequestError> {
    let row = parts.ingest.index.find_batch_file(batch, &entry_name(filename)).await?;
    let row = row.filter(|file| file.verdict != BatchVerdict::Partial);
    if let Some(file) = row {
        return Ok((file.size_bytes.unwrap_or_default(), file));
    }
    // The row of a part is written beside its bytes; what counts is what is there.
    let here = parts.ingest.blobs.partial_size(&key_of(batch, filename)).await?;
    let here = here.ok_or_else(|| BatchRequestError::NoSuchFile { filename: shown(filename) })?;
    let row = parts.ingest.index.find_batch_file(batch, &entry_name(filename)).await?;
    Ok((here, row.unwrap_or_else(|| partial(filename, None, parts.ingest.clock.now()))))
}

/// Takes a file, or a part of one, into an open batch. When it has answered, what it says survives a loss of power.
///
/// A file that is refused is an error, and stands in the batch as refused until it is replaced or removed.
pub async fn put_batch_file(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    put: BatchPut,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<BatchPutOutcome, BatchRequestError> {
    parts.need_open(batch)?;
    check_access(who, &batch.channel, &put.filename)?;
    match receive_part(parts, who, batch, &put, body).await {
        Ok(Received::Partial(here)) => Ok(BatchPutOutcome::Partial(here)),
        Ok(Received::Whole(staged)) => {
            let file = settle(parts, batch, &staged).await?;
            parts.record(batch, std::slice::from_ref(&file)).await?;
            Ok(BatchPutOutcome::Whole(Box::new(file)))
        }
        Err(BatchRequestError::Upload(error)) if is_refusal(&error) => {
            parts.ingest.blobs.discard_partial(&key_of(batch, &put.filename)).await?;
            parts.record(batch, &[refused(&put.filename, &error, parts.ingest.clock.now())]).await?;
            Err(error.into())
        }
        Err(error) => Err(error),
    }
}

/// Every verdict of [`put_batch_file`] on a whole file, of which nothing is kept.
pub async fn try_batch_file(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    put: BatchPut,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<BatchFile, BatchRequestError> {
    parts.need_open(batch)?;
    check_access(who, &batch.channel, &put.filename)?;
    if put.part.is_some() {
        let fault = "a part of a file cannot be judged alone".to_owned();
        return Err(BatchRequestError::RangeInvalid { fault });
    }
    let mut pending = PendingUpload::begin(&parts.ingest, hashing(&put)).await?;
    pin_mut!(body);
    while let Some(piece) = body.next().await {
        pending.write(piece.map_err(UploadError::Aborted)?).await?;
    }
    let checked = pending.check(who, upload(batch, &put)).await?;
    tried(parts, batch, &checked).await
}

/// What [`settle`] would make of a file that is not kept.
async fn tried(parts: &BatchParts, batch: &Batch, checked: &CheckedUpload<'_>) -> Result<BatchFile, BatchRequestError> {
    settle(parts, batch, &only_tried(checked)).await
}

/// What a checked file would leave to be published.
pub(super) fn only_tried(checked: &CheckedUpload<'_>) -> Staged {
    Staged { file: checked.file().clone(), yank: None, provenance: None, findings: checked.findings().to_vec() }
}

/// The row of a staged file.
pub(super) async fn settle(parts: &BatchParts, batch: &Batch, staged: &Staged) -> Result<BatchFile, BatchRequestError> {
    let there = parts.ingest.index.list_in_head(&batch.channel, &[&staged.file.filename]).await?;
    accepted(staged, !there.is_empty(), parts.ingest.clock.now())
}

/// What an upload of the file alone would be.
pub(super) fn upload(batch: &Batch, put: &BatchPut) -> Upload {
    Upload {
        channel: batch.channel.clone(),
        filename: put.filename.clone(),
        declared: put.declared.clone(),
        profile: Profile::Strict,
        uploaded_at: None,
        yank: None,
        provenance: put.provenance.clone(),
    }
}

fn hashing(put: &BatchPut) -> Hashing {
    match put.declared.md5 {
        Some(_) => Hashing::WithMd5,
        None => Hashing::Standard,
    }
}

enum Received {
    Partial(u64),
    Whole(Box<Staged>),
}

async fn receive_part(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    put: &BatchPut,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<Received, BatchRequestError> {
    let key = key_of(batch, &put.filename);
    let sending = parts.senders.begin(key);
    let mut pending = begin(parts, batch, put, key).await?;
    let mut missing = put.part.map(|part| part.length_bytes);
    pin_mut!(body);
    loop {
        let piece = tokio::select! {
            biased;
            () = sending.lost() => return Err(BatchRequestError::TakenOver { filename: shown(&put.filename) }),
            piece = body.next() => piece,
        };
        let broken = match piece {
            Some(Ok(piece)) => match &mut missing {
                Some(missing) if *missing < piece.len() as u64 => {
                    let fault = "more bytes arrived than `Content-Range` says".to_owned();
                    return Err(BatchRequestError::RangeInvalid { fault });
                }
                Some(missing) => {
                    *missing -= piece.len() as u64;
                    pending.write(piece).await?;
                    continue;
                }
                None => {
                    pending.write(piece).await?;
                    continue;
                }
            },
            None if missing.is_none_or(|missing| missing == 0) => break,
            None => io::ErrorKind::UnexpectedEof.into(),
            Some(Err(error)) => error,
        };
        // What has arrived is written, so that the client can go on behind it.
        pending.pause().await?;
        return Err(UploadError::Aborted(broken).into());
    }
    if put.part.is_some_and(|part| !part.is_last()) {
        return Ok(Received::Partial(pending.pause().await?));
    }
    let checked = pending.check(who, upload(batch, put)).await?;
    Ok(Received::Whole(Box::new(checked.keep().await?)))
}

/// Makes the pending blob, or goes on with the one that is here.
async fn begin<'a>(
    parts: &'a BatchParts,
    batch: &Batch,
    put: &BatchPut,
    key: PartialKey,
) -> Result<PendingUpload<'a>, BatchRequestError> {
    let blobs = &parts.ingest.blobs;
    let (first_byte, total_bytes) = match put.part {
        Some(part) => (part.first_byte, Some(part.total_bytes)),
        None => (0, put.length_bytes),
    };
    let limit_bytes = parts.ingest.limits.max_file_size_bytes;
    if total_bytes.is_some_and(|total| total > limit_bytes) {
        return Err(UploadError::too_large("the file", limit_bytes, "max_file_size_bytes").into());
    }
    let is_kept = put.part.is_some() || total_bytes.is_none_or(|total| total >= KEPT_FROM_BYTES);
    if !is_kept {
        blobs.discard_partial(&key).await?;
        return Ok(PendingUpload::begin(&parts.ingest, hashing(put)).await?);
    }
    let here = blobs.partial_size(&key).await?;
    let size_bytes = here.unwrap_or_default();
    if first_byte > size_bytes {
        return Err(BatchRequestError::OffsetAhead { filename: shown(&put.filename), size_bytes, first_byte });
    }
    if here.is_none() || first_byte == 0 {
        // Before its bytes: whoever looks at the batch is told that the file is on its way, and no commit passes it over.
        parts.record(batch, &[partial(&put.filename, total_bytes, parts.ingest.clock.now())]).await?;
    }
    let blob = blobs.resume(&key, first_byte, hashing(put)).await?;
    Ok(PendingUpload::resumed(&parts.ingest, blob, first_byte))
}
