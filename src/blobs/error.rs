//! What can go wrong with stored bytes.

use std::borrow::Cow;
use std::io;

use crate::model::{Diagnostic, Kind, Sha256Digest};

/// Why a blob was not written, found or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A blob that something refers to is not there.
    #[error("the blob `sha256:{digest}` is not in the store")]
    Missing {
        /// Its digest.
        digest: Sha256Digest,
    },
    /// A blob's bytes have another digest than its name.
    #[error("the blob `sha256:{digest}` is damaged: its bytes have another digest")]
    Damaged {
        /// Its digest.
        digest: Sha256Digest,
    },
    /// A range reaches past the end of a blob.
    #[error("the blob `sha256:{digest}` has {size_bytes} bytes, not the {end} that the range asks for")]
    OutOfRange {
        /// Its digest.
        digest: Sha256Digest,
        /// Its length in bytes.
        size_bytes: u64,
        /// End of the range.
        end: u64,
    },
    /// A blob is longer than the caller is ready to hold in memory.
    #[error("the blob `sha256:{digest}` has {size_bytes} bytes, more than the {limit_bytes} that are read at once")]
    TooLarge {
        /// Its digest.
        digest: Sha256Digest,
        /// Its length in bytes.
        size_bytes: u64,
        /// Most that the caller takes.
        limit_bytes: u64,
    },
    /// No space, or no quota, is left.
    #[error("the blob store has no space left")]
    Full(#[source] io::Error),
    /// What is free is kept for the index and the operator.
    #[error(
        "{free_bytes} bytes are free on the disk; with {wanted_bytes} more, fewer would be left than the {floor_bytes} that \
         `min_free_bytes` keeps"
    )]
    NoRoom {
        /// Free bytes on the file system, as far as this process may use them.
        free_bytes: u64,
        /// Bytes that were to be written.
        wanted_bytes: u64,
        /// Bytes that are to stay free.
        floor_bytes: u64,
    },
    /// The operating system refused something else.
    #[error("the blob store could not {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The two directories that a blob is moved between lie on different file systems.
    #[error("`{pending}` and `{blobs}` are on different file systems; a blob could not be moved in one step")]
    OtherFileSystem {
        /// Directory of pending blobs.
        pending: String,
        /// Directory of finished ones.
        blobs: String,
    },
    /// The directory was written by a version of the server that this one does not know.
    #[error("`{path}` says layout `{found}`; this server reads layout `{known}`")]
    Layout {
        /// The file that says so.
        path: String,
        /// What it says, cut at 40 characters.
        found: String,
        /// What this server writes.
        known: &'static str,
    },
    /// A pending blob was used after an error or after its end.
    #[error("the pending blob is closed")]
    Closed,
}

impl BlobError {
    /// Sorts an error of the operating system: a full disk has its own status.
    pub fn io(action: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(source),
            _ => Self::Io { action, source },
        }
    }
}

impl Diagnostic for BlobError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "blobs/missing",
            Self::Damaged { .. } => "blobs/damaged",
            Self::OutOfRange { .. } => "blobs/out-of-range",
            Self::TooLarge { .. } => "blobs/too-large",
            Self::Full(_) => "blobs/storage-full",
            Self::NoRoom { .. } => "limit/free-space",
            Self::Io { .. } => "blobs/io",
            Self::OtherFileSystem { .. } => "blobs/other-file-system",
            Self::Layout { .. } => "blobs/layout-unknown",
            Self::Closed => "blobs/closed",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Full(_) | Self::NoRoom { .. } => Kind::StorageFull,
            _ => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Full(_) => Some("The operator has to free space in the data directory; then send it again.".into()),
            Self::NoRoom { .. } => Some(
                "The operator has to free space in the data directory, or lower `min_free_bytes`; then send it again."
                    .into(),
            ),
            Self::OtherFileSystem { .. } => Some("Keep the whole data directory on one file system.".into()),
            Self::Layout { .. } => Some("Start the version of the server that wrote this data directory.".into()),
            _ => None,
        }
    }
}
