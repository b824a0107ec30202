//! What is marked after publication: files that leave channels or the server, and the status of projects.
//!
//! Yank marks are part of a membership and are changed by [`IndexTx::apply`].

use std::collections::{BTreeMap, BTreeSet};

use super::db::{both, pair};
use super::projects::project_status;
use super::rows::{parse, text, to_json, yank};
use super::{Index, IndexError, IndexTx};
use crate::model::{Channel, ChannelName, KnownFile, Member, ProjectStatus, View};
use crate::packaging::ProjectName;

statements! {
    /// All intervals, so that a file that left can be told from one that never came. CROSS JOIN has SQLite look at the names
    /// before it looks for files.
    LIST_MEMBERS = pair(
        "SELECT f.id, f.filename, p.name, f.version, m.to_serial IS NULL, m.is_yanked, m.yank_reason \
         FROM projects p CROSS JOIN memberships m JOIN files f ON f.id = m.file_id \
         WHERE p.name IN (SELECT value FROM json_each($2)) AND m.channel_id = $1 AND m.project_id = p.id \
         ORDER BY f.filename, m.from_serial",
        "SELECT f.id, f.filename, p.name, f.version, m.to_serial IS NULL, m.is_yanked, m.yank_reason \
         FROM projects p CROSS JOIN memberships m JOIN files f ON f.id = m.file_id \
         WHERE p.name IN (SELECT json_array_elements_text(CAST($2 AS json))) \
         AND m.channel_id = $1 AND m.project_id = p.id ORDER BY f.filename, m.from_serial",
    );
    LIST_KNOWN_FILES = pair(
        "SELECT f.id, f.filename, p.name, f.version, f.deleted_at IS NOT NULL \
         FROM projects p CROSS JOIN files f \
         WHERE p.name IN (SELECT value FROM json_each($1)) AND f.project_id = p.id ORDER BY f.filename",
        "SELECT f.id, f.filename, p.name, f.version, f.deleted_at IS NOT NULL \
         FROM projects p CROSS JOIN files f \
         WHERE p.name IN (SELECT json_array_elements_text(CAST($1 AS json))) AND f.project_id = p.id ORDER BY f.filename",
    );
    /// Keeps every channel at its serial until the end of the transaction, new channels too.
    ///
    /// SQLite has one writer at a time, so it needs no more than to be asked something.
    HOLD_CHANNELS = pair("SELECT 1", "LOCK TABLE channels IN SHARE ROW EXCLUSIVE MODE");
    LIST_HOLDERS = pair(
        "SELECT c.name, m.file_id FROM memberships m INDEXED BY memberships_in_head \
         JOIN channels c ON c.id = m.channel_id \
         WHERE m.to_serial IS NULL AND m.file_id IN (SELECT value FROM json_each($1)) ORDER BY c.name, m.file_id",
        "SELECT c.name, m.file_id FROM memberships m JOIN channels c ON c.id = m.channel_id \
         WHERE m.to_serial IS NULL \
         AND m.file_id IN (SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS BIGINT)) \
         ORDER BY c.name, m.file_id",
    );
    RETIRE = pair(
        "UPDATE files SET deleted_at = $1 WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each($2))",
        "UPDATE files SET deleted_at = $1 WHERE deleted_at IS NULL \
         AND id IN (SELECT CAST(json_array_elements_text(CAST($2 AS json)) AS BIGINT))",
    );
    /// Without a row when the project never came to the channel.
    FIND_STATUS = both(
        "SELECT p.id, s.status, s.reason FROM projects p \
         JOIN channel_projects cp ON cp.project_id = p.id AND cp.channel_id = $1 \
         LEFT JOIN project_status s ON s.channel_id = cp.channel_id AND s.project_id = cp.project_id \
         AND s.to_serial IS NULL WHERE p.name = $2",
    );
    FIND_HEAD_STATUS = both(
        "SELECT s.status FROM projects p JOIN project_status s ON s.project_id = p.id AND s.to_serial IS NULL \
         JOIN channels c ON c.id = s.channel_id WHERE c.name = $1 AND p.name = $2",
    );
    LIST_STATUSES = both(
        "SELECT p.name, s.status FROM project_status s JOIN projects p ON p.id = s.project_id \
         WHERE s.channel_id = $1 AND s.status <> 'active' AND s.from_serial <= $2 \
         AND (s.to_serial IS NULL OR s.to_serial > $2) ORDER BY p.name",
    );
    CLOSE_STATUS = both(
        "UPDATE project_status SET to_serial = $3 WHERE channel_id = $1 AND project_id = $2 AND to_serial IS NULL",
    );
    OPEN_STATUS = both(
        "INSERT INTO project_status (channel_id, project_id, from_serial, status, reason) VALUES ($1, $2, $3, $4, $5)",
    );
    SET_LAST_SERIAL = both(
        "UPDATE channel_projects SET last_serial = $3 WHERE channel_id = $1 AND project_id = $2",
    );
}

/// Status of a project in a channel's head, and why.
pub type StatusThere = (ProjectStatus, Option<String>);

/// A row of [`LIST_MEMBERS`].
type MemberRow = (i64, String, String, String, bool, bool, Option<String>);

impl Index {
    /// Status of the project in the head of the channel; active where nothing is known of either.
    pub async fn find_status(&self, channel: &ChannelName, project: &ProjectName) -> Result<ProjectStatus, IndexError> {
        let row: Option<(String,)> =
            read!(&self.db, fetch_optional, FIND_HEAD_STATUS, channel.as_str(), project.as_ref())?;
        project_status(row.as_ref().map(|(status,)| status.as_str()))
    }

    /// Status of every project that is not active in this view.
    pub async fn list_statuses(&self, view: &View) -> Result<BTreeMap<ProjectName, ProjectStatus>, IndexError> {
        let rows: Vec<(String, String)> = read!(&self.db, fetch_all, LIST_STATUSES, view.channel_id, view.serial.0)?;
        let status = |(name, status): (String, String)| {
            Ok((parse(&name, "projects.name")?, project_status(Some(status.as_str()))?))
        };
        rows.into_iter().map(status).collect()
    }
}

impl IndexTx {
    /// Every file that these projects have, or once had, in the channel; by file name.
    pub async fn list_members(
        &mut self,
        channel: &Channel,
        projects: &BTreeSet<ProjectName>,
    ) -> Result<Vec<Member>, IndexError> {
        let rows: Vec<MemberRow> =
            fetch!(&mut self.tx, fetch_all, LIST_MEMBERS, channel.id, to_json(projects, "projects")?)?;
        let mut members: Vec<Member> = Vec::new();
        for (file_id, filename, project, version, is_in_head, is_yanked, reason) in rows {
            let yank = yank(is_yanked, reason);
            // Intervals of one file stand in order, so the last one says how it is now.
            if let Some(known) = members.last_mut().filter(|known| known.file_id == file_id) {
                (known.is_in_head, known.yank) = (is_in_head, yank);
                continue;
            }
            let (project, version) = (parse(&project, "projects.name")?, parse(&version, "files.version")?);
            members.push(Member { file_id, filename, project, version, is_in_head, yank });
        }
        Ok(members)
    }

    /// Every file that these projects have, or once had, on this server; by file name.
    pub async fn list_known_files(&mut self, projects: &BTreeSet<ProjectName>) -> Result<Vec<KnownFile>, IndexError> {
        let rows: Vec<(i64, String, String, String, bool)> =
            fetch!(&mut self.tx, fetch_all, LIST_KNOWN_FILES, to_json(projects, "projects")?)?;
        let known = |(file_id, filename, project, version, is_deleted): (i64, String, String, String, bool)| {
            let (project, version) = (parse(&project, "projects.name")?, parse(&version, "files.version")?);
            Ok(KnownFile { file_id, filename, project, version, is_deleted })
        };
        rows.into_iter().map(known).collect()
    }

    /// Keeps every channel at its serial until the end of the transaction. Call it before anything else.
    pub async fn hold_channels(&mut self) -> Result<(), IndexError> {
        execute!(&mut self.tx, HOLD_CHANNELS)?;
        Ok(())
    }

    /// Channels that have some of these files in their heads, each with the keys of those; by name.
    pub async fn list_holders(
        &mut self,
        file_ids: &BTreeSet<i64>,
    ) -> Result<BTreeMap<ChannelName, Vec<i64>>, IndexError> {
        let rows: Vec<(String, i64)> = fetch!(&mut self.tx, fetch_all, LIST_HOLDERS, to_json(file_ids, "file_ids")?)?;
        let mut holders: BTreeMap<ChannelName, Vec<i64>> = BTreeMap::new();
        for (channel, file_id) in rows {
            holders.entry(parse(&channel, "channels.name")?).or_default().push(file_id);
        }
        Ok(holders)
    }

    /// Marks files as deleted: nobody is given their bytes any more, and their names are never used again.
    ///
    /// They have left all heads before, in this transaction after [`IndexTx::hold_channels`] or earlier. Older snapshots
    /// no longer offer them, and keep their digests. The bytes are garbage from here on.
    pub async fn retire(&mut self, file_ids: &BTreeSet<i64>) -> Result<u64, IndexError> {
        let now = self.clock.now().as_microsecond();
        // Also of files that are in no head: their URLs answer something else from now on, and so do older snapshots.
        self.touch_projects_of(file_ids).await?;
        let count = execute!(&mut self.tx, RETIRE, now, to_json(file_ids, "file_ids")?)?;
        self.recount_bytes(file_ids).await?;
        Ok(count)
    }

    /// The project's status in the channel; `None` if it never was part of it.
    pub async fn find_status(
        &mut self,
        channel: &Channel,
        project: &ProjectName,
    ) -> Result<Option<StatusThere>, IndexError> {
        let row = self.status_row(channel, project).await?;
        row.map(|(_, status, reason)| Ok((project_status(status.as_deref())?, reason))).transpose()
    }

    /// Gives the project a status from the serial on that [`IndexTx::advance`] gave, and tells whether that changes it.
    ///
    /// An active project has no row, so no reason is kept with it. Fails with [`IndexError::NoSuchProject`].
    pub async fn set_status(
        &mut self,
        channel: &Channel,
        project: &ProjectName,
        status: ProjectStatus,
        reason: Option<&str>,
    ) -> Result<bool, IndexError> {
        let row = self.status_row(channel, project).await?;
        let (project_id, before, before_reason) =
            row.ok_or_else(|| IndexError::NoSuchProject { channel: channel.name.clone(), project: project.clone() })?;
        let reason = reason.filter(|_| status != ProjectStatus::Active);
        if project_status(before.as_deref())? == status && before_reason.as_deref() == reason {
            return Ok(false);
        }
        let (id, serial) = (channel.id, channel.serial.0);
        execute!(&mut self.tx, CLOSE_STATUS, id, project_id, serial)?;
        if status != ProjectStatus::Active {
            let reason = reason.map(|reason| text(reason, "reason")).transpose()?;
            execute!(&mut self.tx, OPEN_STATUS, id, project_id, serial, status.as_str(), reason)?;
        }
        execute!(&mut self.tx, SET_LAST_SERIAL, id, project_id, serial)?;
        self.touch(project);
        Ok(true)
    }

    async fn status_row(
        &mut self,
        channel: &Channel,
        project: &ProjectName,
    ) -> Result<Option<(i64, Option<String>, Option<String>)>, IndexError> {
        fetch!(&mut self.tx, fetch_optional, FIND_STATUS, channel.id, project.as_ref())
    }
}
