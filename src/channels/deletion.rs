//! Deletion: a file leaves every head, then the server. Its name stays taken, its bytes are left to the sweep.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::select::{FileSelector, projects_of};
use super::{ChannelMove, MarkError};
use crate::index::{Index, IndexTx};
use crate::model::{AuditEvent, Change, KnownFile, Principal, Serial};

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionOutcome {
    /// Names of the files that are gone now, sorted.
    pub deleted: Vec<String>,
    /// Channels that had some of them in their heads.
    pub channels: Vec<ChannelMove>,
    /// Files that were deleted before.
    pub unchanged_count: u64,
}

/// The named files that are still there, by name, and how many are not.
///
/// Fails with [`MarkError::NotHere`] for the first selector that never named anything here.
fn plan_deletion<'a>(
    select: &[FileSelector],
    known: &'a [KnownFile],
) -> Result<(BTreeMap<&'a str, i64>, u64), MarkError> {
    let mut chosen: BTreeMap<&str, &KnownFile> = BTreeMap::new();
    for selector in select {
        let mut matching =
            known.iter().filter(|file| selector.matches(&file.filename, &file.project, &file.version)).peekable();
        if matching.peek().is_none() {
            return Err(MarkError::NotHere { selector: selector.clone() });
        }
        chosen.extend(matching.map(|file| (file.filename.as_str(), file)));
    }
    let gone_count = chosen.values().filter(|file| file.is_deleted).count() as u64;
    let there = chosen.into_iter().filter(|(_, file)| !file.is_deleted).map(|(name, file)| (name, file.file_id));
    Ok((there.collect(), gone_count))
}

/// Deletes files in one transaction, all or none. What was deleted before is left as it is, so that repeating is harmless.
pub async fn delete(index: &Index, who: &Principal, select: &[FileSelector]) -> Result<DeletionOutcome, MarkError> {
    let mut tx = index.begin().await?;
    // Nobody may bring a file into a channel between the look at the heads and the end.
    tx.hold_channels().await?;
    let known = tx.list_known_files(&projects_of(select)).await?;
    let (there, unchanged_count) = plan_deletion(select, &known)?;
    let deleted: Vec<String> = there.keys().map(ToString::to_string).collect();
    if deleted.is_empty() {
        return Ok(DeletionOutcome { deleted, channels: Vec::new(), unchanged_count });
    }
    let file_ids = there.values().copied().collect();
    let channels = leave_heads(&mut tx, &file_ids).await?;
    tx.retire(&file_ids).await?;
    let event = AuditEvent::FilesDeleted {
        filenames: deleted.clone(),
        channels: channels.iter().map(|channel| (channel.channel.clone(), channel.serial)).collect(),
    };
    tx.commit(who, &event).await?;
    tracing::info!(file_count = deleted.len(), "deleted {} files", deleted.len());
    Ok(DeletionOutcome { deleted, channels, unchanged_count })
}

async fn leave_heads(tx: &mut IndexTx, file_ids: &BTreeSet<i64>) -> Result<Vec<ChannelMove>, MarkError> {
    let mut moves = Vec::new();
    for (channel, file_ids) in tx.list_holders(file_ids).await? {
        let advanced = tx.advance(&channel, None).await?;
        let changes: Vec<Change> = file_ids.into_iter().map(|file_id| Change::Remove { file_id }).collect();
        tx.apply(&advanced, &changes).await?;
        moves.push(ChannelMove { channel, serial_before: Serial(advanced.serial.0 - 1), serial: advanced.serial });
    }
    Ok(moves)
}
