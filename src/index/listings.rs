//! What pages list: the files of a project and the projects of a view, in a few columns, for thousands at a time.

use super::db::{both, pair};
use super::projects::last_serial_in_view;
use super::rows::{from_json, parse, time};
use super::{Index, IndexError};
use crate::model::{ListedFile, ListedProject, Serial, View, Yank};
use crate::packaging::ProjectName;

statements! {
    /// One JSON value of all rows: a row that crosses from the database's thread alone costs more than its bytes do. A yank
    /// is its reason, which may be empty. Without an order, because the page has one of its own.
    LIST_PAGE = pair(
        concat!(
            "SELECT json_group_array(json_array(f.filename, f.version, f.sha256, f.size_bytes, f.metadata_sha256, \
             f.requires_python, f.uploaded_at, CASE WHEN m.is_yanked THEN COALESCE(m.yank_reason, '') END)) \
             FROM projects p JOIN memberships m ON m.project_id = p.id JOIN files f ON f.id = m.file_id \
             WHERE ", in_view!(), " AND p.name = $3 AND f.deleted_at IS NULL",
        ),
        concat!(
            "SELECT CAST(COALESCE(json_agg(json_build_array(f.filename, f.version, f.sha256, f.size_bytes, \
             f.metadata_sha256, f.requires_python, f.uploaded_at, \
             CASE WHEN m.is_yanked THEN COALESCE(m.yank_reason, '') END)), '[]') AS text) \
             FROM projects p JOIN memberships m ON m.project_id = p.id JOIN files f ON f.id = m.file_id \
             WHERE ", in_view!(), " AND p.name = $3 AND f.deleted_at IS NULL",
        ),
    );
    /// Does not look at the rows of files, which are many and long: a deleted file is in no head, so only a snapshot can
    /// list a project that has nothing left to offer.
    LIST_PROJECTS = both(concat!(
        "SELECT p.name, p.display_name, ", last_serial_in_view!("CAST($2 AS BIGINT)"), " AS last_serial FROM projects p \
         JOIN channel_projects cp ON cp.project_id = p.id AND cp.channel_id = $1 \
         WHERE EXISTS (SELECT 1 FROM memberships m WHERE ", in_view!(), " AND m.project_id = p.id) ORDER BY p.name",
    ));
    /// As [`LIST_PROJECTS`], for what changed after a serial; also what is no longer listed.
    LIST_CHANGED_PROJECTS = both(concat!(
        "SELECT p.name, p.display_name, ", last_serial_in_view!("CAST($2 AS BIGINT)"), " AS last_serial, \
         EXISTS (SELECT 1 FROM memberships m WHERE ", in_view!(), " AND m.project_id = p.id) AS is_listed \
         FROM channel_projects cp JOIN projects p ON p.id = cp.project_id \
         WHERE cp.channel_id = $1 AND cp.last_serial > $3 ORDER BY p.name",
    ));
}

/// An entry of [`LIST_PAGE`].
type PageEntry = (String, String, String, u64, Option<String>, Option<String>, i64, Option<String>);

/// What became of a project since an earlier list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// It stands in the list like this.
    Listed(ListedProject),
    /// It has no file left in the view, or came after it.
    Unlisted(ProjectName),
}

impl Index {
    /// What a page tells of the project's files in this view; in no order.
    pub async fn list_page(&self, view: &View, project: &ProjectName) -> Result<Vec<ListedFile>, IndexError> {
        let (channel, serial) = (view.channel_id, view.serial.0);
        let (json,): (String,) = read!(&self.db, fetch_one, LIST_PAGE, channel, serial, project.as_ref())?;
        let entries: Vec<PageEntry> = from_json(&json, "files")?;
        entries.into_iter().map(listed_file).collect()
    }

    /// Every project with a file in this view, by normalized name.
    pub async fn list_projects(&self, view: &View) -> Result<Vec<ListedProject>, IndexError> {
        let rows: Vec<(String, String, i64)> =
            read!(&self.db, fetch_all, LIST_PROJECTS, view.channel_id, view.serial.0)?;
        rows.into_iter().map(listed_project).collect()
    }

    /// How the list of `view` differs from that of an earlier serial of the same channel, by normalized name.
    pub async fn list_changed_projects(&self, view: &View, since: Serial) -> Result<Vec<ListChange>, IndexError> {
        let (channel, serial) = (view.channel_id, view.serial.0);
        let rows: Vec<(String, String, Option<i64>, bool)> =
            read!(&self.db, fetch_all, LIST_CHANGED_PROJECTS, channel, serial, since.0)?;
        let change = |(name, display_name, last_serial, is_listed): (String, String, Option<i64>, bool)| {
            Ok(match last_serial {
                Some(serial) if is_listed => ListChange::Listed(listed_project((name, display_name, serial))?),
                _ => ListChange::Unlisted(parse(&name, "projects.name")?),
            })
        };
        rows.into_iter().map(change).collect()
    }
}

fn listed_project((name, display_name, last_serial): (String, String, i64)) -> Result<ListedProject, IndexError> {
    Ok(ListedProject { name: parse(&name, "projects.name")?, display_name, last_serial: Serial(last_serial) })
}

fn listed_file(entry: PageEntry) -> Result<ListedFile, IndexError> {
    let (filename, version, sha256, size_bytes, metadata_sha256, requires_python, uploaded_at, yank) = entry;
    Ok(ListedFile {
        filename,
        version: parse(&version, "files.version")?,
        sha256: parse(&sha256, "files.sha256")?,
        size_bytes,
        metadata_sha256: metadata_sha256.map(|text| parse(&text, "files.metadata_sha256")).transpose()?,
        requires_python: requires_python.filter(|text| !text.is_empty()),
        uploaded_at: time(uploaded_at, "files.uploaded_at")?,
        yank: yank.map(|reason| Yank { reason: Some(reason).filter(|reason| !reason.is_empty()) }),
    })
}
