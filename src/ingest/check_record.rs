//! RECORD against the archive: every file listed once, with its digest and length (standards REC-01, REC-02). Pure.

use std::collections::{HashMap, HashSet};

use sha2::Digest as _;

use super::check_dist_info::DistInfo;
use super::findings::Findings;
use crate::archive::ZipListing;
use crate::model::Finding;
use crate::packaging::{HashAlgorithm, RecordEntry, RecordFile, parse_record, shown};

/// RECORD, ready to be asked about single paths.
pub(super) struct Record {
    /// Path of RECORD itself.
    path: String,
    rows: HashMap<String, RecordEntry>,
    /// Rows in the order of the file, for messages in a stable order.
    order: Vec<String>,
    /// Files that need no row and no digest: RECORD and its signatures.
    exempt: [String; 3],
}

impl Record {
    /// Reads it; `None`, with findings, if it is absent or not readable.
    pub(super) fn read(dist_info: &DistInfo, findings: &mut Findings) -> Option<Self> {
        let path = dist_info.path("RECORD");
        let exempt = [path.clone(), dist_info.path("RECORD.jws"), dist_info.path("RECORD.p7s")];
        let RecordFile { entries, faults } = match parse_record(dist_info.record.as_deref()?, &dist_info.folder) {
            Ok(record) => record,
            Err(faults) => {
                findings.add_strict_faults(&path, faults);
                return None;
            }
        };
        findings.add_strict_faults(&path, faults);
        for entry in entries.iter().filter(|entry| !entry.is_plain) {
            let listed = shown(&entry.path);
            let text = format!("`{path}` lists `{listed}` in another form, with backslashes or `./`");
            findings.add_strict(Finding::refuse("REC-04", "record-invalid", text).at(listed));
        }
        let order = entries.iter().map(|entry| entry.path.clone()).collect();
        let rows = entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        Some(Self { path, rows, order, exempt })
    }

    /// What it says about a path.
    pub(super) fn row_of(&self, path: &str) -> Option<&RecordEntry> {
        self.rows.get(path)
    }

    /// Compares one member with its row.
    pub(super) fn check_member(&self, path: &str, size_bytes: u64, hasher: MemberHasher, findings: &mut Findings) {
        if self.exempt.iter().any(|exempt| exempt == path) {
            return;
        }
        let Some(row) = self.rows.get(path) else {
            let text = format!("the archive holds `{path}`, but `{}` does not list it", self.path);
            return findings.add_strict(Finding::refuse("REC-01", "record-mismatch", text).at(path));
        };
        if let Some(listed) = row.size_bytes.filter(|listed| *listed != size_bytes) {
            let text = format!("`{path}` has {size_bytes} bytes, but `{}` says {listed}", self.path);
            findings.add_strict(Finding::refuse("REC-02", "record-mismatch", text).at(path));
        }
        if row.hash.as_ref().is_some_and(|hash| hasher.finish() != hash.digest) {
            let text = format!("the digest of `{path}` is not the one that `{}` lists", self.path);
            findings.add_strict(Finding::refuse("REC-02", "record-mismatch", text).at(path));
        }
    }

    /// Finds rows without a file.
    pub(super) fn check_rows(&self, listing: &ZipListing, findings: &mut Findings) {
        let files: HashSet<&str> = listing.files().map(|entry| entry.path.as_str()).collect();
        let is_lost = |path: &&String| !files.contains(path.as_str()) && !self.exempt.contains(path);
        for path in self.order.iter().filter(is_lost) {
            let path = shown(path);
            let text = format!("`{}` lists `{path}`, but the archive has no such file", self.path);
            findings.add_strict(Finding::refuse("REC-01", "record-mismatch", text).at(path));
        }
    }
}

/// Hashes a member the way its row asks for; not at all when there is nothing to compare with.
pub(super) enum MemberHasher {
    Nothing,
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl MemberHasher {
    pub(super) fn for_row(row: Option<&RecordEntry>) -> Self {
        match row.and_then(|row| row.hash.as_ref()).map(|hash| hash.algorithm) {
            None => Self::Nothing,
            Some(HashAlgorithm::Sha256) => Self::Sha256(sha2::Sha256::new()),
            Some(HashAlgorithm::Sha384) => Self::Sha384(sha2::Sha384::new()),
            Some(HashAlgorithm::Sha512) => Self::Sha512(sha2::Sha512::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Nothing => {}
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}
