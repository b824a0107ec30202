//! What one upload may cost, checked before memory or disk is spent.

use crate::archive::Limits;

/// Most findings that are reported of one file: enough to repair it, and an answer that still fits a screen or two.
pub const MAX_FINDINGS: usize = 100;

/// Largest `WHEEL` and `entry_points.txt`, in bytes; real ones have a few hundred and are held in memory whole.
pub const MAX_SMALL_FILE_BYTES: u64 = 1 << 20;

/// Most fields of an upload form. Large projects send some hundred classifiers and requirements (standards UPL-02).
pub const MAX_FORM_FIELDS: usize = 4096;

/// Texts of an upload form that are not descriptions may have this part of what a description may: a description may hold a
/// whole change log (standards UPL-02).
const DESCRIPTION_SHARE: usize = 10;

/// All texts of one form together may have as much as this many fields: twice the longest description and room for the rest.
const FORM_SHARE: usize = 24;

/// Limits of one upload. Each is a setting; refusals name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// Largest file, in bytes: `max_file_size_bytes`.
    pub max_file_size_bytes: u64,
    /// Days after which a release takes no new files: `release_closes_after_days`; 0 is never.
    pub release_closes_after_days: u32,
    /// Longest text field of a form, in bytes: `max_form_field_bytes`.
    pub max_form_field_bytes: usize,
    /// What the archive inside may cost.
    pub archive: Limits,
}

impl IngestLimits {
    /// The usual limits, with this largest file; releases stay open.
    pub fn new(max_file_size_bytes: u64) -> Self {
        Self {
            max_file_size_bytes,
            release_closes_after_days: 0,
            max_form_field_bytes: 1 << 20,
            archive: Limits::default(),
        }
    }

    /// With other limits on what an archive unpacks to; one file in it may have half of all bytes.
    #[must_use]
    pub fn unpacking(mut self, max_entries: usize, max_total_bytes: u64, max_ratio: u64) -> Self {
        let max_entry_bytes = max_total_bytes / 2;
        self.archive = Limits { max_entries, max_entry_bytes, max_total_bytes, max_ratio, ..self.archive };
        self
    }

    /// Longest text field of this name, in bytes.
    pub fn max_field_bytes(&self, name: &str) -> usize {
        match name {
            "description" => self.max_form_field_bytes.saturating_mul(DESCRIPTION_SHARE),
            _ => self.max_form_field_bytes,
        }
    }

    /// All text fields of one form together, in bytes.
    pub fn max_form_bytes(&self) -> usize {
        self.max_form_field_bytes.saturating_mul(FORM_SHARE)
    }
}
