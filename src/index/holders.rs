//! Which channels hold a file, now or in an older snapshot: what decides who may have it, because its URL names no channel.

use std::collections::BTreeMap;

use super::db::pair;
use super::rows::{parse, to_json};
use super::{Index, IndexError};
use crate::model::FileHolder;

/// The rows of one file are found by its key in each channel, and channels are a handful.
macro_rules! holders_of {
    ($names:literal) => {
        concat!(
            "SELECT f.filename, c.name, EXISTS (SELECT 1 FROM memberships h \
             WHERE h.channel_id = c.id AND h.project_id = f.project_id AND h.file_id = f.id AND h.to_serial IS NULL) \
             AS is_in_head, EXISTS (SELECT 1 FROM project_status s WHERE s.channel_id = c.id \
             AND s.project_id = f.project_id AND s.to_serial IS NULL AND s.status = 'quarantined') AS is_quarantined \
             FROM files f CROSS JOIN channels c WHERE f.filename IN (",
            $names,
            ") AND f.deleted_at IS NULL AND EXISTS (SELECT 1 FROM memberships m \
             WHERE m.channel_id = c.id AND m.project_id = f.project_id AND m.file_id = f.id) ORDER BY f.filename, c.name"
        )
    };
}

statements! {
    LIST_HOLDERS = pair(
        holders_of!("SELECT value FROM json_each($1)"),
        holders_of!("SELECT json_array_elements_text(CAST($1 AS json))"),
    );
}

impl Index {
    /// The channels that each of these files is or was in, by file name and channel; unknown and deleted files are left out.
    pub async fn list_holders(&self, filenames: &[&str]) -> Result<BTreeMap<String, Vec<FileHolder>>, IndexError> {
        let possible: Vec<&&str> = filenames.iter().filter(|filename| !filename.contains('\0')).collect();
        let names = to_json(&possible, "filenames")?;
        let rows: Vec<(String, String, bool, bool)> = read!(&self.db, fetch_all, LIST_HOLDERS, names.as_str())?;
        let mut holders: BTreeMap<String, Vec<FileHolder>> = BTreeMap::new();
        for (filename, channel, is_in_head, is_quarantined) in rows {
            let channel = parse(&channel, "channels.name")?;
            holders.entry(filename).or_default().push(FileHolder { channel, is_in_head, is_quarantined });
        }
        Ok(holders)
    }
}
