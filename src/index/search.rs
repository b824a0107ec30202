//! Search by project name.

use serde::Serialize;

use super::{Index, IndexError};
use crate::model::View;
use crate::packaging::{ProjectName, Version};

/// One project that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchHit {
    /// Normalized name.
    pub name: ProjectName,
    /// The name as first published.
    pub display_name: String,
    /// Newest version there: final before pre-release, not yanked before yanked.
    pub version: Version,
    /// `Summary` of that version.
    pub summary: Option<String>,
    /// Files of the project there.
    pub file_count: i64,
}

/// The first results of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SearchPage {
    /// How many projects match.
    pub total: i64,
    /// The first of them: exact name, then names that begin with the text, then the others; by name.
    pub results: Vec<SearchHit>,
}

impl Index {
    /// Projects of this view whose normalized name contains `text`, read as a project name is; empty text finds all.
    pub async fn search(&self, view: &View, text: &str, limit: u32) -> Result<SearchPage, IndexError> {
        let _ = (view, text, limit);
        todo!()
    }
}
