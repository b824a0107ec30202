//! What of an answer has to be brought in, and what is here already. Pure.

use std::collections::BTreeMap;

use super::MirrorError;
use super::page::UpstreamFile;
use crate::model::{Sha256Digest, StoredFile};

/// What a pull will do, file by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files to download, by name.
    pub downloads: Vec<UpstreamFile>,
    /// Files that are here with the same bytes, by name, with their key in the index.
    pub present: Vec<(i64, UpstreamFile)>,
}

impl Plan {
    /// Announced lengths of the downloads added up, in bytes; unknown ones count as nothing.
    pub fn size_bytes(&self) -> u64 {
        self.downloads.iter().filter_map(|file| file.size_bytes).sum()
    }
}

/// Divides the files that are wanted by what is stored here under the same names.
///
/// Fails with [`MirrorError::Conflict`] if one is stored with other bytes: a published file never changes.
pub fn plan(wanted: Vec<UpstreamFile>, stored: &[StoredFile]) -> Result<Plan, MirrorError> {
    let stored: BTreeMap<&str, (i64, Sha256Digest)> =
        stored.iter().map(|found| (found.file.filename.as_str(), (found.id, found.file.digests.sha256))).collect();
    let mut plan = Plan::default();
    for file in wanted {
        match stored.get(file.filename.as_str()) {
            None => plan.downloads.push(file),
            Some((id, sha256)) if *sha256 == file.sha256 => plan.present.push((*id, file)),
            Some(_) => return Err(MirrorError::Conflict { filename: file.filename }),
        }
    }
    plan.downloads.sort_by(|one, other| one.filename.cmp(&other.filename));
    plan.present.sort_by(|(_, one), (_, other)| one.filename.cmp(&other.filename));
    Ok(plan)
}
