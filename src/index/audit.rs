//! The audit log: one row per write transaction, chained by hash.

use super::db::both;
use super::rows::{all, parse, time};
use super::{Index, IndexError};
use crate::model::{AuditRecord, Sha256Digest, Timestamp, chain_hash};

/// Rows that are checked at a time.
const PAGE: i64 = 1_000;

statements! {
    LIST_AUDIT = both(
        "SELECT sequence, at, principal, event, previous_hash, hash FROM audit WHERE sequence > $1 \
         ORDER BY sequence LIMIT $2",
    );
    /// One statement, so that a commit in between cannot make them disagree.
    FIND_AUDIT_HEAD = both(
        "SELECT h.sequence, h.hash, (SELECT MAX(a.sequence) FROM audit a) AS newest FROM audit_head h WHERE h.id = 1",
    );
}

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

#[derive(sqlx::FromRow)]
struct AuditRow {
    sequence: i64,
    at: i64,
    principal: String,
    event: String,
    previous_hash: String,
    hash: String,
}

impl TryFrom<AuditRow> for AuditRecord {
    type Error = IndexError;

    fn try_from(row: AuditRow) -> Result<Self, IndexError> {
        Ok(Self {
            sequence: row.sequence,
            at: time(row.at, "audit.at")?,
            by: row.principal,
            event: row.event,
            previous_hash: parse(&row.previous_hash, "audit.previous_hash")?,
            hash: parse(&row.hash, "audit.hash")?,
        })
    }
}

/// How far a chain was followed.
struct Chain {
    row_count: i64,
    last_sequence: i64,
    last_hash: Option<Sha256Digest>,
    first_broken: Option<i64>,
}

impl Chain {
    fn new() -> Self {
        let nothing = Sha256Digest::from_bytes([0; 32]);
        Self { row_count: 0, last_sequence: 0, last_hash: Some(nothing), first_broken: None }
    }

    /// Takes the next row; once broken, rows are only counted.
    fn follow(&mut self, row: &AuditRow) {
        let expected = self.last_sequence + 1;
        if self.first_broken.is_none() && (row.sequence != expected || !self.continues_with(row)) {
            self.first_broken = Some(expected);
        }
        self.row_count += 1;
        self.last_sequence = row.sequence;
        self.last_hash = row.hash.parse().ok();
    }

    fn continues_with(&self, row: &AuditRow) -> bool {
        let (Some(previous), Ok(at)) = (&self.last_hash, Timestamp::from_microsecond(row.at)) else { return false };
        let hash = chain_hash(previous, row.sequence, at, &row.principal, &row.event);
        row.previous_hash == previous.to_hex() && row.hash == hash.to_hex()
    }
}

impl Index {
    /// Rows after position `after`, oldest first.
    pub async fn list_audit(&self, after: i64, limit: u32) -> Result<Vec<AuditRecord>, IndexError> {
        let rows: Vec<AuditRow> = read!(&self.db, fetch_all, LIST_AUDIT, after, i64::from(limit))?;
        all(rows)
    }

    /// Recomputes the whole chain, in pages, and compares it with what is stored.
    ///
    /// Rows that are committed meanwhile are left for the next time. Whoever can rewrite every row and the head can
    /// make a chain that holds: keep a copy of the head's hash elsewhere to notice that too.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, IndexError> {
        let (head, head_hash, newest): (i64, String, Option<i64>) = read!(&self.db, fetch_one, FIND_AUDIT_HEAD)?;
        let head_hash = parse(&head_hash, "audit_head.hash")?;
        let mut chain = Chain::new();
        while chain.last_sequence < head {
            let rows: Vec<AuditRow> = read!(&self.db, fetch_all, LIST_AUDIT, chain.last_sequence, PAGE)?;
            if rows.is_empty() {
                break;
            }
            rows.iter().filter(|row| row.sequence <= head).for_each(|row| chain.follow(row));
            if rows.iter().any(|row| row.sequence > head) {
                break;
            }
        }
        let ends_at_head = newest.unwrap_or_default() == head && chain.last_sequence == head;
        let end_broken = (!ends_at_head).then_some(chain.last_sequence + 1);
        let head_broken = (chain.last_hash != Some(head_hash)).then_some(head);
        let first_broken = chain.first_broken.or(end_broken).or(head_broken);
        Ok(AuditVerdict { row_count: chain.row_count, head_hash, first_broken })
    }
}
