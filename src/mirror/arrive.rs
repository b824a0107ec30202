//! Files on their way in: measured while they arrive, opened where their metadata is served nowhere else.

use std::io;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, stream};

use super::MirrorError;
use super::page::UpstreamFile;
use super::upstream::Upstream;
use crate::blobs::{BlobError, Hashing};
use crate::ingest::{IngestLimits, IngestParts, Profile, check_wheel};
use crate::model::innermost_cause;
use crate::resolve::WheelRequirements;

/// The bytes of a file as they arrive. Ends in an error if they are more or fewer than announced, or than is taken.
async fn arriving(
    upstream: &Upstream,
    file: &UpstreamFile,
    limits: &IngestLimits,
) -> Result<BoxStream<'static, io::Result<Bytes>>, MirrorError> {
    let response = upstream.download(&file.url).await?;
    let announced = file.size_bytes;
    let limit_bytes = announced.unwrap_or(limits.max_file_size_bytes).min(limits.max_file_size_bytes);
    let pieces = stream::try_unfold((response, 0_u64), move |(mut response, arrived)| async move {
        match response.chunk().await.map_err(|error| io::Error::other(innermost_cause(&error)))? {
            Some(piece) => {
                let arrived = arrived + piece.len() as u64;
                if arrived > limit_bytes {
                    return Err(io::Error::other(format!("it is longer than {limit_bytes} bytes")));
                }
                Ok(Some((piece, (response, arrived))))
            }
            None => match announced {
                Some(size_bytes) if arrived != size_bytes => {
                    Err(io::Error::other(format!("it ended after {arrived} of {size_bytes} bytes")))
                }
                _ => Ok(None),
            },
        }
    });
    Ok(pieces.boxed())
}

/// The bytes of a file: from here if they are a blob already, else from upstream.
pub(super) async fn body_of(
    upstream: &Upstream,
    file: &UpstreamFile,
    parts: &IngestParts,
) -> Result<BoxStream<'static, io::Result<Bytes>>, MirrorError> {
    let not_read = |cause: BlobError| MirrorError::NotTaken { filename: file.filename.clone(), cause: cause.into() };
    match parts.blobs.stat(&file.sha256).await.map_err(not_read)? {
        Some(size_bytes) => parts.blobs.open(&file.sha256, 0..size_bytes).await.map_err(not_read),
        None => arriving(upstream, file, &parts.limits).await,
    }
}

/// Requirements of a wheel whose metadata is not served beside it, read from the wheel itself.
///
/// Its bytes stay as a blob, verified, so that they need not travel twice if the wheel is chosen; if it is not, they are
/// bytes without a row, which a sweep takes away. `Err` inside says why the wheel is unusable; then nothing stays.
pub(super) async fn open_up(
    upstream: &Upstream,
    file: &UpstreamFile,
    parts: &IngestParts,
) -> Result<Result<WheelRequirements, String>, MirrorError> {
    let damaged = |reason: String| MirrorError::Damaged { filename: file.filename.clone(), reason };
    let not_kept = |cause: BlobError| MirrorError::NotTaken { filename: file.filename.clone(), cause: cause.into() };
    let mut pending = parts.blobs.create(Hashing::Standard).await.map_err(not_kept)?;
    let mut body = arriving(upstream, file, &parts.limits).await?;
    while let Some(piece) = body.next().await {
        pending.write(piece.map_err(|error| damaged(error.to_string()))?).await.map_err(not_kept)?;
    }
    let digests = pending.finish().await.map_err(not_kept)?;
    if digests.sha256 != file.sha256 {
        return Err(damaged(format!("its digest is not {}", file.sha256)));
    }
    let wheel = pending.as_file().map_err(not_kept)?;
    let (filename, limits) = (file.filename.clone(), parts.limits.archive.clone());
    let check = move || check_wheel(&wheel, digests.size_bytes, &filename, Profile::Mirror, &limits);
    let report = tokio::task::spawn_blocking(check).await.map_err(|_| MirrorError::Lost)?;
    let report = report.map_err(|error| damaged(error.to_string()))?;
    let Some(facts) = report.facts else {
        return Ok(Err(report.findings.into_iter().next().map_or_else(String::new, |finding| finding.message)));
    };
    pending.commit().await.map_err(not_kept)?;
    Ok(Ok(WheelRequirements { requires_dist: facts.requires_dist, provides_extra: facts.provides_extra }))
}
