//! Building a bundle: lock, plan, one pass over the bytes for their digest, one row. And opening a built one.

use futures_util::StreamExt as _;
use sha2::Digest as _;
use tokio::sync::Semaphore;

use crate::blobs::Blobs;
use crate::index::Index;
use crate::model::{AuditEvent, BundleRecipe, BundleRecord, Clock, Lock, Principal, Scope, Sha256Digest, StoredFile};
use crate::resolve;

use super::clash::check_clashes;
use super::error::ExportError;
use super::layout::{BundleLayout, Segment};
use super::plan::{match_files, plan_bundle};

/// New bundles that are made at once. Each keeps a core busy with hashing and a thread of the pool waiting, and where
/// reading is open anybody may ask for one: this leaves the rest of the server alone.
const MAX_BUILDS: usize = 2;

static BUILDS: Semaphore = Semaphore::const_new(MAX_BUILDS);

/// What building needs of the server.
#[derive(Clone)]
pub struct ExportParts {
    /// Where files and bundles are recorded.
    pub index: Index,
    /// Where their bytes are.
    pub blobs: Blobs,
    /// Tells when a record was made; never what is in a bundle.
    pub clock: Clock,
}

/// Locks the recipe's requirements in its channel and builds the bundle, or finds it built; with `limits`, of projects that
/// they cover alone.
///
/// The second value is whether it was there already; then no wheel is read and nothing is written or audited. The same
/// lock on the same version of this server gives the same bytes on every host, at every hour.
pub async fn build(
    parts: &ExportParts,
    who: &Principal,
    recipe: &BundleRecipe,
    limits: Option<&Scope>,
) -> Result<(BundleRecord, bool), ExportError> {
    let view = parts.index.open_view(&recipe.channel).await?;
    let lock = resolve::lock(&parts.index, &view, limits, &recipe.requirements, &recipe.target).await?;
    let files = find_locked_files(&parts.index, &lock).await?;
    let plan = plan_bundle(recipe, &lock, files)?;
    if let Some(known) = parts.index.find_bundle(&plan.id).await? {
        // The same bundle may have been built from another channel or serial; the caller is told what this request locked.
        return Ok((BundleRecord { lock, ..known }, true));
    }
    // Nobody closes the semaphore, so there is always a turn.
    let turn = BUILDS.acquire().await;
    check_clashes(&plan.files, &parts.blobs).await?;
    let record = BundleRecord {
        id: plan.id,
        name: recipe.name.clone(),
        output_sha256: hash_output(&plan.layout, &parts.blobs, turn).await?,
        size_bytes: plan.layout.size_bytes(),
        lock,
        manifest: plan.manifest,
        created_at: parts.clock.now(),
        created_by: who.name().to_owned(),
    };
    record_bundle(parts, who, record).await
}

/// Layout of a bundle that was built, ready to be streamed.
///
/// Fails with [`ExportError::ServerChanged`] when it was built by a server with other start-up code.
pub async fn open(parts: &ExportParts, record: &BundleRecord) -> Result<BundleLayout, ExportError> {
    let files = match_files(&record.lock, find_locked_files(&parts.index, &record.lock).await?)?;
    BundleLayout::new(&record.manifest, &record.lock, &files)
}

async fn find_locked_files(index: &Index, lock: &Lock) -> Result<Vec<StoredFile>, ExportError> {
    let filenames: Vec<String> = lock.files.iter().map(|file| file.filename.clone()).collect();
    // Also of a bundle that was built before: nobody is given the bytes of a quarantined project.
    if let Some(filename) = index.find_withheld(&filenames).await? {
        return Err(ExportError::FileWithheld { filename });
    }
    Ok(index.find_files(&filenames).await?)
}

/// Writes the row with its audit event; when another request was faster, its record is the answer.
async fn record_bundle(
    parts: &ExportParts,
    who: &Principal,
    record: BundleRecord,
) -> Result<(BundleRecord, bool), ExportError> {
    let mut tx = parts.index.begin().await?;
    if !tx.put_bundle(&record).await? {
        drop(tx);
        let known = parts.index.find_bundle(&record.id).await?;
        return Ok((known.unwrap_or(record), true));
    }
    let event = AuditEvent::BundleBuilt {
        bundle_id: record.id,
        name: record.name.to_string(),
        channel: record.lock.channel.clone(),
        serial: record.lock.serial,
    };
    tx.commit(who, &event).await?;
    Ok((record, false))
}

/// Digest of the whole file; every wheel's own digest is checked in the same pass, so no damaged blob gets into a bundle.
///
/// Hashing keeps a core busy, so it runs on a thread of its own that waits for the blob store there. It goes on when whoever
/// asked has gone away, so `turn` is kept until it ends.
async fn hash_output<T: Send + 'static>(
    layout: &BundleLayout,
    blobs: &Blobs,
    turn: T,
) -> Result<Sha256Digest, ExportError> {
    let (segments, blobs) = (layout.segments(0..layout.size_bytes()), blobs.clone());
    let runtime = tokio::runtime::Handle::current();
    let hash = move || {
        let _turn = turn;
        runtime.block_on(hash_segments(segments, &blobs))
    };
    tokio::task::spawn_blocking(hash).await?
}

async fn hash_segments(segments: Vec<Segment>, blobs: &Blobs) -> Result<Sha256Digest, ExportError> {
    let mut output = sha2::Sha256::new();
    for segment in segments {
        match segment {
            Segment::Inline(bytes) => output.update(&bytes),
            Segment::Blob { sha256, range } => {
                let mut wheel = sha2::Sha256::new();
                let mut bytes = blobs.open(&sha256, range).await?;
                while let Some(chunk) = bytes.next().await {
                    let chunk = chunk?;
                    wheel.update(&chunk);
                    output.update(&chunk);
                }
                if Sha256Digest::from_bytes(wheel.finalize().into()) != sha256 {
                    return Err(ExportError::BlobDamaged { sha256 });
                }
            }
        }
    }
    Ok(Sha256Digest::from_bytes(output.finalize().into()))
}
