//! Files: one wheel or sdist, immutable once published, and how a channel shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::packaging::{ProjectName, Script, Version};

use super::{ChannelName, FileDigests, Serial, Sha256Digest, Timestamp};

/// What sort of distribution a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A built distribution, `.whl`.
    Wheel,
    /// A source distribution, `.tar.gz`; stored, never part of a bundle.
    Sdist,
}

impl FileKind {
    /// As the index stores it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wheel => "wheel",
            Self::Sdist => "sdist",
        }
    }
}

/// What a bundle needs to know of a wheel without opening it; read once, on arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelFacts {
    /// Scripts from `entry_points.txt`, in file order.
    pub scripts: Vec<Script>,
    /// File names below `.data/scripts/`, sorted.
    pub data_scripts: Vec<String>,
    /// Importable top-level names (modules and packages), sorted.
    pub top_level: Vec<String>,
    /// Sum of all members after unpacking, in bytes.
    pub unpacked_size_bytes: u64,
    /// Members that are files.
    pub entry_count: u64,
    /// Whether it holds compiled modules or other native code.
    pub is_native: bool,
}

/// Yank mark of a file in a channel (PEP 592): present means yanked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Yank {
    /// The reason given, never empty when present.
    pub reason: Option<String>,
}

/// Everything that is recorded when a file is published; its bytes are durable already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFile {
    /// Normalized name of the project.
    pub project: ProjectName,
    /// The name as the file's own metadata spells it.
    pub display_name: String,
    /// Version from the file's own metadata.
    pub version: Version,
    /// File name, unique for ever.
    pub filename: String,
    /// Wheel or sdist.
    pub kind: FileKind,
    /// Digests, checksum and length of the bytes.
    pub digests: FileDigests,
    /// Digest of the blob that holds METADATA, byte for byte; absent when it may not be served (standards FIL-09).
    pub metadata_sha256: Option<Sha256Digest>,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// `Requires-Dist` lines, as written.
    pub requires_dist: Vec<String>,
    /// `Provides-Extra` lines, as written.
    pub provides_extra: Vec<String>,
    /// `Summary`, as written.
    pub summary: Option<String>,
    /// Key under which two spellings of one wheel are the same wheel (standards WHL-05); of a
    /// release there is one sdist (standards UPL-10).
    pub identity: String,
    /// Facts that bundles need; absent for sdists.
    pub wheel: Option<WheelFacts>,
    /// Notes that the checks left, as rule ids with sentences.
    pub notes: Vec<super::Finding>,
    /// When the file was first published anywhere: upstream's time for a mirrored file, else the time received.
    pub uploaded_at: Timestamp,
    /// When this server received it.
    pub received_at: Timestamp,
    /// Name of the principal that sent it.
    pub uploaded_by: String,
}

/// What one wheel says of its release: installers read it of one and take it for all (standards REL-01).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// Name of the wheel.
    pub filename: String,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// `Requires-Dist` lines, as written.
    pub requires_dist: Vec<String>,
    /// `Provides-Extra` lines, as the index records them.
    pub provides_extra: Vec<String>,
}

/// A published file. Never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Key in the index.
    pub id: i64,
    /// What was recorded when it was published.
    pub file: NewFile,
}

/// What the URL of a published file needs to know of it: little, so that many are kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedFile {
    /// The project whose readers may have it.
    pub project: ProjectName,
    /// Digest of the bytes.
    pub sha256: Sha256Digest,
    /// Length of the bytes.
    pub size_bytes: u64,
    /// Digest of the blob that holds METADATA; absent when it may not be served.
    pub metadata_sha256: Option<Sha256Digest>,
    /// As in [`OfferedFile`].
    pub is_withheld: bool,
}

impl From<OfferedFile> for ServedFile {
    fn from(offered: OfferedFile) -> Self {
        let file = offered.stored.file;
        Self {
            project: file.project,
            sha256: file.digests.sha256,
            size_bytes: file.digests.size_bytes,
            metadata_sha256: file.metadata_sha256,
            is_withheld: offered.is_withheld,
        }
    }
}

/// A channel that has a file now, or has it in an older snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHolder {
    /// The channel.
    pub channel: ChannelName,
    /// Whether its head has the file.
    pub is_in_head: bool,
    /// Whether the file's project is quarantined there now.
    pub is_quarantined: bool,
}

/// A file as one channel shows it at one serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelFile {
    /// The file itself.
    pub stored: StoredFile,
    /// Its yank mark there.
    pub yank: Option<Yank>,
}

/// A published file as somebody who wants its bytes meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedFile {
    /// The file itself.
    pub stored: StoredFile,
    /// Whether its bytes are kept back: it is in the head of a channel where its project is quarantined, and in no head
    /// where it is not (PEP 792).
    pub is_withheld: bool,
}

/// A file that is, or once was, part of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Key of the file in the index.
    pub file_id: i64,
    /// Its name.
    pub filename: String,
    /// Normalized name of its project.
    pub project: ProjectName,
    /// Its version.
    pub version: Version,
    /// Whether the channel's head has it.
    pub is_in_head: bool,
    /// Its yank mark there, or the last one that it had.
    pub yank: Option<Yank>,
}

/// A file that is, or once was, published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Key of the file in the index.
    pub file_id: i64,
    /// Its name, taken for ever.
    pub filename: String,
    /// Normalized name of its project.
    pub project: ProjectName,
    /// Its version.
    pub version: Version,
    /// Whether it was deleted.
    pub is_deleted: bool,
}

/// Status of a project in a channel (PEP 792).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectStatus {
    /// Nothing special.
    #[default]
    Active,
    /// No uploads; downloads go on.
    Archived,
    /// No uploads, no files offered.
    Quarantined,
    /// As active, with a warning.
    Deprecated,
}

impl ProjectStatus {
    /// The word that pages, JSON and the index use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Quarantined => "quarantined",
            Self::Deprecated => "deprecated",
        }
    }

    /// Whether new files may come into the channel.
    pub fn takes_files(self) -> bool {
        matches!(self, Self::Active | Self::Deprecated)
    }

    /// Whether clients are given the files that are there.
    pub fn offers_files(self) -> bool {
        self != Self::Quarantined
    }
}

impl fmt::Display for ProjectStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a page tells of a file: a few columns, because a page may list thousands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// File name, the last segment of the URL.
    pub filename: String,
    /// Its version.
    pub version: Version,
    /// Digest of the file.
    pub sha256: Sha256Digest,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Digest of its metadata, when that is served beside it (PEP 714).
    pub metadata_sha256: Option<Sha256Digest>,
    /// `Requires-Python`, as written; never empty.
    pub requires_python: Option<String>,
    /// When it was first published.
    pub uploaded_at: Timestamp,
    /// Its yank mark in the view.
    pub yank: Option<Yank>,
    /// Whether the view shows it with its provenance (PEP 740); false where that was not asked for.
    pub has_provenance: bool,
}

/// A project as the list of projects of a view names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProject {
    /// Normalized name.
    pub name: ProjectName,
    /// The name as first published.
    pub display_name: String,
    /// Serial of the last change of this project in this view; mirror clients fetch what is above theirs (IDX-32).
    pub last_serial: Serial,
}

/// What one indexed read tells of a project in a view: enough to answer a conditional request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectHead {
    /// Normalized name.
    pub name: ProjectName,
    /// The name as first published.
    pub display_name: String,
    /// Serial of the last change of this project in this view.
    pub last_serial: Serial,
    /// Its status in this view.
    pub status: ProjectStatus,
    /// Why, if a reason was given.
    pub status_reason: Option<String>,
    /// Files of the project that were deleted so far: the pages of older snapshots change with it, and with nothing else.
    pub deleted_count: i64,
}
