//! Publishing staged files: rows, the channel's next serial, the audit event. The bytes are durable before.
//!
//! One upload is one serial and one event. Whole batches are in `publish_batch`.

use std::collections::BTreeSet;

use super::receive::check_status;
use super::{IngestParts, Staged, UploadError, UploadOutcome, Verdict};
use crate::index::{AddedFile, IndexError, IndexTx};
use crate::model::{AuditEvent, Change, Channel, ChannelName, NewFile, Principal, Serial, Yank};

/// Shows one staged file in a channel. Success means that its rows survive a loss of power.
///
/// Decides what staging only looked at: of two files of one name, one wins, and the other is refused or the very same.
/// Once asked for, it is done, also if the caller goes away meanwhile.
pub async fn publish(
    parts: &IngestParts,
    who: &Principal,
    channel: &ChannelName,
    staged: Staged,
) -> Result<UploadOutcome, UploadError> {
    parts.queue.publish(&parts.index, who, channel, staged).await
}

/// What became of one file inside of a transaction.
pub(super) struct Written {
    pub(super) outcome: UploadOutcome,
    /// What happened; nothing did when the channel had the file. Then what was written is not to be kept.
    pub(super) event: Option<AuditEvent>,
    pub(super) file_id: i64,
    /// Whether its provenance came after it, which is a change of its own.
    pub(super) is_vouched_late: bool,
}

/// Writes the rows of one file in the plain case: it is new and comes without a provenance. `None` if it is not so plain.
pub(super) async fn write_plain(
    tx: &mut IndexTx,
    channel: &ChannelName,
    Staged { file, yank, provenance, findings }: &Staged,
) -> Result<Option<(UploadOutcome, AuditEvent)>, IndexError> {
    if provenance.is_some() {
        return Ok(None);
    }
    let Some(serial) = tx.add_and_show(channel, file, yank.as_ref()).await? else { return Ok(None) };
    let (filename, sha256) = (file.filename.clone(), file.digests.sha256);
    let mut outcome = outcome_of(file, channel, Verdict::Stored, serial);
    outcome.findings.extend(findings.iter().cloned());
    Ok(Some((outcome, AuditEvent::FileUploaded { channel: channel.clone(), serial, filename, sha256 })))
}

/// Writes the rows of one file at the channel's next serial.
pub(super) async fn write_one(
    tx: &mut IndexTx,
    who: &Principal,
    channel: &ChannelName,
    staged: &Staged,
) -> Result<Written, UploadError> {
    let Staged { file, yank, provenance, .. } = staged;
    let advanced = tx.advance(channel, None).await?;
    let added = tx.add_file(file).await?;
    if let Some(provenance) = provenance.as_ref().filter(|_| added.is_new) {
        tx.put_provenance(added.id, provenance, who).await?;
    }
    let is_there = !added.is_new && tx.contains(channel, added.id).await?;
    if !is_there && let Some((status, _)) = tx.find_status(&advanced, &file.project).await? {
        check_status(channel, &file.project, status)?;
    }
    let (mut serial, mut event, mut verdict) = (Serial(advanced.serial.0 - 1), None, Verdict::Unchanged);
    if show(tx, &advanced, &added, is_there, staged).await? {
        serial = advanced.serial;
        let (channel, filename) = (channel.clone(), file.filename.clone());
        event = Some(match yank.as_ref().filter(|_| is_there) {
            Some(Yank { reason }) => {
                AuditEvent::FilesYanked { channel, serial, filenames: vec![filename], reason: reason.clone() }
            }
            None => {
                verdict = Verdict::Stored;
                AuditEvent::FileUploaded { channel, serial, filename, sha256: file.digests.sha256 }
            }
        });
    }
    let outcome = outcome_of(file, channel, verdict, serial);
    let is_vouched_late = provenance.is_some() && !added.is_new;
    Ok(Written { outcome, event, file_id: added.id, is_vouched_late })
}

fn outcome_of(file: &NewFile, channel: &ChannelName, verdict: Verdict, serial: Serial) -> UploadOutcome {
    UploadOutcome {
        verdict,
        filename: file.filename.clone(),
        project: file.project.clone(),
        version: file.version.clone(),
        sha256: file.digests.sha256,
        size_bytes: file.digests.size_bytes,
        channel: channel.clone(),
        serial,
        findings: file.notes.clone(),
    }
}

/// Makes the file part of the channel as it is to be shown; false if the channel shows it so already.
async fn show(
    tx: &mut IndexTx,
    advanced: &Channel,
    added: &AddedFile,
    is_there: bool,
    Staged { file, yank, .. }: &Staged,
) -> Result<bool, IndexError> {
    if added.is_new {
        tx.show_new(advanced, added.id, &file.project, yank.as_ref()).await?;
        return Ok(true);
    }
    // An upload without a mark says nothing about one that is there; a mirrored one brings its mark.
    if is_there && yank.is_none() {
        return Ok(false);
    }
    Ok(tx.apply(advanced, &[Change::Add { file_id: added.id, yank: yank.clone() }]).await? > 0)
}

/// Whether the sender may change every channel that shows the file, as what vouches for it does.
///
/// This was looked at when the file was staged; since then somebody may have shown it elsewhere.
pub(super) async fn reaches_all(tx: &mut IndexTx, who: &Principal, file_id: i64) -> Result<bool, IndexError> {
    let Principal::Token { scope, .. } = who else { return Ok(true) };
    if scope.covers_all_channels() {
        return Ok(true);
    }
    let holders = tx.list_holders(&BTreeSet::from([file_id])).await?;
    Ok(holders.keys().all(|channel| scope.covers_channel(channel)))
}

/// Records the provenance of a file that was here before it, unless somebody else was faster or other channels show it too.
pub(super) async fn write_late_provenance(
    tx: &mut IndexTx,
    who: &Principal,
    file_id: i64,
    staged: &Staged,
) -> Result<Option<AuditEvent>, IndexError> {
    let Some(provenance) = &staged.provenance else { return Ok(None) };
    if !reaches_all(tx, who, file_id).await?
        || tx.has_provenance(file_id).await?
        || !tx.put_provenance(file_id, provenance, who).await?
    {
        return Ok(None);
    }
    let (filename, sha256) = (staged.file.filename.clone(), provenance.sha256);
    Ok(Some(AuditEvent::ProvenanceStored { filename, sha256, is_verified: provenance.is_verified() }))
}
