//! Uploads that are only tried: every verdict of a real one, and nothing is kept, neither bytes nor rows nor an audit event.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, pin_mut};

use super::{CheckedUpload, IngestParts, PendingUpload, Upload, UploadError, UploadOutcome, Verdict, check_access};
use crate::blobs::Hashing;
use crate::index::IndexError;
use crate::model::{ChannelName, Principal};

/// What [`super::receive()`] would answer now.
pub async fn try_receive(
    parts: &IngestParts,
    who: &Principal,
    upload: Upload,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<UploadOutcome, UploadError> {
    check_access(who, &upload.channel, &upload.filename)?;
    let channel = upload.channel.clone();
    // A digest by MD5 that was declared is computed by the check.
    let mut pending = PendingUpload::begin(parts, Hashing::Standard).await?;
    pin_mut!(body);
    while let Some(piece) = body.next().await {
        pending.write(piece.map_err(UploadError::Aborted)?).await?;
    }
    let checked = pending.check(who, upload).await?;
    try_publish(parts, &channel, &checked).await
}

/// What publishing a checked file would answer now; the serial is the channel's as it is.
pub async fn try_publish(
    parts: &IngestParts,
    channel: &ChannelName,
    checked: &CheckedUpload<'_>,
) -> Result<UploadOutcome, UploadError> {
    let file = checked.file();
    let there = parts.index.list_in_head(channel, &[&file.filename]).await?;
    let found = parts.index.find_channel(channel).await?;
    let found = found.ok_or_else(|| IndexError::NoSuchChannel { channel: channel.clone() })?;
    Ok(UploadOutcome {
        verdict: if there.is_empty() { Verdict::Stored } else { Verdict::Unchanged },
        filename: file.filename.clone(),
        project: file.project.clone(),
        version: file.version.clone(),
        sha256: file.digests.sha256,
        size_bytes: file.digests.size_bytes,
        channel: found.name,
        serial: found.serial,
        findings: file.notes.iter().chain(checked.findings()).cloned().collect(),
    })
}
