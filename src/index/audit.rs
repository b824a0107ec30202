//! The audit log: one row per write transaction, chained by hash.

use super::{Index, IndexError};
use crate::model::{AuditRecord, Sha256Digest};

/// Answer of [`Index::verify_audit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// Rows that were read.
    pub row_count: i64,
    /// Hash of the last row, as the head of the chain remembers it; zeros for an empty log.
    pub head_hash: Sha256Digest,
    /// The first position at which the chain does not hold: a row was changed, removed or added there.
    pub first_broken: Option<i64>,
}

impl Index {
    /// Rows after position `after`, oldest first.
    pub async fn list_audit(&self, after: i64, limit: u32) -> Result<Vec<AuditRecord>, IndexError> {
        let _ = (after, limit);
        todo!()
    }

    /// Recomputes the whole chain, in pages, and compares it with what is stored.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, IndexError> {
        todo!()
    }
}
