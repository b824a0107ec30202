//! Projects as a view shows them.

use std::sync::Arc;

use super::channels::view;
use super::db::both;
use super::heads::Opened;
use super::rows::damaged;
use super::{Index, IndexError};
use crate::model::{ChannelRef, ProjectHead, ProjectStatus, Serial, View};
use crate::packaging::ProjectName;

/// The last end or begin of an interval of project `cp` up to a serial, or the coming of a provenance after its file: what
/// the stored serial, the head's, was there.
macro_rules! last_serial_before {
    ($serial:literal) => {
        concat!(
            "(SELECT MAX(i.serial) FROM (\
             SELECT CASE WHEN o.to_serial <= ",
            $serial,
            " THEN o.to_serial ELSE o.from_serial END AS serial FROM memberships o \
             WHERE o.channel_id = cp.channel_id AND o.project_id = cp.project_id AND +o.from_serial <= ",
            $serial,
            " UNION ALL \
             SELECT CASE WHEN t.to_serial <= ",
            $serial,
            " THEN t.to_serial ELSE t.from_serial END AS serial FROM project_status t \
             WHERE t.channel_id = cp.channel_id AND t.project_id = cp.project_id AND t.from_serial <= ",
            $serial,
            " UNION ALL \
             SELECT a.from_serial FROM provenance_shown a \
             WHERE a.channel_id = cp.channel_id AND a.project_id = cp.project_id AND a.from_serial <= ",
            $serial,
            ") i)"
        )
    };
}

/// The serial of the last change of project `cp` up to a serial; nothing if it came later.
macro_rules! last_serial_in_view {
    ($serial:literal) => {
        concat!(
            "CASE WHEN cp.last_serial <= ",
            $serial,
            " THEN cp.last_serial ELSE ",
            $crate::index::projects::last_serial_before!($serial),
            " END"
        )
    };
}
pub(super) use {last_serial_before, last_serial_in_view};

statements! {
    /// A channel's row whatever it holds, with its project beside it if that was ever part of it: one read answers a page.
    ///
    /// The stored serial is the head's; a view at an earlier serial takes the last end or begin of an interval up to it.
    OPEN_PROJECT = both(concat!(
        "SELECT v.id, v.head, p.display_name, ", last_serial_in_view!("v.serial"), " AS last_serial, \
         s.status, s.reason, \
         (SELECT COUNT(*) FROM files d WHERE d.project_id = p.id AND d.deleted_at IS NOT NULL) AS deleted_count \
         FROM (SELECT id, serial AS head, COALESCE(CAST($2 AS BIGINT), serial) AS serial FROM channels WHERE name = $1) v \
         LEFT JOIN projects p ON p.name = $3 \
         LEFT JOIN channel_projects cp ON cp.channel_id = v.id AND cp.project_id = p.id \
         LEFT JOIN project_status s ON s.channel_id = cp.channel_id AND s.project_id = cp.project_id \
         AND s.from_serial <= v.serial AND (s.to_serial IS NULL OR s.to_serial > v.serial)",
    ));
}

/// A row of [`OPEN_PROJECT`]; without a last serial when the project never came to the channel, or later.
#[derive(sqlx::FromRow)]
struct HeadRow {
    id: i64,
    head: i64,
    display_name: Option<String>,
    last_serial: Option<i64>,
    status: Option<String>,
    reason: Option<String>,
    deleted_count: i64,
}

impl Index {
    /// The project as this view shows it; `None` if it was never part of it.
    pub async fn find_project(&self, view: &View, name: &ProjectName) -> Result<Option<ProjectHead>, IndexError> {
        let wanted = ChannelRef { name: view.channel.clone(), serial: Some(view.serial) };
        Ok(self.read_project(&wanted, name).await?.1)
    }

    /// What a reader of `wanted` looks at, and the project as it shows there: from memory, or in one indexed read.
    ///
    /// A view of a head may be at an earlier serial than the channel, if the project has not changed since.
    /// The project is `None` if it was never part of the view. One whose files were all removed is still there, without
    /// files. Its serial is that of its last change at or before the view's, so that a snapshot gives the same answer for
    /// ever. Fails with [`IndexError::NoSuchChannel`], and with [`IndexError::NoSuchSnapshot`] for a serial not reached yet.
    pub async fn open_project(&self, wanted: &ChannelRef, name: &ProjectName) -> Result<Opened, IndexError> {
        if let Some(known) = self.heads.find(self, wanted, name) {
            return Ok((*known).clone());
        }
        // Before the read: a commit that comes between makes the answer one that is not kept.
        let stamp = self.stamp(name.as_str());
        let opened = self.read_project(wanted, name).await?;
        if let Some(stamp) = stamp {
            self.heads.keep(wanted, name, stamp, &opened);
        }
        Ok(opened)
    }

    /// What [`Index::open_project`] would answer, if it would find that in memory.
    pub fn project_at_hand(&self, wanted: &ChannelRef, name: &ProjectName) -> Option<Arc<Opened>> {
        self.heads.find(self, wanted, name)
    }

    async fn read_project(&self, wanted: &ChannelRef, name: &ProjectName) -> Result<Opened, IndexError> {
        let (channel, serial) = (wanted.name.as_str(), wanted.serial.map(|serial| serial.0));
        let row: Option<HeadRow> = read!(&self.db, fetch_optional, OPEN_PROJECT, channel, serial, name.as_ref())?;
        let row = row.ok_or_else(|| IndexError::NoSuchChannel { channel: wanted.name.clone() })?;
        let view = view(wanted, row.id, Serial(row.head))?;
        let (Some(display_name), Some(last_serial)) = (row.display_name, row.last_serial.map(Serial)) else {
            return Ok((view, None));
        };
        let status = project_status(row.status.as_deref())?;
        let name = name.clone();
        Ok((
            view,
            Some(ProjectHead {
                name,
                display_name,
                last_serial,
                status,
                status_reason: row.reason,
                deleted_count: row.deleted_count,
            }),
        ))
    }
}

/// The status that a column spells; a project without one is active.
pub(super) fn project_status(stored: Option<&str>) -> Result<ProjectStatus, IndexError> {
    Ok(match stored {
        None | Some("active") => ProjectStatus::Active,
        Some("archived") => ProjectStatus::Archived,
        Some("quarantined") => ProjectStatus::Quarantined,
        Some("deprecated") => ProjectStatus::Deprecated,
        Some(_) => return Err(damaged("project_status.status")),
    })
}
