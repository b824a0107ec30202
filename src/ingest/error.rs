//! Why an upload was refused. Nothing of a refused upload stays.

use std::borrow::Cow;
use std::io;

use crate::access::AccessError;
use crate::blobs::BlobError;
use crate::index::IndexError;
use crate::model::{ChannelName, Diagnostic, FileKind, Finding, Kind, ProjectStatus, Sha256Digest};
use crate::packaging::{ProjectName, Version};

/// Why an upload was not stored.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The form, or the request, is not one that uploads a file.
    #[error("the upload form is not valid: {}", first(.findings))]
    FormInvalid {
        /// Every field that is wrong.
        findings: Vec<Finding>,
    },
    /// An action of old clients that no index offers any more.
    #[error("the action `{action}` is not offered any more; only `file_upload` is")]
    ActionGone {
        /// The action.
        action: String,
    },
    /// What arrived is not what the client hashed.
    #[error("the bytes are not those that were sent: {}", first(.findings))]
    DigestMismatch {
        /// Every digest that differs.
        findings: Vec<Finding>,
    },
    /// More bytes than a limit allows.
    #[error("{}", first(.findings))]
    TooLarge {
        /// What is too large, and the limit.
        findings: Vec<Finding>,
    },
    /// The file breaks rules.
    #[error("`{filename}` is refused: {}{}", first(.findings), more(.findings))]
    FileRefused {
        /// File name as it was given, safe to show.
        filename: String,
        /// What it is.
        kind: FileKind,
        /// Everything that was found, refusals first.
        findings: Vec<Finding>,
    },
    /// The name is published with other bytes. The wording is what clients look for (standards UPL-06).
    #[error("File already exists: `{filename}` is published with other bytes (sha256 {published}, not {sent})")]
    FileConflict {
        /// File name.
        filename: String,
        /// Digest of the published bytes.
        published: Sha256Digest,
        /// Digest of what was sent.
        sent: Sha256Digest,
    },
    /// The same wheel, or an sdist of the same release, is published under another spelling of its name.
    #[error("`{filename}` is another spelling of `{published_as}`, which is published")]
    SameWheel {
        /// File name that was sent.
        filename: String,
        /// File name that is published.
        published_as: String,
    },
    /// A file of this name was deleted.
    #[error("`{filename}` was published before and deleted; a file name is never used twice")]
    NameRetired {
        /// File name.
        filename: String,
    },
    /// The project takes no new files in that channel (PEP 792).
    #[error("`{project}` is {status} in channel `{channel}` and takes no new files")]
    ProjectClosed {
        /// The project.
        project: ProjectName,
        /// Its status there.
        status: ProjectStatus,
        /// The channel.
        channel: ChannelName,
    },
    /// The release takes no new files any more.
    #[error(
        "`{project} {version}` was begun more than {days} days ago, and `release_closes_after_days` closes releases then"
    )]
    ReleaseClosed {
        /// The project.
        project: ProjectName,
        /// The version.
        version: Version,
        /// The setting.
        days: u32,
    },
    /// The name belongs to somebody else (PEP 752).
    #[error("`{project}` is inside the namespace `{namespace}`, which `{owner}` has")]
    ForeignNamespace {
        /// The project.
        project: ProjectName,
        /// The namespace.
        namespace: ProjectName,
        /// Its owner.
        owner: String,
    },
    /// An upload session of somebody else keeps the name of the project (PEP 694).
    #[error("the name `{project}` is reserved by an upload session of somebody else")]
    NameReserved {
        /// The project.
        project: ProjectName,
    },
    /// The principal may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The client went away, or its body broke off, or it stood still for longer than is borne.
    #[error("{}", aborted(.0))]
    Aborted(#[source] io::Error),
    /// The files of the project have as many bytes as they may have.
    #[error(
        "the files of `{project}` would have {size_bytes} bytes together, more than the {limit_bytes} that \
         `max_project_size_bytes` allows"
    )]
    ProjectTooLarge {
        /// The project.
        project: ProjectName,
        /// What its files would have together.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The sender has as many uploads running as he may have.
    #[error("`{name}` has {limit} uploads running, as many as `max_uploads_per_principal` allows at the same time")]
    TooManyUploads {
        /// Name of the token.
        name: String,
        /// The limit.
        limit: usize,
    },
    /// The pending file could not be read back.
    #[error("the file could not be checked")]
    Check(#[source] io::Error),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The index refused or failed.
    #[error(transparent)]
    Index(IndexError),
}

impl UploadError {
    /// A form with one fault, in a field or, when that is empty, in the form as a whole.
    pub fn form(field: &str, message: impl Into<String>) -> Self {
        let fault = Finding::refuse("UPL-03", "form-invalid", message);
        Self::FormInvalid { findings: vec![if field.is_empty() { fault } else { fault.at(field) }] }
    }

    /// More than `limit_bytes` of `what`, which `setting` allows.
    pub fn too_large(what: &str, limit_bytes: u64, setting: &str) -> Self {
        let text = format!("{what} is larger than the {limit_bytes} bytes that `{setting}` allows");
        Self::TooLarge { findings: vec![Finding::refuse("UPL-09", "too-large", text).at(what)] }
    }

    /// Whether the file itself is at fault, or its name or project here: the same bytes would be refused again.
    pub(super) fn is_about_file(&self) -> bool {
        matches!(
            self,
            Self::FormInvalid { .. }
                | Self::DigestMismatch { .. }
                | Self::TooLarge { .. }
                | Self::FileRefused { .. }
                | Self::FileConflict { .. }
                | Self::SameWheel { .. }
                | Self::NameRetired { .. }
                | Self::ProjectClosed { .. }
                | Self::ReleaseClosed { .. }
                | Self::ProjectTooLarge { .. }
        )
    }
}

impl From<IndexError> for UploadError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::FileConflict { filename, published, sent } => Self::FileConflict { filename, published, sent },
            IndexError::SameWheel { filename, published_as } => Self::SameWheel { filename, published_as },
            IndexError::FileNameRetired { filename } => Self::NameRetired { filename },
            IndexError::NameReserved { project } => Self::NameReserved { project },
            IndexError::ProjectFull { project, size_bytes, limit_bytes } => {
                Self::ProjectTooLarge { project, size_bytes, limit_bytes }
            }
            other => Self::Index(other),
        }
    }
}

impl Diagnostic for UploadError {
    fn code(&self) -> &'static str {
        match self {
            Self::FormInvalid { .. } => "ingest/form-invalid",
            Self::ActionGone { .. } => "ingest/action-gone",
            Self::DigestMismatch { .. } => "ingest/digest-mismatch",
            Self::TooLarge { .. } => "ingest/too-large",
            Self::FileRefused { kind: FileKind::Wheel, .. } => "ingest/wheel-refused",
            Self::FileRefused { kind: FileKind::Sdist, .. } => "ingest/sdist-refused",
            Self::FileConflict { .. } => "ingest/file-conflict",
            Self::SameWheel { .. } => "ingest/same-wheel",
            Self::NameRetired { .. } => "ingest/name-retired",
            Self::ProjectClosed { .. } => "ingest/project-closed",
            Self::ReleaseClosed { .. } => "ingest/release-closed",
            Self::ForeignNamespace { .. } => "ingest/foreign-namespace",
            Self::NameReserved { .. } => "upload/name-reserved",
            Self::Aborted(source) if silence(source).is_some() => "limit/upload-pace",
            Self::Aborted(_) => "ingest/body-aborted",
            Self::ProjectTooLarge { .. } => "limit/project-size",
            Self::TooManyUploads { .. } => "limit/concurrent-uploads",
            Self::Check(_) => "ingest/check-failed",
            Self::Access(error) => error.code(),
            Self::Blob(error) => error.code(),
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Aborted(source) if silence(source).is_some() => Kind::TimedOut,
            Self::TooManyUploads { .. } => Kind::TooMany,
            Self::FormInvalid { .. } | Self::DigestMismatch { .. } | Self::FileRefused { .. } | Self::Aborted(_) => {
                Kind::Invalid
            }
            Self::ActionGone { .. } => Kind::Gone,
            Self::TooLarge { .. } | Self::ProjectTooLarge { .. } => Kind::TooLarge,
            Self::FileConflict { .. }
            | Self::SameWheel { .. }
            | Self::NameRetired { .. }
            | Self::ForeignNamespace { .. } => Kind::Conflict,
            Self::ProjectClosed { .. } | Self::ReleaseClosed { .. } | Self::NameReserved { .. } => Kind::Forbidden,
            Self::Check(_) => Kind::Internal,
            Self::Access(error) => error.kind(),
            Self::Blob(error) => error.kind(),
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::FileConflict { .. } | Self::NameRetired { .. } => {
                "Give the release a new version, or the wheel a build number."
            }
            Self::DigestMismatch { .. } | Self::Aborted(_) => "Send the file again.",
            Self::TooLarge { .. } => "The operator can raise the limit.",
            Self::ProjectTooLarge { .. } => "Delete files that nobody needs, or have the operator raise the limit.",
            Self::TooManyUploads { .. } => "Wait until one of them has ended; other tokens are not concerned.",
            Self::ReleaseClosed { .. } => "Give the release a new version.",
            Self::ForeignNamespace { .. } => "Choose another name, or ask the owner to let your token in.",
            Self::NameReserved { .. } => "Wait until the session has ended, or have an administrator cancel it.",
            Self::ProjectClosed { .. } => "Ask who manages the channel, or upload into another one.",
            Self::ActionGone { .. } => "Use a current twine, uv, flit, hatch, poetry or pdm.",
            Self::Access(error) => return error.hint(),
            Self::Blob(error) => return error.hint(),
            Self::Index(error) => return error.hint(),
            _ => return None,
        };
        Some(text.into())
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::FormInvalid { findings }
            | Self::DigestMismatch { findings }
            | Self::TooLarge { findings }
            | Self::FileRefused { findings, .. } => findings,
            _ => &[],
        }
    }
}

/// What is told of a body that ended too early: a client that stood still learns which limit that broke.
fn aborted(error: &io::Error) -> String {
    silence(error).unwrap_or_else(|| "the body of the upload ended too early".to_owned())
}

/// The sentence of the limit on silence, if that has cut the body.
fn silence(error: &io::Error) -> Option<String> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        next = match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::TimedOut => return Some(error.to_string()),
            // What an IO error wraps is not its source: that is the source of what it wraps.
            Some(error) => error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn first(findings: &[Finding]) -> &str {
    findings.first().map_or("no reason was recorded", |finding| &finding.message)
}

fn more(findings: &[Finding]) -> String {
    match findings.iter().filter(|finding| finding.is_refusal()).count() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_stood_still_is_told_by_its_limit() {
        let cut = io::Error::new(io::ErrorKind::TimedOut, "nothing came for a minute");
        let error = UploadError::Aborted(io::Error::other(io::Error::other(cut)));
        assert_eq!((error.to_string().as_str(), error.kind()), ("nothing came for a minute", Kind::TimedOut));
        let error = UploadError::Aborted(io::Error::other(io::ErrorKind::ConnectionReset.to_string()));
        assert_eq!((error.code(), error.kind()), ("ingest/body-aborted", Kind::Invalid));
    }

    #[test]
    fn a_full_disk_is_called_one() {
        let error = UploadError::from(BlobError::io("write a pending file", io::ErrorKind::StorageFull.into()));
        assert_eq!((error.to_string().as_str(), error.kind()), ("the blob store has no space left", Kind::StorageFull));
    }
}
