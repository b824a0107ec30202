//! What one upload may cost, checked before memory or disk is spent.

use crate::archive::Limits;

/// Most findings that are reported of one file: enough to repair it, and an answer that still fits a screen or two.
pub const MAX_FINDINGS: usize = 100;

/// Largest `WHEEL` and `entry_points.txt`, in bytes; real ones have a few hundred and are held in memory whole.
pub const MAX_SMALL_FILE_BYTES: u64 = 1 << 20;

/// Most fields of an upload form. Large projects send some hundred classifiers and requirements (standards UPL-02).
pub const MAX_FORM_FIELDS: usize = 4096;

/// Longest text field of an upload form, in bytes (standards UPL-02).
pub const MAX_FIELD_BYTES: usize = 1 << 20;

/// Longest `description` of an upload form, in bytes: it may hold a whole change log.
pub const MAX_DESCRIPTION_BYTES: usize = 10 << 20;

/// All text fields of one upload form together, in bytes: twice the longest description and room for the rest.
pub const MAX_FORM_TEXT_BYTES: usize = 24 << 20;

/// Limits of one upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// Largest file, in bytes.
    pub max_file_size_bytes: u64,
    /// What the archive inside may cost.
    pub archive: Limits,
}

impl IngestLimits {
    /// The usual limits, with this largest file.
    pub fn new(max_file_size_bytes: u64) -> Self {
        Self { max_file_size_bytes, archive: Limits::default() }
    }
}
