//! What a page says, before it is HTML or JSON: the order of files, their relative URLs, what is left out.

use crate::model::{ChannelFile, ListedProject, ProjectHead, ProjectStatus, Serial, Sha256Digest, Timestamp, Yank};
use crate::packaging::{ProjectName, Version};

/// Where a page stands, which decides how far its relative URLs climb.
///
/// Links are relative to the page so that they hold behind any proxy prefix and never repeat a client's `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// `/simple/…`, the default channel.
    Default,
    /// `/{channel}/simple/…` or `/{channel}@{serial}/simple/…`.
    Channel,
}

impl Base {
    /// From a project's page up to the server's root, with the slash.
    fn root_of_server(self) -> &'static str {
        match self {
            Self::Default => "../../",
            Self::Channel => "../../../",
        }
    }
}

/// The list of projects of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootPage {
    /// In the order of normalized names (IDX-25).
    pub projects: Vec<ListedProject>,
    /// Serial of the view.
    pub last_serial: Serial,
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
    pub files: Vec<PageFile>,
}

/// One file of a project's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFile {
    /// File name, the last segment of the URL.
    pub filename: String,
    /// Relative to the page, with the slash at its end (IDX-21).
    pub url: String,
    /// Digest of the file.
    pub sha256: Sha256Digest,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was first published.
    pub uploaded_at: Timestamp,
    /// Its yank mark in the view.
    pub yank: Option<Yank>,
    /// Digest of `<url>.metadata`, when that is served (PEP 714).
    pub metadata_sha256: Option<Sha256Digest>,
}

impl ProjectPage {
    /// The page of a project from what the index tells of it.
    pub fn new(head: ProjectHead, files: Vec<ChannelFile>, base: Base) -> Self {
        let mut files: Vec<(Version, PageFile)> = files.into_iter().map(|file| page_file(file, base)).collect();
        files.sort_by(|(left_version, left), (right_version, right)| {
            left_version.cmp(right_version).then_with(|| left.filename.cmp(&right.filename))
        });
        let mut versions: Vec<&Version> = files.iter().map(|(version, _)| version).collect();
        // Equal versions stand side by side, also when one was written with more zeros.
        versions.dedup();
        let versions = versions.into_iter().map(Version::to_string).collect();
        let is_hidden = head.status == ProjectStatus::Quarantined;
        let files = if is_hidden { Vec::new() } else { files.into_iter().map(|(_, file)| file).collect() };
        Self {
            name: head.name,
            status: head.status,
            status_reason: head.status_reason,
            last_serial: head.last_serial,
            versions,
            files,
        }
    }
}

fn page_file(shown: ChannelFile, base: Base) -> (Version, PageFile) {
    let file = shown.stored.file;
    let path = file_path(&file.digests.sha256, &file.filename);
    let page_file = PageFile {
        url: format!("{}{path}", base.root_of_server()),
        filename: file.filename,
        sha256: file.digests.sha256,
        requires_python: file.requires_python.filter(|text| !text.is_empty()),
        size_bytes: file.digests.size_bytes,
        uploaded_at: file.uploaded_at,
        yank: shown.yank,
        metadata_sha256: file.metadata_sha256,
    };
    (file.version, page_file)
}

/// Path of a file below the server's root, without a leading slash: `packages/{aa}/{bb}/{rest}/{filename}`.
///
/// The file name is percent-encoded but for RFC 3986 unreserved characters, so a `+` of a local version is `%2B` (FIL-07).
pub fn file_path(sha256: &Sha256Digest, filename: &str) -> String {
    let hex = sha256.to_hex();
    let mut path = format!("packages/{}/{}/{}/", &hex[..2], &hex[2..4], &hex[4..]);
    for byte in filename.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
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
    use crate::model::{Blake2b256Digest, FileDigests, FileKind, NewFile, StoredFile};

    fn shown(filename: &str, version: &str) -> ChannelFile {
        let sha256 = Sha256Digest::of(filename.as_bytes());
        let file = NewFile {
            project: "demo".parse().unwrap(),
            display_name: "Demo".to_owned(),
            version: version.parse().unwrap(),
            filename: filename.to_owned(),
            kind: FileKind::Wheel,
            digests: FileDigests {
                sha256,
                blake2b_256: Blake2b256Digest::from_bytes([0; 32]),
                md5: None,
                crc32: 0,
                size_bytes: 7,
            },
            metadata_sha256: None,
            requires_python: Some(String::new()),
            requires_dist: Vec::new(),
            provides_extra: Vec::new(),
            summary: None,
            identity: filename.to_owned(),
            wheel: None,
            notes: Vec::new(),
            uploaded_at: Timestamp::UNIX_EPOCH,
            received_at: Timestamp::UNIX_EPOCH,
            uploaded_by: "ci".to_owned(),
        };
        ChannelFile { stored: StoredFile { id: 1, file }, yank: None }
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
        ProjectPage::new(head, files.iter().map(|(name, version)| shown(name, version)).collect(), base)
    }

    #[test]
    fn files_stand_by_version_then_name_and_versions_once() {
        let page = page(ProjectStatus::Active, Base::Default);
        let names: Vec<&str> = page.files.iter().map(|file| file.filename.as_str()).collect();
        assert_eq!(names, ["a", "b", "d", "c", "e"]);
        assert_eq!(page.versions, ["1.9", "1.10", "2.0rc1"]);
    }

    #[test]
    fn a_quarantined_project_keeps_its_versions_and_offers_no_files() {
        let page = page(ProjectStatus::Quarantined, Base::Default);
        assert!(page.files.is_empty());
        assert_eq!(page.versions.len(), 3);
    }

    #[test]
    fn links_climb_as_far_as_the_page_is_deep() {
        assert!(page(ProjectStatus::Active, Base::Default).files[0].url.starts_with("../../packages/"));
        assert!(page(ProjectStatus::Active, Base::Channel).files[0].url.starts_with("../../../packages/"));
    }

    #[test]
    fn ok_paths_of_files() {
        let sha256 = Sha256Digest::of(b"");
        let folder = "packages/e3/b0/c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (filename, written) in [
            ("demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl"),
            ("loc-1.0+cu118-py3-none-any.whl", "loc-1.0%2Bcu118-py3-none-any.whl"),
            ("epoch-1!2.0.tar.gz", "epoch-1%212.0.tar.gz"),
        ] {
            assert_eq!(file_path(&sha256, filename), format!("{folder}/{written}"));
        }
    }
}
