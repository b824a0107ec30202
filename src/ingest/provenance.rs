//! What vouches for a file (PEP 740): judged with an upload, or sent for a file that is published.
//!
//! The form is checked and that it is about the very file; where trust roots are set, so are the signatures. Without a root
//! nothing is verified, and nothing is said to be.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, pin_mut};
use serde::Serialize;

use super::{IngestParts, Profile, SentProvenance, Upload, UploadError, Verdict};
use crate::access::{AccessError, ReadPolicy, authorize};
use crate::blobs::{BlobError, BlobStore, put};
use crate::index::{IndexError, StoredProvenance};
use crate::model::{AuditEvent, Diagnostic, Finding, Kind, Permission, Principal, Sha256Digest};
use crate::packaging::{
    AttestationFault, AttestedFile, MAX_PROVENANCE_BYTES, Provenance, Signer, parse_dist_filename, parse_provenance,
    provenance_of_attestations, shown,
};

/// Field of the upload form, and place of the findings.
const FIELD: &str = "attestations";

/// Reads what was sent for a file.
fn read(sent: &SentProvenance, filename: &str, sha256: &Sha256Digest) -> Result<Provenance, AttestationFault> {
    let sha256 = sha256.to_hex();
    let file = AttestedFile { filename, sha256: &sha256 };
    match sent {
        SentProvenance::Attestations(bytes) => provenance_of_attestations(bytes, file),
        SentProvenance::Object(bytes) => parse_provenance(bytes, file),
    }
}

/// A provenance object that may be stored, and who has signed it as far as that is verified.
pub(super) struct Judged {
    object: Bytes,
    pub(super) signers: Vec<Signer>,
    attestation_count: usize,
}

impl Judged {
    /// Makes the object durable; the row that names it may follow.
    pub(super) async fn keep(self, blobs: &dyn BlobStore) -> Result<StoredProvenance, BlobError> {
        let sha256 = put(blobs, self.object).await?;
        Ok(StoredProvenance { sha256, signers: self.signers })
    }
}

/// Reads what was sent for a file and verifies its signatures where there is a trust root; all that is wrong otherwise.
pub(super) async fn judge_sent(
    parts: &IngestParts,
    sent: &SentProvenance,
    filename: &str,
    sha256: &Sha256Digest,
) -> Result<Judged, Vec<AttestationFault>> {
    let provenance = read(sent, filename, sha256).map_err(|fault| vec![fault])?;
    let signers = parts.trust.verify(&provenance, sha256).await?;
    Ok(Judged { object: provenance.text.into(), signers, attestation_count: provenance.attestation_count })
}

/// The provenance to be stored with a file that has none. A fault refuses an upload (ATT-01, ATT-02); of a mirrored file only
/// the provenance is left out, because the file cannot be built anew.
pub(super) async fn judge(
    parts: &IngestParts,
    upload: &Upload,
    sha256: &Sha256Digest,
    findings: &mut Vec<Finding>,
) -> Option<Judged> {
    match judge_sent(parts, upload.provenance.as_ref()?, &upload.filename, sha256).await {
        Ok(judged) => Some(judged),
        Err(faults) => {
            findings.extend(faults.into_iter().map(|fault| {
                match upload.profile {
                    Profile::Strict => refusal(fault),
                    Profile::Mirror => {
                        Finding::note("ATT-04", "attestation-dropped", format!("its provenance was left out: {fault}"))
                            .at(FIELD)
                    }
                }
            }));
            None
        }
    }
}

fn refusal(fault: AttestationFault) -> Finding {
    Finding::refuse(fault.rule, "attestation-invalid", fault.to_string()).at(FIELD).with_hint(fault.hint)
}

/// What is said of attestations that come with a file that has some already.
pub(super) fn late() -> Finding {
    let text = "the file was published before with attestations, which are kept as they were";
    Finding::note("ATT-04", "attestation-dropped", text)
        .at(FIELD)
        .with_hint("Send them to `/api/v1/files/{filename}/provenance`.")
}

/// Why a provenance was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// There is no such file.
    #[error("no file `{filename}` is published here")]
    NoSuchFile {
        /// Its name, safe to show.
        filename: String,
    },
    /// Channels would show it that the sender may not upload to.
    #[error("`{filename}` is or was in a channel that the token `{name}` may not upload to")]
    ShownElsewhere {
        /// The file.
        filename: String,
        /// Name of the token.
        name: String,
    },
    /// It is not of the form that PEP 740 defines, or not about this file.
    #[error("the provenance of `{filename}` is refused: {}", findings.first().map_or("", |first| first.message.as_str()))]
    Invalid {
        /// The file.
        filename: String,
        /// What is wrong.
        findings: Vec<Finding>,
    },
    /// More bytes than are taken.
    #[error("the provenance is larger than the {MAX_PROVENANCE_BYTES} bytes that this server takes")]
    TooLarge,
    /// The client went away.
    #[error("the body of the request ended too early")]
    Aborted(#[source] io::Error),
    /// The principal may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Diagnostic for ProvenanceError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchFile { .. } => "ingest/no-such-file",
            Self::ShownElsewhere { .. } => "access/not-allowed",
            Self::Invalid { .. } => "ingest/provenance-invalid",
            Self::TooLarge => "ingest/too-large",
            Self::Aborted(_) => "ingest/body-aborted",
            Self::Access(error) => error.code(),
            Self::Blob(error) => error.code(),
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoSuchFile { .. } => Kind::NotFound,
            Self::ShownElsewhere { .. } => Kind::Forbidden,
            Self::Invalid { .. } | Self::Aborted(_) => Kind::Invalid,
            Self::TooLarge => Kind::TooLarge,
            Self::Access(error) => error.kind(),
            Self::Blob(error) => error.kind(),
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::ShownElsewhere { .. } => Some(
                "All of them show its provenance: send it before the file is promoted, or with a token that reaches them."
                    .into(),
            ),
            Self::Access(error) => error.hint(),
            Self::Blob(error) => error.hint(),
            Self::Index(error) => error.hint(),
            _ => None,
        }
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::Invalid { findings, .. } => findings,
            _ => &[],
        }
    }
}

/// The answer to a provenance that was not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvenanceOutcome {
    /// Whether anything changed.
    pub verdict: Verdict,
    /// The file.
    pub filename: String,
    /// Digest of the provenance object.
    pub sha256: Sha256Digest,
    /// Attestations in it.
    pub attestation_count: usize,
    /// Whether a trust root of this server has verified all of them.
    pub is_verified: bool,
    /// Who has signed each of them; nobody where nothing was verified.
    pub signers: Vec<Signer>,
}

/// Stores the provenance of a published file: a provenance object, kept byte for byte, or a list of attestations.
///
/// It takes the place of the one before. Needs the permission to upload the project to every channel that has or had the
/// file, because all of them show it; who may upload to none of them is told what he would be told if there were no file.
pub async fn receive_provenance(
    parts: &IngestParts,
    who: &Principal,
    filename: &str,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<ProvenanceOutcome, ProvenanceError> {
    let none = || ProvenanceError::NoSuchFile { filename: shown(filename) };
    let name = parse_dist_filename(filename).map_err(|_| none())?;
    // Asked before the index is, so that whoever may not look learns nothing of what is there.
    authorize(who, Permission::Upload, None, Some(name.project()), ReadPolicy::Open)?;
    let stored = parts.index.find_file(filename).await?.ok_or_else(none)?;
    match reach(parts, who, filename).await? {
        FileReach::All => {}
        FileReach::Some => {
            let name = who.name().to_owned();
            return Err(ProvenanceError::ShownElsewhere { filename: filename.to_owned(), name });
        }
        FileReach::None => return Err(none()),
    }
    let sent = read_body(body).await?;
    let is_list = sent.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let sent = if is_list { SentProvenance::Attestations(sent) } else { SentProvenance::Object(sent) };
    let filename = filename.to_owned();
    let judged = match judge_sent(parts, &sent, &filename, &stored.file.digests.sha256).await {
        Ok(judged) => judged,
        Err(faults) => {
            let findings = faults.into_iter().map(refusal).collect();
            return Err(ProvenanceError::Invalid { filename, findings });
        }
    };
    let attestation_count = judged.attestation_count;
    let (kept, verdict) = store::<ProvenanceError>(parts, who, stored.id, &filename, judged).await?;
    let (sha256, is_verified) = (kept.sha256, kept.is_verified());
    Ok(ProvenanceOutcome { verdict, filename, sha256, attestation_count, is_verified, signers: kept.signers })
}

/// Which of the channels that have or had a file somebody may upload to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileReach {
    All,
    Some,
    None,
}

/// Looks at the channels of a file, unless the sender reaches all that there can be.
pub(super) async fn reach(parts: &IngestParts, who: &Principal, filename: &str) -> Result<FileReach, IndexError> {
    let Principal::Token { scope, .. } = who else { return Ok(FileReach::All) };
    if scope.covers_all_channels() {
        return Ok(FileReach::All);
    }
    let holders = parts.index.list_holders(&[filename]).await?.remove(filename).unwrap_or_default();
    let reached = holders.iter().filter(|holder| scope.covers_channel(&holder.channel)).count();
    Ok(match reached {
        0 => FileReach::None,
        count if count == holders.len() => FileReach::All,
        _ => FileReach::Some,
    })
}

/// What is said of attestations that come with a file which other channels, out of the sender's reach, have too.
pub(super) fn out_of_reach() -> Finding {
    let text = "other channels have the file too, and this token may not change what they show";
    Finding::note("ATT-04", "attestation-dropped", text).at(FIELD).with_hint(
        "Send them to `/api/v1/files/{filename}/provenance` with a token that reaches every channel of the file.",
    )
}

/// Stores a provenance object that another index serves for a file that is here and has none.
///
/// The faults say why the object is not believed to be one of this very file; then nothing is stored.
pub async fn adopt_provenance(
    parts: &IngestParts,
    who: &Principal,
    file_id: i64,
    filename: &str,
    sha256: &Sha256Digest,
    sent: &SentProvenance,
) -> Result<Result<(), Vec<AttestationFault>>, UploadError> {
    match judge_sent(parts, sent, filename, sha256).await {
        Err(faults) => Ok(Err(faults)),
        Ok(judged) => {
            store::<UploadError>(parts, who, file_id, filename, judged).await?;
            Ok(Ok(()))
        }
    }
}

/// Makes the object durable, then the row that names it; tells what is stored and whether it was news.
pub(super) async fn store<E: From<BlobError> + From<IndexError>>(
    parts: &IngestParts,
    who: &Principal,
    file_id: i64,
    filename: &str,
    judged: Judged,
) -> Result<(StoredProvenance, Verdict), E> {
    let kept = judged.keep(&*parts.blobs).await?;
    let mut tx = parts.index.begin().await?;
    if !tx.put_provenance(file_id, &kept, who).await? {
        return Ok((kept, Verdict::Unchanged));
    }
    let (filename, sha256, is_verified) = (filename.to_owned(), kept.sha256, kept.is_verified());
    tx.commit(who, &AuditEvent::ProvenanceStored { filename, sha256, is_verified }).await?;
    Ok((kept, Verdict::Stored))
}

async fn read_body(body: impl Stream<Item = io::Result<Bytes>> + Send) -> Result<Bytes, ProvenanceError> {
    let mut whole = Vec::new();
    pin_mut!(body);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(ProvenanceError::Aborted)?;
        if whole.len() + piece.len() > MAX_PROVENANCE_BYTES {
            return Err(ProvenanceError::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}
