//! Pulling: solve over upstream's metadata, then bring exactly the chosen wheels in, through the same `ingest` as uploads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::runtime::Handle;

use super::MirrorError;
use super::arrive::body_of;
use super::page::UpstreamFile;
use super::plan::plan;
use super::progress::{Progress, ProgressSink, PullReport, PulledFile};
use super::settings::UpstreamSettings;
use super::source::UpstreamSource;
use super::upstream::{ATTEMPTS, Upstream};
use crate::blobs::BlobError;
use crate::ingest::{Declared, IngestParts, Profile, SentProvenance, Upload, UploadError, adopt_provenance, receive};
use crate::model::{AuditEvent, Change, ChannelName, Principal, Target, innermost_cause};
use crate::packaging::{MAX_PROVENANCE_BYTES, Requirement};
use crate::resolve::{Chosen, ResolveError, SourceError, TargetEnv, parse_requirements, solve};

/// Downloads at once. More do not fill a line better, and upstream counts connections.
const DOWNLOADS_AT_ONCE: usize = 4;

/// Brings the wheels that `requirements` lead to on `target` from upstream into `channel`.
///
/// Reads pages and metadata first and downloads only what was chosen; every digest and length is verified while the bytes
/// arrive. Files that are here already are not downloaded again, so a pull that was interrupted goes on when it is
/// repeated. Fails as [`solve`] does, and with the first file that cannot be brought in.
pub async fn pull(
    parts: &IngestParts,
    settings: &UpstreamSettings,
    requirements: &[String],
    target: &Target,
    channel: &ChannelName,
    progress: ProgressSink,
) -> Result<PullReport, MirrorError> {
    let requirements = parse_requirements(requirements)?;
    let target = TargetEnv::try_from(target).map_err(ResolveError::from)?;
    let upstream = Arc::new(Upstream::open(settings).await?);
    let (chosen, files) = choose(parts, &upstream, requirements, target, &progress).await?;
    let names: Vec<String> = files.iter().map(|file| file.filename.clone()).collect();
    let mut plan = plan(files, &parts.index.find_files(&names).await?)?;
    for file in &mut plan.downloads {
        measure(parts, file).await?;
    }
    progress(Progress::Planned {
        file_count: plan.downloads.len(),
        size_bytes: plan.size_bytes(),
        present_count: plan.present.len(),
    });
    let run = Run { parts, upstream: &upstream, channel, progress: &progress, received_bytes: AtomicU64::new(0) };
    for (file_id, file) in &plan.present {
        show(parts, channel, *file_id, file).await?;
        run.vouch(*file_id, file).await?;
    }
    let downloads = stream::iter(plan.downloads.iter()).map(|file| run.bring(file));
    let sizes: Vec<u64> = downloads.buffered(DOWNLOADS_AT_ONCE).try_collect().await?;
    let new = plan.downloads.iter().zip(sizes).map(|(file, size_bytes)| (file.filename.as_str(), size_bytes)).collect();
    Ok(report(upstream.place(), &chosen, &new, run.received_bytes.into_inner()))
}

/// Fills in the length of a file that upstream does not tell and that was opened before.
async fn measure(parts: &IngestParts, file: &mut UpstreamFile) -> Result<(), MirrorError> {
    if file.size_bytes.is_none() {
        let not_read =
            |cause: BlobError| MirrorError::NotTaken { filename: file.filename.clone(), cause: cause.into() };
        file.size_bytes = parts.blobs.stat(&file.sha256).await.map_err(not_read)?;
    }
    Ok(())
}

/// Solves off the runtime and looks the chosen files up.
async fn choose(
    parts: &IngestParts,
    upstream: &Arc<Upstream>,
    requirements: Vec<Requirement>,
    target: TargetEnv,
    progress: &ProgressSink,
) -> Result<(Vec<Chosen>, Vec<UpstreamFile>), MirrorError> {
    let (upstream, parts) = (Arc::clone(upstream), parts.clone());
    let (runtime, progress) = (Handle::current(), Arc::clone(progress));
    let search = tokio::task::spawn_blocking(move || {
        let source = UpstreamSource::new(upstream, parts, runtime, progress);
        let chosen = solve(&source, &requirements, &target).map_err(own_cause)?;
        let files = chosen.iter().map(|chosen| source.file(&chosen.candidate).ok_or(MirrorError::Lost));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        Ok((chosen, files))
    });
    search.await.map_err(|_| MirrorError::Lost)?
}

/// What stopped the search, if it was upstream.
fn own_cause(error: ResolveError) -> MirrorError {
    match error {
        ResolveError::Source(SourceError::Failed { project, cause }) => match cause.downcast::<Arc<MirrorError>>() {
            Ok(own) => MirrorError::Earlier(*own),
            Err(cause) => ResolveError::Source(SourceError::Failed { project, cause }).into(),
        },
        error => error.into(),
    }
}

pub(super) fn report(origin: String, chosen: &[Chosen], new: &BTreeMap<&str, u64>, received_bytes: u64) -> PullReport {
    let files = chosen.iter().map(|Chosen { candidate, .. }| PulledFile {
        filename: candidate.filename.clone(),
        project: candidate.project.clone(),
        version: candidate.version.clone(),
        size_bytes: new.get(candidate.filename.as_str()).copied().unwrap_or(candidate.size_bytes),
        is_new: new.contains_key(candidate.filename.as_str()),
    });
    PullReport { origin, files: files.collect(), received_bytes }
}

/// Makes a file that is stored here part of the channel, with upstream's yank mark.
async fn show(
    parts: &IngestParts,
    channel: &ChannelName,
    file_id: i64,
    file: &UpstreamFile,
) -> Result<(), MirrorError> {
    let mut tx = parts.index.begin().await?;
    if tx.contains(channel, file_id).await? {
        return Ok(());
    }
    let advanced = tx.advance(channel, None).await?;
    tx.apply(&advanced, &[Change::Add { file_id, yank: file.yank.clone() }]).await?;
    let event = AuditEvent::FileUploaded {
        channel: channel.clone(),
        serial: advanced.serial,
        filename: file.filename.clone(),
        sha256: file.sha256,
    };
    tx.commit(&Principal::Local, &event).await?;
    Ok(())
}

/// What the downloads of one pull share.
struct Run<'a> {
    parts: &'a IngestParts,
    upstream: &'a Upstream,
    channel: &'a ChannelName,
    progress: &'a ProgressSink,
    received_bytes: AtomicU64,
}

impl Run<'_> {
    /// Downloads and publishes one file; tells its length in bytes.
    async fn bring(&self, file: &UpstreamFile) -> Result<u64, MirrorError> {
        let filename = file.filename.clone();
        (self.progress)(Progress::Started { filename: filename.clone(), size_bytes: file.size_bytes });
        let mut attempt = 1;
        loop {
            match self.bring_once(file).await {
                Ok(size_bytes) => {
                    (self.progress)(Progress::Stored { filename });
                    return Ok(size_bytes);
                }
                Err(error) if attempt < ATTEMPTS && error.may_pass() => {
                    (self.progress)(Progress::Again { filename: filename.clone(), reason: error.to_string() });
                    self.upstream.pause_before(attempt).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The provenance object as upstream serves it. A file is brought in without one that cannot be had: nothing that
    /// installs it needs it.
    async fn provenance(&self, file: &UpstreamFile) -> Option<SentProvenance> {
        let url = file.provenance.as_ref()?;
        match self.upstream.small_file(url, MAX_PROVENANCE_BYTES).await {
            Ok(object) => object.map(SentProvenance::Object),
            Err(error) => {
                tracing::warn!(file.name = %file.filename, error = %error, "a file comes without its provenance");
                None
            }
        }
    }

    /// Stores the provenance of a file that came without one, as before upstream had it.
    async fn vouch(&self, file_id: i64, file: &UpstreamFile) -> Result<(), MirrorError> {
        if file.provenance.is_none() || self.parts.index.find_provenance(file_id).await?.is_some() {
            return Ok(());
        }
        let Some(sent) = self.provenance(file).await else { return Ok(()) };
        let (filename, who) = (&file.filename, &Principal::Local);
        let adopted = adopt_provenance(self.parts, who, file_id, filename, &file.sha256, &sent).await;
        let not_taken = |cause| MirrorError::NotTaken { filename: filename.clone(), cause };
        for fault in adopted.map_err(not_taken)?.err().into_iter().flatten() {
            tracing::warn!(file.name = %filename, error = %fault, "the provenance that upstream serves is left out");
        }
        Ok(())
    }

    async fn bring_once(&self, file: &UpstreamFile) -> Result<u64, MirrorError> {
        let body = body_of(self.upstream, file, self.parts).await?.inspect_ok(|piece| {
            let piece_bytes = piece.len() as u64;
            self.received_bytes.fetch_add(piece_bytes, Ordering::Relaxed);
            (self.progress)(Progress::Received { filename: file.filename.clone(), piece_bytes });
        });
        let upload = Upload {
            channel: self.channel.clone(),
            filename: file.filename.clone(),
            declared: Declared {
                project: Some(file.project.clone()),
                version: Some(file.version.clone()),
                sha256: Some(file.sha256),
                ..Declared::default()
            },
            profile: Profile::Mirror,
            uploaded_at: file.uploaded_at,
            // A mirror must not show a yanked file without its mark (standards MIR-01).
            yank: file.yank.clone(),
            provenance: self.provenance(file).await,
        };
        let outcome = receive(self.parts, &Principal::Local, upload, body).await.map_err(|error| judge(file, error))?;
        Ok(outcome.size_bytes)
    }
}

fn judge(file: &UpstreamFile, error: UploadError) -> MirrorError {
    let filename = file.filename.clone();
    match error {
        UploadError::Aborted(error) => MirrorError::Damaged { filename, reason: innermost_cause(&error) },
        UploadError::DigestMismatch { .. } => {
            MirrorError::Damaged { filename, reason: format!("its digest is not {}", file.sha256) }
        }
        UploadError::FileConflict { .. } => MirrorError::Conflict { filename },
        cause => MirrorError::NotTaken { filename, cause },
    }
}
