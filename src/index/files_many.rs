//! Many files at once: what stands in their way, and their rows, in a handful of statements however many they are.

use std::collections::BTreeMap;

use serde::Serialize;

use super::db::{both, pair};
use super::files::{AddedFile, Published, judge, tags};
use super::projects::project_status;
use super::rows::{count, optional_text, parse, text, to_count, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{Channel, NewFile, ProjectStatus, Sha256Digest};
use crate::packaging::{ProjectName, release_key};

statements! {
    /// As `FIND_PUBLISHED` of one file: its own name first, then another spelling of it.
    FIND_ALL_PUBLISHED = pair(
        "SELECT e.value ->> 'filename' AS wanted, f.id, f.filename, f.sha256, f.deleted_at, 0 AS rank \
         FROM json_each($1) e JOIN files f ON f.filename = e.value ->> 'filename' \
         UNION ALL \
         SELECT e.value ->> 'filename' AS wanted, f.id, f.filename, f.sha256, f.deleted_at, 1 AS rank \
         FROM json_each($1) e JOIN projects p ON p.name = e.value ->> 'project' \
         JOIN files f ON f.project_id = p.id AND f.identity = e.value ->> 'identity' \
         WHERE f.filename <> e.value ->> 'filename' ORDER BY wanted, rank",
        "SELECT e.filename AS wanted, f.id, f.filename, f.sha256, f.deleted_at, 0 AS rank \
         FROM json_to_recordset(CAST($1 AS json)) AS e(filename TEXT, project TEXT, identity TEXT) \
         JOIN files f ON f.filename = e.filename \
         UNION ALL \
         SELECT e.filename AS wanted, f.id, f.filename, f.sha256, f.deleted_at, 1 AS rank \
         FROM json_to_recordset(CAST($1 AS json)) AS e(filename TEXT, project TEXT, identity TEXT) \
         JOIN projects p ON p.name = e.project JOIN files f ON f.project_id = p.id AND f.identity = e.identity \
         WHERE f.filename <> e.filename ORDER BY wanted, rank",
    );
    INSERT_PROJECTS = pair(
        "INSERT INTO projects (name, display_name, created_at) \
         SELECT e.value ->> 'project', e.value ->> 'display_name', e.value ->> 'received_at' FROM json_each($1) e \
         WHERE true ON CONFLICT (name) DO NOTHING",
        "INSERT INTO projects (name, display_name, created_at) \
         SELECT e.project, e.display_name, e.received_at \
         FROM json_to_recordset(CAST($1 AS json)) AS e(project TEXT, display_name TEXT, received_at BIGINT) \
         ON CONFLICT (name) DO NOTHING",
    );
    INSERT_RELEASES = pair(
        "INSERT INTO releases (project_id, version_key, created_at) \
         SELECT p.id, e.value ->> 'version_key', e.value ->> 'received_at' \
         FROM json_each($1) e JOIN projects p ON p.name = e.value ->> 'project' \
         WHERE true ON CONFLICT (project_id, version_key) DO NOTHING",
        "INSERT INTO releases (project_id, version_key, created_at) \
         SELECT p.id, e.version_key, e.received_at \
         FROM json_to_recordset(CAST($1 AS json)) AS e(project TEXT, version_key TEXT, received_at BIGINT) \
         JOIN projects p ON p.name = e.project ON CONFLICT (project_id, version_key) DO NOTHING",
    );
    /// Adds the bytes of new files to those of their projects.
    ADD_BYTES_OF_FILES = pair(
        "UPDATE projects SET stored_bytes = stored_bytes + (SELECT SUM(f.size_bytes) FROM files f \
         WHERE f.project_id = projects.id AND f.id IN (SELECT value FROM json_each($1))) \
         WHERE id IN (SELECT d.project_id FROM files d WHERE d.id IN (SELECT value FROM json_each($1))) \
         RETURNING name, stored_bytes",
        "UPDATE projects SET stored_bytes = stored_bytes + a.bytes FROM ( \
         SELECT f.project_id, CAST(SUM(f.size_bytes) AS BIGINT) AS bytes FROM files f \
         WHERE f.id IN (SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS BIGINT)) GROUP BY f.project_id) a \
         WHERE projects.id = a.project_id RETURNING projects.name, projects.stored_bytes",
    );
    LIST_STATUSES_NOW = both(
        "SELECT p.name, s.status FROM project_status s JOIN projects p ON p.id = s.project_id \
         WHERE s.channel_id = $1 AND s.to_serial IS NULL ORDER BY p.name",
    );
    /// Without a row as answer for a file whose name, or another spelling of it, is taken.
    INSERT_FILES = pair(
        "INSERT INTO files (project_id, release_id, display_name, version, filename, kind, tags, sha256, blake2b_256, md5, \
         crc32, size_bytes, metadata_sha256, requires_python, requires_dist, provides_extra, summary, identity, facts, \
         notes, uploaded_at, received_at, uploaded_by) \
         SELECT p.id, r.id, e.value ->> 'display_name', e.value ->> 'version', e.value ->> 'filename', \
         e.value ->> 'kind', e.value ->> 'tags', e.value ->> 'sha256', e.value ->> 'blake2b_256', e.value ->> 'md5', \
         e.value ->> 'crc32', e.value ->> 'size_bytes', e.value ->> 'metadata_sha256', e.value ->> 'requires_python', \
         e.value ->> 'requires_dist', e.value ->> 'provides_extra', e.value ->> 'summary', e.value ->> 'identity', \
         e.value ->> 'facts', e.value ->> 'notes', e.value ->> 'uploaded_at', e.value ->> 'received_at', \
         e.value ->> 'uploaded_by' \
         FROM json_each($1) e JOIN projects p ON p.name = e.value ->> 'project' \
         JOIN releases r ON r.project_id = p.id AND r.version_key = e.value ->> 'version_key' \
         WHERE true ON CONFLICT DO NOTHING RETURNING filename, id",
        "INSERT INTO files (project_id, release_id, display_name, version, filename, kind, tags, sha256, blake2b_256, md5, \
         crc32, size_bytes, metadata_sha256, requires_python, requires_dist, provides_extra, summary, identity, facts, \
         notes, uploaded_at, received_at, uploaded_by) \
         SELECT p.id, r.id, e.display_name, e.version, e.filename, e.kind, e.tags, e.sha256, e.blake2b_256, e.md5, \
         e.crc32, e.size_bytes, e.metadata_sha256, e.requires_python, e.requires_dist, e.provides_extra, e.summary, \
         e.identity, e.facts, e.notes, e.uploaded_at, e.received_at, e.uploaded_by \
         FROM json_to_recordset(CAST($1 AS json)) AS e(project TEXT, version_key TEXT, display_name TEXT, version TEXT, \
         filename TEXT, kind TEXT, tags TEXT, sha256 TEXT, blake2b_256 TEXT, md5 TEXT, crc32 BIGINT, size_bytes BIGINT, \
         metadata_sha256 TEXT, requires_python TEXT, requires_dist TEXT, provides_extra TEXT, summary TEXT, \
         identity TEXT, facts TEXT, notes TEXT, uploaded_at BIGINT, received_at BIGINT, uploaded_by TEXT) \
         JOIN projects p ON p.name = e.project \
         JOIN releases r ON r.project_id = p.id AND r.version_key = e.version_key \
         ON CONFLICT DO NOTHING RETURNING filename, id",
    );
}

/// A row of [`FIND_ALL_PUBLISHED`].
type Standing = (String, i64, String, String, Option<i64>, i32);

/// What a file is looked for by.
#[derive(Serialize)]
struct Wanted<'a> {
    filename: &'a str,
    project: &'a str,
    identity: &'a str,
}

/// A file as the statements that write it read it. Nested JSON goes as text: both databases keep it as it is.
#[derive(Serialize)]
struct Written<'a> {
    project: &'a str,
    version_key: String,
    display_name: &'a str,
    version: String,
    filename: &'a str,
    kind: &'static str,
    tags: Option<&'a str>,
    sha256: Sha256Digest,
    blake2b_256: String,
    md5: Option<String>,
    crc32: u32,
    size_bytes: i64,
    metadata_sha256: Option<Sha256Digest>,
    requires_python: Option<&'a str>,
    requires_dist: String,
    provides_extra: String,
    summary: Option<&'a str>,
    identity: &'a str,
    facts: Option<String>,
    notes: String,
    uploaded_at: i64,
    received_at: i64,
    uploaded_by: &'a str,
}

impl<'a> Written<'a> {
    fn new(file: &'a NewFile) -> Result<Self, IndexError> {
        let digests = &file.digests;
        Ok(Self {
            project: file.project.as_str(),
            version_key: release_key(&file.version),
            display_name: text(&file.display_name, "display_name")?,
            version: file.version.to_string(),
            filename: text(&file.filename, "filename")?,
            kind: file.kind.as_str(),
            tags: tags(file),
            sha256: digests.sha256,
            blake2b_256: digests.blake2b_256.to_hex(),
            md5: digests.md5.map(|digest| digest.to_hex()),
            crc32: digests.crc32,
            size_bytes: to_count(digests.size_bytes, "size_bytes")?,
            metadata_sha256: file.metadata_sha256,
            requires_python: optional_text(&file.requires_python, "requires_python")?,
            requires_dist: to_json(&file.requires_dist, "requires_dist")?,
            provides_extra: to_json(&file.provides_extra, "provides_extra")?,
            summary: optional_text(&file.summary, "summary")?,
            identity: text(&file.identity, "identity")?,
            facts: file.wheel.as_ref().map(|facts| to_json(facts, "facts")).transpose()?,
            notes: to_json(&file.notes, "notes")?,
            uploaded_at: file.uploaded_at.as_microsecond(),
            received_at: file.received_at.as_microsecond(),
            uploaded_by: text(&file.uploaded_by, "uploaded_by")?,
        })
    }
}

/// What became of each file, in the order in which they were named.
type Judged<T> = Vec<Result<T, IndexError>>;

impl Index {
    /// As [`Index::find_published`] for each of these files.
    pub async fn find_all_published(&self, files: &[&NewFile]) -> Result<Judged<Option<AddedFile>>, IndexError> {
        let rows: Vec<Standing> = read!(&self.db, fetch_all, FIND_ALL_PUBLISHED, wanted(files)?)?;
        Ok(judge_all(files, rows))
    }
}

impl IndexTx {
    /// As [`IndexTx::add_file`] for each of these files, in the same order.
    ///
    /// If one of them fails with [`IndexError::ProjectFull`], the transaction is to be dropped.
    pub async fn add_files(&mut self, files: &[&NewFile]) -> Result<Judged<AddedFile>, IndexError> {
        let rows: Vec<Standing> = fetch!(&mut self.tx, fetch_all, FIND_ALL_PUBLISHED, wanted(files)?)?;
        let found = judge_all(files, rows);
        let news: Vec<&&NewFile> =
            files.iter().zip(&found).filter(|(_, found)| matches!(found, Ok(None))).map(|(file, _)| file).collect();
        let mut added = self.insert_files(&news).await?;
        let full = self.count_bytes_of(&added).await?;
        let mut judged = Vec::with_capacity(files.len());
        for (file, found) in files.iter().zip(found) {
            judged.push(match found {
                Ok(None) => match added.remove(file.filename.as_str()) {
                    Some(id) => match full.get(file.project.as_str()) {
                        None => Ok(AddedFile { id, is_new: true }),
                        Some(size_bytes) => Err(IndexError::ProjectFull {
                            project: file.project.clone(),
                            size_bytes: *size_bytes,
                            limit_bytes: self.max_project_bytes,
                        }),
                    },
                    // Taken by another transaction since we looked, or by another of these files.
                    None => self.add_file(file).await,
                },
                Ok(Some(known)) => Ok(known),
                Err(error) => Err(error),
            });
        }
        Ok(judged)
    }

    /// Adds the bytes of new files to their projects, and names those that have too many then, with how many.
    async fn count_bytes_of(&mut self, added: &BTreeMap<String, i64>) -> Result<BTreeMap<String, u64>, IndexError> {
        let mut full = BTreeMap::new();
        if added.is_empty() {
            return Ok(full);
        }
        let ids: Vec<i64> = added.values().copied().collect();
        let rows: Vec<(String, i64)> = fetch!(&mut self.tx, fetch_all, ADD_BYTES_OF_FILES, to_json(&ids, "file_ids")?)?;
        for (name, bytes) in rows {
            let bytes = count(bytes, "projects.stored_bytes")?;
            if bytes > self.max_project_bytes {
                full.insert(name, bytes);
            }
        }
        Ok(full)
    }

    /// Status of every project of the channel that is not active.
    pub async fn list_statuses(
        &mut self,
        channel: &Channel,
    ) -> Result<BTreeMap<ProjectName, ProjectStatus>, IndexError> {
        let rows: Vec<(String, String)> = fetch!(&mut self.tx, fetch_all, LIST_STATUSES_NOW, channel.id)?;
        let status = |(name, status): (String, String)| {
            Ok((parse(&name, "projects.name")?, project_status(Some(status.as_str()))?))
        };
        rows.into_iter().map(status).collect()
    }

    /// Writes rows of files and gives their keys by name; without those whose place is taken.
    async fn insert_files(&mut self, files: &[&&NewFile]) -> Result<BTreeMap<String, i64>, IndexError> {
        if files.is_empty() {
            return Ok(BTreeMap::new());
        }
        let reserved = self.list_reservations().await?;
        // A name that is kept for somebody else is left to the way of one file, which says so.
        let is_free = |file: &&&&NewFile| reserved.get(&file.project).is_none_or(|by| *by == file.uploaded_by);
        let free = files.iter().filter(is_free);
        let mut written = free.map(|file| Written::new(file)).collect::<Result<Vec<_>, _>>()?;
        // In one order for everybody: on PostgreSQL, two that wait for each other's names would both fail.
        written.sort_by(|one, other| (one.project, one.filename).cmp(&(other.project, other.filename)));
        let json = to_json(&written, "files")?;
        execute!(&mut self.tx, INSERT_PROJECTS, json.as_str())?;
        execute!(&mut self.tx, INSERT_RELEASES, json.as_str())?;
        let rows: Vec<(String, i64)> = fetch!(&mut self.tx, fetch_all, INSERT_FILES, json.as_str())?;
        Ok(rows.into_iter().collect())
    }
}

fn wanted(files: &[&NewFile]) -> Result<String, IndexError> {
    let mut wanted = Vec::with_capacity(files.len());
    for file in files {
        wanted.push(Wanted {
            filename: text(&file.filename, "filename")?,
            project: file.project.as_str(),
            identity: text(&file.identity, "identity")?,
        });
    }
    to_json(&wanted, "files")
}

/// The first row of each name decides, as it does for one file.
fn judge_all(files: &[&NewFile], rows: Vec<Standing>) -> Judged<Option<AddedFile>> {
    let mut first: BTreeMap<String, Published> = BTreeMap::new();
    for (wanted, id, filename, sha256, deleted_at, rank) in rows {
        first.entry(wanted).or_insert((id, filename, sha256, deleted_at, rank));
    }
    let judged = |file: &&NewFile| first.remove(&file.filename).map(|row| judge(file, row)).transpose();
    files.iter().map(judged).collect()
}
