//! Paths inside archives: relative, plain, and the same on every system that unpacks them.

use std::fmt;

/// A path that stays below the folder it is unpacked into, on Linux, macOS and Windows alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchivePath(String);

/// Longest path, in bytes: what Linux takes in one call.
pub const MAX_PATH_BYTES: usize = 4096;

/// Longest segment, in bytes: what common file systems take as a name.
pub const MAX_SEGMENT_BYTES: usize = 255;

/// Why a name is no safe path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing there.
    #[error("the name is empty")]
    Empty,
    /// Over [`MAX_PATH_BYTES`], or a segment over [`MAX_SEGMENT_BYTES`].
    #[error("the name or a part of it is too long")]
    TooLong,
    /// Not UTF-8.
    #[error("the name is not UTF-8")]
    NotUtf8,
    /// Backslash, colon, or a control, format or private-use character.
    #[error("the name holds {0:?}")]
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
        let _ = name;
        todo!("the next commit reads it")
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

    /// A key under which two paths are equal if a case-insensitive or normalizing file system mixes them up.
    pub fn collision_key(&self) -> String {
        todo!("the next commit computes it")
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
