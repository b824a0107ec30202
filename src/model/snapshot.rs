//! Snapshots: a channel's content at one serial, its digest, and the changes that make the next one.

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{Sha256Digest, Yank};

/// One file of a snapshot, as far as its digest covers it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotLine {
    /// File name.
    pub filename: String,
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
    /// Whether it is yanked there.
    pub is_yanked: bool,
    /// Digest of its METADATA, when that is served.
    pub metadata_sha256: Option<Sha256Digest>,
}

/// Digest of a snapshot: SHA-256 over its lines sorted by file name, the same on every server that holds the same content.
///
/// A line is `filename`, `sha256`, `yanked` or `-`, the metadata digest or `-`, separated by one space, ended by a newline.
/// File names hold no spaces (standards WHL-01), so no two contents share a text.
pub fn snapshot_digest(lines: &mut [SnapshotLine]) -> Sha256Digest {
    lines.sort();
    let mut hasher = sha2::Sha256::new();
    for line in lines {
        let yanked = if line.is_yanked { "yanked" } else { "-" };
        let metadata = line.metadata_sha256.map_or_else(|| "-".to_owned(), |digest| digest.to_hex());
        hasher.update(format!("{} {} {yanked} {metadata}\n", line.filename, line.sha256));
    }
    Sha256Digest::from_bytes(hasher.finalize().into())
}

/// One change of a channel's content; a set of them makes the next snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// The file becomes part of the channel, with this yank mark.
    Add {
        /// Key of the file in the index.
        file_id: i64,
        /// Its yank mark there.
        yank: Option<Yank>,
    },
    /// The file's yank mark becomes this one.
    Mark {
        /// Key of the file in the index.
        file_id: i64,
        /// Its new yank mark.
        yank: Option<Yank>,
    },
    /// The file is no longer part of the channel; its bytes and older snapshots stay.
    Remove {
        /// Key of the file in the index.
        file_id: i64,
    },
}

impl Change {
    /// Key of the file that it is about.
    pub fn file_id(&self) -> i64 {
        match self {
            Self::Add { file_id, .. } | Self::Mark { file_id, .. } | Self::Remove { file_id } => *file_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(filename: &str, is_yanked: bool) -> SnapshotLine {
        SnapshotLine { filename: filename.to_owned(), sha256: Sha256Digest::of(b"x"), is_yanked, metadata_sha256: None }
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_arrival() {
        let (mut one, mut other) = ([line("a", false), line("b", false)], [line("b", false), line("a", false)]);
        assert_eq!(snapshot_digest(&mut one), snapshot_digest(&mut other));
    }

    #[test]
    fn a_yank_changes_the_digest() {
        assert_ne!(snapshot_digest(&mut [line("a", false)]), snapshot_digest(&mut [line("a", true)]));
    }
}
