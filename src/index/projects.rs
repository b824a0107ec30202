//! Projects as a view shows them.

use super::db::both;
use super::rows::{damaged, parse};
use super::{Index, IndexError};
use crate::model::{ProjectHead, ProjectStatus, Serial, View};
use crate::packaging::ProjectName;

statements! {
    /// Does not look at the rows of files, which are many and long: a deleted file is in no head, so only a snapshot can
    /// list a project that has nothing left to offer.
    LIST_PROJECTS = both(concat!(
        "SELECT p.name, p.display_name FROM projects p \
         JOIN channel_projects cp ON cp.project_id = p.id AND cp.channel_id = $1 \
         WHERE EXISTS (SELECT 1 FROM memberships m WHERE ", in_view!(), " AND m.project_id = p.id) ORDER BY p.name",
    ));
    /// The stored serial is the head's; a view at an earlier serial takes the last end or begin of an interval up to it.
    FIND_PROJECT = both(
        "SELECT p.display_name, \
         CASE WHEN cp.last_serial <= $2 THEN cp.last_serial ELSE (\
         SELECT MAX(i.serial) FROM (\
         SELECT CASE WHEN m.to_serial <= $2 THEN m.to_serial ELSE m.from_serial END AS serial FROM memberships m \
         WHERE m.channel_id = $1 AND m.project_id = p.id AND m.from_serial <= $2 \
         UNION ALL \
         SELECT CASE WHEN t.to_serial <= $2 THEN t.to_serial ELSE t.from_serial END AS serial FROM project_status t \
         WHERE t.channel_id = $1 AND t.project_id = p.id AND t.from_serial <= $2) i) END AS last_serial, \
         s.status, s.reason \
         FROM projects p \
         JOIN channel_projects cp ON cp.channel_id = $1 AND cp.project_id = p.id \
         LEFT JOIN project_status s ON s.channel_id = $1 AND s.project_id = p.id \
         AND s.from_serial <= $2 AND (s.to_serial IS NULL OR s.to_serial > $2) \
         WHERE p.name = $3",
    );
}

/// A row of [`FIND_PROJECT`]; without a serial when the project came to the channel later.
#[derive(sqlx::FromRow)]
struct HeadRow {
    display_name: String,
    last_serial: Option<i64>,
    status: Option<String>,
    reason: Option<String>,
}

impl Index {
    /// Normalized and display name of every project with a file in this view, by normalized name.
    pub async fn list_projects(&self, view: &View) -> Result<Vec<(ProjectName, String)>, IndexError> {
        let rows: Vec<(String, String)> = read!(&self.db, fetch_all, LIST_PROJECTS, view.channel_id, view.serial.0)?;
        rows.into_iter().map(|(name, display_name)| Ok((parse(&name, "projects.name")?, display_name))).collect()
    }

    /// The project as this view shows it, in one indexed read; `None` if it was never part of it.
    ///
    /// A project whose files were all removed is still there, without files. The serial is that of its last change at or
    /// before the view's, so that a snapshot gives the same answer for ever.
    pub async fn find_project(&self, view: &View, name: &ProjectName) -> Result<Option<ProjectHead>, IndexError> {
        let row: Option<HeadRow> =
            read!(&self.db, fetch_optional, FIND_PROJECT, view.channel_id, view.serial.0, name.as_ref())?;
        let Some(row) = row else { return Ok(None) };
        let Some(last_serial) = row.last_serial.map(Serial) else { return Ok(None) };
        let status = project_status(row.status.as_deref())?;
        let (name, display_name) = (name.clone(), row.display_name);
        Ok(Some(ProjectHead { name, display_name, last_serial, status, status_reason: row.reason }))
    }
}

fn project_status(stored: Option<&str>) -> Result<ProjectStatus, IndexError> {
    Ok(match stored {
        None | Some("active") => ProjectStatus::Active,
        Some("archived") => ProjectStatus::Archived,
        Some("quarantined") => ProjectStatus::Quarantined,
        Some("deprecated") => ProjectStatus::Deprecated,
        Some(_) => return Err(damaged("project_status.status")),
    })
}
