//! The history of a channel, read from the intervals of its memberships and statuses: nothing else is written for it.
//!
//! Everything up to the head's serial is settled: a later change only closes intervals at a later serial. So the same
//! question gives the same rows for ever, whatever is published meanwhile.

use super::db::both;
use super::projects::project_status;
use super::rows::{damaged, parse, time, yank};
use super::{Index, IndexError};
use crate::model::{ChangeCursor, Channel, CursorRow, PastAction, PastChange, PastFile, ProjectStatus, Serial};

/// Rows of intervals that begin or end at `$serial` after the cursor `$2`, `$3` and up to serial `$4`.
macro_rules! after_cursor {
    ($serial:literal, $id:literal) => {
        concat!("(", $serial, ", ", $id, ") > (CAST($2 AS BIGINT), CAST($3 AS BIGINT)) AND ", $serial, " <= $4 ",)
    };
}

statements! {
    /// `was_yanked` is that of the interval which this one takes over from; absent when the file came in.
    LIST_BEGUN = both(concat!(
        "SELECT m.from_serial AS serial, s.made_at, m.file_id AS id, p.name AS project, f.filename, f.sha256, \
         m.is_yanked, m.yank_reason, b.is_yanked AS was_yanked \
         FROM memberships m JOIN snapshots s ON s.channel_id = m.channel_id AND s.serial = m.from_serial \
         JOIN files f ON f.id = m.file_id JOIN projects p ON p.id = m.project_id \
         LEFT JOIN memberships b ON b.channel_id = m.channel_id AND b.project_id = m.project_id \
         AND b.file_id = m.file_id AND b.to_serial = m.from_serial \
         WHERE m.channel_id = $1 AND ", after_cursor!("m.from_serial", "m.file_id"),
        "ORDER BY m.from_serial, m.file_id LIMIT $5",
    ));
    LIST_ENDED = both(concat!(
        "SELECT m.to_serial AS serial, s.made_at, m.file_id AS id, p.name AS project, f.filename, f.sha256 \
         FROM memberships m JOIN snapshots s ON s.channel_id = m.channel_id AND s.serial = m.to_serial \
         JOIN files f ON f.id = m.file_id JOIN projects p ON p.id = m.project_id \
         WHERE m.channel_id = $1 AND m.to_serial IS NOT NULL AND ", after_cursor!("m.to_serial", "m.file_id"),
        "AND NOT EXISTS (SELECT 1 FROM memberships n WHERE n.channel_id = m.channel_id \
         AND n.project_id = m.project_id AND n.file_id = m.file_id AND n.from_serial = m.to_serial) \
         ORDER BY m.to_serial, m.file_id LIMIT $5",
    ));
    LIST_STATUS_BEGUN = both(concat!(
        "SELECT t.from_serial AS serial, s.made_at, t.project_id AS id, p.name AS project, t.status, t.reason \
         FROM project_status t JOIN snapshots s ON s.channel_id = t.channel_id AND s.serial = t.from_serial \
         JOIN projects p ON p.id = t.project_id \
         WHERE t.channel_id = $1 AND ", after_cursor!("t.from_serial", "t.project_id"),
        "ORDER BY t.from_serial, t.project_id LIMIT $5",
    ));
    /// A project without an interval is active.
    LIST_STATUS_ENDED = both(concat!(
        "SELECT t.to_serial AS serial, s.made_at, t.project_id AS id, p.name AS project, 'active' AS status, \
         CAST(NULL AS TEXT) AS reason \
         FROM project_status t JOIN snapshots s ON s.channel_id = t.channel_id AND s.serial = t.to_serial \
         JOIN projects p ON p.id = t.project_id \
         WHERE t.channel_id = $1 AND t.to_serial IS NOT NULL AND ", after_cursor!("t.to_serial", "t.project_id"),
        "AND NOT EXISTS (SELECT 1 FROM project_status n WHERE n.channel_id = t.channel_id \
         AND n.project_id = t.project_id AND n.from_serial = t.to_serial) \
         ORDER BY t.to_serial, t.project_id LIMIT $5",
    ));
    FIND_INSTANCE = both("SELECT value FROM meta WHERE key = 'instance_id'");
    /// Serial of the change that is `$2` places from the newest; each part reads no further than it must.
    FIND_NTH_NEWEST = both(
        "SELECT i.serial FROM (\
         SELECT begun.serial FROM (SELECT m.from_serial AS serial FROM memberships m WHERE m.channel_id = $1 \
         ORDER BY m.from_serial DESC LIMIT $2) AS begun \
         UNION ALL \
         SELECT ended.serial FROM (SELECT m.to_serial AS serial FROM memberships m WHERE m.channel_id = $1 \
         AND m.to_serial IS NOT NULL ORDER BY m.to_serial DESC LIMIT $2) AS ended \
         UNION ALL \
         SELECT t.from_serial FROM project_status t WHERE t.channel_id = $1 \
         UNION ALL \
         SELECT t.to_serial FROM project_status t WHERE t.channel_id = $1 AND t.to_serial IS NOT NULL\
         ) i ORDER BY i.serial DESC LIMIT 1 OFFSET $2 - 1",
    );
}

#[derive(sqlx::FromRow)]
struct BegunRow {
    serial: i64,
    made_at: i64,
    id: i64,
    project: String,
    filename: String,
    sha256: String,
    is_yanked: bool,
    yank_reason: Option<String>,
    was_yanked: Option<bool>,
}

/// Columns of [`LIST_ENDED`].
type EndedRow = (i64, i64, i64, String, String, String);

/// Columns of [`LIST_STATUS_BEGUN`] and [`LIST_STATUS_ENDED`].
type StatusRow = (i64, i64, i64, String, String, Option<String>);

impl Index {
    /// At most `limit` changes of a channel after `since` and up to the serial that `channel` was read at, oldest first.
    ///
    /// A file or project changes once at a serial: yanking closes one interval and opens another, and is one row here.
    pub async fn list_changes(
        &self,
        channel: &Channel,
        since: ChangeCursor,
        limit: u32,
    ) -> Result<Vec<PastChange>, IndexError> {
        let (id, serial, head, limit) = (channel.id, since.serial.0, channel.serial.0, i64::from(limit));
        // Rows of projects stand before those of files, and keys begin at 1.
        let (project, file) = match since.row {
            CursorRow::Project(id) => (id, 0),
            CursorRow::File(id) => (i64::MAX, id),
            CursorRow::End => (i64::MAX, i64::MAX),
        };
        let begun: Vec<BegunRow> = read!(&self.db, fetch_all, LIST_BEGUN, id, serial, file, head, limit)?;
        let ended: Vec<EndedRow> = read!(&self.db, fetch_all, LIST_ENDED, id, serial, file, head, limit)?;
        let mut statuses: Vec<StatusRow> =
            read!(&self.db, fetch_all, LIST_STATUS_BEGUN, id, serial, project, head, limit)?;
        let cleared: Vec<StatusRow> = read!(&self.db, fetch_all, LIST_STATUS_ENDED, id, serial, project, head, limit)?;
        statuses.extend(cleared);
        let changes = begun.into_iter().map(begun_change);
        let changes = changes.chain(ended.into_iter().map(ended_change));
        let mut changes = changes.chain(statuses.into_iter().map(status_change)).collect::<Result<Vec<_>, _>>()?;
        changes.sort_by_key(|change| change.cursor);
        changes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(changes)
    }

    /// A serial after which a channel has fewer than `count` changes, so that all of them can be told at once.
    ///
    /// It is the newest serial if that alone changed so much. Yanks are counted twice, which only makes it fewer.
    pub async fn find_recent_serial(&self, channel: &Channel, count: u32) -> Result<Serial, IndexError> {
        let row: Option<(i64,)> =
            read!(&self.db, fetch_optional, FIND_NTH_NEWEST, channel.id, i64::from(count.max(1)))?;
        Ok(row.map_or(Serial(0), |(serial,)| Serial(serial)))
    }
}

impl Index {
    /// A name that no other index has, made with the database.
    pub async fn instance(&self) -> Result<String, IndexError> {
        let (instance,): (String,) = read!(&self.db, fetch_one, FIND_INSTANCE)?;
        Ok(instance)
    }
}

fn begun_change(row: BegunRow) -> Result<PastChange, IndexError> {
    let file = past_file(row.filename, &row.sha256)?;
    let action = match (row.was_yanked, yank(row.is_yanked, row.yank_reason)) {
        (None, mark) => PastAction::Added(file, mark),
        (Some(_), Some(mark)) => PastAction::Yanked(file, mark),
        (Some(true), None) => PastAction::Unyanked(file),
        // An interval is closed and opened again only where its mark changes.
        (Some(false), None) => return Err(damaged("memberships.is_yanked")),
    };
    change(row.serial, CursorRow::File(row.id), row.made_at, &row.project, action)
}

fn ended_change((serial, made_at, id, project, filename, sha256): EndedRow) -> Result<PastChange, IndexError> {
    let action = PastAction::Removed(past_file(filename, &sha256)?);
    change(serial, CursorRow::File(id), made_at, &project, action)
}

fn status_change((serial, made_at, id, project, status, reason): StatusRow) -> Result<PastChange, IndexError> {
    let status: ProjectStatus = project_status(Some(&status))?;
    change(serial, CursorRow::Project(id), made_at, &project, PastAction::Status(status, reason))
}

fn past_file(filename: String, sha256: &str) -> Result<PastFile, IndexError> {
    Ok(PastFile { filename, sha256: parse(sha256, "files.sha256")? })
}

fn change(
    serial: i64,
    row: CursorRow,
    made_at: i64,
    project: &str,
    action: PastAction,
) -> Result<PastChange, IndexError> {
    Ok(PastChange {
        cursor: ChangeCursor { serial: Serial(serial), row },
        made_at: time(made_at, "snapshots.made_at")?,
        project: parse(project, "projects.name")?,
        action,
    })
}
