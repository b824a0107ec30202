//! Locks: the exact files that satisfy a request for one target environment, taken from one view.

use serde::{Deserialize, Serialize};

use super::{ChannelName, Serial, Sha256Digest, Timestamp};
use crate::packaging::{ProjectName, Version};

/// One wheel that the solver chose, with all that a lock file and a bundle need to say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedFile {
    /// Normalized name.
    pub project: ProjectName,
    /// Version.
    pub version: Version,
    /// File name of the wheel.
    pub filename: String,
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was first published.
    pub uploaded_at: Timestamp,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// Normalized names of what it needs here, sorted; for information.
    pub dependencies: Vec<ProjectName>,
}

/// The answer of the solver: one file per project, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Channel that was read.
    pub channel: ChannelName,
    /// Serial that was read.
    pub serial: Serial,
    /// Name of the target environment.
    pub target: String,
    /// The requirements as given, normalized, sorted.
    pub requirements: Vec<String>,
    /// The chosen files.
    pub files: Vec<LockedFile>,
}
