//! From a recipe and its lock to everything that decides the bundle's bytes. Pure.

use std::collections::HashMap;

use crate::model::{BundleRecipe, Lock, Sha256Digest, StoredFile};

use super::check::check_wheels;
use super::error::ExportError;
use super::layout::BundleLayout;
use super::manifest::Manifest;

/// A bundle before a byte of it was read.
pub(super) struct BundlePlan {
    /// The wheels, sorted by project.
    pub files: Vec<StoredFile>,
    /// Digest of the manifest.
    pub id: Sha256Digest,
    /// The manifest as it lies in the bundle.
    pub manifest: String,
    /// Where every byte comes from.
    pub layout: BundleLayout,
}

/// Checks the wheels of a lock and lays them out.
pub(super) fn plan_bundle(
    recipe: &BundleRecipe,
    lock: &Lock,
    files: Vec<StoredFile>,
) -> Result<BundlePlan, ExportError> {
    let files = match_files(lock, files)?;
    check_wheels(&files, &recipe.entry_point)?;
    let manifest = Manifest::new(&recipe.name, &recipe.entry_point, &recipe.target, lock, &files)?;
    let json = manifest.to_json()?;
    let id = Sha256Digest::of(json.as_bytes());
    let layout = BundleLayout::new(&json, lock, &files)?;
    Ok(BundlePlan { files, id, manifest: json, layout })
}

/// The files that the lock names, sorted by project; one that the index does not hold with those bytes is refused.
pub(super) fn match_files(lock: &Lock, files: Vec<StoredFile>) -> Result<Vec<StoredFile>, ExportError> {
    let mut by_name: HashMap<String, StoredFile> =
        files.into_iter().map(|stored| (stored.file.filename.clone(), stored)).collect();
    let mut matched = Vec::with_capacity(lock.files.len());
    for locked in &lock.files {
        match by_name.remove(&locked.filename) {
            Some(stored) if stored.file.digests.sha256 == locked.sha256 => matched.push(stored),
            _ => return Err(ExportError::FileMissing { filename: locked.filename.clone(), sha256: locked.sha256 }),
        }
    }
    matched.sort_by(|one, other| one.file.project.cmp(&other.file.project));
    Ok(matched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::{Sample, lock_of};
    use crate::model::Diagnostic as _;

    #[test]
    fn a_file_with_other_bytes_than_the_lock_names_is_missing() {
        let locked = Sample::new("demo", "1.0").content(b"one").stored();
        let published = Sample::new("demo", "1.0").content(b"other").stored();
        let error = match_files(&lock_of(&[locked]), vec![published]).unwrap_err();
        assert_eq!(error.code(), "export/file-missing");
    }
}
