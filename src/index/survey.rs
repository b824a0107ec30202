//! What the index says of a file before it is judged, in one read: an upload asks for all of it.

use super::db::both;
use super::projects::project_status;
use super::quotas::check_room;
use super::rows::{count, parse, text, time};
use super::{Index, IndexError};
use crate::model::{ChannelName, NewFile, ProjectStatus, Sha256Digest, Timestamp};
use crate::packaging::{ProjectName, Version, release_key};

statements! {
    /// The long expression is that of the index `projects_by_look`, letter by letter.
    SURVEY = both(
        "SELECT f.id IS NOT NULL, s.status, p.stored_bytes, r.created_at, \
         (SELECT n.filename FROM files n WHERE n.sha256 = $5 AND n.filename <> $3 AND n.deleted_at IS NULL \
         ORDER BY n.filename LIMIT 1), \
         (SELECT name FROM projects \
         WHERE REPLACE(REPLACE(REPLACE(REPLACE(name, '-', ''), 'o', '0'), 'l', '1'), 'i', '1') = $6 AND name <> $1 \
         ORDER BY name LIMIT 1) \
         FROM (SELECT 1 AS one) o LEFT JOIN projects p ON p.name = $1 \
         LEFT JOIN releases r ON r.project_id = p.id AND r.version_key = $2 \
         LEFT JOIN files f ON f.filename = $3 AND f.deleted_at IS NULL \
         LEFT JOIN channels c ON c.name = $4 \
         LEFT JOIN project_status s ON s.project_id = p.id AND s.channel_id = c.id AND s.to_serial IS NULL",
    );
}

/// A row of [`SURVEY`].
type Row = (bool, Option<String>, Option<i64>, Option<i64>, Option<String>, Option<String>);

/// What stands around a file that is to come. It may change until the file is recorded, which decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Whether a file of this name is published.
    pub is_published: bool,
    /// Status of its project in the head of the channel; active where nothing is known of either.
    pub status: ProjectStatus,
    /// Bytes that the project's files have together, in all channels; `None` if nothing was ever published under the name.
    pub project_bytes: Option<u64>,
    /// When the first file of the release arrived; `None` before.
    pub release_begun_at: Option<Timestamp>,
    /// The first other name under which the same bytes are published.
    pub same_bytes: Option<String>,
    /// The first other project whose name people mistake for this one.
    pub alike: Option<ProjectName>,
}

impl Index {
    /// Looks around before a file of this name, project, version and digest comes to a channel.
    pub async fn survey(
        &self,
        channel: &ChannelName,
        filename: &str,
        (project, version): (&ProjectName, &Version),
        sha256: &Sha256Digest,
    ) -> Result<Survey, IndexError> {
        let (name, key): (&str, _) = (project.as_ref(), release_key(version));
        let (filename, look) = (text(filename, "filename")?, project.look());
        let row: Row = read!(
            &self.db,
            fetch_one,
            SURVEY,
            name,
            key.as_str(),
            filename,
            channel.as_str(),
            sha256.to_hex(),
            look.as_str()
        )?;
        let (is_published, status, project_bytes, begun_at, same_bytes, alike) = row;
        Ok(Survey {
            is_published,
            status: project_status(status.as_deref())?,
            project_bytes: project_bytes.map(|bytes| count(bytes, "projects.stored_bytes")).transpose()?,
            release_begun_at: begun_at.map(|at| time(at, "releases.created_at")).transpose()?,
            same_bytes,
            alike: alike.map(|name| parse(&name, "projects.name")).transpose()?,
        })
    }

    /// Fails as [`super::IndexTx::add_file`] does if the file's project has no room for it.
    pub fn check_room(&self, survey: &Survey, file: &NewFile) -> Result<(), IndexError> {
        let size_bytes = survey.project_bytes.unwrap_or_default().saturating_add(file.digests.size_bytes);
        check_room(file, size_bytes, self.max_project_bytes)
    }
}
