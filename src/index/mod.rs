//! The index: the queryable record of projects, files, channels and everything done to them. The only SQL.
//!
//! One [`Index`] speaks to SQLite or PostgreSQL with one text per statement; where a dialect word is needed, both forms
//! stand side by side. Only an [`IndexTx`] changes what the index means, and its only way out is [`IndexTx::commit`],
//! which takes the audit event. Bytes are not here: a row may name a blob only after the blob is durable.

#[macro_use]
mod db;
#[macro_use]
mod rows;

mod accounts;
mod advisories;
mod audit;
mod batches;
mod bundles;
mod changes;
mod channels;
mod driver;
mod error;
mod files;
mod files_many;
mod heads;
mod holders;
mod listings;
mod lookups;
mod marks;
mod memberships;
mod namespaces;
mod newcomers;
mod open;
mod projects;
mod provenance;
mod quotas;
mod search;
mod snapshots;
mod stamps;
mod survey;
mod targets;
mod transaction;
mod upload_files;
mod upload_sessions;

pub use accounts::TokenRecord;
pub use advisories::{AdvisoryRecord, NewAdvisory};
pub use audit::AuditVerdict;
pub use error::IndexError;
pub use files::AddedFile;
pub use listings::{FileChange, ListChange};
pub use marks::StatusThere;
pub use open::{Index, IndexLocation};
pub use provenance::{AttestedListing, StoredProvenance, VouchedFile};
pub use search::{SearchHit, SearchPage};
pub use snapshots::SnapshotRow;
pub use stamps::Stamp;
pub use survey::Survey;
pub use transaction::IndexTx;
pub use upload_files::KnownName;

/// Every statement that this module sends, but for the settings of a connection.
fn statements() -> impl Iterator<Item = db::Sql> {
    [
        accounts::STATEMENTS,
        advisories::STATEMENTS,
        audit::STATEMENTS,
        batches::STATEMENTS,
        bundles::STATEMENTS,
        changes::STATEMENTS,
        channels::STATEMENTS,
        files::STATEMENTS,
        files_many::STATEMENTS,
        holders::STATEMENTS,
        listings::STATEMENTS,
        marks::STATEMENTS,
        memberships::STATEMENTS,
        namespaces::STATEMENTS,
        newcomers::STATEMENTS,
        projects::STATEMENTS,
        provenance::STATEMENTS,
        quotas::STATEMENTS,
        search::STATEMENTS,
        snapshots::STATEMENTS,
        survey::STATEMENTS,
        targets::STATEMENTS,
        transaction::STATEMENTS,
        upload_files::STATEMENTS,
        upload_sessions::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .map(|(_, sql)| *sql)
}
