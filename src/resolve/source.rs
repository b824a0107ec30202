//! Where the solver reads: the files of a project and what each of them requires.

use std::sync::Arc;

use crate::model::{Sha256Digest, Timestamp};
use crate::packaging::{ProjectName, Version};

/// One published file that the solver may choose; files that are no wheels are listed too, to be named in explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Normalized name.
    pub project: ProjectName,
    /// Version.
    pub version: Version,
    /// File name.
    pub filename: String,
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was first published.
    pub uploaded_at: Timestamp,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// Whether it is withdrawn there (PEP 592).
    pub is_yanked: bool,
    /// The reason given for that.
    pub yank_reason: Option<String>,
}

/// What the metadata of one wheel asks for, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WheelRequirements {
    /// `Requires-Dist` values.
    pub requires_dist: Vec<String>,
    /// `Provides-Extra` values.
    pub provides_extra: Vec<String>,
}

/// Why a source did not answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It has no project of this name. An answer, not a failure: the solver explains it.
    #[error("there is no project `{project}`")]
    NotThere {
        /// The name.
        project: ProjectName,
    },
    /// The metadata of one file cannot be used; only that version is lost by it.
    #[error("{reason}")]
    Unusable {
        /// What is wrong with it, as the rest of a sentence about the version.
        reason: String,
    },
    /// The source itself failed; solving stops.
    #[error("`{project}` could not be read from the source")]
    Failed {
        /// The project that was asked for.
        project: ProjectName,
        /// The cause.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where the solver reads. Asked from one thread, off the runtime; may block.
pub trait Source {
    /// Every file of a project. Fails with [`SourceError::NotThere`] if there is no such project.
    fn candidates(&self, project: &ProjectName) -> Result<Arc<Vec<Candidate>>, SourceError>;

    /// What one wheel requires. Fails with [`SourceError::Unusable`] if its metadata cannot be used.
    fn requires(&self, candidate: &Candidate) -> Result<Arc<WheelRequirements>, SourceError>;

    /// The place in words, as the end of a sentence: ``channel `blessed` at serial 7``.
    fn place(&self) -> String;

    /// Told which projects will be asked for soon, so that a far source can fetch ahead.
    fn expect_projects(&self, _projects: &[ProjectName]) {}

    /// Told which wheel's requirements will probably be asked for soon.
    fn expect_requires(&self, _candidate: &Candidate) {}
}
