//! The commit of a batch: every file of it becomes visible by one transaction, or none does and each reason is told.

use crate::index::IndexTx;
use crate::model::{Batch, BatchFile, BatchState, Finding, Principal};

use super::batch::staged_of;
use super::{BatchError, BatchParts, BatchRequestError, BatchWrite, Staged};

/// Shows all files of a batch in its channel, and gives the batch as it is then. One that was committed before stays as it is.
///
/// Fails with [`BatchError::Refused`], which names each file that stands in the way; then the batch is open as before.
pub async fn commit_batch(parts: &BatchParts, who: &Principal, batch: &Batch) -> Result<Batch, BatchRequestError> {
    if batch.state == BatchState::Committed {
        return Ok(batch.clone());
    }
    parts.need_open(batch)?;
    let mut tx = parts.ingest.index.begin().await?;
    // Takes the batch: files that are put meanwhile, and a second commit, wait for the end of this one.
    if tx.end_batch(batch, BatchState::Committed, parts.end_of_lifetime()).await? {
        write(parts, who, batch, tx).await?;
    } else {
        drop(tx);
    }
    let now = parts.ingest.index.find_batch(&batch.id).await?.ok_or(BatchRequestError::Unknown)?;
    match now.state {
        BatchState::Committed => Ok(now),
        state => Err(BatchRequestError::Ended { id: batch.id, state }),
    }
}

/// Writes everything and commits, or leaves the transaction to be taken back.
async fn write(parts: &BatchParts, who: &Principal, batch: &Batch, mut tx: IndexTx) -> Result<(), BatchRequestError> {
    let files = tx.list_staged(batch).await?;
    let blocked: Vec<Finding> = files.iter().filter(|file| file.verdict.blocks()).map(reason).collect();
    let staged = files.iter().filter(|file| !file.verdict.blocks()).map(staged_of);
    let staged: Vec<Staged> = staged.collect::<Result<_, _>>()?;
    let write = BatchWrite::prepare(&parts.ingest, who, &batch.channel, &staged).await?;
    let written = write.write(&mut tx).await;
    if blocked.is_empty() {
        let outcome = written?;
        let stored: Vec<&str> = outcome.stored.iter().map(String::as_str).collect();
        tx.settle_batch(batch, outcome.serial, &stored).await?;
        tx.commit(who, &outcome.event(&batch.id.to_string())).await?;
        return Ok(());
    }
    // What the index would have refused as well belongs to the list.
    let mut findings = blocked;
    match written {
        Ok(_) => {}
        Err(BatchError::Refused { findings: more, .. }) => findings.extend(more),
        Err(error) => return Err(error.into()),
    }
    Err(BatchError::Refused { file_count: files.len(), findings }.into())
}

/// Why a file of a batch stands in the way of its commit.
fn reason(file: &BatchFile) -> Finding {
    let Some(refusal) = &file.report.refusal else {
        let text = format!("not all bytes of `{}` have arrived", file.filename);
        return Finding::refuse("BAT-02", "partial", text).at(&file.filename).with_hint("Send the rest, or remove it.");
    };
    let finding = Finding::refuse("BAT-01", "refused", &refusal.detail).at(&file.filename);
    Finding { reason: refusal.code.clone().into(), hint: refusal.hint.clone().map(Into::into), ..finding }
}
