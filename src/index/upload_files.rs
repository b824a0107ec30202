//! Files of upload sessions. No page of a channel reads these tables: only publishing, which goes through [`IndexTx`], shows
//! anything.
//!
//! Every write looks in the same statement whether the session takes changes, and holds it so until it ends: what is
//! published is complete, and what comes later is refused.

use std::collections::BTreeMap;

use super::db::{both, pair};
use super::rows::{count, from_json, parse, text, to_count, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{ChannelName, FileState, Sha256Digest, UploadBlobs, UploadFile, UploadSession};

/// Columns of [`FileRow`].
macro_rules! upload_file_columns {
    () => {
        "f.id, f.filename, f.size_bytes, f.hashes, f.state, f.notices, f.attestations, f.staged"
    };
}

/// Whether the session of a file takes changes at the time of this parameter.
macro_rules! takes_changes {
    (sqlite $now:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM upload_sessions s WHERE s.id = upload_files.session_id \
             AND s.state IN ('open', 'error') AND s.expires_at > ",
            $now,
            ")"
        )
    };
    (postgres $now:literal) => {
        concat!(
            "session_id = (SELECT s.id FROM upload_sessions s WHERE s.id = upload_files.session_id \
             AND s.state IN ('open', 'error') AND s.expires_at > ",
            $now,
            " FOR SHARE)"
        )
    };
}

/// Beginning of the statement that takes a file out of its session.
macro_rules! let_go {
    () => {
        "UPDATE upload_files SET state = 'canceled', sha256 = NULL, metadata_sha256 = NULL, provenance_sha256 = NULL, \
         staged = NULL, attestations = NULL WHERE id = $1 AND state IN ('pending', 'completed', 'error') AND "
    };
}

/// Beginning of the statement that writes what was found out about a file.
macro_rules! settle {
    () => {
        "UPDATE upload_files SET state = $2, notices = $3, sha256 = $4, metadata_sha256 = $5, provenance_sha256 = $6, \
         staged = $7 WHERE id = $1 AND state = 'pending' AND "
    };
}

statements! {
    INSERT_FILE = pair(
        "INSERT INTO upload_files (session_id, filename, size_bytes, hashes, state, notices) \
         SELECT s.id, $2, $3, $4, 'pending', '[]' FROM upload_sessions s \
         WHERE s.id = $1 AND s.state IN ('open', 'error') AND s.expires_at > $5 ON CONFLICT DO NOTHING RETURNING id",
        "INSERT INTO upload_files (session_id, filename, size_bytes, hashes, state, notices) \
         SELECT s.id, $2, CAST($3 AS BIGINT), $4, 'pending', '[]' FROM upload_sessions s \
         WHERE s.id = $1 AND s.state IN ('open', 'error') AND s.expires_at > $5 FOR SHARE OF s \
         ON CONFLICT DO NOTHING RETURNING id",
    );
    LET_FILE_GO = pair(
        concat!(let_go!(), takes_changes!(sqlite "$2"), " RETURNING id"),
        concat!(let_go!(), takes_changes!(postgres "$2"), " RETURNING id"),
    );
    SETTLE_FILE = pair(
        concat!(settle!(), takes_changes!(sqlite "$8"), " RETURNING id"),
        concat!(settle!(), takes_changes!(postgres "$8"), " RETURNING id"),
    );
    KEEP_ATTESTATIONS = pair(
        concat!(
            "UPDATE upload_files SET attestations = $2 WHERE id = $1 AND state = 'pending' AND ",
            takes_changes!(sqlite "$3"), " RETURNING id",
        ),
        concat!(
            "UPDATE upload_files SET attestations = $2 WHERE id = $1 AND state = 'pending' AND ",
            takes_changes!(postgres "$3"), " RETURNING id",
        ),
    );
    FIND_FILE = both(concat!(
        "SELECT ", upload_file_columns!(), " FROM upload_files f WHERE f.session_id = $1 AND f.id = $2",
    ));
    LIST_FILES = both(concat!(
        "SELECT ", upload_file_columns!(), " FROM upload_files f WHERE f.session_id = $1 AND f.state <> 'canceled' \
         ORDER BY f.filename",
    ));
    LIST_BLOBS = both(
        "SELECT sha256, metadata_sha256, provenance_sha256 FROM upload_files WHERE sha256 IS NOT NULL ORDER BY sha256",
    );
    /// What a file name stands for on this server: its digest, whether it was deleted, whether the channel's head has it.
    FIND_NAME = both(
        "SELECT f.sha256, f.deleted_at IS NOT NULL, EXISTS (SELECT 1 FROM memberships m JOIN channels c \
         ON c.id = m.channel_id WHERE m.file_id = f.id AND m.to_serial IS NULL AND c.name = $2) \
         FROM files f WHERE f.filename = $1",
    );
}

/// One write that changes no meaning, and the row that it tells of.
macro_rules! note_one {
    ($db:expr, $sql:ident $(, $value:expr)* $(,)?) => {{
        let row: Result<Option<(i64,)>, sqlx::Error> = match $db {
            super::db::Db::Sqlite { writer, .. } => {
                sqlx::query_as($sql.sqlite)$(.bind($value))*.fetch_optional(writer).await
            }
            super::db::Db::Postgres(pool) => {
                sqlx::query_as($sql.postgres)$(.bind($value))*.fetch_optional(pool).await
            }
        };
        row.map(|row| row.map(|(key,)| key)).map_err(IndexError::from)
    }};
}

#[derive(sqlx::FromRow)]
struct FileRow {
    id: i64,
    filename: String,
    size_bytes: i64,
    hashes: String,
    state: String,
    notices: String,
    attestations: Option<String>,
    staged: Option<String>,
}

impl TryFrom<FileRow> for UploadFile {
    type Error = IndexError;

    fn try_from(row: FileRow) -> Result<Self, IndexError> {
        Ok(Self {
            key: row.id,
            filename: row.filename,
            size_bytes: count(row.size_bytes, "upload_files.size_bytes")?,
            hashes: from_json(&row.hashes, "upload_files.hashes")?,
            state: parse(&row.state, "upload_files.state")?,
            notices: from_json(&row.notices, "upload_files.notices")?,
            attestations: row.attestations,
            staged: row.staged,
        })
    }
}

/// What a published or deleted file name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownName {
    /// Digest of the bytes.
    pub sha256: Sha256Digest,
    /// Whether the file was deleted; its name is never used again.
    pub is_deleted: bool,
    /// Whether the channel's head has it.
    pub is_in_head: bool,
}

impl Index {
    /// Begins a file of a session; `None` if the session takes no changes, or has a file of this name.
    pub async fn begin_upload_file(
        &self,
        session: &UploadSession,
        filename: &str,
        size_bytes: u64,
        hashes: &BTreeMap<String, String>,
    ) -> Result<Option<i64>, IndexError> {
        let (filename, size) = (text(filename, "filename")?, to_count(size_bytes, "size")?);
        let (hashes, now) = (to_json(hashes, "hashes")?, self.clock.now().as_microsecond());
        note_one!(&self.db, INSERT_FILE, session.key, filename, size, hashes.as_str(), now)
    }

    /// A file of a session, also one that was deleted.
    pub async fn find_upload_file(&self, session: &UploadSession, key: i64) -> Result<Option<UploadFile>, IndexError> {
        let row: Option<FileRow> = read!(&self.db, fetch_optional, FIND_FILE, session.key, key)?;
        row.map(UploadFile::try_from).transpose()
    }

    /// The files of a session by name; none that was deleted.
    pub async fn list_upload_files(&self, session: &UploadSession) -> Result<Vec<UploadFile>, IndexError> {
        let rows: Vec<FileRow> = read!(&self.db, fetch_all, LIST_FILES, session.key)?;
        rows.into_iter().map(UploadFile::try_from).collect()
    }

    /// Takes a file out of its session and lets its bytes go; false if the file, or the session, takes no changes.
    pub async fn cancel_upload_file(&self, key: i64) -> Result<bool, IndexError> {
        let now = self.clock.now().as_microsecond();
        Ok(note_one!(&self.db, LET_FILE_GO, key, now)?.is_some())
    }

    /// Keeps the attestations that came for a pending file; false if the file, or the session, takes no changes.
    pub async fn keep_upload_attestations(&self, key: i64, attestations: &str) -> Result<bool, IndexError> {
        let (attestations, now) = (text(attestations, "attestations")?, self.clock.now().as_microsecond());
        Ok(note_one!(&self.db, KEEP_ATTESTATIONS, key, attestations, now)?.is_some())
    }

    /// Writes what became of a pending file, whose blobs are durable; false if the file, or the session, takes no changes.
    pub async fn settle_upload_file(
        &self,
        key: i64,
        state: FileState,
        notices: &[String],
        here: Option<(UploadBlobs, &str)>,
    ) -> Result<bool, IndexError> {
        let now = self.clock.now().as_microsecond();
        let hex = |digest: Option<Sha256Digest>| digest.map(|digest| digest.to_hex());
        let (blobs, staged) = here.unzip();
        let done = note_one!(
            &self.db,
            SETTLE_FILE,
            key,
            state.as_str(),
            to_json(&notices, "notices")?,
            hex(blobs.map(|blobs| blobs.sha256)),
            hex(blobs.and_then(|blobs| blobs.metadata_sha256)),
            hex(blobs.and_then(|blobs| blobs.provenance_sha256)),
            staged,
            now,
        )?;
        Ok(done.is_some())
    }

    /// What a file name stands for on this server, and whether the channel's head has it.
    pub async fn find_known_name(
        &self,
        filename: &str,
        channel: &ChannelName,
    ) -> Result<Option<KnownName>, IndexError> {
        let row: Option<(String, bool, bool)> =
            read!(&self.db, fetch_optional, FIND_NAME, text(filename, "filename")?, channel.as_str())?;
        row.map(|(sha256, is_deleted, is_in_head)| {
            Ok(KnownName { sha256: parse(&sha256, "files.sha256")?, is_deleted, is_in_head })
        })
        .transpose()
    }

    /// Adds the digests of the blobs that sessions hold.
    pub(super) async fn add_upload_blobs(
        &self,
        digests: &mut std::collections::BTreeSet<Sha256Digest>,
    ) -> Result<(), IndexError> {
        let rows: Vec<(String, Option<String>, Option<String>)> = read!(&self.db, fetch_all, LIST_BLOBS)?;
        let named = rows.into_iter().flat_map(|(file, metadata, provenance)| [Some(file), metadata, provenance]);
        for digest in named.flatten() {
            digests.insert(parse(&digest, "upload_files.sha256")?);
        }
        Ok(())
    }
}

impl IndexTx {
    /// The files of a session by name, as they are now; none that was deleted.
    pub async fn list_upload_files(&mut self, session: &UploadSession) -> Result<Vec<UploadFile>, IndexError> {
        let rows: Vec<FileRow> = fetch!(&mut self.tx, fetch_all, LIST_FILES, session.key)?;
        rows.into_iter().map(UploadFile::try_from).collect()
    }
}
