//! The Python that starts a bundle on its host, embedded from `bootstrap/*.py`.

use sha2::Digest as _;

use crate::model::Sha256Digest;

/// One file of the bootstrap, as it lies in every bundle.
pub(super) struct BootstrapFile {
    /// Name in the archive.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

/// Embeds `bootstrap/<file>` under its name in the archive.
macro_rules! embedded {
    ($($name:literal from $file:literal),+ $(,)?) => {
        &[$(BootstrapFile { name: $name, bytes: include_bytes!(concat!("bootstrap/", $file)) }),+]
    };
}

/// Every file of the bootstrap in archive order: `__main__.py`, then the package sorted by name.
///
/// A table and not a directory listing, so that what goes onto hosts is read in one place; a test compares the two.
pub(super) const BOOTSTRAP: &[BootstrapFile] = embedded![
    "__main__.py" from "__main__.py",
    "_bootstrap/__init__.py" from "__init__.py",
    "_bootstrap/archive.py" from "archive.py",
    "_bootstrap/check.py" from "check.py",
    "_bootstrap/choose.py" from "choose.py",
    "_bootstrap/inside.py" from "inside.py",
    "_bootstrap/install.py" from "install.py",
    "_bootstrap/keep.py" from "keep.py",
    "_bootstrap/runner.py" from "runner.py",
    "_bootstrap/tags.py" from "tags.py",
    "_bootstrap/tools.py" from "tools.py",
    "_bootstrap/trust.py" from "trust.py",
    "_bootstrap/wheel.py" from "wheel.py",
];

/// Digest of the bootstrap: SHA-256 over each file's name, NUL, length in decimal, NUL and bytes, in archive order.
pub(super) fn bootstrap_sha256() -> Sha256Digest {
    let mut hasher = sha2::Sha256::new();
    for file in BOOTSTRAP {
        hasher.update(format!("{}\0{}\0", file.name, file.bytes.len()));
        hasher.update(file.bytes);
    }
    Sha256Digest::from_bytes(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_names_every_file_of_the_folder_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export/bootstrap");
        let mut there = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name == "__main__.py" {
                there.insert(name);
            } else if name.ends_with(".py") {
                there.insert(format!("_bootstrap/{name}"));
            }
        }
        let table: BTreeSet<String> = BOOTSTRAP.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(table, there);
    }

    #[test]
    fn the_start_file_comes_first_and_the_package_is_sorted() {
        assert_eq!(BOOTSTRAP[0].name, "__main__.py");
        assert!(BOOTSTRAP[1..].is_sorted_by(|one, other| one.name < other.name));
        assert!(BOOTSTRAP.iter().all(|file| !file.bytes.is_empty()));
    }
}
