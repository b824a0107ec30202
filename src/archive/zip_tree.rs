//! The tree that the names of an archive make: no name is a file and a folder, and none is mixed up with another one.

use super::paths::ArchivePath;
use super::zip_faults::{CASE, Faults, TREE, ZipFault};
use super::zip_read::ZipEntry;

/// A name under some key; folders are only those that have an entry of their own.
struct Name<'a> {
    key: String,
    path: &'a ArchivePath,
    is_dir: bool,
}

/// Judges all names together.
///
/// Sorted by segments, a name stands right before the names below it, so that neighbours tell everything: the effort
/// grows with the length of the names, however deep they are.
pub(super) fn check_tree(entries: &[ZipEntry], faults: &mut Faults) {
    let mut names: Vec<Name> = entries
        .iter()
        .map(|entry| Name { key: entry.path.as_str().to_owned(), path: &entry.path, is_dir: entry.is_dir })
        .collect();
    for (one, other) in neighbours(&mut names) {
        let is_same = one.key == other.key && one.is_dir != other.is_dir;
        if is_same || (!one.is_dir && is_below(&other.key, &one.key)) {
            faults.push(ZipFault::at(TREE, one.key.as_bytes(), "the name is a file and a folder"));
        }
    }
    for name in &mut names {
        name.key = name.path.collision_key();
    }
    for (one, other) in neighbours(&mut names) {
        let (first, second) = (one.path.as_str(), other.path.as_str());
        if one.key == other.key && first != second && !(one.is_dir && other.is_dir) {
            let message = format!("on some file systems it is the same file as `{first}`");
            faults.note(ZipFault::at(CASE, second.as_bytes(), message));
        } else if !one.is_dir && is_below(&other.key, &one.key) && !is_below(second, first) {
            let message = format!("on some file systems it is the folder of `{second}`");
            faults.note(ZipFault::at(CASE, first.as_bytes(), message));
        }
    }
}

/// Each name with the one after it, in the order of their segments.
fn neighbours<'a, 'b>(names: &'b mut [Name<'a>]) -> impl Iterator<Item = (&'b Name<'a>, &'b Name<'a>)> {
    names.sort_by(|one, other| one.key.split('/').cmp(other.key.split('/')).then_with(|| one.path.cmp(other.path)));
    names.windows(2).map(|pair| (&pair[0], &pair[1]))
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::super::zip_read::Method;
    use super::*;

    fn judge(names: &[&str]) -> Vec<(&'static str, Option<String>)> {
        let entry = |name: &&str| ZipEntry {
            path: ArchivePath::parse(name.as_bytes()).unwrap(),
            method: Method::Stored,
            crc32: 0,
            compressed_bytes: 0,
            uncompressed_bytes: 0,
            data_offset: 0,
            is_dir: name.ends_with('/'),
            is_executable: false,
        };
        let mut faults = Faults::new(50);
        check_tree(&names.iter().map(entry).collect::<Vec<_>>(), &mut faults);
        let found = match faults.into_notes() {
            Ok(notes) => notes,
            Err(super::super::ZipError::Refused(faults)) => faults,
            Err(error) => panic!("{error}"),
        };
        found.into_iter().map(|fault| (fault.rule, fault.entry)).collect()
    }

    #[test]
    fn ok_trees() {
        for names in [
            &["a", "b/c", "b/d"][..],
            &["a/", "a/b"],
            &["a", "ab", "a.b", "a-b/c"],
            &["a/b", "a/c/", "a/c/d"],
            &["A/x", "a/y"],
            &["A/", "a/"],
        ] {
            assert_eq!(judge(names), [], "{names:?}");
        }
    }

    #[test]
    fn err_trees() {
        for (names, rule, name) in [
            (&["pkg", "pkg/x"][..], "ZIP-TREE", "pkg"),
            (&["pkg/x", "pkg-1", "pkg"], "ZIP-TREE", "pkg"),
            (&["pkg/", "pkg"], "ZIP-TREE", "pkg"),
            (&["a/b/c", "a/b"], "ZIP-TREE", "a/b"),
            (&["a/A.py", "a/a.py"], "ZIP-CASE", "a/a.py"),
            (&["café", "cafe\u{301}"], "ZIP-CASE", "café"),
            (&["PKG", "pkg/x"], "ZIP-CASE", "PKG"),
            (&["a/B/c", "A/b"], "ZIP-CASE", "A/b"),
            (&["A/", "a"], "ZIP-CASE", "a"),
        ] {
            assert_eq!(judge(names), [(rule, Some(name.to_owned()))], "{names:?}");
        }
    }
}
