//! What pages say of names beside their files: which unknown ones are ours all the same, and in which namespaces they are.

use crate::index::{Index, IndexError};
use crate::model::{PageNamespace, ProjectHead, ProjectStatus, ReservedNames, Serial, namespaces_of};
use crate::packaging::ProjectName;

/// The settings about names.
#[derive(Clone, Debug, Default)]
pub struct NameRules {
    /// Names that are ours without a file (standards IDX-05).
    pub reserved: ReservedNames,
    /// Whether namespaces are offered (PEP 752).
    pub has_namespaces: bool,
}

impl NameRules {
    /// The namespaces around a project; `None` where they are not offered.
    pub async fn namespaces(
        &self,
        index: &Index,
        project: &ProjectName,
    ) -> Result<Option<Vec<PageNamespace>>, IndexError> {
        if !self.has_namespaces {
            return Ok(None);
        }
        let all = index.list_namespaces().await?;
        // Few projects are inside one; only of those it matters where they come from.
        let founding = match all.iter().any(|namespace| namespace.covers(project)) {
            true => index.find_founding(project).await?,
            false => None,
        };
        Ok(Some(namespaces_of(&all, project, founding.as_ref())))
    }

    /// What is told of a name that is ours and never was in the channel: an empty page, so that no client takes the name
    /// from another index. No real project was last changed at serial 0, so the page is nobody else's in a cache.
    pub fn head_of_reserved(&self, project: &ProjectName, namespaces: Option<&[PageNamespace]>) -> Option<ProjectHead> {
        let is_inside = namespaces.is_some_and(|namespaces| !namespaces.is_empty());
        (is_inside || self.reserved.cover(project)).then(|| ProjectHead {
            name: project.clone(),
            display_name: project.to_string(),
            last_serial: Serial(0),
            status: ProjectStatus::Active,
            status_reason: None,
            deleted_count: 0,
        })
    }
}
