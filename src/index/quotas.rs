//! What bounds a project: the bytes of its files together, names that look like its own, and the age of its releases.

use std::collections::BTreeSet;

use super::db::{both, pair};
use super::rows::{count, parse, time, to_count, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{NewFile, Timestamp};
use crate::packaging::{ProjectName, Version, release_key};

statements! {
    FIND_PROJECT_BYTES = both("SELECT stored_bytes FROM projects WHERE name = $1");
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
    /// The expression is that of the index `projects_by_look`, letter by letter.
    FIND_ALIKE = both(
        "SELECT name FROM projects \
         WHERE REPLACE(REPLACE(REPLACE(REPLACE(name, '-', ''), 'o', '0'), 'l', '1'), 'i', '1') = $1 AND name <> $2 \
         ORDER BY name LIMIT 1",
    );
    FIND_RELEASE_TIME = both(
        "SELECT r.created_at FROM releases r JOIN projects p ON p.id = r.project_id \
         WHERE p.name = $1 AND r.version_key = $2",
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

    /// Bytes that the project's files have together, in all channels; `None` if nothing was ever published under the name.
    pub async fn find_project_bytes(&self, project: &ProjectName) -> Result<Option<u64>, IndexError> {
        let row: Option<(i64,)> = read!(&self.db, fetch_optional, FIND_PROJECT_BYTES, project.as_ref())?;
        row.map(|(bytes,)| count(bytes, "projects.stored_bytes")).transpose()
    }

    /// Fails as [`IndexTx::add_file`] does if the project has no room for the file; for a look before its bytes are durable.
    ///
    /// Also tells whether the project is known.
    pub async fn check_project_room(&self, file: &NewFile) -> Result<bool, IndexError> {
        let stored = self.find_project_bytes(&file.project).await?;
        let size_bytes = stored.unwrap_or_default().saturating_add(file.digests.size_bytes);
        judge(file, size_bytes, self.max_project_bytes)?;
        Ok(stored.is_some())
    }

    /// The first other project whose name people mistake for this one.
    pub async fn find_alike(&self, project: &ProjectName) -> Result<Option<ProjectName>, IndexError> {
        let look = project.look();
        let row: Option<(String,)> = read!(&self.db, fetch_optional, FIND_ALIKE, look.as_str(), project.as_ref())?;
        row.map(|(name,)| parse(&name, "projects.name")).transpose()
    }

    /// When the first file of the release arrived; `None` before.
    pub async fn find_release_time(
        &self,
        project: &ProjectName,
        version: &Version,
    ) -> Result<Option<Timestamp>, IndexError> {
        let key = release_key(version);
        let row: Option<(i64,)> = read!(&self.db, fetch_optional, FIND_RELEASE_TIME, project.as_ref(), key.as_str())?;
        row.map(|(created_at,)| time(created_at, "releases.created_at")).transpose()
    }
}

impl IndexTx {
    /// Adds a new file's bytes to those of its project, and fails if they are too many.
    pub(super) async fn count_bytes(&mut self, project_id: i64, file: &NewFile) -> Result<(), IndexError> {
        let size_bytes = to_count(file.digests.size_bytes, "size_bytes")?;
        let (stored,): (i64,) = fetch!(&mut self.tx, fetch_one, ADD_PROJECT_BYTES, project_id, size_bytes)?;
        judge(file, count(stored, "projects.stored_bytes")?, self.max_project_bytes)
    }

    /// Counts the bytes of the projects of these files anew, after some were deleted.
    pub(super) async fn recount_bytes(&mut self, file_ids: &BTreeSet<i64>) -> Result<(), IndexError> {
        execute!(&mut self.tx, COUNT_PROJECT_BYTES, to_json(file_ids, "file_ids")?).map(drop)
    }
}

fn judge(file: &NewFile, size_bytes: u64, limit_bytes: u64) -> Result<(), IndexError> {
    match size_bytes <= limit_bytes {
        true => Ok(()),
        false => Err(IndexError::ProjectFull { project: file.project.clone(), size_bytes, limit_bytes }),
    }
}
