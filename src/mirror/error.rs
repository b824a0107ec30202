//! Why nothing could be pulled, and what to do about it.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::index::IndexError;
use crate::ingest::UploadError;
use crate::model::{Diagnostic, Finding, Kind};
use crate::resolve::ResolveError;

/// A cause that is told in the log, not in the sentence.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a pull stopped. What came in before it stays, and the next pull goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// No setting names an upstream, and no client could be asked for its own.
    #[error("no upstream index is known: no setting of pip or uv names one, and neither program could be asked")]
    NoUpstream,
    /// A setting cannot be used.
    #[error("{place} sets `{setting}` to something that cannot be used: {reason}")]
    Setting {
        /// Where it was found: a variable, a file, a program.
        place: String,
        /// Name of the setting.
        setting: &'static str,
        /// What is wrong with it; never repeats a password.
        reason: String,
    },
    /// Upstream did not answer, or not to the end, however often it was asked.
    #[error("the upstream index did not answer: `{url}`: {reason}")]
    Unreachable {
        /// What was asked for, without credentials.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// Upstream answered with a status that is no success.
    #[error("the upstream index answered {status} to `{url}`")]
    Status {
        /// What was asked for, without credentials.
        url: String,
        /// The status.
        status: u16,
    },
    /// An answer is not what the protocol says.
    #[error("the upstream index answered `{url}` with something that is not usable: {reason}")]
    Answer {
        /// What was asked for, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that arrived is not the one that upstream announced.
    #[error("`{filename}` arrived from upstream damaged or changed: {reason}")]
    Damaged {
        /// File name.
        filename: String,
        /// What differs.
        reason: String,
    },
    /// A file of this name is here already, with other bytes.
    #[error("`{filename}` is published here with other bytes than upstream has")]
    Conflict {
        /// File name.
        filename: String,
    },
    /// A file was not taken.
    #[error("`{filename}` was not taken")]
    NotTaken {
        /// File name.
        filename: String,
        /// Why.
        #[source]
        cause: UploadError,
    },
    /// The requirements have no answer there.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The index of this server did not answer.
    #[error("the index did not answer")]
    Index(#[from] IndexError),
    /// A directory or file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Directory {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A directory that should hold wheels holds none.
    #[error("`{}` holds no wheel that can be used", path.display())]
    NoWheels {
        /// The directory.
        path: PathBuf,
    },
    /// What happened to an earlier request for the same thing.
    #[error(transparent)]
    Earlier(#[from] Arc<MirrorError>),
    /// A thread or program of ours was lost.
    #[error("the pull stopped without an answer")]
    Lost,
}

impl MirrorError {
    /// Whether the same request may succeed a moment later.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Damaged { .. })
    }
}

impl Diagnostic for MirrorError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoUpstream => "mirror/no-upstream",
            Self::Setting { .. } => "mirror/setting-invalid",
            Self::Unreachable { .. } => "mirror/unreachable",
            Self::Status { .. } => "mirror/status",
            Self::Answer { .. } => "mirror/answer-invalid",
            Self::Damaged { .. } => "mirror/file-damaged",
            Self::Conflict { .. } => "mirror/file-conflict",
            Self::NotTaken { .. } => "mirror/file-not-taken",
            Self::Resolve(error) => error.code(),
            Self::Index(error) => error.code(),
            Self::Directory { .. } => "mirror/directory-unreadable",
            Self::NoWheels { .. } => "mirror/no-wheels",
            Self::Earlier(error) => error.code(),
            Self::Lost => "mirror/stopped",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoUpstream | Self::Setting { .. } | Self::Directory { .. } | Self::NoWheels { .. } => Kind::Invalid,
            Self::Unreachable { .. } | Self::Status { .. } | Self::Answer { .. } | Self::Damaged { .. } => {
                Kind::Unavailable
            }
            Self::Conflict { .. } => Kind::Conflict,
            Self::NotTaken { cause, .. } => cause.kind(),
            Self::Resolve(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Earlier(error) => error.kind(),
            Self::Lost => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        const FROM_DIR: &str = "without a network, `ferrywheel quickstart --from DIR` starts from a folder of wheels";
        match self {
            Self::NoUpstream => Some(format!("Set `PIP_INDEX_URL` or `UV_DEFAULT_INDEX`; {FROM_DIR}.").into()),
            Self::Setting { .. } => Some("Correct the setting; pip and uv read the same one.".into()),
            Self::Unreachable { .. } => Some(
                format!("Check the network, the proxy and the certificate settings of pip or uv; {FROM_DIR}.").into(),
            ),
            Self::Status { status: 401 | 403, .. } => {
                Some("Put the credentials into the index URL of pip or uv, or into `.netrc`.".into())
            }
            Self::Status { .. } | Self::Answer { .. } => {
                Some("Check that the index URL of pip or uv is that of a simple index.".into())
            }
            Self::Damaged { .. } => Some("Pull again; if it stays so, a proxy or the upstream changes files.".into()),
            Self::NotTaken { cause, .. } => cause.hint(),
            Self::Resolve(error) => error.hint(),
            Self::Index(error) => error.hint(),
            Self::NoWheels { .. } => {
                Some("`pip download -d DIR flask gunicorn` on a connected machine fills such a folder.".into())
            }
            Self::Earlier(error) => error.hint(),
            Self::Conflict { .. } | Self::Directory { .. } | Self::Lost => None,
        }
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::NotTaken { cause, .. } => cause.findings(),
            Self::Earlier(error) => error.findings(),
            _ => &[],
        }
    }
}
