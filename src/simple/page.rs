//! What a page says, before it is HTML or JSON: the order of files, their relative URLs, what is left out.

use std::cmp::Ordering;
use std::sync::Arc;

use super::runs::{Entry, Runs};
use super::text::{Text, ends_piece};
use crate::model::{ListedFile, ListedProject, PageNamespace, ProjectHead, ProjectStatus, Serial, Sha256Digest};
use crate::packaging::{ProjectName, Version};

/// Files of a run, on average: pieces of some tens of kilobytes, so that compressing one is quick and its beginning, which
/// can refer to nothing before it, costs little.
const FILES_A_RUN: u32 = 128;

/// The same for the shorter entries of the list of projects.
const PROJECTS_A_RUN: u32 = 768;

/// Where a page stands, which decides how far its relative URLs climb.
///
/// Links are relative to the page so that they hold behind any proxy prefix and never repeat a client's `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// `/simple/…`, the default channel.
    Default,
    /// `/{channel}/simple/…` or `/{channel}@{serial}/simple/…`.
    Channel,
    /// `/{channel}/legacy/+simple/…`, below the URL that uploads go to.
    ChannelUpload,
}

impl Base {
    /// From a project's page up to the server's root, with the slash.
    pub(super) fn root_of_server(self) -> &'static str {
        match self {
            Self::Default => "../../",
            Self::Channel => "../../../",
            Self::ChannelUpload => "../../../../",
        }
    }
}

/// The list of projects of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootPage {
    /// In the order of normalized names (IDX-25).
    pub projects: Runs<ListedProject>,
    /// Serial of the view.
    pub last_serial: Serial,
    /// Whether namespaces are offered, which decides the version that JSON names.
    pub has_namespaces: bool,
}

/// One project as a view shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectPage {
    /// Normalized name.
    pub name: ProjectName,
    /// Status (PEP 792).
    pub status: ProjectStatus,
    /// Why it has that status.
    pub status_reason: Option<String>,
    /// Serial of the last change of this project in the view.
    pub last_serial: Serial,
    /// Normalized versions, oldest first, each once.
    pub versions: Vec<String>,
    /// Files by version, then by name; none of a quarantined project (IDX-23).
    pub files: Runs<ListedFile>,
    /// Where the page stands.
    pub base: Base,
    /// Namespaces around the project; absent where they are not offered (IDX-24).
    pub namespaces: Option<Vec<PageNamespace>>,
    /// Public address below which provenance is named (PEP 740), without a slash at the end; none where it is not.
    pub provenance_root: Option<Arc<str>>,
}

impl ProjectPage {
    /// The page of a project from what the index tells of it.
    pub fn new(head: ProjectHead, mut files: Runs<ListedFile>, base: Base) -> Self {
        let mut versions: Vec<&Version> = files.entries().map(|file| &file.version).collect();
        // Equal versions stand side by side, also when one was written with more zeros.
        versions.dedup();
        let versions = versions.into_iter().map(Version::to_string).collect();
        if head.status == ProjectStatus::Quarantined {
            files = Runs::default();
        }
        Self {
            name: head.name,
            status: head.status,
            status_reason: head.status_reason,
            last_serial: head.last_serial,
            versions,
            files,
            base,
            namespaces: None,
            provenance_root: None,
        }
    }

    /// Absolute URL of the provenance of one of its files, if that is to be named.
    pub(super) fn provenance_of(&self, file: &ListedFile) -> Option<String> {
        let root = self.provenance_root.as_ref().filter(|_| file.has_provenance)?;
        let (version, filename) = (url_segment(&file.version.to_string()), url_segment(&file.filename));
        Some(format!("{root}/integrity/{}/{version}/{filename}/provenance", self.name))
    }
}

/// By version, then by name.
impl Entry for ListedFile {
    fn order(&self, other: &Self) -> Ordering {
        self.version.cmp(&other.version).then_with(|| self.filename.cmp(&other.filename))
    }

    fn ends_run(&self) -> bool {
        let [a, b, c, d, ..] = *self.sha256.as_bytes();
        ends_piece(u32::from_be_bytes([a, b, c, d]), FILES_A_RUN)
    }
}

impl Entry for ListedProject {
    fn order(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }

    fn ends_run(&self) -> bool {
        ends_piece(crc32fast::hash(self.name.as_str().as_bytes()), PROJECTS_A_RUN)
    }
}

/// A segment of a URL: everything but RFC 3986 unreserved characters is percent-encoded, so a `+` is `%2B` (FIL-07).
fn url_segment(text: &str) -> String {
    let mut segment = Text::with_capacity(text.len());
    segment.push_segment(text);
    segment.into_string()
}

/// Path of a file below the server's root, without a leading slash: `packages/{aa}/{bb}/{rest}/{filename}`.
pub fn file_path(sha256: &Sha256Digest, filename: &str) -> String {
    let mut path = Text::with_capacity(96 + filename.len());
    path.push_file_path(sha256, filename);
    path.into_string()
}

/// The word for a status that pages spell out; `None` for the normal one, which is never written (IDX-17).
pub fn status_word(status: ProjectStatus) -> Option<&'static str> {
    match status {
        ProjectStatus::Active => None,
        ProjectStatus::Archived => Some("archived"),
        ProjectStatus::Quarantined => Some("quarantined"),
        ProjectStatus::Deprecated => Some("deprecated"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn listed(filename: &str, version: &str) -> ListedFile {
        ListedFile {
            filename: filename.to_owned(),
            version: version.parse().unwrap(),
            sha256: Sha256Digest::of(filename.as_bytes()),
            size_bytes: 7,
            metadata_sha256: None,
            requires_python: None,
            uploaded_at: Timestamp::UNIX_EPOCH,
            yank: None,
            has_provenance: false,
        }
    }

    fn page(status: ProjectStatus, base: Base) -> ProjectPage {
        let head = ProjectHead {
            name: "demo".parse().unwrap(),
            display_name: "Demo".to_owned(),
            last_serial: Serial(4),
            status,
            status_reason: None,
            deleted_count: 0,
        };
        let files = [("c", "1.10"), ("a", "1.9"), ("d", "1.9.0"), ("b", "1.9"), ("e", "2.0rc1")];
        let files = files.iter().map(|(name, version)| listed(name, version)).collect();
        ProjectPage::new(head, Runs::new(files), base)
    }

    #[test]
    fn files_stand_by_version_then_name_and_versions_once() {
        let page = page(ProjectStatus::Active, Base::Default);
        let names: Vec<&str> = page.files.entries().map(|file| file.filename.as_str()).collect();
        assert_eq!(names, ["a", "b", "d", "c", "e"]);
        assert_eq!(page.versions, ["1.9", "1.10", "2.0rc1"]);
    }

    #[test]
    fn a_quarantined_project_keeps_its_versions_and_offers_no_files() {
        let page = page(ProjectStatus::Quarantined, Base::Default);
        assert_eq!(page.files.count(), 0);
        assert_eq!(page.versions.len(), 3);
    }

    #[test]
    fn links_climb_as_far_as_the_page_is_deep() {
        for (base, start) in [
            (Base::Default, "\"../../packages/"),
            (Base::Channel, "\"../../../packages/"),
            (Base::ChannelUpload, "\"../../../../packages/"),
        ] {
            let page = page(ProjectStatus::Active, base);
            for draft in [super::super::json::draft_project(&page), super::super::html::draft_project(&page)] {
                let text = draft.into_string();
                assert_eq!(text.matches(start).count(), page.files.count(), "{text}");
            }
        }
    }
}
