//! Paths inside archives: relative, plain, and the same on every system that unpacks them.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

/// A path that stays below the folder it is unpacked into, on Linux, macOS and Windows alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchivePath(String);

/// Longest path, in bytes: what Linux takes in one call.
pub const MAX_PATH_BYTES: usize = 4096;

/// Longest segment, in bytes: what common file systems take as a name.
pub const MAX_SEGMENT_BYTES: usize = 255;

/// Most segments: pip and uv walk folders by recursion, and the deepest real wheels have under 30.
pub const MAX_SEGMENTS: usize = 100;

/// Why a name is no safe path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing there.
    #[error("the name is empty")]
    Empty,
    /// Over `MAX_PATH_BYTES`, or a segment over `MAX_SEGMENT_BYTES`.
    #[error("the name or a part of it is too long")]
    TooLong,
    /// Over `MAX_SEGMENTS`.
    #[error("the name lies in more folders than installers can follow")]
    TooDeep,
    /// Not UTF-8.
    #[error("the name is not UTF-8")]
    NotUtf8,
    /// Backslash, colon, or a control, format or private-use character.
    #[error("the name holds the character {0:?}")]
    Character(char),
    /// Starts with `/`, or has an empty segment, `.` or `..`.
    #[error("the name is not a plain relative path")]
    NotRelative,
    /// A segment ends in a space or dot, which Windows drops.
    #[error("a part of the name ends in a space or dot, which Windows drops")]
    TrailingSpaceOrDot,
    /// A device of Windows, such as `aux`.
    #[error("a part of the name is a device of Windows")]
    DeviceName,
}

impl ArchivePath {
    /// Judges a name as it stands in an archive; one trailing `/` marks a folder and is dropped.
    pub fn parse(name: &[u8]) -> Result<Self, PathError> {
        if name.is_empty() {
            return Err(PathError::Empty);
        }
        if name.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        let name = std::str::from_utf8(name).map_err(|_| PathError::NotUtf8)?;
        if let Some(character) = name.chars().find(|c| is_forbidden(*c)) {
            return Err(PathError::Character(character));
        }
        let name = name.strip_suffix('/').unwrap_or(name);
        if name.split('/').nth(MAX_SEGMENTS).is_some() {
            return Err(PathError::TooDeep);
        }
        name.split('/').try_for_each(check_segment)?;
        Ok(Self(name.to_owned()))
    }

    /// The path, `/` between segments, none at the ends.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, at least one.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.segments().next_back().unwrap_or(&self.0)
    }

    /// The folders it lies in, outermost first: `a` and `a/b` for `a/b/c`.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }

    /// A key under which two paths are equal if a case-insensitive or normalizing file system mixes them up.
    pub fn collision_key(&self) -> String {
        if self.0.is_ascii() {
            return self.0.to_ascii_lowercase();
        }
        // Upper case first folds letters that have no single lower case, such as the sharp s.
        self.0.to_uppercase().to_lowercase().nfc().collect()
    }
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    if matches!(segment, "" | "." | "..") {
        return Err(PathError::NotRelative);
    }
    if segment.len() > MAX_SEGMENT_BYTES {
        return Err(PathError::TooLong);
    }
    if segment.ends_with([' ', '.']) {
        return Err(PathError::TrailingSpaceOrDot);
    }
    // Windows drops spaces before the dot, too, and counts superscript digits.
    let stem = segment.split('.').next().unwrap_or(segment).trim_end_matches(' ').to_ascii_lowercase();
    let is_number =
        |text: &str| text.len() == 1 && text.as_bytes()[0].is_ascii_digit() || matches!(text, "¹" | "²" | "³");
    let is_numbered = |device: &str| stem.strip_prefix(device).is_some_and(is_number);
    let is_named = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$");
    if is_named || is_numbered("com") || is_numbered("lpt") {
        return Err(PathError::DeviceName);
    }
    Ok(())
}

/// Characters that separate, hide or reorder what a person reads, or that a file system takes for something else.
///
/// Backslash separates and colon names a stream on Windows; the ranges are Unicode's categories Cc, Cf, Co, Zl and Zp.
fn is_forbidden(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '\\' | ':') || c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

impl FromStr for ArchivePath {
    type Err = PathError;

    fn from_str(name: &str) -> Result<Self, PathError> {
        Self::parse(name.as_bytes())
    }
}

impl AsRef<str> for ArchivePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchivePath({})", self.0)
    }
}

/// A name from an archive as it may be shown: cut, and nothing in it that moves a cursor or reorders a line.
pub(super) fn shown(name: &[u8]) -> String {
    const MAX_SHOWN_CHARS: usize = 120;
    let text = String::from_utf8_lossy(&name[..name.len().min(4 * MAX_SHOWN_CHARS)]);
    let mut shown: String = text
        .chars()
        .take(MAX_SHOWN_CHARS)
        .map(|c| if is_forbidden(c) && !matches!(c, '\\' | ':') { '\u{fffd}' } else { c })
        .collect();
    if name.len() > shown.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_paths() {
        for (name, path) in [
            ("a.py", "a.py"),
            ("pkg/mod.py", "pkg/mod.py"),
            ("pkg/", "pkg"),
            ("pkg/数据.py", "pkg/数据.py"),
            ("pkg/بي.txt", "pkg/بي.txt"),
            ("pkg/🌈.txt", "pkg/🌈.txt"),
            ("pkg/a,\"b\".txt", "pkg/a,\"b\".txt"),
            ("..hidden/...x", "..hidden/...x"),
            ("console/com10.py", "console/com10.py"),
            (" a/b", " a/b"),
        ] {
            assert_eq!(ArchivePath::parse(name.as_bytes()).unwrap().as_str(), path);
        }
    }

    #[test]
    fn err_paths() {
        let long_segment = "a".repeat(256);
        let long = "a/".repeat(2049);
        let deep = "a/".repeat(MAX_SEGMENTS) + "b";
        let rows: [(&[u8], PathError); 35] = [
            (deep.as_bytes(), PathError::TooDeep),
            (b"", PathError::Empty),
            (b"../x.py", PathError::NotRelative),
            (b"a/b/../../../x.py", PathError::NotRelative),
            (b"a/../b.py", PathError::NotRelative),
            (b"/tmp/x.py", PathError::NotRelative),
            (b"//host/share/x.py", PathError::NotRelative),
            (b"./a.py", PathError::NotRelative),
            (b"a//b.py", PathError::NotRelative),
            (b"a//", PathError::NotRelative),
            (b"/", PathError::NotRelative),
            (b"..", PathError::NotRelative),
            (b"a/.", PathError::NotRelative),
            (b"C:/x.py", PathError::Character(':')),
            (b"a.py:stream", PathError::Character(':')),
            (b"..\\..\\x.py", PathError::Character('\\')),
            (b"a\nb.py", PathError::Character('\n')),
            (b"evil.py\0.txt", PathError::Character('\0')),
            (b"a\x7fb", PathError::Character('\x7f')),
            ("a\u{85}b".as_bytes(), PathError::Character('\u{85}')),
            ("a\u{202e}yp.txt".as_bytes(), PathError::Character('\u{202e}')),
            ("a\u{200d}b".as_bytes(), PathError::Character('\u{200d}')),
            ("a\u{2028}b".as_bytes(), PathError::Character('\u{2028}')),
            ("a\u{e000}b".as_bytes(), PathError::Character('\u{e000}')),
            (b"caf\xe9.py", PathError::NotUtf8),
            (b"\xed\xa0\x80", PathError::NotUtf8),
            (b"a /b.py", PathError::TrailingSpaceOrDot),
            (b"a./b.py", PathError::TrailingSpaceOrDot),
            (b"aux.py", PathError::DeviceName),
            (b"pkg/COM1", PathError::DeviceName),
            ("com\u{b9}.py".as_bytes(), PathError::DeviceName),
            (b"nul .txt", PathError::DeviceName),
            (b"CONIN$", PathError::DeviceName),
            (long_segment.as_bytes(), PathError::TooLong),
            (long.as_bytes(), PathError::TooLong),
        ];
        for (name, error) in rows {
            assert_eq!(ArchivePath::parse(name).unwrap_err(), error, "{:?}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn ok_names_that_file_systems_mix_up_share_a_key() {
        let key = |name: &str| ArchivePath::from_str(name).unwrap().collision_key();
        for (one, other) in [("pkg/A.py", "pkg/a.py"), ("café", "cafe\u{301}"), ("straße", "STRASSE"), ("Σ", "ς")] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_ne!(key("a"), key("b"));
    }

    #[test]
    fn ok_parts_of_a_path() {
        let path = ArchivePath::from_str("a/b/c.py").unwrap();
        assert_eq!(path.parents().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(path.file_name(), "c.py");
        assert_eq!(path.segments().count(), 3);
    }

    proptest! {
        #[test]
        fn any_name_is_judged_and_a_safe_one_stays_as_it_is(name in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(path) = ArchivePath::parse(&name) {
                prop_assert!(!path.as_str().starts_with('/'));
                prop_assert!(path.segments().all(|s| s != ".." && !s.is_empty()));
                prop_assert_eq!(ArchivePath::parse(path.as_str().as_bytes()).unwrap(), path);
            }
            let _ = shown(&name);
        }
    }
}
