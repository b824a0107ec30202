//! Verifying anew what is stored, after the trust roots have changed: page by page, each change in a transaction of its own.

use serde::{Deserialize, Serialize};

use super::{IngestParts, ProvenanceError, SentProvenance, provenance};
use crate::index::{IndexError, VouchedFile};
use crate::model::{AuditEvent, Principal};
use crate::packaging::{MAX_PROVENANCE_BYTES, Signer};

/// Files of one page: with some attestations each, about a second of CPU time.
const PAGE: u32 = 200;

/// What was found on one page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReverifyReport {
    /// Provenances that were looked at.
    pub checked_count: u64,
    /// Those that a trust root verifies.
    pub verified_count: u64,
    /// Those of which something else is known now than before.
    pub changed_count: u64,
    /// Those that are not verified although there is a trust root, and why.
    pub unverified: Vec<Unverified>,
    /// Where the next page begins; absent at the end.
    pub next: Option<i64>,
}

/// A provenance that no trust root verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unverified {
    /// The file that it is about.
    pub filename: String,
    /// What is wrong, a sentence each.
    pub reasons: Vec<String>,
}

/// Verifies what is stored after the file with the key `after`, one page. What is not verified any more is kept, as unverified.
pub async fn reverify(parts: &IngestParts, who: &Principal, after: i64) -> Result<ReverifyReport, ProvenanceError> {
    let page = parts.index.list_vouched(after, PAGE).await?;
    let is_full = page.len() == PAGE as usize;
    let mut report =
        ReverifyReport { next: page.last().map(|last| last.file_id).filter(|_| is_full), ..Default::default() };
    for file in page {
        let object = parts.blobs.read(&file.provenance.sha256, MAX_PROVENANCE_BYTES as u64).await?;
        let sent = SentProvenance::Object(object);
        let signers = match provenance::judge_sent(parts, &sent, &file.filename, &file.file_sha256).await {
            Ok(judged) => judged.signers,
            Err(faults) => {
                let reasons = faults.iter().map(ToString::to_string).collect();
                report.unverified.push(Unverified { filename: file.filename.clone(), reasons });
                Vec::new()
            }
        };
        report.checked_count += 1;
        report.verified_count += u64::from(!signers.is_empty());
        if signers != file.provenance.signers {
            report.changed_count += u64::from(record(parts, who, file, signers).await?);
        }
    }
    Ok(report)
}

/// Whether it was recorded: not where another provenance has taken the place of this one meanwhile.
async fn record(
    parts: &IngestParts,
    who: &Principal,
    file: VouchedFile,
    signers: Vec<Signer>,
) -> Result<bool, IndexError> {
    let (sha256, is_verified) = (file.provenance.sha256, !signers.is_empty());
    let mut tx = parts.index.begin().await?;
    if !tx.set_signers(file.file_id, &sha256, &signers).await? {
        return Ok(false);
    }
    tx.commit(who, &AuditEvent::ProvenanceStored { filename: file.filename, sha256, is_verified }).await?;
    Ok(true)
}
