//! One import: the body to a pending blob, read off the runtime, compared with what is known, written in one transaction.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, pin_mut};
use serde::Serialize;
use serde_json::Value;

use super::ImportError;
use super::read::{MAX_IMPORT_BYTES, read_records};
use crate::blobs::{BlobStore, Hashing};
use crate::index::{Index, NewAdvisory};
use crate::model::{Advisory, AuditEvent, Principal, Sha256Digest};
use crate::packaging::shown;

/// Most records that a report names one by one.
const MAX_NAMED: usize = 100;

/// Bytes of text that an import may hold in memory: the public export has a tenth of it.
const MAX_TEXT_BYTES: usize = 1 << 30;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Records that were read.
    pub record_count: u64,
    /// Advisories that were not there before.
    pub added_count: u64,
    /// Advisories that a newer form took the place of.
    pub replaced_count: u64,
    /// Advisories that were there in this form or a newer one.
    pub unchanged_count: u64,
    /// Records that are no advisories for this index.
    pub skipped_count: u64,
    /// The first of those.
    pub skipped: Vec<SkippedRecord>,
}

/// A record that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedRecord {
    /// Its id, or where it stands in the import.
    pub record: String,
    /// Why.
    pub reason: String,
}

/// What was read, the newest form of each advisory.
#[derive(Default)]
struct Read {
    advisories: BTreeMap<String, NewAdvisory>,
    text_bytes: usize,
    report: ImportReport,
}

/// Imports the OSV records in `body`. A record replaces one with the same id only if it was changed later.
///
/// Either all of the import is kept or, when it cannot be read to its end, nothing; records that are not for this index
/// are reported and left out.
pub async fn import(
    index: &Index,
    blobs: &dyn BlobStore,
    who: &Principal,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<ImportReport, ImportError> {
    // Never committed: when it is dropped, the bytes are gone.
    let mut pending = blobs.create(Hashing::Standard).await?;
    let mut size_bytes = 0;
    pin_mut!(body);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(ImportError::Aborted)?;
        size_bytes += piece.len() as u64;
        if size_bytes > MAX_IMPORT_BYTES {
            let what = "the import is larger than this server takes, in bytes".to_owned();
            return Err(ImportError::TooLarge { what, limit: MAX_IMPORT_BYTES });
        }
        pending.write(piece).await?;
    }
    let digests = pending.finish().await?;
    let mut file = pending.as_file()?;
    let reading = tokio::task::spawn_blocking(move || {
        let mut read = Read::default();
        read_records(&mut file, size_bytes, |name, record| read.take(name, &record)).map(|()| read)
    });
    let read = reading.await.map_err(|stopped| ImportError::ReadBack(io::Error::other(stopped)))??;
    write(index, who, digests.sha256, read).await
}

async fn write(index: &Index, who: &Principal, sha256: Sha256Digest, read: Read) -> Result<ImportReport, ImportError> {
    let mut report = read.report;
    let mut tx = index.begin().await?;
    let known = tx.hold_advisories().await?;
    let mut changed = Vec::new();
    for (id, new) in read.advisories {
        match known.get(&id) {
            None => report.added_count += 1,
            Some(modified) if *modified < new.modified => report.replaced_count += 1,
            Some(_) => {
                report.unchanged_count += 1;
                continue;
            }
        }
        changed.push(new);
    }
    if changed.is_empty() {
        // Dropped, the transaction leaves nothing, not even an event.
        return Ok(report);
    }
    tx.put_advisories(&changed).await?;
    let (added_count, replaced_count) = (report.added_count, report.replaced_count);
    tx.commit(who, &AuditEvent::AdvisoriesImported { sha256, added_count, replaced_count }).await?;
    Ok(report)
}

impl Read {
    fn take(&mut self, name: &str, record: &Value) -> Result<(), ImportError> {
        self.report.record_count += 1;
        let advisory = match Advisory::read(record) {
            Ok(advisory) => advisory,
            Err(error) => {
                self.skip(name, record, error.to_string());
                return Ok(());
            }
        };
        let text = record.to_string();
        self.text_bytes += text.len();
        if self.text_bytes > MAX_TEXT_BYTES {
            let what = "the records have too much text, in bytes".to_owned();
            return Err(ImportError::TooLarge { what, limit: MAX_TEXT_BYTES as u64 });
        }
        let new = NewAdvisory::new(&advisory, text);
        if self.advisories.get(&new.id).is_none_or(|other| other.modified < new.modified) {
            self.advisories.insert(new.id.clone(), new);
        }
        Ok(())
    }

    fn skip(&mut self, name: &str, record: &Value, reason: String) {
        self.report.skipped_count += 1;
        if self.report.skipped.len() < MAX_NAMED {
            let id = record.get("id").and_then(Value::as_str).map_or_else(|| shown(name), shown);
            self.report.skipped.push(SkippedRecord { record: id, reason });
        }
    }
}
