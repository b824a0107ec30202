//! Write transactions: the only way to change what the index means, and the audit events at their end.

use serde::Serialize;

use super::IndexError;
use super::db::{DbTx, both, pair};
use super::rows::{parse, text, to_count, to_json};
use super::stamps::Touched;
use crate::model::{AuditEvent, Clock, Principal, Sha256Digest, Timestamp, chain_hash};

statements! {
    /// Locks the end of the chain until the transaction ends, so that concurrent commits make one chain.
    TAKE_AUDIT_POSITIONS = both("UPDATE audit_head SET sequence = sequence + $1 WHERE id = 1 RETURNING sequence, hash");
    /// Adds rows and sets the end of the chain: two statements to SQLite, one that does both to PostgreSQL.
    EXTEND_AUDIT = pair(
        "INSERT INTO audit (sequence, at, principal, event, previous_hash, hash) \
         SELECT json_extract(e.value, '$.sequence'), json_extract(e.value, '$.at'), json_extract(e.value, '$.principal'), \
         json_extract(e.value, '$.event'), json_extract(e.value, '$.previous_hash'), json_extract(e.value, '$.hash') \
         FROM json_each($1) e; \
         UPDATE audit_head SET hash = $2 WHERE id = 1",
        "WITH added AS (INSERT INTO audit (sequence, at, principal, event, previous_hash, hash) \
         SELECT e.sequence, e.at, e.principal, e.event, e.previous_hash, e.hash \
         FROM json_to_recordset(CAST($1 AS json)) \
         AS e(sequence BIGINT, at BIGINT, principal TEXT, event TEXT, previous_hash TEXT, hash TEXT)) \
         UPDATE audit_head SET hash = $2 WHERE id = 1",
    );
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
    pub(super) recorded: Vec<Recorded>,
}

impl IndexTx {
    pub(super) fn new(tx: DbTx, clock: Clock, touched: Touched, max_project_bytes: u64) -> Self {
        Self { tx, clock, touched, max_project_bytes, recorded: Vec::new() }
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

    /// Notes what a part did, for the audit log; [`IndexTx::commit_recorded`] writes it. Call it for a part that is kept.
    pub fn record(&mut self, by: &Principal, event: &AuditEvent) -> Result<(), IndexError> {
        let (by, event) = (text(by.name(), "principal")?.to_owned(), to_json(event, "event")?);
        self.recorded.push(Recorded { at: self.clock.now(), by, event });
        Ok(())
    }

    /// As [`IndexTx::commit`] for the events that were recorded, in their order. Without any, nothing is kept.
    pub async fn commit_recorded(mut self) -> Result<(), IndexError> {
        if self.recorded.is_empty() {
            return Ok(());
        }
        self.write_recorded().await?;
        finish(self.tx, self.touched).await
    }

    /// Writes the audit event, then makes everything durable; gives the event's position in the audit log.
    ///
    /// When this returns, no kept answer ([`super::Index::stamp`]) is older than the change. An error here does not say that
    /// nothing was written: the connection may have failed after the commit. Repeat it.
    pub async fn commit(mut self, by: &Principal, event: &AuditEvent) -> Result<i64, IndexError> {
        self.record(by, event)?;
        let sequence = self.write_recorded().await?;
        finish(self.tx, self.touched).await?;
        Ok(sequence)
    }

    /// Continues the chain; gives the position of the last row. At the end of a transaction, because others wait for it.
    async fn write_recorded(&mut self) -> Result<i64, IndexError> {
        let count = to_count(self.recorded.len() as u64, "audit events")?;
        let (last, head): (i64, String) = fetch!(&mut self.tx, fetch_one, TAKE_AUDIT_POSITIONS, count)?;
        let mut previous = parse(&head, "audit_head.hash")?;
        let mut rows = Vec::with_capacity(self.recorded.len());
        for (Recorded { at, by, event }, sequence) in self.recorded.iter().zip(last - count + 1..) {
            let hash = chain_hash(&previous, sequence, *at, by, event);
            let at = at.as_microsecond();
            rows.push(ChainRow { sequence, at, principal: by, event, previous_hash: previous, hash });
            previous = hash;
        }
        execute!(&mut self.tx, EXTEND_AUDIT, to_json(&rows, "audit")?, previous.to_hex())?;
        Ok(last)
    }
}

/// An event that is not written yet.
pub(super) struct Recorded {
    at: Timestamp,
    by: String,
    event: String,
}

/// A row of the audit log.
#[derive(Serialize)]
struct ChainRow<'a> {
    sequence: i64,
    at: i64,
    principal: &'a str,
    event: &'a str,
    previous_hash: Sha256Digest,
    hash: Sha256Digest,
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
