//! Batches and the files in them. No page reads these tables: only a commit, which goes through [`IndexTx`], shows anything.
//!
//! To put a file into an open batch, or to take one out, changes no meaning, so it needs no audit event; to open, to commit
//! and to give up a batch does. Every write of a file looks in the same statement whether the batch is open, and holds it
//! open until it ends, so that a commit sees each file or refuses it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::db::{both, pair};
use super::rows::{count, damaged, from_json, parse, text, time, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{
    Batch, BatchFile, BatchId, BatchState, BatchVerdict, ChannelName, Principal, Serial, Sha256Digest, Timestamp,
};
use crate::packaging::ProjectName;

/// Columns of [`BatchRow`].
macro_rules! batch_columns {
    () => {
        "b.id, b.public_id, c.name, b.state, b.created_at, b.created_by, b.expires_at, b.ended_at, b.committed_serial"
    };
}

/// Columns of [`BatchFileRow`] but for the last.
macro_rules! batch_file_columns {
    () => {
        "f.filename, f.verdict, f.project, f.sha256, f.metadata_sha256, f.provenance_sha256, f.size_bytes, \
         f.received_at, f.report"
    };
}

/// Columns that are written, in the order of the table.
macro_rules! written_columns {
    () => {
        "batch_id, filename, verdict, project, sha256, metadata_sha256, provenance_sha256, size_bytes, received_at, \
         report, staged"
    };
}

/// What a second file of one name does to the first.
macro_rules! replaces {
    () => {
        " ON CONFLICT (batch_id, filename) DO UPDATE SET verdict = excluded.verdict, project = excluded.project, \
         sha256 = excluded.sha256, metadata_sha256 = excluded.metadata_sha256, \
         provenance_sha256 = excluded.provenance_sha256, size_bytes = excluded.size_bytes, \
         received_at = excluded.received_at, report = excluded.report, staged = excluded.staged"
    };
}

statements! {
    INSERT_BATCH = both(
        "INSERT INTO batches (public_id, channel_id, state, created_at, created_by, expires_at) \
         SELECT $1, c.id, 'open', CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT) FROM channels c WHERE c.name = $2 \
         ON CONFLICT (public_id) DO NOTHING RETURNING id",
    );
    FIND_BATCH = both(concat!(
        "SELECT ", batch_columns!(), " FROM batches b JOIN channels c ON c.id = b.channel_id WHERE b.public_id = $1",
    ));
    LIST_OPEN_IDS = both("SELECT public_id FROM batches WHERE state = 'open' ORDER BY public_id");
    COUNT_GIVEN_UP = both("SELECT COUNT(*) FROM batches WHERE state = 'abandoned' AND ended_at >= $1");
    LIST_BATCH_FILES = both(concat!(
        "SELECT ", batch_file_columns!(), ", CAST(NULL AS TEXT) AS staged FROM batch_files f WHERE f.batch_id = $1 \
         ORDER BY f.filename",
    ));
    LIST_STAGED = both(concat!(
        "SELECT ", batch_file_columns!(), ", f.staged FROM batch_files f WHERE f.batch_id = $1 ORDER BY f.filename",
    ));
    LIST_STAGED_OF_PROJECT = both(concat!(
        "SELECT ", batch_file_columns!(), ", f.staged FROM batch_files f \
         WHERE f.batch_id = $1 AND f.project = $2 AND f.staged IS NOT NULL ORDER BY f.filename",
    ));
    LIST_STAGED_PROJECTS = both(
        "SELECT DISTINCT f.project FROM batch_files f \
         WHERE f.batch_id = $1 AND f.project IS NOT NULL AND f.staged IS NOT NULL ORDER BY f.project",
    );
    FIND_BATCH_FILE = both(concat!(
        "SELECT ", batch_file_columns!(), ", f.staged FROM batch_files f WHERE f.batch_id = $1 AND f.filename = $2",
    ));
    PUT_BATCH_FILES = pair(
        concat!(
            "INSERT INTO batch_files (", written_columns!(), ") \
             SELECT b.id, e.value ->> 'filename', e.value ->> 'verdict', e.value ->> 'project', e.value ->> 'sha256', \
             e.value ->> 'metadata_sha256', e.value ->> 'provenance_sha256', e.value ->> 'size_bytes', \
             e.value ->> 'received_at', e.value ->> 'report', e.value ->> 'staged' \
             FROM json_each($2) e CROSS JOIN batches b WHERE b.id = $1 AND b.state = 'open'",
            replaces!(),
        ),
        concat!(
            "INSERT INTO batch_files (", written_columns!(), ") \
             SELECT b.id, e.filename, e.verdict, e.project, e.sha256, e.metadata_sha256, e.provenance_sha256, \
             e.size_bytes, e.received_at, e.report, e.staged \
             FROM json_to_recordset(CAST($2 AS json)) AS e(filename TEXT, verdict TEXT, project TEXT, sha256 TEXT, \
             metadata_sha256 TEXT, provenance_sha256 TEXT, size_bytes BIGINT, received_at BIGINT, report TEXT, \
             staged TEXT) CROSS JOIN batches b WHERE b.id = $1 AND b.state = 'open' FOR SHARE OF b",
            replaces!(),
        ),
    );
    DELETE_BATCH_FILE = pair(
        "DELETE FROM batch_files WHERE batch_id = $1 AND filename = $2 \
         AND EXISTS (SELECT 1 FROM batches b WHERE b.id = $1 AND b.state = 'open')",
        "DELETE FROM batch_files WHERE filename = $2 \
         AND batch_id = (SELECT b.id FROM batches b WHERE b.id = $1 AND b.state = 'open' FOR SHARE)",
    );
    LIST_IN_HEAD = pair(
        "SELECT f.filename FROM files f JOIN memberships m ON m.file_id = f.id AND m.to_serial IS NULL \
         JOIN channels c ON c.id = m.channel_id \
         WHERE c.name = $1 AND f.filename IN (SELECT value FROM json_each($2)) ORDER BY f.filename",
        "SELECT f.filename FROM files f JOIN memberships m ON m.file_id = f.id AND m.to_serial IS NULL \
         JOIN channels c ON c.id = m.channel_id \
         WHERE c.name = $1 AND f.filename IN (SELECT json_array_elements_text(CAST($2 AS json))) ORDER BY f.filename",
    );
    /// Which of the digests name published bytes, and of which files.
    LIST_PUBLISHED_BYTES = pair(
        "SELECT f.sha256, f.filename, p.name FROM files f JOIN projects p ON p.id = f.project_id \
         WHERE f.sha256 IN (SELECT value FROM json_each($1)) AND f.deleted_at IS NULL ORDER BY f.sha256, f.filename",
        "SELECT f.sha256, f.filename, p.name FROM files f JOIN projects p ON p.id = f.project_id \
         WHERE f.sha256 IN (SELECT json_array_elements_text(CAST($1 AS json))) AND f.deleted_at IS NULL \
         ORDER BY f.sha256, f.filename",
    );
    /// As [`LIST_PUBLISHED_BYTES`], for what open batches of one principal hold.
    LIST_BATCH_BYTES = pair(
        "SELECT DISTINCT f.sha256 FROM batch_files f JOIN batches b ON b.id = f.batch_id \
         WHERE b.state = 'open' AND b.created_by = $2 AND f.staged IS NOT NULL \
         AND f.sha256 IN (SELECT value FROM json_each($1)) ORDER BY f.sha256",
        "SELECT DISTINCT f.sha256 FROM batch_files f JOIN batches b ON b.id = f.batch_id \
         WHERE b.state = 'open' AND b.created_by = $2 AND f.staged IS NOT NULL \
         AND f.sha256 IN (SELECT json_array_elements_text(CAST($1 AS json))) ORDER BY f.sha256",
    );
    /// Takes the batch for whoever ends it: whoever comes later finds it ended.
    END_BATCH = both(
        "UPDATE batches SET state = $2, ended_at = CAST($3 AS BIGINT), expires_at = CAST($4 AS BIGINT) \
         WHERE id = $1 AND state = 'open' RETURNING id",
    );
    SET_COMMITTED_SERIAL = both("UPDATE batches SET committed_serial = $2 WHERE id = $1");
    /// What was staged is in the index now, or will not be.
    MARK_STORED = pair(
        "UPDATE batch_files SET verdict = CASE WHEN filename IN (SELECT value FROM json_each($2)) THEN 'stored' \
         ELSE 'unchanged' END, staged = NULL WHERE batch_id = $1",
        "UPDATE batch_files SET verdict = CASE WHEN filename IN (SELECT json_array_elements_text(CAST($2 AS json))) \
         THEN 'stored' ELSE 'unchanged' END, staged = NULL WHERE batch_id = $1",
    );
    DELETE_BATCH_FILES = both("DELETE FROM batch_files WHERE batch_id = $1");
    LIST_EXPIRED = both(concat!(
        "SELECT ", batch_columns!(), " FROM batches b JOIN channels c ON c.id = b.channel_id \
         WHERE b.expires_at <= $1 ORDER BY b.id",
    ));
    DELETE_BATCH = both("DELETE FROM batches WHERE id = $1 AND state <> 'open'");
}

type BatchRow = (i64, String, String, String, i64, String, i64, Option<i64>, Option<i64>);

fn batch(row: BatchRow) -> Result<Batch, IndexError> {
    let (key, id, channel, state, created_at, created_by, expires_at, ended_at, serial) = row;
    Ok(Batch {
        key,
        id: parse(&id, "batches.public_id")?,
        channel: parse(&channel, "channels.name")?,
        state: match state.as_str() {
            "open" => BatchState::Open,
            "committed" => BatchState::Committed,
            "abandoned" => BatchState::Abandoned,
            _ => return Err(damaged("batches.state")),
        },
        created_at: time(created_at, "batches.created_at")?,
        created_by,
        expires_at: time(expires_at, "batches.expires_at")?,
        ended_at: ended_at.map(|at| time(at, "batches.ended_at")).transpose()?,
        committed_serial: serial.map(Serial),
    })
}

#[derive(sqlx::FromRow)]
struct BatchFileRow {
    filename: String,
    verdict: String,
    project: Option<String>,
    sha256: Option<String>,
    metadata_sha256: Option<String>,
    provenance_sha256: Option<String>,
    size_bytes: Option<i64>,
    received_at: i64,
    report: String,
    staged: Option<String>,
}

impl TryFrom<BatchFileRow> for BatchFile {
    type Error = IndexError;

    fn try_from(row: BatchFileRow) -> Result<Self, IndexError> {
        let digest = |text: Option<String>, column| text.map(|text| parse(&text, column)).transpose();
        Ok(Self {
            filename: row.filename,
            verdict: match row.verdict.as_str() {
                "partial" => BatchVerdict::Partial,
                "accepted" => BatchVerdict::Accepted,
                "unchanged" => BatchVerdict::Unchanged,
                "refused" => BatchVerdict::Refused,
                "stored" => BatchVerdict::Stored,
                _ => return Err(damaged("batch_files.verdict")),
            },
            project: row.project.map(|name| parse(&name, "batch_files.project")).transpose()?,
            sha256: digest(row.sha256, "batch_files.sha256")?,
            metadata_sha256: digest(row.metadata_sha256, "batch_files.metadata_sha256")?,
            provenance_sha256: digest(row.provenance_sha256, "batch_files.provenance_sha256")?,
            size_bytes: row.size_bytes.map(|size| count(size, "batch_files.size_bytes")).transpose()?,
            received_at: time(row.received_at, "batch_files.received_at")?,
            report: from_json(&row.report, "batch_files.report")?,
            staged: row.staged,
        })
    }
}

/// A file as the statement that writes it reads it. Nested JSON goes as text: both databases keep it as it is.
#[derive(Serialize)]
struct WrittenFile<'a> {
    filename: &'a str,
    verdict: &'static str,
    project: Option<&'a str>,
    sha256: Option<Sha256Digest>,
    metadata_sha256: Option<Sha256Digest>,
    provenance_sha256: Option<Sha256Digest>,
    size_bytes: Option<i64>,
    received_at: i64,
    report: String,
    staged: Option<&'a str>,
}

impl<'a> WrittenFile<'a> {
    fn new(file: &'a BatchFile) -> Result<Self, IndexError> {
        let size = file.size_bytes.map(|size| super::rows::to_count(size, "size_bytes")).transpose()?;
        Ok(Self {
            filename: text(&file.filename, "filename")?,
            verdict: file.verdict.as_str(),
            project: file.project.as_ref().map(ProjectName::as_str),
            sha256: file.sha256,
            metadata_sha256: file.metadata_sha256,
            provenance_sha256: file.provenance_sha256,
            size_bytes: size,
            received_at: file.received_at.as_microsecond(),
            report: to_json(&file.report, "report")?,
            staged: file.staged.as_deref(),
        })
    }
}

impl Index {
    /// The batch of this id, whoever opened it and whatever has become of it.
    pub async fn find_batch(&self, id: &BatchId) -> Result<Option<Batch>, IndexError> {
        let row: Option<BatchRow> = read!(&self.db, fetch_optional, FIND_BATCH, id.to_string())?;
        row.map(batch).transpose()
    }

    /// Ids of all open batches, expired ones too.
    pub async fn list_open_batches(&self) -> Result<BTreeSet<BatchId>, IndexError> {
        let rows: Vec<(String,)> = read!(&self.db, fetch_all, LIST_OPEN_IDS)?;
        rows.iter().map(|(id,)| parse(id, "batches.public_id")).collect()
    }

    /// How many batches were given up since then, expired ones too.
    pub async fn count_given_up_batches(&self, since: Timestamp) -> Result<i64, IndexError> {
        let (count,): (i64,) = read!(&self.db, fetch_one, COUNT_GIVEN_UP, since.as_microsecond())?;
        Ok(count)
    }

    /// The files of a batch by name, without what was staged.
    pub async fn list_batch_files(&self, batch: &Batch) -> Result<Vec<BatchFile>, IndexError> {
        files(read!(&self.db, fetch_all, LIST_BATCH_FILES, batch.key)?)
    }

    /// One file of a batch, with what was staged.
    pub async fn find_batch_file(&self, batch: &Batch, filename: &str) -> Result<Option<BatchFile>, IndexError> {
        if filename.contains('\0') {
            return Ok(None);
        }
        let row: Option<BatchFileRow> = read!(&self.db, fetch_optional, FIND_BATCH_FILE, batch.key, filename)?;
        row.map(BatchFile::try_from).transpose()
    }

    /// The files of a project that a commit would show, by name, with what was staged.
    pub async fn list_staged_of_project(
        &self,
        batch: &Batch,
        project: &ProjectName,
    ) -> Result<Vec<BatchFile>, IndexError> {
        files(read!(&self.db, fetch_all, LIST_STAGED_OF_PROJECT, batch.key, project.as_str())?)
    }

    /// Every project of which a commit would show a file, by name.
    pub async fn list_staged_projects(&self, batch: &Batch) -> Result<Vec<ProjectName>, IndexError> {
        let rows: Vec<(String,)> = read!(&self.db, fetch_all, LIST_STAGED_PROJECTS, batch.key)?;
        rows.iter().map(|(name,)| parse(name, "batch_files.project")).collect()
    }

    /// Puts files into a batch, each in the place of one that has its name; false if the batch is open no more.
    ///
    /// Their blobs are durable.
    pub async fn put_batch_files(&self, batch: &Batch, put: &[BatchFile]) -> Result<bool, IndexError> {
        if put.is_empty() {
            return Ok(true);
        }
        let written = put.iter().map(WrittenFile::new).collect::<Result<Vec<_>, _>>()?;
        let done = note_count!(&self.db, PUT_BATCH_FILES, batch.key, to_json(&written, "files")?)?;
        Ok(done > 0)
    }

    /// Takes a file out of a batch; false if it is not there, or the batch is open no more.
    pub async fn remove_batch_file(&self, batch: &Batch, filename: &str) -> Result<bool, IndexError> {
        if filename.contains('\0') {
            return Ok(false);
        }
        Ok(note_count!(&self.db, DELETE_BATCH_FILE, batch.key, filename)? > 0)
    }

    /// Those of the file names that the channel's head has.
    pub async fn list_in_head(
        &self,
        channel: &ChannelName,
        filenames: &[&str],
    ) -> Result<BTreeSet<String>, IndexError> {
        let possible: Vec<&&str> = filenames.iter().filter(|filename| !filename.contains('\0')).collect();
        let names = to_json(&possible, "filenames")?;
        let rows: Vec<(String,)> = read!(&self.db, fetch_all, LIST_IN_HEAD, channel.as_str(), names)?;
        Ok(rows.into_iter().map(|(filename,)| filename).collect())
    }

    /// The published files that have bytes of one of these digests, with name and project, by digest.
    pub async fn list_published_bytes(
        &self,
        digests: &[Sha256Digest],
    ) -> Result<Vec<(Sha256Digest, String, ProjectName)>, IndexError> {
        let rows: Vec<(String, String, String)> =
            read!(&self.db, fetch_all, LIST_PUBLISHED_BYTES, to_json(&digests, "digests")?)?;
        let known = |(digest, filename, project): (String, String, String)| {
            Ok((parse(&digest, "files.sha256")?, filename, parse(&project, "projects.name")?))
        };
        rows.into_iter().map(known).collect()
    }

    /// Which of the digests name bytes that an open batch of this principal holds.
    pub async fn list_batch_bytes(
        &self,
        digests: &[Sha256Digest],
        by: &Principal,
    ) -> Result<BTreeSet<Sha256Digest>, IndexError> {
        let digests = to_json(&digests, "digests")?;
        let rows: Vec<(String,)> = read!(&self.db, fetch_all, LIST_BATCH_BYTES, digests, by.name())?;
        rows.iter().map(|(digest,)| parse(digest, "batch_files.sha256")).collect()
    }
}

impl IndexTx {
    /// Opens a batch; nothing if the id is taken. Fails with [`IndexError::NoSuchChannel`].
    pub async fn open_batch(
        &mut self,
        id: &BatchId,
        channel: &ChannelName,
        by: &Principal,
        expires_at: Timestamp,
    ) -> Result<Option<Batch>, IndexError> {
        let (now, by) = (self.clock.now(), text(by.name(), "principal")?);
        let (begin, end) = (now.as_microsecond(), expires_at.as_microsecond());
        let row: Option<(i64,)> =
            fetch!(&mut self.tx, fetch_optional, INSERT_BATCH, id.to_string(), channel.as_str(), begin, by, end)?;
        if row.is_none() && !self.has_channel(channel).await? {
            return Err(IndexError::NoSuchChannel { channel: channel.clone() });
        }
        Ok(row.map(|(key,)| Batch {
            key,
            id: *id,
            channel: channel.clone(),
            state: BatchState::Open,
            created_at: now,
            created_by: by.to_owned(),
            expires_at,
            ended_at: None,
            committed_serial: None,
        }))
    }

    /// Ends an open batch and keeps others from it until the transaction ends; false if somebody else has ended it.
    ///
    /// Call it first in a commit: no file comes in from then on, and each that is in can be read. A batch that is given up
    /// forgets its files. `forget_at` is when the batch itself is forgotten.
    pub async fn end_batch(
        &mut self,
        batch: &Batch,
        state: BatchState,
        forget_at: Timestamp,
    ) -> Result<bool, IndexError> {
        let (now, forget_at) = (self.clock.now().as_microsecond(), forget_at.as_microsecond());
        let row: Option<(i64,)> =
            fetch!(&mut self.tx, fetch_optional, END_BATCH, batch.key, state.as_str(), now, forget_at)?;
        if row.is_some() && state == BatchState::Abandoned {
            execute!(&mut self.tx, DELETE_BATCH_FILES, batch.key)?;
        }
        Ok(row.is_some())
    }

    /// The files of a batch by name, with what was staged, as they are now.
    pub async fn list_staged(&mut self, batch: &Batch) -> Result<Vec<BatchFile>, IndexError> {
        files(fetch!(&mut self.tx, fetch_all, LIST_STAGED, batch.key)?)
    }

    /// Records what a commit has done: the serial that shows the files, and which of them were news.
    pub async fn settle_batch(&mut self, batch: &Batch, serial: Serial, stored: &[&str]) -> Result<(), IndexError> {
        execute!(&mut self.tx, SET_COMMITTED_SERIAL, batch.key, serial.0)?;
        execute!(&mut self.tx, MARK_STORED, batch.key, to_json(&stored, "filenames")?)?;
        Ok(())
    }

    /// Batches whose time is over: open ones to be given up, others to be forgotten.
    pub async fn list_expired_batches(&mut self) -> Result<Vec<Batch>, IndexError> {
        let now = self.clock.now().as_microsecond();
        let rows: Vec<BatchRow> = fetch!(&mut self.tx, fetch_all, LIST_EXPIRED, now)?;
        rows.into_iter().map(batch).collect()
    }

    /// Forgets a batch that has ended, with all that is recorded of it.
    pub async fn forget_batch(&mut self, batch: &Batch) -> Result<(), IndexError> {
        execute!(&mut self.tx, DELETE_BATCH_FILES, batch.key)?;
        execute!(&mut self.tx, DELETE_BATCH, batch.key)?;
        Ok(())
    }
}

fn files(rows: Vec<BatchFileRow>) -> Result<Vec<BatchFile>, IndexError> {
    super::rows::all(rows)
}
