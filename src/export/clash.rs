//! Files of two wheels at one place: installed together, one would overwrite the other without a word.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::archive::{Limits, ZipError, read_zip};
use crate::blobs::Blobs;
use crate::model::StoredFile;

use super::check::wheel_facts;
use super::error::ExportError;

/// Folders that many wheels carry by mistake. Nothing imports them from an installed tree, so which one wins is no matter.
const STRAY_FOLDERS: &[&str] =
    &["benchmarks", "doc", "docs", "example", "examples", "scripts", "test", "tests", "tools"];

/// One file of a wheel: where it is installed, and what stands for its content.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InstalledFile {
    place: String,
    crc32: u32,
    size_bytes: u64,
}

/// Refuses wheels that install different files at one place.
///
/// Only wheels that share an importable name are opened, and of those only the directory: most bundles need no read at all.
pub(super) async fn check_clashes(files: &[StoredFile], blobs: &Blobs) -> Result<(), ExportError> {
    let mut listings = Vec::new();
    for stored in sharing_a_name(files)? {
        let digests = &stored.file.digests;
        let (file, size_bytes) = (blobs.as_file(&digests.sha256).await?, digests.size_bytes);
        let listed = tokio::task::spawn_blocking(move || list_installed(&file, size_bytes)).await?;
        let listed = listed?.ok_or(ExportError::BlobDamaged { sha256: digests.sha256 })?;
        listings.push((stored.file.filename.as_str(), listed));
    }
    find_clash(&listings).map_or(Ok(()), Err)
}

/// The wheels that provide an importable name which another one provides too.
fn sharing_a_name(files: &[StoredFile]) -> Result<Vec<&StoredFile>, ExportError> {
    let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for stored in files {
        for name in &wheel_facts(stored)?.top_level {
            if !seen.insert(name) {
                shared.insert(name);
            }
        }
    }
    let shares = |stored: &&StoredFile| {
        wheel_facts(stored).is_ok_and(|facts| facts.top_level.iter().any(|name| shared.contains(name)))
    };
    Ok(files.iter().filter(shares).collect())
}

/// Nothing when it is not the sound archive that was accepted.
fn list_installed(file: &std::fs::File, size_bytes: u64) -> io::Result<Option<Vec<InstalledFile>>> {
    let listing = match read_zip(file, size_bytes, &Limits::default()) {
        Ok(listing) => listing,
        Err(ZipError::Refused(_)) => return Ok(None),
        Err(ZipError::Io(error)) => return Err(error),
    };
    let files = listing.files().map(|entry| InstalledFile {
        place: place_of(entry.path.as_str()),
        crc32: entry.crc32,
        size_bytes: entry.uncompressed_bytes,
    });
    Ok(Some(files.collect()))
}

/// Where a member goes: `site/…` for what can be imported, else the name of its place (binary distribution format, "data").
fn place_of(path: &str) -> String {
    let spread = path.split_once('/').filter(|(folder, _)| folder.ends_with(".data"));
    match spread.and_then(|(_, rest)| rest.split_once('/')) {
        Some(("purelib" | "platlib", rest)) => format!("site/{rest}"),
        Some((place, rest)) => format!("{place}/{rest}"),
        None => format!("site/{path}"),
    }
}

/// The first place, by name, where two wheels differ. Equal files, such as the start of a namespace, clash with nothing.
fn find_clash(listings: &[(&str, Vec<InstalledFile>)]) -> Option<ExportError> {
    let mut owners: BTreeMap<&str, (&str, &InstalledFile)> = BTreeMap::new();
    let mut clashes = BTreeMap::new();
    for (filename, files) in listings {
        for file in files.iter().filter(|file| !is_stray(&file.place)) {
            let (owner, first) = *owners.entry(&file.place).or_insert((filename, file));
            if owner != *filename && first != file {
                clashes.entry(file.place.as_str()).or_insert((owner, *filename));
            }
        }
    }
    let (place, (one, other)) = clashes.into_iter().next()?;
    let path = place.split_once('/').map_or(place, |(_, path)| path);
    Some(ExportError::FileClash { path: path.to_owned(), one: one.to_owned(), other: other.to_owned() })
}

fn is_stray(place: &str) -> bool {
    let mut parts = place.split('/');
    parts.next() == Some("site") && parts.next().is_some_and(|folder| STRAY_FOLDERS.contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::Sample;

    fn file(path: &str, content: &str) -> InstalledFile {
        let bytes = content.as_bytes();
        InstalledFile { place: place_of(path), crc32: crc32fast::hash(bytes), size_bytes: bytes.len() as u64 }
    }

    fn clash(one: InstalledFile, other: InstalledFile) -> Option<String> {
        find_clash(&[("one.whl", vec![one]), ("other.whl", vec![other])]).map(|error| error.to_string())
    }

    #[test]
    fn ok_files_that_may_lie_together() {
        for (one, other) in [
            (file("a/x.py", "1"), file("a/y.py", "2")),
            (file("google/__init__.py", "same"), file("google/__init__.py", "same")),
            (file("tests/__init__.py", "1"), file("tests/__init__.py", "2")),
            (file("one-1.data/data/etc/x", "1"), file("etc/x", "2")),
        ] {
            assert_eq!(clash(one, other), None);
        }
    }

    #[test]
    fn err_files_of_which_one_would_be_lost() {
        for (one, other, path) in [
            (file("a/x.py", "1"), file("a/x.py", "2"), "a/x.py"),
            (file("a/x.py", "1"), file("other-1.data/purelib/a/x.py", "2"), "a/x.py"),
            (file("one-1.data/data/etc/x", "1"), file("other-1.data/data/etc/x", "2"), "etc/x"),
            (file("a/tests/x.py", "1"), file("a/tests/x.py", "2"), "a/tests/x.py"),
        ] {
            let text = format!("`one.whl` and `other.whl` both install `{path}`, with different content");
            assert_eq!(clash(one, other), Some(text));
        }
    }

    #[test]
    fn only_wheels_that_share_a_name_are_opened() {
        let wheel = |project: &str, name: &str| Sample::new(project, "1").top_level(name).stored();
        let files = [wheel("a", "google"), wheel("b", "b"), wheel("c", "google")];
        let shared: Vec<String> = sharing_a_name(&files).unwrap().iter().map(|s| s.file.project.to_string()).collect();
        assert_eq!(shared, ["a", "c"]);
    }
}
