//! Target environments that were saved by name.

use super::db::both;
use super::rows::{from_json, text, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::Target;

statements! {
    FIND_TARGET = both("SELECT definition FROM targets WHERE name = $1");
    LIST_TARGETS = both("SELECT definition FROM targets ORDER BY name");
    PUT_TARGET = both(
        "INSERT INTO targets (name, definition, saved_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
         SET definition = excluded.definition, saved_at = excluded.saved_at \
         WHERE targets.definition <> excluded.definition",
    );
}

impl Index {
    /// The saved target of this name.
    pub async fn find_target(&self, name: &str) -> Result<Option<Target>, IndexError> {
        if name.contains('\0') {
            return Ok(None);
        }
        let row: Option<(String,)> = read!(&self.db, fetch_optional, FIND_TARGET, name)?;
        row.map(|(definition,)| from_json(&definition, "targets.definition")).transpose()
    }

    /// All saved targets, by name.
    pub async fn list_targets(&self) -> Result<Vec<Target>, IndexError> {
        let rows: Vec<(String,)> = read!(&self.db, fetch_all, LIST_TARGETS)?;
        rows.into_iter().map(|(definition,)| from_json(&definition, "targets.definition")).collect()
    }
}

impl IndexTx {
    /// Saves a target under its name, in place of an earlier one; false if it was there exactly so.
    pub async fn put_target(&mut self, target: &Target) -> Result<bool, IndexError> {
        let (name, definition) = (text(&target.name, "name")?, to_json(target, "target")?);
        let now = self.clock.now().as_microsecond();
        let written = execute!(&mut self.tx, PUT_TARGET, name, definition.as_str(), now)?;
        Ok(written > 0)
    }
}
