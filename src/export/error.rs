//! Why a bundle cannot be built or served.

use std::borrow::Cow;

use crate::archive::LayoutError;
use crate::blobs::BlobError;
use crate::index::IndexError;
use crate::model::{Diagnostic, Kind, Sha256Digest, TargetError};
use crate::packaging::PylockError;
use crate::resolve::ResolveError;

/// What stands between a recipe and its bundle.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The entry point's text has not the form of its kind.
    #[error("`{given}` is not {expected}")]
    EntryPointInvalid {
        /// What was given, safe to show.
        given: String,
        /// The form that is expected, in words.
        expected: &'static str,
    },
    /// No wheel brings the script.
    #[error("none of the bundle's wheels brings a script called `{script}`")]
    ScriptUnknown {
        /// The script.
        script: String,
        /// The scripts that there are, sorted.
        offered: Vec<String>,
    },
    /// No wheel brings the module.
    #[error("none of the bundle's wheels brings a module or package called `{module}`")]
    ModuleUnknown {
        /// First part of the module's name.
        module: String,
        /// The top-level modules that there are, sorted.
        offered: Vec<String>,
    },
    /// Two wheels bring a script of the same name, and only one of them could be installed.
    #[error("`{one}` and `{other}` both bring a script called `{script}`")]
    ScriptClash {
        /// The script.
        script: String,
        /// File name of one wheel.
        one: String,
        /// File name of the other.
        other: String,
    },
    /// Two wheels install different files at one place.
    #[error("`{one}` and `{other}` both install `{path}`, with different content")]
    FileClash {
        /// The path, as installed.
        path: String,
        /// File name of one wheel.
        one: String,
        /// File name of the other.
        other: String,
    },
    /// Something else than a wheel was locked.
    #[error("`{filename}` is not a wheel; bundles hold wheels only")]
    NotAWheel {
        /// The file.
        filename: String,
    },
    /// Its list of members was found wrong when it came in from another index, and the host would refuse it.
    #[error("`{filename}` cannot go into a bundle: {finding}")]
    RecordWrong {
        /// The wheel.
        filename: String,
        /// What was found on arrival, as a sentence.
        finding: String,
    },
    /// The index has not the file that the lock names.
    #[error("the lock names `{filename}` with SHA-256 {sha256}, but the index holds no such file")]
    FileMissing {
        /// The file.
        filename: String,
        /// Its digest in the lock.
        sha256: Sha256Digest,
    },
    /// A wheel of a project that is quarantined.
    #[error("`{filename}` is kept back: its project is quarantined")]
    FileWithheld {
        /// The file.
        filename: String,
    },
    /// Unpacked it would be larger than any host is asked to hold.
    #[error("unpacked the bundle would take {unpacked_size_bytes} bytes, more than the limit of {limit_bytes}")]
    UnpackedTooLarge {
        /// What it would take.
        unpacked_size_bytes: u64,
        /// What is allowed.
        limit_bytes: u64,
    },
    /// It does not fit into a zip that every Python can start.
    #[error("the bundle cannot be laid out: {0}")]
    Layout(LayoutError),
    /// The bundle was made by a server whose own part of it was another.
    #[error("bundle {id} was built by another version of this server, whose start-up code is not here any more")]
    ServerChanged {
        /// Its id.
        id: Sha256Digest,
    },
    /// No bundle of this id.
    #[error("no bundle has the id `{given}`")]
    BundleUnknown {
        /// What was given, safe to show.
        given: String,
    },
    /// A stored wheel is not what it was.
    #[error("the stored bytes of blob {sha256} do not have that digest any more")]
    BlobDamaged {
        /// The digest that it should have.
        sha256: Sha256Digest,
    },
    /// The recorded manifest cannot be read.
    #[error("a manifest could not be written or read")]
    Manifest(#[from] serde_json::Error),
    /// The lock cannot be written as `pylock.toml`.
    #[error("the lock could not be written as `pylock.toml`")]
    Pylock(#[from] PylockError),
    /// The thread that hashed the bundle ended early.
    #[error("hashing the bundle was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The requirements have no answer, or cannot be read.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The index did not answer.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A blob could not be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A blob ended early or its disk failed while it was read.
    #[error("a stored wheel could not be read")]
    Read(#[from] std::io::Error),
}

impl Diagnostic for ExportError {
    fn code(&self) -> &'static str {
        match self {
            Self::EntryPointInvalid { .. } => "export/entry-point-invalid",
            Self::ScriptUnknown { .. } => "export/script-unknown",
            Self::ModuleUnknown { .. } => "export/module-unknown",
            Self::ScriptClash { .. } => "export/script-clash",
            Self::FileClash { .. } => "export/file-clash",
            Self::NotAWheel { .. } => "export/not-a-wheel",
            Self::RecordWrong { .. } => "export/record-wrong",
            Self::FileMissing { .. } => "export/file-missing",
            Self::FileWithheld { .. } => "export/file-withheld",
            Self::UnpackedTooLarge { .. } | Self::Layout(_) => "export/too-large",
            Self::ServerChanged { .. } => "export/server-changed",
            Self::BundleUnknown { .. } => "export/bundle-unknown",
            Self::BlobDamaged { .. } => "export/blob-damaged",
            Self::Manifest(_) | Self::Pylock(_) | Self::Interrupted(_) | Self::Read(_) => "export/failed",
            Self::Target(error) => error.code(),
            Self::Resolve(error) => error.code(),
            Self::Index(error) => error.code(),
            Self::Blob(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::EntryPointInvalid { .. } | Self::ScriptUnknown { .. } | Self::ModuleUnknown { .. } => Kind::Invalid,
            Self::ScriptClash { .. }
            | Self::FileClash { .. }
            | Self::NotAWheel { .. }
            | Self::RecordWrong { .. }
            | Self::FileMissing { .. } => Kind::Conflict,
            Self::FileWithheld { .. } => Kind::Forbidden,
            Self::UnpackedTooLarge { .. } | Self::Layout(_) => Kind::TooLarge,
            Self::ServerChanged { .. } => Kind::Gone,
            Self::BundleUnknown { .. } => Kind::NotFound,
            Self::BlobDamaged { .. } | Self::Manifest(_) | Self::Pylock(_) | Self::Interrupted(_) | Self::Read(_) => {
                Kind::Internal
            }
            Self::Target(error) => error.kind(),
            Self::Resolve(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Blob(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::EntryPointInvalid { .. } => Some(
                "A script is named as `flask`, a function as `package.module:function`, a module as `package.module`."
                    .into(),
            ),
            Self::ScriptUnknown { offered, .. } => Some(offer("scripts", offered)),
            Self::ModuleUnknown { offered, .. } => Some(offer("top-level modules", offered)),
            Self::ScriptClash { .. } => Some(
                "Ask for one of the two projects only; installed together, one would overwrite the other's script."
                    .into(),
            ),
            Self::FileClash { .. } => Some(
                "Ask for one of the two projects only; installed together, one would overwrite the other's file."
                    .into(),
            ),
            Self::NotAWheel { .. } => Some("Upload a wheel of this release for the target environment.".into()),
            Self::RecordWrong { .. } => {
                Some("Take another release of it, or rebuild the wheel and upload it under a new build tag.".into())
            }
            Self::FileMissing { .. } => Some("Ask again; the lock is then made from what the index holds now.".into()),
            Self::FileWithheld { .. } => Some("Ask who manages the channel; its page shows the reason.".into()),
            Self::UnpackedTooLarge { .. } | Self::Layout(_) => {
                Some("Ask for fewer requirements, or split the application into several bundles.".into())
            }
            Self::ServerChanged { .. } => {
                Some("Send the same request again to build it anew; it gets a new id.".into())
            }
            Self::BlobDamaged { .. } => Some("Restore the blob from a backup, or upload the same file again.".into()),
            Self::Target(error) => error.hint(),
            Self::Resolve(error) => error.hint(),
            Self::Index(error) => error.hint(),
            Self::Blob(error) => error.hint(),
            _ => None,
        }
    }
}

/// Most names that a hint lists: enough to find a misspelling, short enough for one line on a terminal.
const MAX_OFFERED: usize = 12;

fn offer(what: &str, offered: &[String]) -> Cow<'static, str> {
    if offered.is_empty() {
        return format!("The wheels bring no {what}; start the environment's interpreter, or name a module.").into();
    }
    let shown = offered.iter().take(MAX_OFFERED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let rest = offered.len().saturating_sub(MAX_OFFERED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("The wheels bring these {what}: {shown}{more}.").into()
}
