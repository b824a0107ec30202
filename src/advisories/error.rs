//! Why an import was refused. Nothing of a refused import stays.

use std::borrow::Cow;
use std::io;

use crate::blobs::BlobError;
use crate::index::IndexError;
use crate::model::{Diagnostic, Kind};

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// What was sent is neither JSON nor a zip of JSON files.
    #[error("the import cannot be read: {reason}")]
    Unreadable {
        /// What is wrong, with the place where it is known.
        reason: String,
    },
    /// More than a limit allows.
    #[error("{what}, {limit} is the most")]
    TooLarge {
        /// What there is too much of.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// One record is longer than a record may be.
    #[error("`{record}` has more than the {limit} bytes that are taken of one record")]
    RecordTooLarge {
        /// Its file in a zip, or its place among the others; safe to show.
        record: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The client went away.
    #[error("the body of the import ended too early")]
    Aborted(#[source] io::Error),
    /// What was sent could not be kept until it was read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// What was sent could not be read back.
    #[error("the import could not be read back")]
    ReadBack(#[source] io::Error),
    /// The index refused or failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Diagnostic for ImportError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "advisories/unreadable",
            Self::TooLarge { .. } | Self::RecordTooLarge { .. } => "advisories/too-large",
            Self::Aborted(_) => "advisories/aborted",
            Self::ReadBack(_) => "advisories/read-back-failed",
            Self::Blob(error) => error.code(),
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Unreadable { .. } | Self::Aborted(_) => Kind::Invalid,
            Self::TooLarge { .. } | Self::RecordTooLarge { .. } => Kind::TooLarge,
            Self::ReadBack(_) => Kind::Internal,
            Self::Blob(error) => error.kind(),
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unreadable { .. } => Some(
                "Send one OSV record, an array or lines of records, or the zip of an OSV export; nothing was imported."
                    .into(),
            ),
            Self::TooLarge { .. } => Some("Send it in parts.".into()),
            Self::RecordTooLarge { .. } => Some("Leave it out: no advisory is that long. Nothing was imported.".into()),
            Self::Aborted(_) | Self::ReadBack(_) => None,
            Self::Blob(error) => error.hint(),
            Self::Index(error) => error.hint(),
        }
    }
}
