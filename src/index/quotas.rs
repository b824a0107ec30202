//! What bounds a project: the bytes of its files together. What else a new file meets is in `survey`.

use std::collections::BTreeSet;

use super::db::{both, pair};
use super::rows::{count, to_count, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::NewFile;

statements! {
    ADD_PROJECT_BYTES = both("UPDATE projects SET stored_bytes = stored_bytes + $2 WHERE id = $1 RETURNING stored_bytes");
    /// Of all projects that have one of these files.
    COUNT_PROJECT_BYTES = pair(
        "UPDATE projects SET stored_bytes = (SELECT COALESCE(SUM(f.size_bytes), 0) FROM files f \
         WHERE f.project_id = projects.id AND f.deleted_at IS NULL) \
         WHERE id IN (SELECT d.project_id FROM files d WHERE d.id IN (SELECT value FROM json_each($1)))",
        "UPDATE projects SET stored_bytes = (SELECT COALESCE(SUM(f.size_bytes), 0) FROM files f \
         WHERE f.project_id = projects.id AND f.deleted_at IS NULL) \
         WHERE id IN (SELECT d.project_id FROM files d \
         WHERE d.id IN (SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS BIGINT)))",
    );
}

impl Index {
    /// The same index, in which no project may have more than so many bytes of files: [`IndexTx::add_file`] refuses what is
    /// more with [`IndexError::ProjectFull`].
    #[must_use]
    pub fn limiting_projects(mut self, max_bytes: u64) -> Self {
        self.max_project_bytes = max_bytes;
        self
    }
}

impl IndexTx {
    /// Adds a new file's bytes to those of its project, and fails if they are too many.
    pub(super) async fn count_bytes(&mut self, project_id: i64, file: &NewFile) -> Result<(), IndexError> {
        let size_bytes = to_count(file.digests.size_bytes, "size_bytes")?;
        let (stored,): (i64,) = fetch!(&mut self.tx, fetch_one, ADD_PROJECT_BYTES, project_id, size_bytes)?;
        check_room(file, count(stored, "projects.stored_bytes")?, self.max_project_bytes)
    }

    /// Counts the bytes of the projects of these files anew, after some were deleted.
    pub(super) async fn recount_bytes(&mut self, file_ids: &BTreeSet<i64>) -> Result<(), IndexError> {
        execute!(&mut self.tx, COUNT_PROJECT_BYTES, to_json(file_ids, "file_ids")?).map(drop)
    }
}

pub(super) fn check_room(file: &NewFile, size_bytes: u64, limit_bytes: u64) -> Result<(), IndexError> {
    match size_bytes <= limit_bytes {
        true => Ok(()),
        false => Err(IndexError::ProjectFull { project: file.project.clone(), size_bytes, limit_bytes }),
    }
}
