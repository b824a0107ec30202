//! Staging one file: pending blob, digests, duplicates, checks, durable bytes. What is left to do is to show it.

use std::io;

use bytes::Bytes;
use futures_util::future::{OptionFuture, try_join_all};
use futures_util::{Stream, StreamExt as _, pin_mut};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::check_release::check_release;
use super::content::Content;
use super::founding::check_project;
use super::receive::{check_namespace, check_status};
use super::{Declared, FileFacts, FileReport, IngestParts, Upload, UploadError, check_access, provenance};
use crate::blobs::{BlobError, Hashing, PendingBlob, put};
use crate::index::{StoredProvenance, Survey};
use crate::model::{FileDigests, FileKind, Finding, NewFile, Principal, Sha256Digest, StoredFile, Yank};
use crate::packaging::{ProjectName, parse_dist_filename, shown};

/// Files that are checked at once. Each keeps a core busy, and a hostile one some hundred megabytes; the others wait their
/// turn, their bytes on disk.
static CHECKS: Semaphore = Semaphore::const_new(8);

/// A file that passed every check and whose bytes are durable, but which no row names yet. A batch keeps it as JSON.
///
/// Until it is published, a sweep takes its blobs away unless somebody keeps them: [`Staged::blobs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// What the index is going to record; of a file that is published, what it has recorded.
    pub file: NewFile,
    /// Yank mark that it is shown with.
    pub yank: Option<Yank>,
    /// Its provenance, if it came with one that it has not got yet.
    pub provenance: Option<StoredProvenance>,
    /// What was noted of this very upload, beside the notes that are recorded with the file.
    pub findings: Vec<Finding>,
}

impl Staged {
    /// Every blob that it consists of.
    pub fn blobs(&self) -> impl Iterator<Item = Sha256Digest> {
        let provenance = self.provenance.as_ref().map(|provenance| provenance.sha256);
        [Some(self.file.digests.sha256), self.file.metadata_sha256, provenance].into_iter().flatten()
    }
}

/// Stages one file whose description is known before its bytes. A refusal leaves nothing behind.
///
/// What it may collide with is looked at, but not decided: publishing does.
pub async fn stage(
    parts: &IngestParts,
    who: &Principal,
    upload: Upload,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<Staged, UploadError> {
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
    pending.check(who, upload).await?.keep().await
}

/// A file whose description may come after its bytes, as in a form. Dropped, it leaves nothing.
pub struct PendingUpload<'a> {
    parts: &'a IngestParts,
    content: Content,
    size_bytes: u64,
}

impl<'a> PendingUpload<'a> {
    /// Makes the pending blob. Take MD5 when a digest by it was sent, or may still come.
    pub async fn begin(parts: &'a IngestParts, hashing: Hashing) -> Result<Self, UploadError> {
        Ok(Self { parts, content: Content::Pending(parts.blobs.create(hashing).await?), size_bytes: 0 })
    }

    /// Goes on with a blob of which `size_bytes` are here.
    pub fn resumed(parts: &'a IngestParts, blob: PendingBlob, size_bytes: u64) -> Self {
        Self { parts, content: Content::Pending(blob), size_bytes }
    }

    /// Takes bytes that are all here, and few: nothing is written before they are judged.
    pub fn in_memory(parts: &'a IngestParts, bytes: Bytes) -> Self {
        Self { parts, size_bytes: bytes.len() as u64, content: Content::Memory(bytes) }
    }

    /// Bytes that are here.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Writes what still waits in memory and tells how many bytes are here then; for a blob that is kept when it is dropped.
    pub async fn pause(mut self) -> Result<u64, UploadError> {
        Ok(self.content.finish().await?.size_bytes)
    }

    /// Adds bytes, up to the largest file that is taken, whatever length the client has announced.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), UploadError> {
        self.size_bytes = self.size_bytes.saturating_add(piece.len() as u64);
        let limit_bytes = self.parts.limits.max_file_size_bytes;
        if self.size_bytes > limit_bytes {
            return Err(UploadError::too_large("the file", limit_bytes, "max_file_size_bytes"));
        }
        match &mut self.content {
            Content::Pending(blob) => Ok(blob.write(piece).await?),
            Content::Memory(_) => Err(BlobError::Closed.into()),
        }
    }

    /// Judges what was written; nothing is kept yet.
    pub async fn check(mut self, who: &Principal, upload: Upload) -> Result<CheckedUpload<'a>, UploadError> {
        check_access(who, &upload.channel, &upload.filename)?;
        let mut digests = self.content.finish().await?;
        if upload.declared.md5.is_some() && digests.md5.is_none() {
            digests.md5 = Some(self.content.md5(digests.size_bytes).await?);
        }
        check_digests(&upload.declared, &digests)?;
        let survey = self.survey(who, &upload, &digests.sha256).await?;
        if survey.as_ref().is_some_and(|survey| survey.is_published)
            && let Some(stored) = self.parts.index.find_file(&upload.filename).await?
        {
            return self.check_known(who, upload, stored, &digests.sha256).await;
        }
        self.check_new(who, upload, digests, survey).await
    }

    /// What is here already; nothing is said of a name that no distribution has, which is refused later with all else.
    async fn survey(
        &self,
        who: &Principal,
        upload: &Upload,
        sha256: &Sha256Digest,
    ) -> Result<Option<Survey>, UploadError> {
        let Ok(name) = parse_dist_filename(&upload.filename) else { return Ok(None) };
        check_namespace(self.parts, who, name.project()).await?;
        let release = (name.project(), name.version());
        Ok(Some(self.parts.index.survey(&upload.channel, &upload.filename, release, sha256).await?))
    }

    /// Judges a file that is published nowhere.
    async fn check_new(
        self,
        who: &Principal,
        upload: Upload,
        digests: FileDigests,
        survey: Option<Survey>,
    ) -> Result<CheckedUpload<'a>, UploadError> {
        // Asked again in the transaction, which decides; here it spares the check, and nothing is made durable in vain.
        if let (Ok(name), Some(survey)) = (parse_dist_filename(&upload.filename), &survey) {
            check_status(&upload.channel, name.project(), survey.status)?;
        }
        let report = self.judge(&upload, digests.size_bytes).await?;
        let mut findings = with_agreement(&upload, report.findings);
        let provenance = provenance::judge(self.parts, &upload, &digests.sha256, &mut findings).await;
        let facts = report.facts.filter(|_| !findings.iter().any(Finding::is_refusal));
        let Some((facts, survey)) = facts.zip(survey) else {
            let kind = if upload.filename.ends_with(".tar.gz") { FileKind::Sdist } else { FileKind::Wheel };
            let filename = shown(&upload.filename);
            return Err(UploadError::FileRefused { filename, kind, findings });
        };
        if let Some(other) = &survey.same_bytes {
            let text = format!("the same bytes are published as `{other}`");
            findings.push(Finding::note("UPL-06", "same-bytes", text).at("file name"));
        }
        let metadata = facts.metadata.clone();
        let mut file = self.describe(who, &upload, digests, facts, findings);
        check_project(self.parts, upload.profile, &survey, &mut file)?;
        let is_known_release = survey.release_begun_at.is_some();
        if is_known_release {
            // Another spelling of a published file, or a retired name, is refused while the bytes are still pending.
            self.parts.index.find_published(&file).await?;
        }
        if is_known_release
            && file.kind == FileKind::Wheel
            && let Some(sibling) = self.parts.index.find_sibling(&file).await?
        {
            file.notes.extend(check_release(&file, &sibling));
        }
        Ok(CheckedUpload { pending: self, file, yank: upload.yank, metadata, provenance, findings: Vec::new() })
    }

    /// Judges a file that is here: it may be new to the channel, and its provenance new altogether.
    async fn check_known(
        self,
        who: &Principal,
        upload: Upload,
        stored: StoredFile,
        sha256: &Sha256Digest,
    ) -> Result<CheckedUpload<'a>, UploadError> {
        let published = stored.file;
        if published.digests.sha256 != *sha256 {
            let (published, sent) = (published.digests.sha256, *sha256);
            return Err(UploadError::FileConflict { filename: upload.filename, published, sent });
        }
        let mut findings = Vec::new();
        let provenance = match upload.provenance {
            Some(_) if self.parts.index.find_provenance(stored.id).await?.is_some() => {
                findings.push(provenance::late());
                None
            }
            Some(_) if provenance::reach(self.parts, who, &upload.filename).await? != provenance::FileReach::All => {
                findings.push(provenance::out_of_reach());
                None
            }
            _ => provenance::judge(self.parts, &upload, sha256, &mut findings).await,
        };
        if findings.iter().any(Finding::is_refusal) {
            let (filename, kind) = (upload.filename, published.kind);
            return Err(UploadError::FileRefused { filename, kind, findings });
        }
        Ok(CheckedUpload { pending: self, file: published, yank: upload.yank, metadata: None, provenance, findings })
    }

    async fn judge(&self, upload: &Upload, size_bytes: u64) -> Result<FileReport, UploadError> {
        // Nobody closes the semaphore, so there is always a turn. It is the check's own, which goes on without its client.
        let turn = CHECKS.acquire().await;
        self.content.check(size_bytes, &upload.filename, upload.profile, &self.parts.limits.archive, turn).await
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
}

/// A file that passed every check. Dropped, it leaves nothing: so ends an upload that was only tried.
pub struct CheckedUpload<'a> {
    pending: PendingUpload<'a>,
    file: NewFile,
    yank: Option<Yank>,
    metadata: Option<Bytes>,
    provenance: Option<provenance::Judged>,
    findings: Vec<Finding>,
}

impl CheckedUpload<'_> {
    /// What the index would record.
    pub fn file(&self) -> &NewFile {
        &self.file
    }

    /// What was noted of this very upload, beside the notes that would be recorded with the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Makes all bytes durable: the file, and its metadata and provenance, which are blobs of their own.
    ///
    /// All at the same time, as they do not depend on each other. A published file that was damaged since is healed.
    pub async fn keep(self) -> Result<Staged, UploadError> {
        let blobs = &*self.pending.parts.blobs;
        let metadata = OptionFuture::from(self.metadata.map(|metadata| put(blobs, metadata)));
        let provenance = OptionFuture::from(self.provenance.map(|judged| judged.keep(blobs)));
        let file = async {
            match self.pending.content {
                Content::Pending(blob) => blob.commit().await,
                Content::Memory(bytes) => put(blobs, bytes).await,
            }
        };
        let (file, metadata, provenance) = tokio::join!(file, metadata, provenance);
        file?;
        metadata.transpose()?;
        let provenance = provenance.transpose()?;
        Ok(Staged { file: self.file, yank: self.yank, provenance, findings: self.findings })
    }
}

/// As [`CheckedUpload::keep`] for many files, in the same order: those that are in memory and vouched for by nobody share the flushes
/// of the disk.
pub async fn keep_all(parts: &IngestParts, checked: Vec<CheckedUpload<'_>>) -> Result<Vec<Staged>, UploadError> {
    let (mut small, mut large) = (Vec::new(), Vec::new());
    let mut staged: Vec<Option<Staged>> = Vec::with_capacity(checked.len());
    for (at, upload) in checked.into_iter().enumerate() {
        let (Content::Memory(bytes), None) = (&upload.pending.content, &upload.provenance) else {
            large.push(async move { Ok::<_, UploadError>((at, upload.keep().await?)) });
            staged.push(None);
            continue;
        };
        small.push(bytes.clone());
        small.extend(upload.metadata);
        staged.push(Some(Staged { file: upload.file, yank: upload.yank, provenance: None, findings: upload.findings }));
    }
    let put = async {
        match small.is_empty() {
            true => Ok(Vec::new()),
            false => parts.blobs.put_all(small).await,
        }
    };
    let (put, kept) = tokio::join!(put, try_join_all(large));
    put?;
    for (at, kept) in kept? {
        if let Some(slot) = staged.get_mut(at) {
            *slot = Some(kept);
        }
    }
    Ok(staged.into_iter().flatten().collect())
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
