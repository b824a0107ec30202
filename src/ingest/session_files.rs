//! One file of an upload session: announced, received, vouched for, completed, deleted (PEP 694, "File Upload Session").
//!
//! Bytes are judged as they arrive, and a refusal is told at once; completing decides. So completing takes no time, and is
//! always settled within the request.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, pin_mut};
use serde::{Deserialize, Serialize};

use crate::blobs::Hashing;
use crate::index::IndexError;
use crate::model::{
    FileEvent, FileState, Principal, SessionEvent, SessionState, Sha256Digest, UploadBlobs, UploadFile, UploadSession,
};
use crate::packaging::{MAX_PROVENANCE_BYTES, parse_dist_filename, shown};

use super::session_hashes::Announced;
use super::{PendingUpload, Profile, SentProvenance, SessionError, SessionParts, Staged, Upload, UploadError, stage};

/// The one way to send bytes that is offered.
pub const MECHANISM: &str = "http-post-bytes";

/// What a client announces of a file.
#[derive(Clone, Debug)]
pub struct FileWish {
    /// Its name.
    pub filename: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Digests in hexadecimal digits, by the name of the algorithm.
    pub hashes: BTreeMap<String, String>,
    /// How it is going to be sent.
    pub mechanism: String,
}

/// A file whose bytes are here, as a session keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What is to be published.
    pub staged: Staged,
    /// Digest of the attestations that it was judged with.
    vouched_by: Option<Sha256Digest>,
}

impl Kept {
    /// Reads what a session keeps of a file.
    pub(super) fn of(file: &UploadFile) -> Result<Self, SessionError> {
        let damaged = |source: Option<Box<dyn std::error::Error + Send + Sync>>| {
            SessionError::Index(IndexError::Damaged {
                what: "`upload_files.staged` holds other JSON".to_owned(),
                source,
            })
        };
        let text = file.staged.as_deref().ok_or_else(|| damaged(None))?;
        serde_json::from_str(text).map_err(|error| damaged(Some(Box::new(error))))
    }

    fn blobs(&self) -> UploadBlobs {
        UploadBlobs {
            sha256: self.staged.file.digests.sha256,
            metadata_sha256: self.staged.file.metadata_sha256,
            provenance_sha256: self.staged.provenance.as_ref().map(|provenance| provenance.sha256),
        }
    }

    fn notices(&self) -> Vec<String> {
        let findings = self.staged.file.notes.iter().chain(&self.staged.findings);
        findings.map(|finding| finding.message.clone()).collect()
    }
}

/// Begins a file of a session. One of the same name that was completed makes way for it.
pub async fn begin_file(
    parts: &SessionParts,
    session: &UploadSession,
    wish: FileWish,
) -> Result<UploadFile, SessionError> {
    const WISH: &str = "a new file";
    parts.need(session, SessionEvent::Edit, WISH)?;
    check_wish(parts, session, &wish).await?;
    let index = &parts.ingest.index;
    let FileWish { filename, size_bytes, hashes, .. } = wish;
    for _ in 0..2 {
        if let Some(key) = index.begin_upload_file(session, &filename, size_bytes, &hashes).await? {
            return find_file(parts, session, key).await;
        }
        let there = index.list_upload_files(session).await?.into_iter().find(|file| file.filename == filename);
        match there {
            Some(there) if there.state == FileState::Completed => {
                index.cancel_upload_file(there.key).await?;
            }
            Some(UploadFile { state, .. }) => {
                return Err(SessionError::FileInState { filename, state, wish: "another upload of it" });
            }
            // It was deleted since, or the session has ended.
            None => parts.need(&parts.again(session).await?, SessionEvent::Edit, WISH)?,
        }
    }
    // Others begin the same file again and again.
    Err(IndexError::Busy { source: None }.into())
}

async fn check_wish(parts: &SessionParts, session: &UploadSession, wish: &FileWish) -> Result<(), SessionError> {
    let filename = || shown(&wish.filename);
    let name = parse_dist_filename(&wish.filename)
        .map_err(|error| SessionError::FileName { filename: filename(), fault: error.to_string() })?;
    if (name.project(), name.version()) != (&session.project, &session.version) {
        let fault = format!("the session is for `{}` {}", session.project, session.version);
        return Err(SessionError::FileName { filename: filename(), fault });
    }
    if wish.mechanism != MECHANISM {
        return Err(SessionError::Mechanism { mechanism: shown(&wish.mechanism) });
    }
    let announced = Announced::read(&wish.hashes)?;
    let limit_bytes = parts.ingest.limits.max_file_size_bytes;
    if wish.size_bytes > limit_bytes {
        return Err(UploadError::too_large("the file", limit_bytes, "max_file_size_bytes").into());
    }
    let Some(known) = parts.ingest.index.find_known_name(&wish.filename, &session.channel).await? else {
        return Ok(());
    };
    let fault = match announced.declared.sha256 {
        _ if known.is_deleted => "it was deleted, and a file name is never used twice",
        Some(sha256) if sha256 != known.sha256 => "it has other bytes",
        _ if known.is_in_head => "this channel has it",
        // Another channel has it, and this one may get it too, if the bytes are the same.
        _ => return Ok(()),
    };
    Err(SessionError::Published { filename: wish.filename.clone(), fault })
}

/// A file of a session, also one that was deleted.
pub async fn find_file(parts: &SessionParts, session: &UploadSession, key: i64) -> Result<UploadFile, SessionError> {
    let found = parts.ingest.index.find_upload_file(session, key).await?;
    let mut file = found.ok_or(SessionError::FileUnknown)?;
    if parts.state_of(session) == SessionState::Canceled {
        // Also while the session waits for the sweep.
        file.state = FileState::Canceled;
    }
    Ok(file)
}

fn need(file: &UploadFile, event: FileEvent, wish: &'static str) -> Result<(), SessionError> {
    let (state, filename) = (file.state, file.filename.clone());
    state.after(event).map(drop).ok_or(SessionError::FileInState { filename, state, wish })
}

/// Why a file, or its session, did not take a change that it was to take a moment ago.
async fn why_not(
    parts: &SessionParts,
    session: &UploadSession,
    file: &UploadFile,
    event: FileEvent,
    wish: &'static str,
) -> SessionError {
    let reason = async {
        let session = parts.again(session).await?;
        parts.need(&session, SessionEvent::Edit, wish)?;
        need(&find_file(parts, &session, file.key).await?, event, wish)
    };
    // Nothing stands in the way any more: the other request has been undone.
    reason.await.err().unwrap_or(SessionError::Index(IndexError::Busy { source: None }))
}

/// Takes the bytes of a pending file, in the place of what it had. What is refused is told, and remembered for whoever
/// completes the file.
pub async fn receive_bytes(
    parts: &SessionParts,
    who: &Principal,
    session: &UploadSession,
    file: &UploadFile,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<(), SessionError> {
    const WISH: &str = "to receive bytes";
    parts.need(session, SessionEvent::Edit, WISH)?;
    need(file, FileEvent::Receive, WISH)?;
    let index = &parts.ingest.index;
    let done = match judge_bytes(parts, who, session, file, body).await {
        Ok(kept) => {
            let text = as_json(&kept)?;
            let here = Some((kept.blobs(), text.as_str()));
            index.settle_upload_file(file.key, FileState::Pending, &kept.notices(), here).await?
        }
        Err(error) if is_refusal(&error) => {
            let told = index.settle_upload_file(file.key, FileState::Pending, &[error.to_string()], None).await?;
            return match told {
                true => Err(error),
                false => Err(why_not(parts, session, file, FileEvent::Receive, WISH).await),
            };
        }
        Err(error) => return Err(error),
    };
    match done {
        true => Ok(()),
        false => Err(why_not(parts, session, file, FileEvent::Receive, WISH).await),
    }
}

async fn judge_bytes(
    parts: &SessionParts,
    who: &Principal,
    session: &UploadSession,
    file: &UploadFile,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<Kept, SessionError> {
    let announced = Announced::read(&file.hashes)?;
    let mut hashers = announced.hashers();
    let hashing = if announced.declared.md5.is_some() { Hashing::WithMd5 } else { Hashing::Standard };
    let mut pending = PendingUpload::begin(&parts.ingest, hashing).await?;
    let mut arrived = 0_u64;
    let differs =
        |arrived| SessionError::SizeDiffers { filename: file.filename.clone(), announced: file.size_bytes, arrived };
    pin_mut!(body);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(UploadError::Aborted)?;
        arrived += piece.len() as u64;
        if arrived > file.size_bytes {
            return Err(differs(arrived));
        }
        hashers.update(&piece);
        pending.write(piece).await?;
    }
    if arrived != file.size_bytes {
        return Err(differs(arrived));
    }
    hashers.check()?;
    let staged = pending.check(who, upload(session, file, announced)).await?.keep().await?;
    Ok(Kept { staged, vouched_by: attestations_digest(file) })
}

/// What an upload of the file alone would be.
fn upload(session: &UploadSession, file: &UploadFile, announced: Announced) -> Upload {
    let attestations = file.attestations.clone();
    Upload {
        channel: session.channel.clone(),
        filename: file.filename.clone(),
        declared: announced.declared,
        profile: Profile::Strict,
        uploaded_at: None,
        yank: None,
        provenance: attestations.map(|text| SentProvenance::Attestations(text.into())),
    }
}

fn attestations_digest(file: &UploadFile) -> Option<Sha256Digest> {
    file.attestations.as_ref().map(|text| Sha256Digest::of(text.as_bytes()))
}

fn as_json(kept: &Kept) -> Result<String, SessionError> {
    let unstorable = |_| IndexError::Unstorable { field: "staged", reason: "it has no JSON form" };
    Ok(serde_json::to_string(kept).map_err(unstorable)?)
}

/// Takes the attestations of a pending file (PEP 740), in the place of earlier ones. They are judged with its bytes.
pub async fn receive_attestations(
    parts: &SessionParts,
    session: &UploadSession,
    file: &UploadFile,
    sent: &[u8],
) -> Result<(), SessionError> {
    const WISH: &str = "to receive attestations";
    parts.need(session, SessionEvent::Edit, WISH)?;
    need(file, FileEvent::Receive, WISH)?;
    let invalid = |fault: &str| SessionError::Attestations { fault: fault.to_owned() };
    if sent.len() > MAX_PROVENANCE_BYTES {
        return Err(invalid("they have more bytes than are taken"));
    }
    let text = std::str::from_utf8(sent).map_err(|_| invalid("they are not text"))?;
    match serde_json::from_str::<Vec<serde_json::Map<String, serde_json::Value>>>(text) {
        Ok(list) if list.is_empty() => return Err(invalid("the list is empty")),
        Ok(_) => {}
        Err(_) => return Err(invalid("they are not a JSON array of objects")),
    }
    match parts.ingest.index.keep_upload_attestations(file.key, text).await? {
        true => Ok(()),
        false => Err(why_not(parts, session, file, FileEvent::Receive, WISH).await),
    }
}

/// Completes a file: from then on the session can be published with it. One that is completed stays so.
///
/// A file that cannot be completed is in error for good, and the answer says why.
pub async fn complete_file(
    parts: &SessionParts,
    who: &Principal,
    session: &UploadSession,
    file: &UploadFile,
) -> Result<UploadFile, SessionError> {
    const WISH: &str = "to complete it";
    if file.state == FileState::Completed {
        return Ok(file.clone());
    }
    parts.need(session, SessionEvent::Edit, WISH)?;
    need(file, FileEvent::Complete, WISH)?;
    let index = &parts.ingest.index;
    let done = match vouched(parts, who, session, file).await {
        Ok(kept) => {
            let text = as_json(&kept)?;
            let here = Some((kept.blobs(), text.as_str()));
            index.settle_upload_file(file.key, FileState::Completed, &kept.notices(), here).await?
        }
        Err(error) if is_refusal(&error) => {
            let notices = [error.to_string()];
            return match index.settle_upload_file(file.key, FileState::Error, &notices, None).await? {
                true => Err(error),
                false => Err(why_not(parts, session, file, FileEvent::Complete, WISH).await),
            };
        }
        Err(error) => return Err(error),
    };
    match done {
        true => find_file(parts, session, file.key).await,
        false => Err(why_not(parts, session, file, FileEvent::Complete, WISH).await),
    }
}

/// What is to be published of a file, judged with the attestations that it has now.
async fn vouched(
    parts: &SessionParts,
    who: &Principal,
    session: &UploadSession,
    file: &UploadFile,
) -> Result<Kept, SessionError> {
    let filename = file.filename.clone();
    if file.staged.is_none() {
        return Err(match file.notices.first() {
            Some(reason) => SessionError::Refused { filename, reason: reason.clone() },
            None => SessionError::NoBytes { filename },
        });
    }
    let kept = Kept::of(file)?;
    let vouched_by = attestations_digest(file);
    if kept.vouched_by == vouched_by {
        return Ok(kept);
    }
    // They came after the bytes, which are judged anew as if both had come together.
    let blob = parts.ingest.blobs.as_file(&kept.staged.file.digests.sha256).await?;
    let length = blob.size_bytes();
    let upload = upload(session, file, Announced::read(&file.hashes)?);
    let staged = stage(&parts.ingest, who, upload, blob.pieces(0..length)).await?;
    Ok(Kept { staged, vouched_by })
}

/// Takes a file out of its session; one that was taken out before stays so.
pub async fn delete_file(parts: &SessionParts, session: &UploadSession, file: &UploadFile) -> Result<(), SessionError> {
    const WISH: &str = "to delete it";
    if file.state == FileState::Canceled {
        return Ok(());
    }
    parts.need(session, SessionEvent::Edit, "to delete a file of it")?;
    need(file, FileEvent::Delete, WISH)?;
    if parts.ingest.index.cancel_upload_file(file.key).await? {
        return Ok(());
    }
    match find_file(parts, &parts.again(session).await?, file.key).await?.state {
        FileState::Canceled => Ok(()),
        _ => Err(why_not(parts, session, file, FileEvent::Delete, WISH).await),
    }
}

/// Whether an error is about the file itself, so that the same bytes would be refused again.
fn is_refusal(error: &SessionError) -> bool {
    match error {
        SessionError::SizeDiffers { .. } | SessionError::NoBytes { .. } | SessionError::Refused { .. } => true,
        SessionError::Upload(error) => error.is_about_file(),
        _ => false,
    }
}
