//! Importing advisories: OSV records in the forms that they are published in, all of one import or nothing.
//!
//! What an advisory says of a version is a rule of the noun itself, `model/advisory.rs`.

mod error;
mod import;
mod read;

pub use error::ImportError;
pub use import::{ImportReport, SkippedRecord, import};
pub use read::{MAX_IMPORT_BYTES, MAX_RECORD_BYTES, MAX_RECORDS, read_records};
