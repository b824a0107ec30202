//! Receiving one file: pending blob, digests, duplicates, checks, durable bytes, then rows and the channel's serial.

use std::fs::File;
use std::io;

use bytes::Bytes;
use futures_util::future::OptionFuture;
use futures_util::{Stream, StreamExt as _, pin_mut};
use md5::Digest as _;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{
    Declared, FileFacts, FileReport, IngestLimits, Upload, UploadError, UploadOutcome, Verdict, check_sdist,
    check_wheel, provenance,
};
use crate::access::{ReadPolicy, authorize};
use crate::archive::ReadAt;
use crate::blobs::{Blobs, CHUNK_SIZE_BYTES, Hashing, PendingBlob, put};
use crate::index::{Index, StoredProvenance};
use crate::model::{
    AuditEvent, Change, ChannelName, Clock, FileDigests, FileKind, Finding, Md5Digest, Namespace, NewFile, Permission,
    Principal, ProjectStatus, Serial, Sha256Digest, StoredFile, Yank, foreign_namespace,
};
use crate::packaging::{DistFileName, ProjectName, parse_dist_filename, shown};

/// Files that are checked at once. Each keeps a core busy, and a hostile one some hundred megabytes; the others wait their
/// turn, their bytes on disk.
static CHECKS: Semaphore = Semaphore::const_new(8);

/// What receiving needs of the server.
#[derive(Clone)]
pub struct IngestParts {
    /// Where rows go.
    pub index: Index,
    /// Where bytes go.
    pub blobs: Blobs,
    /// What one upload may cost.
    pub limits: IngestLimits,
    /// Tells the time of arrival.
    pub clock: Clock,
    /// Whether namespaces keep strangers out (PEP 752).
    pub has_namespaces: bool,
}

/// Receives one file whose description is known before its bytes.
///
/// Success means that the bytes and the rows survive a loss of power. A refusal leaves nothing behind.
pub async fn receive(
    parts: &IngestParts,
    who: &Principal,
    upload: Upload,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<UploadOutcome, UploadError> {
    check_access(who, &upload.channel, &upload.filename)?;
    let hashing = match upload.declared.md5 {
        Some(_) => Hashing::WithMd5,
        None => Hashing::Standard,
    };
    let mut pending = PendingUpload::begin(parts, hashing).await?;
    pin_mut!(body);
    while let Some(piece) = body.next().await {
        pending.write(piece.map_err(UploadError::Aborted)?).await?;
    }
    pending.finish(who, upload).await
}

/// Whether `who` may publish a file of this name there; for a name that is none, whether into the channel at all.
pub fn check_access(who: &Principal, channel: &ChannelName, filename: &str) -> Result<(), UploadError> {
    let name = parse_dist_filename(filename).ok();
    let project = name.as_ref().map(DistFileName::project);
    Ok(authorize(who, Permission::Upload, Some(channel), project, ReadPolicy::Open)?)
}

/// A file whose description may come after its bytes, as in a form. Dropped, it leaves nothing.
pub struct PendingUpload<'a> {
    parts: &'a IngestParts,
    blob: PendingBlob,
    size_bytes: u64,
}

impl<'a> PendingUpload<'a> {
    /// Makes the pending blob. Take MD5 when a digest by it was sent, or may still come.
    pub async fn begin(parts: &'a IngestParts, hashing: Hashing) -> Result<Self, UploadError> {
        Ok(Self { parts, blob: parts.blobs.create(hashing).await?, size_bytes: 0 })
    }

    /// Adds bytes, up to the largest file that is taken, whatever length the client has announced.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), UploadError> {
        self.size_bytes = self.size_bytes.saturating_add(piece.len() as u64);
        let limit_bytes = self.parts.limits.max_file_size_bytes;
        if self.size_bytes > limit_bytes {
            return Err(UploadError::too_large("the file", limit_bytes));
        }
        Ok(self.blob.write(piece).await?)
    }

    /// Judges and publishes what was written.
    pub async fn finish(mut self, who: &Principal, upload: Upload) -> Result<UploadOutcome, UploadError> {
        check_access(who, &upload.channel, &upload.filename)?;
        let mut digests = self.blob.finish().await?;
        if upload.declared.md5.is_some() && digests.md5.is_none() {
            digests.md5 = Some(self.md5(digests.size_bytes).await?);
        }
        check_digests(&upload.declared, &digests)?;
        self.check_namespace(who, &upload.filename).await?;
        if let Some(stored) = self.parts.index.find_file(&upload.filename).await? {
            return self.finish_known(who, upload, stored, &digests.sha256).await;
        }
        // Asked again in the transaction, which decides; here it spares the check, and nothing is made durable in vain.
        if let Ok(name) = parse_dist_filename(&upload.filename) {
            let status = self.parts.index.find_status(&upload.channel, name.project()).await?;
            check_status(&upload.channel, name.project(), status)?;
        }
        let report = self.check(&upload, digests.size_bytes).await?;
        let mut findings = with_agreement(&upload, report.findings);
        let provenance = provenance::judge(&upload, &digests.sha256, &mut findings);
        let Some(facts) = report.facts.filter(|_| !findings.iter().any(Finding::is_refusal)) else {
            let kind = if upload.filename.ends_with(".tar.gz") { FileKind::Sdist } else { FileKind::Wheel };
            let filename = shown(&upload.filename);
            return Err(UploadError::FileRefused { filename, kind, findings });
        };
        if let Some(other) = self.parts.index.find_same_bytes(&digests.sha256, &upload.filename).await? {
            let text = format!("the same bytes are published as `{other}`");
            findings.push(Finding::note("UPL-06", "same-bytes", text).at("file name"));
        }
        let metadata = facts.metadata.clone();
        let file = self.describe(who, &upload, digests, facts, findings);
        // Another spelling of a published file, or a retired name, is refused while the bytes are still pending.
        self.parts.index.find_published(&file).await?;
        self.publish(who, upload, file, metadata, provenance).await
    }

    /// Publishes a file that is here: it may be new to the channel, and its provenance new altogether.
    async fn finish_known(
        self,
        who: &Principal,
        upload: Upload,
        stored: StoredFile,
        sha256: &Sha256Digest,
    ) -> Result<UploadOutcome, UploadError> {
        let (parts, published) = (self.parts, stored.file);
        if published.digests.sha256 != *sha256 {
            let (published, sent) = (published.digests.sha256, *sha256);
            return Err(UploadError::FileConflict { filename: upload.filename, published, sent });
        }
        let mut findings = Vec::new();
        let provenance = match upload.provenance {
            Some(_) if parts.index.find_provenance(stored.id).await?.is_some() => {
                findings.push(provenance::late());
                None
            }
            Some(_) if provenance::reach(parts, who, &upload.filename).await? != provenance::FileReach::All => {
                findings.push(provenance::out_of_reach());
                None
            }
            _ => provenance::judge(&upload, sha256, &mut findings),
        };
        if findings.iter().any(Finding::is_refusal) {
            let (filename, kind) = (upload.filename, published.kind);
            return Err(UploadError::FileRefused { filename, kind, findings });
        }
        let mut outcome = self.publish(who, upload, published, None, None).await?;
        if let Some(object) = provenance {
            provenance::store::<UploadError>(parts, who, stored.id, &outcome.filename, object).await?;
            // Each channel that shows the file went on by one.
            let channel = parts.index.find_channel(&outcome.channel).await?;
            outcome.serial = channel.map_or(outcome.serial, |channel| channel.serial);
        }
        outcome.findings.extend(findings);
        Ok(outcome)
    }

    /// Whether the sender may upload to a project of this name, as far as namespaces say.
    async fn check_namespace(&self, who: &Principal, filename: &str) -> Result<(), UploadError> {
        let Ok(name) = parse_dist_filename(filename) else { return Ok(()) };
        if !self.parts.has_namespaces {
            return Ok(());
        }
        let (index, project) = (&self.parts.index, name.project());
        let all = index.list_namespaces().await?;
        if !all.iter().any(|namespace| namespace.covers(project)) {
            return Ok(());
        }
        let founding = index.find_founding(project).await?;
        match foreign_namespace(&all, project, who, founding.as_ref()) {
            None => Ok(()),
            Some(Namespace { name, owner, .. }) => {
                let (namespace, owner) = (name.clone(), owner.clone());
                Err(UploadError::ForeignNamespace { project: project.clone(), namespace, owner })
            }
        }
    }

    /// MD5 of what was written, for a form that names it only after the file.
    async fn md5(&self, size_bytes: u64) -> Result<Md5Digest, UploadError> {
        let file = self.blob.as_file()?;
        let digest = spawn_blocking(move || md5_of(&file, size_bytes)).await;
        digest.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(UploadError::Check)
    }

    async fn check(&self, upload: &Upload, size_bytes: u64) -> Result<FileReport, UploadError> {
        let file = self.blob.as_file()?;
        let (filename, profile, limits) = (upload.filename.clone(), upload.profile, self.parts.limits.archive.clone());
        // Nobody closes the semaphore, so there is always a turn. It is the check's own, which goes on without its client.
        let turn = CHECKS.acquire().await;
        let check = move || {
            let _turn = turn;
            match filename.ends_with(".tar.gz") {
                true => check_sdist(&file, size_bytes, &filename, profile, &limits),
                false => check_wheel(&file, size_bytes, &filename, profile, &limits),
            }
        };
        let report = spawn_blocking(check).await.map_err(|stopped| UploadError::Check(io::Error::other(stopped)))?;
        report.map_err(UploadError::Check)
    }

    /// Gathers what the index records.
    fn describe(
        &self,
        who: &Principal,
        upload: &Upload,
        digests: FileDigests,
        facts: FileFacts,
        notes: Vec<Finding>,
    ) -> NewFile {
        let metadata_sha256 = facts.metadata.as_deref().map(Sha256Digest::of);
        let received_at = self.parts.clock.now();
        let md5 = digests.md5.filter(|_| upload.declared.md5.is_some());
        NewFile {
            project: facts.project,
            display_name: facts.display_name,
            version: facts.version,
            filename: upload.filename.clone(),
            kind: facts.kind,
            digests: FileDigests { md5, ..digests },
            metadata_sha256,
            requires_python: facts.requires_python,
            requires_dist: facts.requires_dist,
            provides_extra: facts.provides_extra,
            summary: facts.summary,
            identity: facts.identity,
            wheel: facts.wheel,
            notes,
            uploaded_at: upload.uploaded_at.unwrap_or(received_at),
            received_at,
            uploaded_by: who.name().to_owned(),
        }
    }

    /// Bytes first, then the rows and the serial in one transaction. Every step can be repeated.
    ///
    /// Metadata and provenance become blobs of their own; all are made durable at the same time, as they do not depend on
    /// each other.
    async fn publish(
        self,
        who: &Principal,
        upload: Upload,
        file: NewFile,
        metadata: Option<Bytes>,
        provenance: Option<Bytes>,
    ) -> Result<UploadOutcome, UploadError> {
        let Upload { channel, yank, .. } = upload;
        let metadata = OptionFuture::from(metadata.map(|metadata| put(&*self.parts.blobs, metadata)));
        let provenance = OptionFuture::from(provenance.map(|provenance| put(&*self.parts.blobs, provenance)));
        let (sha256, metadata, provenance) = tokio::join!(self.blob.commit(), metadata, provenance);
        let sha256 = sha256?;
        metadata.transpose()?;
        let provenance = provenance.transpose()?;
        let mut tx = self.parts.index.begin().await?;
        let advanced = tx.advance(&channel, None).await?;
        let added = tx.add_file(&file).await?;
        if let Some(sha256) = provenance.filter(|_| added.is_new) {
            tx.put_provenance(added.id, &StoredProvenance { sha256, is_verified: false }, who).await?;
        }
        let outcome = |verdict, serial, file: NewFile| UploadOutcome {
            verdict,
            filename: file.filename,
            project: file.project,
            version: file.version,
            sha256,
            size_bytes: file.digests.size_bytes,
            channel: channel.clone(),
            serial,
            findings: file.notes,
        };
        let is_there = tx.contains(&channel, added.id).await?;
        if !is_there && let Some((status, _)) = tx.find_status(&advanced, &file.project).await? {
            check_status(&channel, &file.project, status)?;
        }
        // An upload without a mark says nothing about one that is there; a mirrored one brings its mark.
        let is_news = !is_there || yank.is_some();
        let change = Change::Add { file_id: added.id, yank: yank.clone() };
        if !is_news || tx.apply(&advanced, &[change]).await? == 0 {
            // Dropped, the transaction leaves the channel at the serial it had.
            return Ok(outcome(Verdict::Unchanged, Serial(advanced.serial.0 - 1), file));
        }
        let (channel, serial, filename) = (channel.clone(), advanced.serial, file.filename.clone());
        let (event, verdict) = match yank.filter(|_| is_there) {
            Some(Yank { reason }) => {
                let filenames = vec![filename];
                (AuditEvent::FilesYanked { channel, serial, filenames, reason }, Verdict::Unchanged)
            }
            None => (AuditEvent::FileUploaded { channel, serial, filename, sha256 }, Verdict::Stored),
        };
        tx.commit(who, &event).await?;
        Ok(outcome(verdict, serial, file))
    }
}

/// Whether the project takes new files there.
fn check_status(channel: &ChannelName, project: &ProjectName, status: ProjectStatus) -> Result<(), UploadError> {
    match status.takes_files() {
        true => Ok(()),
        false => Err(UploadError::ProjectClosed { project: project.clone(), status, channel: channel.clone() }),
    }
}

fn md5_of(file: &File, size_bytes: u64) -> io::Result<Md5Digest> {
    let mut hasher = md5::Md5::new();
    let mut buffer = vec![0; CHUNK_SIZE_BYTES];
    let mut position = 0;
    while position < size_bytes {
        let length = CHUNK_SIZE_BYTES.min(usize::try_from(size_bytes - position).unwrap_or(CHUNK_SIZE_BYTES));
        ReadAt::read_exact_at(file, &mut buffer[..length], position)?;
        hasher.update(&buffer[..length]);
        position += length as u64;
    }
    Ok(Md5Digest::from_bytes(hasher.finalize().into()))
}

/// Compares every digest that was sent, in constant time.
fn check_digests(declared: &Declared, digests: &FileDigests) -> Result<(), UploadError> {
    let differs = |sent: Option<&[u8]>, found: &[u8]| sent.is_some_and(|sent| !bool::from(sent.ct_eq(found)));
    let md5 = digests.md5.as_ref().map(|md5| md5.as_bytes().as_slice());
    let mut findings = Vec::new();
    for (field, differs) in [
        (
            "sha256_digest",
            differs(declared.sha256.as_ref().map(|sent| &sent.as_bytes()[..]), digests.sha256.as_bytes()),
        ),
        (
            "blake2_256_digest",
            differs(declared.blake2b_256.as_ref().map(|sent| &sent.as_bytes()[..]), digests.blake2b_256.as_bytes()),
        ),
        ("md5_digest", differs(declared.md5.as_ref().map(|sent| &sent.as_bytes()[..]), md5.unwrap_or_default())),
    ] {
        if differs {
            let text = format!("`{field}` is not the digest of the {} bytes that arrived", digests.size_bytes);
            findings.push(Finding::refuse("UPL-03", "digest-mismatch", text).at(field));
        }
    }
    match findings.is_empty() {
        true => Ok(()),
        false => Err(UploadError::DigestMismatch { findings }),
    }
}

/// Puts what the client said of the file before what was found in it: name and version are those of the file name.
fn with_agreement(upload: &Upload, found: Vec<Finding>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Ok(name) = parse_dist_filename(&upload.filename) {
        let mut mismatch = |field: &str, said: String, is: String| {
            let text = format!("the form says {field} `{said}`, the file name says `{is}`");
            findings.push(Finding::refuse("MET-01", "filename-mismatch", text).at(field));
        };
        let declared = &upload.declared;
        if let Some(project) = declared.project.as_ref().filter(|project| *project != name.project()) {
            mismatch("name", project.to_string(), ProjectName::to_string(name.project()));
        }
        if let Some(version) = declared.version.as_ref().filter(|version| *version != name.version()) {
            mismatch("version", version.to_string(), name.version().to_string());
        }
    }
    findings.extend(found);
    findings
}
