//! What pages list: the files of a project and the projects of a view, in a few columns, for thousands at a time.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::db::{both, pair};
use super::projects::last_serial_in_view;
use super::rows::{from_json, parse, time};
use super::{Index, IndexError};
use crate::model::{ListedFile, ListedProject, Serial, View, Yank};
use crate::packaging::ProjectName;

/// Whether a file `f` is shown with its provenance by view `$1`, `$2`, if `$4` asks for it. A row in `provenance_shown` says
/// that it came after the file.
macro_rules! has_provenance {
    () => {
        "CASE WHEN $4 THEN EXISTS (SELECT 1 FROM provenance v LEFT JOIN provenance_shown s \
         ON s.channel_id = m.channel_id AND s.project_id = v.project_id AND s.file_id = v.file_id \
         WHERE v.file_id = f.id AND (s.from_serial IS NULL OR s.from_serial <= $2)) END"
    };
}

/// What a page tells of file `f` with membership `m`, as a list of values. A yank is its reason, which may be empty.
macro_rules! page_entry {
    () => {
        concat!(
            "f.filename, f.version, f.sha256, f.size_bytes, f.metadata_sha256, f.requires_python, f.uploaded_at, \
             CASE WHEN m.is_yanked THEN COALESCE(m.yank_reason, '') END, ",
            has_provenance!()
        )
    };
}

/// Memberships of project `$3` in channel `$1`, with their files.
macro_rules! of_project {
    () => {
        " FROM projects p JOIN memberships m ON m.project_id = p.id JOIN files f ON f.id = m.file_id \
         WHERE p.name = $3 AND "
    };
}

/// A membership `m` that began or ended after serial `$5`, or whose file was shown with a provenance after it.
macro_rules! changed_since {
    () => {
        "m.channel_id = $1 AND (+m.from_serial > $5 OR +m.to_serial > $5 OR ($4 AND EXISTS (\
         SELECT 1 FROM provenance_shown s WHERE s.channel_id = m.channel_id AND s.project_id = m.project_id \
         AND s.file_id = m.file_id AND s.from_serial > $5)))"
    };
}

statements! {
    /// One JSON value of all rows: a row that crosses from the database's thread alone costs more than its bytes do.
    /// Without an order, because the page has one of its own.
    LIST_PAGE = pair(
        concat!(
            "SELECT json_group_array(json_array(", page_entry!(), "))",
            of_project!(), in_view!(), " AND f.deleted_at IS NULL",
        ),
        concat!(
            "SELECT CAST(COALESCE(json_agg(json_build_array(", page_entry!(), ")), '[]') AS text)",
            of_project!(), in_view!(), " AND f.deleted_at IS NULL",
        ),
    );
    /// As [`LIST_PAGE`], for what changed after a serial; with each row whether the view has it.
    LIST_PAGE_CHANGES = pair(
        concat!(
            "SELECT json_group_array(json_array(json_array(", page_entry!(), "), ",
            "f.deleted_at IS NULL AND ", in_view!(), "))", of_project!(), changed_since!(),
        ),
        concat!(
            "SELECT CAST(COALESCE(json_agg(json_build_array(json_build_array(", page_entry!(), "), ",
            "f.deleted_at IS NULL AND ", in_view!(), ")), '[]') AS text)", of_project!(), changed_since!(),
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
type PageEntry = (String, String, String, u64, Option<String>, Option<String>, i64, Option<String>, Option<Flag>);

/// A truth value, which SQLite writes as a number.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Flag {
    Number(i64),
    Truth(bool),
}

impl Flag {
    fn is_set(self) -> bool {
        matches!(self, Self::Truth(true) | Self::Number(1..))
    }
}

/// What became of a file of a page since an earlier serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It stands there like this.
    Listed(ListedFile),
    /// It is not there, as it was once, or as it will be.
    Unlisted(ListedFile),
}

/// What became of a project since an earlier list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// It stands in the list like this.
    Listed(ListedProject),
    /// It has no file left in the view, or came after it.
    Unlisted(ProjectName),
}

impl Index {
    /// What a page tells of the project's files in this view, and with `names_provenance` which have one; in no order.
    pub async fn list_page(
        &self,
        view: &View,
        project: &ProjectName,
        names_provenance: bool,
    ) -> Result<Vec<ListedFile>, IndexError> {
        let (channel, serial) = (view.channel_id, view.serial.0);
        let (json,): (String,) =
            read!(&self.db, fetch_one, LIST_PAGE, channel, serial, project.as_ref(), names_provenance)?;
        let entries: Vec<PageEntry> = from_json(&json, "files")?;
        entries.into_iter().map(listed_file).collect()
    }

    /// How the page of `view` differs from that of an earlier serial of the same channel; each file once, in no order.
    ///
    /// Deletions are none of these changes: they are none of a channel.
    pub async fn list_page_changes(
        &self,
        view: &View,
        project: &ProjectName,
        since: Serial,
        names_provenance: bool,
    ) -> Result<Vec<FileChange>, IndexError> {
        let (channel, serial, name) = (view.channel_id, view.serial.0, project.as_ref());
        let (json,): (String,) =
            read!(&self.db, fetch_one, LIST_PAGE_CHANGES, channel, serial, name, names_provenance, since.0)?;
        let entries: Vec<(PageEntry, Flag)> = from_json(&json, "files")?;
        // A file has several intervals, and is in the view if one of them is.
        let mut changes: BTreeMap<String, FileChange> = BTreeMap::new();
        for (entry, is_in_view) in entries {
            let file = listed_file(entry)?;
            if is_in_view.is_set() {
                changes.insert(file.filename.clone(), FileChange::Listed(file));
            } else {
                changes.entry(file.filename.clone()).or_insert(FileChange::Unlisted(file));
            }
        }
        Ok(changes.into_values().collect())
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
    let (filename, version, sha256, size_bytes, metadata_sha256, requires_python, uploaded_at, yank, provenance) =
        entry;
    Ok(ListedFile {
        filename,
        version: parse(&version, "files.version")?,
        sha256: parse(&sha256, "files.sha256")?,
        size_bytes,
        metadata_sha256: metadata_sha256.map(|text| parse(&text, "files.metadata_sha256")).transpose()?,
        requires_python: requires_python.filter(|text| !text.is_empty()),
        uploaded_at: time(uploaded_at, "files.uploaded_at")?,
        yank: yank.map(|reason| Yank { reason: Some(reason).filter(|reason| !reason.is_empty()) }),
        has_provenance: provenance.is_some_and(Flag::is_set),
    })
}
