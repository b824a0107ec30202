//! Write transactions: the only way to change what the index means, and the audit event at their end.

use super::IndexError;
use crate::model::{AuditEvent, Principal};

/// A write transaction. Dropped without [`IndexTx::commit`], it leaves nothing behind.
pub struct IndexTx {}

impl IndexTx {
    /// Writes the audit event, then makes everything durable; gives the event's position in the audit log.
    ///
    /// An error here does not say that nothing was written: the connection may have failed after the commit. Repeat it.
    pub async fn commit(self, by: &Principal, event: &AuditEvent) -> Result<i64, IndexError> {
        let _ = (by, event);
        todo!()
    }
}
