//! Publishing a batch: every file of it or none, by one transaction, one serial and one audit event.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::publish::reaches_all;
use super::receive::{check_namespace, check_status};
use super::{IngestParts, Staged, UploadError, check_access};
use crate::index::{AddedFile, IndexError, IndexTx};
use crate::model::{
    AuditEvent, Change, Channel, ChannelName, Diagnostic, Finding, Kind, NewFile, Principal, ProjectStatus, Serial,
    Sha256Digest, SnapshotLine, snapshot_digest,
};
use crate::packaging::ProjectName;

/// The answer to a batch that was not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchOutcome {
    /// The channel.
    pub channel: ChannelName,
    /// Its serial; the new one if anything changed.
    pub serial: Serial,
    /// Files of the batch.
    pub file_count: u64,
    /// Those of them that the channel had not, or not so, before.
    pub changed_count: u64,
    /// Digest of the list of all files, as of a snapshot that holds these alone.
    pub digest: Sha256Digest,
    /// Names of those that changed.
    #[serde(skip)]
    pub stored: Vec<String>,
}

impl BatchOutcome {
    /// The audit event of the transaction that publishes the batch.
    pub fn event(&self, batch_id: &str) -> AuditEvent {
        AuditEvent::BatchCommitted {
            channel: self.channel.clone(),
            serial: self.serial,
            batch_id: batch_id.to_owned(),
            file_count: self.file_count,
            digest: self.digest,
        }
    }
}

/// Why a batch was not published. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Files of it cannot be published.
    #[error("nothing is published: {} of the {file_count} files cannot be; the first says: {}", findings.len(), first(findings))]
    Refused {
        /// Files of the batch.
        file_count: usize,
        /// One for each refused file: its name as the entry, the code of its error as the reason.
        findings: Vec<Finding>,
    },
    /// What failed has nothing to do with single files.
    #[error(transparent)]
    Upload(#[from] UploadError),
}

impl From<IndexError> for BatchError {
    fn from(error: IndexError) -> Self {
        Self::Upload(error.into())
    }
}

impl Diagnostic for BatchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "batch/refused",
            Self::Upload(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. } => Kind::Conflict,
            Self::Upload(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Refused { .. } => {
                Some("Take these files out of the batch, or replace them, and commit again.".into())
            }
            Self::Upload(error) => error.hint(),
        }
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::Refused { findings, .. } => findings,
            Self::Upload(error) => error.findings(),
        }
    }
}

fn first(findings: &[Finding]) -> &str {
    findings.first().map_or("no reason was recorded", |finding| &finding.message)
}

/// Shows all files in a channel by one transaction, one serial and one audit event, or none of them.
///
/// Fails with [`BatchError::Refused`], which names every file that cannot be published. If more belongs to the
/// transaction, use [`BatchWrite`].
pub async fn publish_all(
    parts: &IngestParts,
    who: &Principal,
    channel: &ChannelName,
    batch_id: &str,
    files: &[Staged],
) -> Result<BatchOutcome, BatchError> {
    let write = BatchWrite::prepare(parts, who, channel, files).await?;
    let mut tx = parts.index.begin().await?;
    let outcome = write.write(&mut tx).await?;
    if outcome.changed_count > 0 {
        tx.commit(who, &outcome.event(batch_id)).await?;
    }
    Ok(outcome)
}

/// The files of a batch on their way into a transaction, which the caller begins and commits.
pub struct BatchWrite<'a> {
    who: &'a Principal,
    channel: &'a ChannelName,
    files: Vec<&'a Staged>,
    refused: BTreeMap<&'a str, Finding>,
}

impl<'a> BatchWrite<'a> {
    /// Asks what needs no transaction: who may publish files of these projects. Files are taken by name.
    pub async fn prepare(
        parts: &IngestParts,
        who: &'a Principal,
        channel: &'a ChannelName,
        files: &'a [Staged],
    ) -> Result<Self, BatchError> {
        let mut batch = Self { who, channel, files: files.iter().collect(), refused: BTreeMap::new() };
        batch.files.sort_by(|one, other| one.file.filename.cmp(&other.file.filename));
        let mut by_project: BTreeMap<&ProjectName, Vec<&Staged>> = BTreeMap::new();
        for staged in &batch.files {
            by_project.entry(&staged.file.project).or_default().push(staged);
        }
        for (project, files) in by_project {
            // Access depends on the project too, so one name stands for all.
            let name = files.first().map_or("", |staged| &staged.file.filename);
            let mut allowed = check_access(who, channel, name);
            if allowed.is_ok() {
                allowed = check_namespace(parts, who, project).await;
            }
            if let Err(error) = allowed {
                let finding = refusal(error)?;
                for Staged { file, .. } in files {
                    batch.refused.insert(&file.filename, finding.clone().at(&file.filename));
                }
            }
        }
        Ok(batch)
    }

    /// Writes the rows of all files at the channel's next serial; if nothing is new, at none.
    ///
    /// Afterwards the transaction may go on, and is committed with [`BatchOutcome::event`]. After an error, drop it.
    pub async fn write(mut self, tx: &mut IndexTx) -> Result<BatchOutcome, BatchError> {
        tx.begin_part().await?;
        let advanced = tx.advance(self.channel, None).await?;
        let (mut changes, mut late_count, mut stored) = (Vec::new(), 0, Vec::new());
        let files = std::mem::take(&mut self.files);
        let rows: Vec<&NewFile> = files.iter().map(|staged| &staged.file).collect();
        let added = tx.add_files(&rows).await?;
        let closed = tx.list_statuses(&advanced).await?;
        for (staged, added) in files.into_iter().zip(added) {
            let shown = match added {
                Ok(added) => self.show_one(tx, &advanced, staged, added, &closed).await,
                Err(error) => Err(error.into()),
            };
            match shown {
                Ok((change, is_vouched_late)) => {
                    if change.is_some() || is_vouched_late {
                        stored.push(staged.file.filename.clone());
                    }
                    changes.extend(change);
                    late_count += u64::from(is_vouched_late);
                    self.files.push(staged);
                }
                Err(error) => {
                    let finding = refusal(error)?.at(&staged.file.filename);
                    self.refused.entry(&staged.file.filename).or_insert(finding);
                }
            }
        }
        if !self.refused.is_empty() {
            let file_count = self.files.len() + self.refused.len();
            return Err(BatchError::Refused { file_count, findings: self.refused.into_values().collect() });
        }
        let file_count = self.files.len() as u64;
        let changed_count = file_count.min(tx.apply(&advanced, &changes).await? + late_count);
        let mut serial = advanced.serial;
        match changed_count {
            0 => {
                tx.undo_part().await?;
                serial.0 -= 1;
            }
            _ => tx.keep_part().await?,
        }
        Ok(BatchOutcome {
            channel: self.channel.clone(),
            serial,
            file_count,
            changed_count,
            digest: digest_of(&self.files),
            stored,
        })
    }

    /// The change that shows a file, if the channel is to show it otherwise than now, and whether only its provenance came.
    async fn show_one(
        &self,
        tx: &mut IndexTx,
        advanced: &Channel,
        staged: &Staged,
        added: AddedFile,
        statuses: &BTreeMap<ProjectName, ProjectStatus>,
    ) -> Result<(Option<Change>, bool), UploadError> {
        let Staged { file, yank, provenance, .. } = staged;
        let is_there = !added.is_new && tx.contains(self.channel, added.id).await?;
        if !is_there && let Some(status) = statuses.get(&file.project) {
            check_status(self.channel, &file.project, *status)?;
        }
        let mut is_vouched_late = false;
        if let Some(provenance) = provenance
            && !tx.has_provenance(added.id).await?
            && (added.is_new || reaches_all(tx, self.who, added.id).await?)
        {
            is_vouched_late = is_there & tx.put_provenance_at(added.id, provenance, self.who, advanced).await?;
        }
        // A file without a mark says nothing about one that is there.
        let is_news = !is_there || yank.is_some();
        Ok((is_news.then(|| Change::Add { file_id: added.id, yank: yank.clone() }), is_vouched_late))
    }
}

/// What is said of one file that cannot be published; an error that is not about one file is passed on.
fn refusal(error: UploadError) -> Result<Finding, UploadError> {
    match error {
        UploadError::FileConflict { .. }
        | UploadError::SameWheel { .. }
        | UploadError::NameRetired { .. }
        | UploadError::ProjectClosed { .. }
        | UploadError::ProjectTooLarge { .. }
        | UploadError::ForeignNamespace { .. }
        | UploadError::NameReserved { .. }
        | UploadError::Access(_) => {
            let finding = Finding::refuse("BAT-01", error.code(), error.to_string());
            Ok(Finding { hint: error.hint(), ..finding })
        }
        other => Err(other),
    }
}

fn digest_of(files: &[&Staged]) -> Sha256Digest {
    let line = |staged: &&Staged| SnapshotLine {
        filename: staged.file.filename.clone(),
        sha256: staged.file.digests.sha256,
        is_yanked: staged.yank.is_some(),
        metadata_sha256: staged.file.metadata_sha256,
    };
    snapshot_digest(&mut files.iter().map(line).collect::<Vec<_>>())
}
