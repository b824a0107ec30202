//! Write transactions: the only way to change what the index means, and the audit event at their end.

use super::IndexError;
use super::db::{DbTx, both};
use super::rows::{parse, text, to_json};
use super::stamps::Touched;
use crate::model::{AuditEvent, Clock, Principal, chain_hash};

statements! {
    /// Locks the end of the chain until the transaction ends, so that concurrent commits make one chain.
    TAKE_AUDIT_POSITION = both("UPDATE audit_head SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence, hash");
    INSERT_AUDIT = both(
        "INSERT INTO audit (sequence, at, principal, event, previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    SET_AUDIT_HEAD = both("UPDATE audit_head SET hash = $1 WHERE id = 1");
    BEGIN_PART = both("SAVEPOINT part");
    KEEP_PART = both("RELEASE SAVEPOINT part");
    UNDO_PART = both("ROLLBACK TO SAVEPOINT part");
}

/// A write transaction. Dropped without [`IndexTx::commit`], it leaves nothing behind.
pub struct IndexTx {
    pub(super) tx: DbTx,
    pub(super) clock: Clock,
    pub(super) touched: Touched,
    pub(super) max_project_bytes: u64,
}

impl IndexTx {
    pub(super) fn new(tx: DbTx, clock: Clock, touched: Touched, max_project_bytes: u64) -> Self {
        Self { tx, clock, touched, max_project_bytes }
    }

    /// Begins a part of the transaction that can be taken back alone. Parts are not nested.
    pub async fn begin_part(&mut self) -> Result<(), IndexError> {
        execute!(&mut self.tx, BEGIN_PART).map(drop)
    }

    /// Ends the part and leaves what it has written in the transaction.
    pub async fn keep_part(&mut self) -> Result<(), IndexError> {
        execute!(&mut self.tx, KEEP_PART).map(drop)
    }

    /// Takes back everything since [`IndexTx::begin_part`], also after a statement that failed.
    ///
    /// An error here means that the whole transaction is lost, as SQLite ends it by itself when the disk is full.
    pub async fn undo_part(&mut self) -> Result<(), IndexError> {
        execute!(&mut self.tx, UNDO_PART)?;
        execute!(&mut self.tx, KEEP_PART).map(drop)
    }

    /// Writes the audit event, then makes everything durable; gives the event's position in the audit log.
    ///
    /// When this returns, no kept answer ([`super::Index::stamp`]) is older than the change. An error here does not say that
    /// nothing was written: the connection may have failed after the commit. Repeat it.
    pub async fn commit(mut self, by: &Principal, event: &AuditEvent) -> Result<i64, IndexError> {
        let event = to_json(event, "event")?;
        let by = text(by.name(), "principal")?;
        let now = self.clock.now();
        let (sequence, previous): (i64, String) = fetch!(&mut self.tx, fetch_one, TAKE_AUDIT_POSITION)?;
        let previous = parse(&previous, "audit_head.hash")?;
        let hash = chain_hash(&previous, sequence, now, by, &event).to_hex();
        execute!(
            &mut self.tx,
            INSERT_AUDIT,
            sequence,
            now.as_microsecond(),
            by,
            event.as_str(),
            previous.to_hex(),
            hash.as_str(),
        )?;
        execute!(&mut self.tx, SET_AUDIT_HEAD, hash.as_str())?;
        finish(self.tx, self.touched).await?;
        Ok(sequence)
    }
}

/// Ends a transaction in a task of its own: a caller that goes away half-way must not leave counters as they were while the
/// database writes on.
async fn finish(tx: DbTx, touched: Touched) -> Result<(), IndexError> {
    let finishing = tokio::spawn(async move {
        let _closed = touched.close();
        match tx {
            DbTx::Sqlite(tx) => tx.commit().await,
            DbTx::Postgres(tx) => tx.commit().await,
        }
    });
    // The task fails only with the runtime.
    Ok(finishing.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))?)
}
