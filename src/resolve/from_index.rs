//! The solver's source over one view of our own index.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::source::{Candidate, Source, SourceError, WheelRequirements};
use crate::index::{Index, IndexError};
use crate::model::{ChannelFile, Scope, View};
use crate::packaging::ProjectName;

/// What was read of one project.
struct Project {
    candidates: Arc<Vec<Candidate>>,
    /// By file name.
    requirements: BTreeMap<String, Arc<WheelRequirements>>,
}

/// Reads a view project by project, when the search asks for it.
///
/// For use inside `spawn_blocking`: it waits for the index on the runtime's handle.
pub struct IndexSource {
    index: Index,
    view: View,
    /// Those of a reader for whom no project is there that they do not cover.
    limits: Option<Scope>,
    runtime: Handle,
    projects: RefCell<BTreeMap<ProjectName, Option<Project>>>,
}

impl IndexSource {
    /// A source over `view`, or the part of it that `limits` cover; `runtime` is the one that the index runs on.
    pub fn new(index: Index, view: View, limits: Option<Scope>, runtime: Handle) -> Self {
        Self { index, view, limits, runtime, projects: RefCell::default() }
    }

    /// What the project's page offers: nothing while it is quarantined, in the view or in the channel's head, because the
    /// files themselves are kept back by the head (PEP 792).
    async fn offered_files(&self, project: &ProjectName) -> Result<Vec<ChannelFile>, IndexError> {
        if self.limits.as_ref().is_some_and(|limits| !limits.covers_project(project)) {
            return Ok(Vec::new());
        }
        let then = self.index.find_project(&self.view, project).await?.map(|head| head.status).unwrap_or_default();
        let now = self.index.find_status(&self.view.channel, project).await?;
        if then.offers_files() && now.offers_files() {
            return self.index.list_files(&self.view, project).await;
        }
        Ok(Vec::new())
    }

    fn with_project<T>(
        &self,
        project: &ProjectName,
        read: impl FnOnce(&Project) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        if !self.projects.borrow().contains_key(project) {
            let files = self.runtime.block_on(self.offered_files(project)).map_err(|error: IndexError| {
                SourceError::Failed { project: project.clone(), cause: Box::new(error) }
            })?;
            let found = if files.is_empty() { None } else { Some(Project::from(files)) };
            self.projects.borrow_mut().insert(project.clone(), found);
        }
        match self.projects.borrow().get(project) {
            Some(Some(found)) => read(found),
            _ => Err(SourceError::NotThere { project: project.clone() }),
        }
    }
}

impl From<Vec<ChannelFile>> for Project {
    fn from(files: Vec<ChannelFile>) -> Self {
        let mut candidates = Vec::with_capacity(files.len());
        let mut requirements = BTreeMap::new();
        for ChannelFile { stored, yank } in files {
            let file = stored.file;
            let written = WheelRequirements { requires_dist: file.requires_dist, provides_extra: file.provides_extra };
            requirements.insert(file.filename.clone(), Arc::new(written));
            candidates.push(Candidate {
                project: file.project,
                version: file.version,
                filename: file.filename,
                sha256: file.digests.sha256,
                size_bytes: file.digests.size_bytes,
                uploaded_at: file.uploaded_at,
                requires_python: file.requires_python,
                is_yanked: yank.is_some(),
                yank_reason: yank.and_then(|yank| yank.reason),
            });
        }
        Self { candidates: Arc::new(candidates), requirements }
    }
}

impl Source for IndexSource {
    fn candidates(&self, project: &ProjectName) -> Result<Arc<Vec<Candidate>>, SourceError> {
        self.with_project(project, |found| Ok(Arc::clone(&found.candidates)))
    }

    fn requires(&self, candidate: &Candidate) -> Result<Arc<WheelRequirements>, SourceError> {
        self.with_project(&candidate.project, |found| {
            found.requirements.get(&candidate.filename).map(Arc::clone).ok_or_else(|| SourceError::Unusable {
                reason: format!("`{}` has no metadata in the index", candidate.filename),
            })
        })
    }

    fn place(&self) -> String {
        let place = format!("channel `{}` at serial {}", self.view.channel, self.view.serial);
        match &self.limits {
            // Said whether more is there or not.
            Some(limits) => format!("{place}, as far as a token reaches that is limited to `{}`", limits.projects),
            None => place,
        }
    }
}
