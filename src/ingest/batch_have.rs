//! Bytes that need not travel: which of a list are missing, and files made of those that are here.
//!
//! A digest is not a permission. Whoever names one gets only what he could read anyway, and is told of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{FileAccess, file_access, read_limits};
use crate::model::{Batch, BatchFile, Principal, Sha256Digest};
use crate::packaging::ProjectName;

use super::batch::{accepted, is_refusal, refused};
use super::batch_put::{BatchPut, settle, upload};
use super::{BatchParts, BatchRequestError, Declared, Staged, UploadError, check_access, stage};

/// Most digests in one question, and most files that are taken over at once: an answer takes some milliseconds for each
/// thousand.
pub const MAX_DIGESTS: usize = 10_000;

/// Those of the digests whose bytes have to be sent, each once, in the order in which they were named.
pub async fn list_missing(
    parts: &BatchParts,
    who: &Principal,
    digests: &[Sha256Digest],
) -> Result<Vec<Sha256Digest>, BatchRequestError> {
    let here = list_here(parts, who, digests).await?;
    let mut told = BTreeSet::new();
    Ok(digests.iter().filter(|digest| !here.contains(digest) && told.insert(**digest)).copied().collect())
}

async fn list_here(
    parts: &BatchParts,
    who: &Principal,
    digests: &[Sha256Digest],
) -> Result<BTreeSet<Sha256Digest>, BatchRequestError> {
    if digests.len() > MAX_DIGESTS {
        return Err(BatchRequestError::TooMany { given: digests.len(), limit: MAX_DIGESTS });
    }
    let mut here = parts.ingest.index.list_batch_bytes(digests, who).await?;
    let published = parts.ingest.index.list_published_bytes(digests).await?;
    let holders = match read_limits(who, parts.reads) {
        None => BTreeMap::new(),
        Some(_) => {
            let filenames: Vec<&str> = published.iter().map(|(_, filename, _)| filename.as_str()).collect();
            parts.ingest.index.list_holders(&filenames).await?
        }
    };
    let may_read = |filename: &str, project: &ProjectName| match read_limits(who, parts.reads) {
        None => true,
        Some(limits) => {
            let holders = holders.get(filename).map_or(&[][..], Vec::as_slice);
            file_access(limits, project, holders) == FileAccess::Granted
        }
    };
    let readable = published.iter().filter(|(_, filename, project)| may_read(filename, project));
    here.extend(readable.map(|(digest, ..)| *digest));
    Ok(here)
}

/// A file to be made of bytes that are here.
#[derive(Clone, Debug)]
pub struct KnownBytes {
    /// Name of the file.
    pub filename: String,
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
}

/// What [`adopt_files`] has done.
#[derive(Clone, Debug, Default)]
pub struct Adopted {
    /// The files that are part of the batch now, refused ones too.
    pub files: Vec<BatchFile>,
    /// Digests of those whose bytes have to be sent.
    pub missing: Vec<Sha256Digest>,
}

/// Puts files into a batch whose bytes are here, judged as if they had been sent.
pub async fn adopt_files(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    wanted: Vec<KnownBytes>,
) -> Result<Adopted, BatchRequestError> {
    parts.need_open(batch)?;
    for known in &wanted {
        check_access(who, &batch.channel, &known.filename)?;
    }
    let digests: Vec<Sha256Digest> = wanted.iter().map(|known| known.sha256).collect();
    let here = list_here(parts, who, &digests).await?;
    let names: Vec<String> = wanted.iter().map(|known| known.filename.clone()).collect();
    let published = parts.ingest.index.find_files(&names).await?;
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let there = parts.ingest.index.list_in_head(&batch.channel, &borrowed).await?;
    let mut adopted = Adopted::default();
    for known in wanted {
        let same = published.iter().find(|stored| stored.file.filename == known.filename);
        let same = same.filter(|stored| stored.file.digests.sha256 == known.sha256);
        if !here.contains(&known.sha256) {
            adopted.missing.push(known.sha256);
        } else if let Some(stored) = same {
            let staged = Staged { file: stored.file.clone(), yank: None, provenance: None, findings: Vec::new() };
            let is_there = there.contains(&known.filename);
            adopted.files.push(accepted(&staged, is_there, parts.ingest.clock.now())?);
        } else {
            adopted.files.push(adopt_one(parts, who, batch, known).await?);
        }
    }
    parts.record(batch, &adopted.files).await?;
    Ok(adopted)
}

/// Reads the bytes as if a client sent them: under another name other rules hold.
async fn adopt_one(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    known: KnownBytes,
) -> Result<BatchFile, BatchRequestError> {
    let KnownBytes { filename, sha256 } = known;
    let declared = Declared { sha256: Some(sha256), ..Declared::default() };
    let put = BatchPut { filename, declared, part: None, length_bytes: None, provenance: None };
    let file = parts.ingest.blobs.as_file(&sha256).await?;
    let size_bytes = file.size_bytes();
    let staged = stage(&parts.ingest, who, upload(batch, &put), file.pieces(0..size_bytes)).await;
    match staged {
        Ok(staged) => settle(parts, batch, &staged).await,
        Err(error) if is_refusal(&error) => Ok(refused(&put.filename, &error, parts.ingest.clock.now())),
        // A damaged blob is not the client's fault; he sends the bytes, and the blob is whole again.
        Err(error) => Err(UploadError::into(error)),
    }
}
