//! What a pull tells while it runs, and what it has done at the end.

use std::sync::Arc;

use crate::packaging::{ProjectName, Version};

/// One step of a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The page of a project was read; `project_count` so far.
    Read {
        /// The project.
        project: ProjectName,
        /// Pages read so far.
        project_count: usize,
    },
    /// A wheel was fetched to read its metadata, which is served nowhere else.
    Opened {
        /// File name.
        filename: String,
    },
    /// A file of a directory is left out, with the reason.
    LeftOut {
        /// File name.
        filename: String,
        /// Why, as a sentence.
        reason: String,
    },
    /// It is decided what comes in.
    Planned {
        /// Files that will be downloaded.
        file_count: usize,
        /// Their announced lengths added up, in bytes.
        size_bytes: u64,
        /// Files that are here already.
        present_count: usize,
    },
    /// A download begins.
    Started {
        /// File name.
        filename: String,
        /// Announced length in bytes, if there is one.
        size_bytes: Option<u64>,
    },
    /// Bytes of a download arrived.
    Received {
        /// File name.
        filename: String,
        /// How many, in bytes.
        piece_bytes: u64,
    },
    /// A download is begun anew.
    Again {
        /// File name.
        filename: String,
        /// What went wrong.
        reason: String,
    },
    /// A file is durable and part of the channel.
    Stored {
        /// File name.
        filename: String,
    },
}

/// Takes the steps of a pull; called from several threads, must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// One file of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledFile {
    /// File name.
    pub filename: String,
    /// Project.
    pub project: ProjectName,
    /// Version.
    pub version: Version,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Whether it was brought in now; otherwise it was here.
    pub is_new: bool,
}

/// What a pull has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullReport {
    /// Where the files came from, in words.
    pub origin: String,
    /// Every file that the requirements lead to, by project.
    pub files: Vec<PulledFile>,
    /// Bytes that were brought in.
    pub received_bytes: u64,
}
