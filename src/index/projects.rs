//! Projects as a view shows them.

use super::{Index, IndexError};
use crate::model::{ProjectHead, View};
use crate::packaging::ProjectName;

impl Index {
    /// Normalized and display name of every project with a file in this view, by normalized name.
    pub async fn list_projects(&self, view: &View) -> Result<Vec<(ProjectName, String)>, IndexError> {
        let _ = view;
        todo!()
    }

    /// The project as this view shows it, in one indexed read; `None` if it was never part of it.
    ///
    /// A project whose files were all removed is still there, without files. The serial is that of its last change at or
    /// before the view's, so that a snapshot gives the same answer for ever.
    pub async fn find_project(&self, view: &View, name: &ProjectName) -> Result<Option<ProjectHead>, IndexError> {
        let _ = (view, name);
        todo!()
    }
}
