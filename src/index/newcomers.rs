//! A new file at a channel's next serial in two statements instead of a dozen: what most uploads are.
//!
//! Each statement that is sent to SQLite costs two changes of thread, which is more than most of them take themselves. The
//! plain case is therefore looked at by one read and written by one text of several statements, which PostgreSQL does not
//! take. Everything else (a known or kept name, a closed project, a full one) goes the way of `advance`, `add_file` and `apply`.

use super::db::{DbTx, pair};
use super::files::tags;
use super::projects::project_status;
use super::rows::{count, optional_text, text, to_count, to_json};
use super::{IndexError, IndexTx};
use crate::model::{ChannelName, NewFile, Serial, Yank};
use crate::packaging::release_key;

statements! {
    /// The last column tells whether the name or the identity is taken, or an upload session may keep the project's name.
    LOOK = pair(
        "SELECT c.id, c.serial, s.status, COALESCE(p.stored_bytes, 0), \
         EXISTS (SELECT 1 FROM files f WHERE f.filename = $3) \
         OR EXISTS (SELECT 1 FROM files f WHERE f.project_id = p.id AND f.identity = $4) \
         OR (p.id IS NULL AND EXISTS (SELECT 1 FROM upload_sessions u WHERE u.project = $2 \
         AND u.state IN ('open', 'processing', 'error'))) \
         FROM channels c LEFT JOIN projects p ON p.name = $2 \
         LEFT JOIN project_status s ON s.project_id = p.id AND s.channel_id = c.id AND s.to_serial IS NULL \
         WHERE c.name = $1",
        "SELECT 1",
    );
    /// Numbered parameters mean the same in each of the statements.
    WRITE = pair(
        "SAVEPOINT part; \
         UPDATE channels SET serial = $2 WHERE id = $1; \
         INSERT INTO snapshots (channel_id, serial, made_at) VALUES ($1, $2, $3); \
         INSERT INTO projects (name, display_name, created_at) VALUES ($4, $5, $6) ON CONFLICT (name) DO NOTHING; \
         INSERT INTO releases (project_id, version_key, created_at) SELECT p.id, $7, $6 FROM projects p WHERE p.name = $4 \
         ON CONFLICT (project_id, version_key) DO NOTHING; \
         INSERT INTO files (project_id, release_id, display_name, version, filename, kind, tags, sha256, blake2b_256, \
         md5, crc32, size_bytes, metadata_sha256, requires_python, requires_dist, provides_extra, summary, identity, facts, \
         notes, uploaded_at, received_at, uploaded_by) \
         SELECT p.id, r.id, $5, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $6, $26 \
         FROM projects p JOIN releases r ON r.project_id = p.id AND r.version_key = $7 WHERE p.name = $4; \
         UPDATE projects SET stored_bytes = stored_bytes + $16 WHERE name = $4; \
         INSERT INTO memberships (channel_id, project_id, file_id, from_serial, is_yanked, yank_reason) \
         SELECT $1, f.project_id, f.id, $2, $27, $28 FROM files f WHERE f.filename = $9; \
         INSERT INTO channel_projects (channel_id, project_id, last_serial) \
         SELECT $1, p.id, $2 FROM projects p WHERE p.name = $4 \
         ON CONFLICT (channel_id, project_id) DO UPDATE SET last_serial = excluded.last_serial; \
         RELEASE SAVEPOINT part",
        "SELECT 1",
    );
}

impl IndexTx {
    /// Records a new file and shows it at the channel's next serial, which it tells.
    ///
    /// `None`: nothing was written, because this is not the plain case, or the database is not SQLite. After an error,
    /// [`IndexTx::undo_part`] takes back what was written.
    pub async fn add_and_show(
        &mut self,
        channel: &ChannelName,
        file: &NewFile,
        mark: Option<&Yank>,
    ) -> Result<Option<Serial>, IndexError> {
        if matches!(self.tx, DbTx::Postgres(_)) {
            return Ok(None);
        }
        let (filename, identity) = (text(&file.filename, "filename")?, text(&file.identity, "identity")?);
        let row: Option<(i64, i64, Option<String>, i64, bool)> =
            fetch!(&mut self.tx, fetch_optional, LOOK, channel.as_str(), file.project.as_ref(), filename, identity)?;
        let Some((channel_id, head, status, stored_bytes, is_taken)) = row else { return Ok(None) };
        let project_bytes = count(stored_bytes, "projects.stored_bytes")?.saturating_add(file.digests.size_bytes);
        let takes_files = project_status(status.as_deref())?.takes_files();
        if is_taken || !takes_files || project_bytes > self.max_project_bytes {
            return Ok(None);
        }
        self.write_newcomer(channel_id, head + 1, file, mark).await?;
        self.touched.add_channel(channel);
        self.touch(&file.project);
        Ok(Some(Serial(head + 1)))
    }

    async fn write_newcomer(
        &mut self,
        channel_id: i64,
        serial: i64,
        file: &NewFile,
        mark: Option<&Yank>,
    ) -> Result<(), IndexError> {
        let reason = mark.and_then(|yank| yank.reason.clone());
        let facts = file.wheel.as_ref().map(|facts| to_json(facts, "facts")).transpose()?;
        let digests = &file.digests;
        execute!(
            &mut self.tx,
            WRITE,
            channel_id,
            serial,
            self.clock.now().as_microsecond(),
            file.project.as_str(),
            text(&file.display_name, "display_name")?,
            file.received_at.as_microsecond(),
            release_key(&file.version).as_str(),
            file.version.to_string(),
            text(&file.filename, "filename")?,
            file.kind.as_str(),
            tags(file),
            digests.sha256.to_hex(),
            digests.blake2b_256.to_hex(),
            digests.md5.map(|digest| digest.to_hex()),
            i64::from(digests.crc32),
            to_count(digests.size_bytes, "size_bytes")?,
            file.metadata_sha256.map(|digest| digest.to_hex()),
            optional_text(&file.requires_python, "requires_python")?,
            to_json(&file.requires_dist, "requires_dist")?,
            to_json(&file.provides_extra, "provides_extra")?,
            optional_text(&file.summary, "summary")?,
            text(&file.identity, "identity")?,
            facts.as_deref(),
            to_json(&file.notes, "notes")?,
            file.uploaded_at.as_microsecond(),
            text(&file.uploaded_by, "uploaded_by")?,
            mark.is_some(),
            optional_text(&reason, "yank reason")?,
        )
        .map(drop)
    }
}
