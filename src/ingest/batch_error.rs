//! Why something that was asked of a batch was not done.

use std::borrow::Cow;

use crate::access::AccessError;
use crate::blobs::BlobError;
use crate::index::IndexError;
use crate::model::{BatchId, BatchState, Diagnostic, Finding, Kind};

use super::{BatchError, UploadError};

/// Why a request about a batch was refused.
#[derive(Debug, thiserror::Error)]
pub enum BatchRequestError {
    /// There is no such batch, or it is somebody else's, who is told the same.
    #[error("there is no such batch")]
    Unknown,
    /// It was committed, given up, or its time is over.
    #[error("the batch `{id}` takes no changes any more: it {}", ended_how(*.state))]
    Ended {
        /// Its id.
        id: BatchId,
        /// What became of it; an open one has expired.
        state: BatchState,
    },
    /// The batch has no file of this name.
    #[error("the batch has no file `{filename}`")]
    NoSuchFile {
        /// The name, safe to show.
        filename: String,
    },
    /// Bytes are missing before those that were sent.
    #[error("{size_bytes} bytes of `{filename}` are here; what was sent begins at {first_byte}")]
    OffsetAhead {
        /// The name, safe to show.
        filename: String,
        /// Bytes that are here.
        size_bytes: u64,
        /// Where the sent bytes were to begin.
        first_byte: u64,
    },
    /// What was sent is not the part of the file that it is said to be.
    #[error("the part of the file cannot be placed: {fault}")]
    RangeInvalid {
        /// What is wrong.
        fault: String,
    },
    /// Another request sends the same file now.
    #[error("another request has begun to send `{filename}`; this one was stopped")]
    TakenOver {
        /// The name, safe to show.
        filename: String,
    },
    /// What was sent is no archive that can be read to its end.
    #[error("the archive is refused: {}", findings.first().map_or("no reason was recorded", |finding| &finding.message))]
    ArchiveRefused {
        /// Everything that is wrong with it.
        findings: Vec<Finding>,
    },
    /// More in one request than is looked at.
    #[error("the request names {given}; at most {limit} are looked at in one")]
    TooMany {
        /// How many were named.
        given: usize,
        /// How many may be.
        limit: usize,
    },
    /// One file was refused, or could not be taken.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The batch could not be published.
    #[error(transparent)]
    Publish(#[from] BatchError),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The index refused or failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<AccessError> for BatchRequestError {
    fn from(error: AccessError) -> Self {
        Self::Upload(error.into())
    }
}

fn ended_how(state: BatchState) -> &'static str {
    match state {
        BatchState::Open => "has expired",
        BatchState::Committed => "was committed",
        BatchState::Abandoned => "was given up",
    }
}

impl Diagnostic for BatchRequestError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "batch/unknown",
            Self::Ended { .. } => "batch/ended",
            Self::NoSuchFile { .. } => "batch/file-unknown",
            Self::OffsetAhead { .. } => "batch/offset-ahead",
            Self::RangeInvalid { .. } => "batch/range-invalid",
            Self::TakenOver { .. } => "batch/put-taken-over",
            Self::ArchiveRefused { .. } => "batch/archive-refused",
            Self::TooMany { .. } => "batch/too-many",
            Self::Upload(error) => error.code(),
            Self::Publish(error) => error.code(),
            Self::Blob(error) => error.code(),
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Unknown | Self::NoSuchFile { .. } => Kind::NotFound,
            Self::Ended { .. } | Self::OffsetAhead { .. } | Self::TakenOver { .. } => Kind::Conflict,
            Self::RangeInvalid { .. } | Self::ArchiveRefused { .. } => Kind::Invalid,
            Self::TooMany { .. } => Kind::TooLarge,
            Self::Upload(error) => error.kind(),
            Self::Publish(error) => error.kind(),
            Self::Blob(error) => error.kind(),
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::Ended { .. } => "Open another batch.",
            Self::OffsetAhead { .. } => "Go on where `Upload-Offset` says, or begin anew at 0.",
            Self::RangeInvalid { .. } => "Send `Content-Range: bytes FIRST-LAST/TOTAL` with that many bytes.",
            Self::ArchiveRefused { .. } => "Send a tar, tar.gz, tar.zst or zip of wheels that is whole.",
            Self::TooMany { .. } => "Ask in several requests.",
            Self::Upload(error) => return error.hint(),
            Self::Publish(error) => return error.hint(),
            Self::Blob(error) => return error.hint(),
            Self::Index(error) => return error.hint(),
            _ => return None,
        };
        Some(text.into())
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::ArchiveRefused { findings } => findings,
            Self::Upload(error) => error.findings(),
            Self::Publish(error) => error.findings(),
            _ => &[],
        }
    }
}
