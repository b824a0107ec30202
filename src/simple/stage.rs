//! Pages of an upload session, which stands in no channel (PEP 694). They are made for each request and not kept.

use super::body::PageBody;
use super::cache::{Form, PageCache, PageError, draft_project, draft_root};
use super::runs::Runs;
use super::{ProjectPage, RootPage};
use crate::model::{ListedFile, ListedProject, ProjectHead, ProjectStatus, Serial};
use crate::packaging::ProjectName;

/// No channel has changed for what is staged.
const NO_SERIAL: Serial = Serial(0);

impl PageCache {
    /// The list of projects of a session: the one, with its display name, if it has a file.
    pub async fn stage_root(&self, project: Option<(ProjectName, String)>, form: Form) -> Result<PageBody, PageError> {
        let listed = project.map(|(name, display_name)| ListedProject { name, display_name, last_serial: NO_SERIAL });
        let projects: Vec<ListedProject> = listed.into_iter().collect();
        let page = RootPage { projects: Runs::new(projects), last_serial: NO_SERIAL, has_namespaces: false };
        self.make(form, NO_SERIAL, move |encode| encode(draft_root(&page, form.format))).await
    }

    /// The page of the session's project.
    pub async fn stage_project(
        &self,
        name: ProjectName,
        display_name: String,
        files: Vec<ListedFile>,
        form: Form,
    ) -> Result<PageBody, PageError> {
        let head = ProjectHead {
            name,
            display_name,
            last_serial: NO_SERIAL,
            status: ProjectStatus::Active,
            status_reason: None,
            deleted_count: 0,
        };
        let page = ProjectPage::new(head, Runs::new(files), form.base);
        self.make(form, NO_SERIAL, move |encode| encode(draft_project(&page, form.format))).await
    }
}
