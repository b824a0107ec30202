//! Pages of a channel's head as it would be with some more files in it. They are made for each request and not kept.

use std::collections::BTreeSet;

use super::ProjectPage;
use super::body::PageBody;
use super::cache::{Form, PageCache, PageError, draft_project};
use super::runs::Runs;
use crate::index::Index;
use crate::model::{ChannelRef, ListedFile, ListedProject, ProjectHead, ProjectStatus, Scope};
use crate::packaging::ProjectName;

impl PageCache {
    /// The list of projects of a channel's head, with these beside.
    pub async fn preview_root(
        &self,
        index: &Index,
        wanted: &ChannelRef,
        more: Vec<ProjectName>,
        form: Form,
        limits: Option<&Scope>,
    ) -> Result<PageBody, PageError> {
        let view = index.open_view(wanted).await?;
        let mut projects = index.list_projects(&view).await?;
        let known: BTreeSet<&ProjectName> = projects.iter().map(|project| &project.name).collect();
        let news: Vec<ProjectName> = more.into_iter().filter(|name| !known.contains(name)).collect();
        let listed =
            |name: ProjectName| ListedProject { display_name: name.to_string(), name, last_serial: view.serial };
        projects.extend(news.into_iter().map(listed));
        projects.retain(|project| limits.is_none_or(|limits| limits.covers_project(&project.name)));
        self.make_root(&view, form, Runs::new(projects)).await
    }

    /// A project's page in a channel's head, with these files beside; what the head has stays as it is.
    ///
    /// Fails with [`PageError::NoSuchProject`] if neither has a file of it.
    pub async fn preview_project(
        &self,
        index: &Index,
        wanted: &ChannelRef,
        project: &ProjectName,
        more: Vec<ListedFile>,
        form: Form,
    ) -> Result<PageBody, PageError> {
        let (view, head) = index.open_project(wanted, project).await?;
        let namespaces = self.namespaces_of(index, project).await?;
        let head = head.or_else(|| self.head_of_reserved(project, namespaces.as_deref()));
        if head.is_none() && more.is_empty() {
            return Err(PageError::NoSuchProject {
                project: project.clone(),
                channel: view.channel.to_string(),
                serial: view.serial,
            });
        }
        let head = head.unwrap_or_else(|| ProjectHead {
            name: project.clone(),
            display_name: project.to_string(),
            last_serial: view.serial,
            status: ProjectStatus::Active,
            status_reason: None,
            deleted_count: 0,
        });
        let mut files = index.list_page(&view, project, false).await?;
        let known: BTreeSet<&str> = files.iter().map(|file| file.filename.as_str()).collect();
        let news: Vec<ListedFile> = more.into_iter().filter(|file| !known.contains(file.filename.as_str())).collect();
        files.extend(news);
        let last_serial = head.last_serial;
        let page = ProjectPage { namespaces, ..ProjectPage::new(head, Runs::new(files), form.base) };
        self.make(form, last_serial, move |encode| encode(draft_project(&page, form.format))).await
    }
}
