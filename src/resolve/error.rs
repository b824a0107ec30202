//! Why a request has no answer.

use std::borrow::Cow;

use super::SourceError;
use crate::index::IndexError;
use crate::model::{Diagnostic, Kind, TargetError};
use crate::packaging::{ProjectName, RequirementError};

/// Why no lock came of a request.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No set of wheels satisfies the request; the text is the explanation, one fact a line.
    #[error("{explanation}")]
    Unsolvable {
        /// Sentences, one a line, the first of which names request, target and place.
        explanation: String,
    },
    /// A requirement cannot be read.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    /// Nothing was asked for.
    #[error("the request names no requirement")]
    Empty,
    /// More requirements than one request may hold.
    #[error("the request has {count} requirements; at most {limit} are taken")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many are taken.
        limit: usize,
    },
    /// A requirement names a file by its address.
    #[error("`{requirement}` names a file by its URL; only files of this index can be locked")]
    DirectUrl {
        /// The requirement as it was read.
        requirement: String,
    },
    /// The chosen version has no such extra.
    #[error("{project} {version} has no extra `{extra}`; {known}")]
    UnknownExtra {
        /// The project.
        project: ProjectName,
        /// The version that the solver chose.
        version: String,
        /// What was asked for.
        extra: String,
        /// The extras that it has, as the rest of the sentence.
        known: String,
    },
    /// The search was given up.
    #[error("no answer was found within {steps} steps of search")]
    TooHard {
        /// How many steps were made.
        steps: u32,
    },
    /// The target environment cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The source did not answer.
    #[error("the source of packages did not answer")]
    Source(#[from] SourceError),
    /// The index did not answer.
    #[error("the index did not answer")]
    Index(#[from] IndexError),
    /// The solver's own thread was lost, or it contradicted itself.
    #[error("the solver stopped without an answer")]
    Lost,
}

impl Diagnostic for ResolveError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsolvable { .. } => "resolve/unsolvable",
            Self::Requirement(_) | Self::Empty | Self::TooMany { .. } => "resolve/requirement-invalid",
            Self::DirectUrl { .. } => "resolve/direct-url",
            Self::UnknownExtra { .. } => "resolve/extra-unknown",
            Self::TooHard { .. } => "resolve/too-hard",
            Self::Target(error) => error.code(),
            Self::Source(_) => "resolve/source-failed",
            Self::Index(error) => error.code(),
            Self::Lost => "resolve/solver-failed",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Unsolvable { .. } | Self::UnknownExtra { .. } | Self::TooHard { .. } => Kind::Conflict,
            Self::Requirement(_) | Self::Empty | Self::TooMany { .. } | Self::DirectUrl { .. } => Kind::Invalid,
            Self::Target(error) => error.kind(),
            Self::Source(_) => Kind::Unavailable,
            Self::Index(error) => error.kind(),
            Self::Lost => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Requirement(_) | Self::Empty => Some(
                "A requirement is a project name with optional extras and versions, like `flask[async]>=3,<4`.".into(),
            ),
            Self::DirectUrl { .. } => Some("Upload that file to a channel and ask for it by name.".into()),
            Self::TooHard { .. } => Some("Pin the versions of a few projects with `==` and try again.".into()),
            Self::Target(error) => error.hint(),
            Self::Index(error) => error.hint(),
            _ => None,
        }
    }
}
