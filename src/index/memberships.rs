//! Memberships: from which serial to which serial a file is part of a channel, with its yank mark there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::db::{both, pair};
use super::rows::{optional_text, parse, to_json, yank};
use super::{IndexError, IndexTx};
use crate::model::{Change, Channel, ChannelName, Yank};
use crate::packaging::ProjectName;

statements! {
    /// SQLite is told the index: without statistics it takes the channel's whole range for shorter.
    LIST_OPEN = pair(
        "SELECT m.file_id, m.from_serial, m.is_yanked, m.yank_reason FROM memberships m INDEXED BY memberships_in_head \
         WHERE m.channel_id = $1 AND m.to_serial IS NULL AND m.file_id IN (SELECT value FROM json_each($2)) \
         ORDER BY m.file_id",
        "SELECT m.file_id, m.from_serial, m.is_yanked, m.yank_reason FROM memberships m \
         WHERE m.channel_id = $1 AND m.to_serial IS NULL \
         AND m.file_id IN (SELECT CAST(json_array_elements_text(CAST($2 AS json)) AS BIGINT)) \
         ORDER BY m.file_id",
    );
    CLOSE = pair(
        "UPDATE memberships INDEXED BY memberships_in_head SET to_serial = $2 \
         WHERE channel_id = $1 AND to_serial IS NULL AND file_id IN (SELECT value FROM json_each($3))",
        "UPDATE memberships SET to_serial = $2 \
         WHERE channel_id = $1 AND to_serial IS NULL \
         AND file_id IN (SELECT CAST(json_array_elements_text(CAST($3 AS json)) AS BIGINT))",
    );
    OPEN = pair(
        "INSERT INTO memberships (channel_id, project_id, file_id, from_serial, is_yanked, yank_reason) \
         SELECT $1, f.project_id, f.id, $2, json_extract(e.value, '$.is_yanked'), json_extract(e.value, '$.yank_reason') \
         FROM json_each($3) e JOIN files f ON f.id = json_extract(e.value, '$.file_id') WHERE f.deleted_at IS NULL",
        "INSERT INTO memberships (channel_id, project_id, file_id, from_serial, is_yanked, yank_reason) \
         SELECT CAST($1 AS BIGINT), f.project_id, f.id, CAST($2 AS BIGINT), e.is_yanked, e.yank_reason \
         FROM json_to_recordset(CAST($3 AS json)) AS e(file_id BIGINT, is_yanked BOOLEAN, yank_reason TEXT) \
         JOIN files f ON f.id = e.file_id WHERE f.deleted_at IS NULL",
    );
    TOUCH_PROJECTS = pair(
        "INSERT INTO channel_projects (channel_id, project_id, last_serial) \
         SELECT DISTINCT $1, f.project_id, $2 FROM files f WHERE f.id IN (SELECT value FROM json_each($3)) \
         ON CONFLICT (channel_id, project_id) DO UPDATE SET last_serial = excluded.last_serial",
        "INSERT INTO channel_projects (channel_id, project_id, last_serial) \
         SELECT DISTINCT CAST($1 AS BIGINT), f.project_id, CAST($2 AS BIGINT) FROM files f \
         WHERE f.id IN (SELECT CAST(json_array_elements_text(CAST($3 AS json)) AS BIGINT)) \
         ON CONFLICT (channel_id, project_id) DO UPDATE SET last_serial = excluded.last_serial",
    );
    LIST_KNOWN = pair(
        "SELECT f.id FROM files f WHERE f.id IN (SELECT value FROM json_each($1)) AND f.deleted_at IS NULL ORDER BY f.id",
        "SELECT f.id FROM files f \
         WHERE f.id IN (SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS BIGINT)) AND f.deleted_at IS NULL \
         ORDER BY f.id",
    );
    LIST_CHANGED_PROJECTS = pair(
        "SELECT DISTINCT p.name FROM files f JOIN projects p ON p.id = f.project_id \
         WHERE f.id IN (SELECT value FROM json_each($1)) ORDER BY p.name",
        "SELECT DISTINCT p.name FROM files f JOIN projects p ON p.id = f.project_id \
         WHERE f.id IN (SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS BIGINT)) ORDER BY p.name",
    );
    COUNT_IN_HEAD = both(
        "SELECT COUNT(*) FROM memberships m JOIN channels c ON c.id = m.channel_id \
         WHERE c.name = $1 AND m.file_id = $2 AND m.to_serial IS NULL",
    );
}

/// Files of one change whose projects are looked up; after a larger one, all kept answers are read again.
const MOST_FILES_TOUCHED_SINGLY: usize = 1_000;

impl IndexTx {
    /// Makes `changes`, in order, part of the serial that [`IndexTx::advance`] gave; counts the files that really changed.
    ///
    /// Adding a file that is there sets its yank mark; marking or removing one that is not there does nothing.
    /// Fails with [`IndexError::NoSuchFile`] when a key names no file, and with [`IndexError::ChangedTwice`] when an
    /// earlier call at this serial changed the same file: an interval has at least one serial in it.
    pub async fn apply(&mut self, channel: &Channel, changes: &[Change]) -> Result<u64, IndexError> {
        let named: BTreeSet<i64> = changes.iter().map(Change::file_id).collect();
        let rows: Vec<(i64, i64, bool, Option<String>)> =
            fetch!(&mut self.tx, fetch_all, LIST_OPEN, channel.id, to_json(&named, "changes")?)?;
        let opened_now: BTreeSet<i64> = rows.iter().filter(|row| row.1 == channel.serial.0).map(|row| row.0).collect();
        let before =
            rows.into_iter().map(|(file_id, _, is_yanked, reason)| (file_id, yank(is_yanked, reason))).collect();
        let plan = plan_intervals(&before, changes)?;
        if plan.changed.is_empty() {
            return Ok(0);
        }
        if let Some(&file_id) = plan.close.intersection(&opened_now).next() {
            return Err(IndexError::ChangedTwice { channel: channel.name.clone(), serial: channel.serial, file_id });
        }
        let (id, serial) = (channel.id, channel.serial.0);
        if !plan.close.is_empty() {
            execute!(&mut self.tx, CLOSE, id, serial, to_json(&plan.close, "changes")?)?;
        }
        if !plan.open.is_empty() {
            let opened = execute!(&mut self.tx, OPEN, id, serial, to_json(&plan.open, "changes")?)?;
            if opened < plan.open.len() as u64 {
                return Err(self.which_is_unknown(channel, &plan).await?);
            }
        }
        execute!(&mut self.tx, TOUCH_PROJECTS, id, serial, to_json(&plan.changed, "changes")?)?;
        self.touch_projects_of(&plan.changed).await?;
        Ok(plan.changed.len() as u64)
    }

    /// As [`IndexTx::apply`] for one file of `project` that [`IndexTx::add_file`] has just made: no channel can have it.
    pub async fn show_new(
        &mut self,
        channel: &Channel,
        file_id: i64,
        project: &ProjectName,
        mark: Option<&Yank>,
    ) -> Result<(), IndexError> {
        let reason = mark.and_then(|yank| yank.reason.clone());
        optional_text(&reason, "yank reason")?;
        let (id, serial) = (channel.id, channel.serial.0);
        let open = [NewInterval { file_id, is_yanked: mark.is_some(), yank_reason: reason }];
        execute!(&mut self.tx, OPEN, id, serial, to_json(&open, "changes")?)?;
        execute!(&mut self.tx, TOUCH_PROJECTS, id, serial, to_json(&[file_id], "changes")?)?;
        self.touch(project);
        Ok(())
    }

    /// Whether the file is in the channel's head; false for an unknown channel.
    pub async fn contains(&mut self, channel: &ChannelName, file_id: i64) -> Result<bool, IndexError> {
        let (count,): (i64,) = fetch!(&mut self.tx, fetch_one, COUNT_IN_HEAD, channel.as_str(), file_id)?;
        Ok(count > 0)
    }

    /// As [`IndexTx::touch`], for the projects of these files.
    pub(super) async fn touch_projects_of(&mut self, file_ids: &BTreeSet<i64>) -> Result<(), IndexError> {
        if !self.touched.is_watched() {
            return Ok(());
        }
        if file_ids.len() > MOST_FILES_TOUCHED_SINGLY {
            self.touch_everything();
            return Ok(());
        }
        let names: Vec<(String,)> =
            fetch!(&mut self.tx, fetch_all, LIST_CHANGED_PROJECTS, to_json(file_ids, "changes")?)?;
        for (name,) in names {
            self.touch(&parse(&name, "projects.name")?);
        }
        Ok(())
    }

    async fn which_is_unknown(&mut self, channel: &Channel, plan: &IntervalPlan) -> Result<IndexError, IndexError> {
        let wanted: BTreeSet<i64> = plan.open.iter().map(|interval| interval.file_id).collect();
        let known: Vec<(i64,)> = fetch!(&mut self.tx, fetch_all, LIST_KNOWN, to_json(&wanted, "changes")?)?;
        let known = known.into_iter().map(|(id,)| id).collect();
        let file_id = wanted.difference(&known).next().copied().unwrap_or_default();
        Ok(IndexError::NoSuchFile { channel: channel.name.clone(), file_id })
    }
}

/// An interval to open at the new serial.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct NewInterval {
    file_id: i64,
    is_yanked: bool,
    yank_reason: Option<String>,
}

/// What has to be written so that a channel's content becomes the wanted one.
#[derive(Debug, PartialEq, Eq)]
struct IntervalPlan {
    /// Files whose open interval ends.
    close: BTreeSet<i64>,
    /// Intervals that begin.
    open: Vec<NewInterval>,
    /// All files of both.
    changed: BTreeSet<i64>,
}

/// Compares the files that are there (with their yank marks) with what `changes` make of them.
fn plan_intervals(before: &BTreeMap<i64, Option<Yank>>, changes: &[Change]) -> Result<IntervalPlan, IndexError> {
    let mut after = before.clone();
    for change in changes {
        match change {
            Change::Add { file_id, yank } => {
                after.insert(*file_id, yank.clone());
            }
            Change::Mark { file_id, yank } => {
                after.entry(*file_id).and_modify(|mark| mark.clone_from(yank));
            }
            Change::Remove { file_id } => {
                after.remove(file_id);
            }
        }
    }
    let close: BTreeSet<i64> =
        before.iter().filter(|(file_id, mark)| after.get(file_id) != Some(mark)).map(|(file_id, _)| *file_id).collect();
    let mut open = Vec::new();
    for (file_id, mark) in after.iter().filter(|(file_id, mark)| before.get(file_id) != Some(mark)) {
        let reason = mark.as_ref().and_then(|yank| yank.reason.clone());
        optional_text(&reason, "yank reason")?;
        open.push(NewInterval { file_id: *file_id, is_yanked: mark.is_some(), yank_reason: reason });
    }
    let changed = close.iter().copied().chain(open.iter().map(|interval| interval.file_id)).collect();
    Ok(IntervalPlan { close, open, changed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Option<Yank> = None;

    fn yanked(reason: &str) -> Option<Yank> {
        Some(Yank { reason: Some(reason.to_owned()) })
    }

    /// Files that close, and files that open with whether they are yanked.
    fn plan(before: &[(i64, Option<Yank>)], changes: &[Change]) -> (Vec<i64>, Vec<(i64, bool)>) {
        let plan = plan_intervals(&before.iter().cloned().collect(), changes).unwrap();
        let open = plan.open.iter().map(|interval| (interval.file_id, interval.is_yanked)).collect();
        (plan.close.into_iter().collect(), open)
    }

    #[test]
    fn only_differences_are_written() {
        let (add, mark, remove) = (
            |file_id, yank| Change::Add { file_id, yank },
            |file_id, yank| Change::Mark { file_id, yank },
            |file_id| Change::Remove { file_id },
        );
        let there = [(1, PLAIN)];
        assert_eq!(plan(&[], &[add(1, PLAIN)]), (vec![], vec![(1, false)]));
        assert_eq!(plan(&there, &[add(1, PLAIN)]), (vec![], vec![]));
        assert_eq!(plan(&there, &[add(1, yanked("bad"))]), (vec![1], vec![(1, true)]));
        assert_eq!(plan(&there, &[mark(1, yanked("bad"))]), (vec![1], vec![(1, true)]));
        assert_eq!(plan(&[(1, yanked("a"))], &[mark(1, yanked("b"))]), (vec![1], vec![(1, true)]));
        assert_eq!(plan(&[], &[mark(1, yanked("bad"))]), (vec![], vec![]));
        assert_eq!(plan(&there, &[remove(1)]), (vec![1], vec![]));
        assert_eq!(plan(&[], &[remove(1)]), (vec![], vec![]));
        assert_eq!(plan(&there, &[remove(1), add(1, PLAIN)]), (vec![], vec![]));
        assert_eq!(plan(&[], &[add(1, PLAIN), remove(1)]), (vec![], vec![]));
    }
}
