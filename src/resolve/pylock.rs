//! A lock in the form that installers read: `pylock.toml` (standards LCK-01 to LCK-07).

use crate::model::{Lock, LockedFile};
use crate::packaging::{Pylock, PylockError, PylockFile, PylockPackage};

/// Name of the tool that wrote the lock, normalized as a project name.
const CREATED_BY: &str = "ferrywheel";

/// The bytes of `pylock.toml` for a lock; equal locks give equal bytes.
///
/// `index_url` is the simple index that the files came from, `file_url` the address of each.
pub fn render_pylock(
    lock: &Lock,
    index_url: &str,
    file_url: impl Fn(&LockedFile) -> String,
) -> Result<String, PylockError> {
    let packages = lock.files.iter().map(|file| package(file, index_url, file_url(file))).collect();
    let lock = Pylock { created_by: CREATED_BY.to_owned(), requires_python: None, environments: Vec::new(), packages };
    crate::packaging::render_pylock(&lock)
}

fn package(file: &LockedFile, index_url: &str, url: String) -> PylockPackage {
    let wheel = PylockFile {
        name: file.filename.clone(),
        url: Some(url),
        path: None,
        size_bytes: Some(file.size_bytes),
        uploaded_at: Some(file.uploaded_at),
        sha256: file.sha256.to_hex(),
    };
    PylockPackage {
        name: file.project.clone(),
        version: file.version.clone(),
        marker: None,
        requires_python: file.requires_python.clone(),
        index: Some(index_url.to_owned()),
        dependencies: file.dependencies.clone(),
        wheels: vec![wheel],
        sdist: None,
    }
}
