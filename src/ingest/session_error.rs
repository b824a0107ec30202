//! Why something that was asked of an upload session was not done.

use std::borrow::Cow;

use crate::access::AccessError;
use crate::blobs::BlobError;
use crate::index::IndexError;
use crate::model::{Diagnostic, FileState, Finding, Kind, SessionState, SessionToken};
use crate::packaging::{NameError, ProjectName, Version, VersionError};

use super::{BatchError, UploadError};

/// Why a request about an upload session was refused.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no such session, or it ended long ago.
    #[error("there is no such upload session")]
    Unknown,
    /// The session has no such file.
    #[error("the upload session has no such file")]
    FileUnknown,
    /// Names no project.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Names no version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A session for this release is open.
    #[error("there is an upload session for `{project}` {version} already, opened by `{by}`")]
    Exists {
        /// Its token.
        token: SessionToken,
        /// The project.
        project: ProjectName,
        /// The version.
        version: Version,
        /// Who began it.
        by: String,
    },
    /// The session is in a state in which this is not possible.
    #[error("the upload session is {state}: {wish} is not possible")]
    State {
        /// The state.
        state: SessionState,
        /// What was wished for, as a noun.
        wish: &'static str,
    },
    /// The file is in a state in which this is not possible.
    #[error("`{filename}` is {state}: {wish} is not possible")]
    FileInState {
        /// The file.
        filename: String,
        /// The state.
        state: FileState,
        /// What was wished for, as a noun.
        wish: &'static str,
    },
    /// The name of the file is none, or of another release.
    #[error("`{filename}` cannot be part of this session: {fault}")]
    FileName {
        /// The name, safe to show.
        filename: String,
        /// What is wrong.
        fault: String,
    },
    /// A file of this name is published.
    #[error("`{filename}` is published already: {fault}")]
    Published {
        /// The name.
        filename: String,
        /// What is there.
        fault: &'static str,
    },
    /// The announced digests cannot be used.
    #[error("`hashes` cannot be used: {fault}")]
    Hashes {
        /// What is wrong.
        fault: String,
    },
    /// A way to send bytes that is not offered.
    #[error("the mechanism `{mechanism}` is not offered; `http-post-bytes` is")]
    Mechanism {
        /// What was asked for, safe to show.
        mechanism: String,
    },
    /// The announced length is not that of what arrived.
    #[error("`{filename}` was announced with {announced} bytes, {arrived} arrived")]
    SizeDiffers {
        /// The file.
        filename: String,
        /// Announced length in bytes.
        announced: u64,
        /// What arrived, up to the first byte too many.
        arrived: u64,
    },
    /// A file was to be completed that has not arrived.
    #[error("no bytes of `{filename}` have arrived")]
    NoBytes {
        /// The file.
        filename: String,
    },
    /// A file was to be completed that was refused when it arrived.
    #[error("`{filename}` was refused when it arrived: {reason}")]
    Refused {
        /// The file.
        filename: String,
        /// What was said then.
        reason: String,
    },
    /// What is no list of attestations.
    #[error("the attestations cannot be used: {fault}")]
    Attestations {
        /// What is wrong.
        fault: String,
    },
    /// Files are not completed, so nothing is published.
    #[error("nothing is published: {}", findings.first().map_or("no reason was recorded", |finding| &finding.message))]
    NotReady {
        /// One for each file that is not completed.
        findings: Vec<Finding>,
    },
    /// Files cannot be published, so none is.
    #[error("nothing is published: {}", findings.first().map_or("no reason was recorded", |finding| &finding.message))]
    NotPublished {
        /// One for each refused file.
        findings: Vec<Finding>,
    },
    /// The project is inside a namespace of somebody else, so the session is none of the sender's business.
    #[error(transparent)]
    Foreign(UploadError),
    /// One file was refused or could not be taken, or the sender may not upload.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The index refused or failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<AccessError> for SessionError {
    fn from(error: AccessError) -> Self {
        Self::Upload(error.into())
    }
}

impl From<BatchError> for SessionError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Refused { findings, .. } => Self::NotPublished { findings },
            BatchError::Upload(error) => Self::Upload(error),
        }
    }
}

impl Diagnostic for SessionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "upload/session-unknown",
            Self::FileUnknown => "upload/file-unknown",
            Self::Name(_) => "upload/name-invalid",
            Self::Version(_) => "upload/version-invalid",
            Self::Exists { .. } => "upload/session-exists",
            Self::State { .. } => "upload/session-state",
            Self::FileInState { .. } => "upload/file-state",
            Self::FileName { .. } => "upload/file-name",
            Self::Published { .. } => "upload/file-published",
            Self::Hashes { .. } => "upload/hashes-invalid",
            Self::Mechanism { .. } => "upload/mechanism-unknown",
            Self::SizeDiffers { .. } => "upload/size-differs",
            Self::NoBytes { .. } => "upload/no-bytes",
            Self::Refused { .. } => "upload/file-refused",
            Self::Attestations { .. } => "upload/attestations-invalid",
            Self::NotReady { .. } => "upload/not-completed",
            Self::NotPublished { .. } => "upload/not-published",
            Self::Foreign(error) | Self::Upload(error) => error.code(),
            Self::Blob(error) => error.code(),
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Unknown | Self::FileUnknown => Kind::NotFound,
            Self::Exists { .. }
            | Self::State { .. }
            | Self::FileInState { .. }
            | Self::Published { .. }
            | Self::NotReady { .. }
            | Self::NotPublished { .. } => Kind::Conflict,
            Self::Mechanism { .. } => Kind::Unprocessable,
            Self::Name(_)
            | Self::Version(_)
            | Self::FileName { .. }
            | Self::Hashes { .. }
            | Self::SizeDiffers { .. }
            | Self::NoBytes { .. }
            | Self::Refused { .. }
            | Self::Attestations { .. } => Kind::Invalid,
            // PEP 694: whoever may not upload to the project is told just that, by 403.
            Self::Foreign(_) => Kind::Forbidden,
            Self::Upload(error) => error.kind(),
            Self::Blob(error) => error.kind(),
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::Exists { .. } => "Go on with that session, whose URL is in `Location`, or cancel it.",
            Self::State { state, .. } if state.is_terminal() => "Begin another session.",
            Self::FileInState { state: FileState::Error | FileState::Completed, .. } => {
                "Delete the file and begin it anew."
            }
            Self::FileInState { state: FileState::Canceled, .. } => "Begin the file anew.",
            Self::Published { .. } => "Give the release a new version, or the wheel a build number.",
            Self::Hashes { .. } => "Send `sha256`, as 64 hexadecimal digits.",
            Self::SizeDiffers { .. } => "Send the file again, or delete it and announce its true length.",
            Self::NoBytes { .. } | Self::Refused { .. } => "Delete the file, begin it anew and send its bytes.",
            Self::NotReady { .. } => "Complete or delete these files, and publish again.",
            Self::NotPublished { .. } => "Delete or replace these files, and publish again.",
            Self::Foreign(error) | Self::Upload(error) => return error.hint(),
            Self::Blob(error) => return error.hint(),
            Self::Index(error) => return error.hint(),
            _ => return None,
        };
        Some(text.into())
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::NotReady { findings } | Self::NotPublished { findings } => findings,
            Self::Foreign(error) | Self::Upload(error) => error.findings(),
            _ => &[],
        }
    }
}
