//! Files: written once, never changed, shown by views.

use std::collections::BTreeSet;

use super::db::{both, pair};
use super::rows::{
    ChannelFileRow, FileRow, OfferedFileRow, all, from_json, optional_text, parse, text, to_count, to_json,
};
use super::{Index, IndexError, IndexTx};
use crate::model::{ChannelFile, FileKind, NewFile, OfferedFile, ReleaseFacts, Sha256Digest, StoredFile, View};
use crate::packaging::{ProjectName, Version, release_key};

/// Rows of all files that are in memory at once while their digests are collected.
const ROWS_AT_ONCE: i64 = 1_000;

statements! {
    LIST_FILES = both(concat!(
        "SELECT ", file_columns!(), ", m.is_yanked, m.yank_reason \
         FROM projects p JOIN memberships m ON m.project_id = p.id JOIN files f ON f.id = m.file_id \
         WHERE ", in_view!(), " AND p.name = $3 AND f.deleted_at IS NULL ORDER BY f.filename",
    ));
    LIST_VERSION_FILES = both(concat!(
        "SELECT ", file_columns!(), ", m.is_yanked, m.yank_reason \
         FROM projects p JOIN releases r ON r.project_id = p.id JOIN files f ON f.release_id = r.id \
         JOIN memberships m ON m.project_id = p.id AND m.file_id = f.id \
         WHERE ", in_view!(), " AND p.name = $3 AND r.version_key = $4 AND f.deleted_at IS NULL ORDER BY f.filename",
    ));
    LIST_CHANNEL_FILES = both(concat!(
        "SELECT ", file_columns!(), ", m.is_yanked, m.yank_reason \
         FROM memberships m JOIN files f ON f.id = m.file_id JOIN projects p ON p.id = m.project_id \
         WHERE ", in_view!(), " AND f.deleted_at IS NULL ORDER BY f.filename",
    ));
    FIND_FILE = both(concat!(
        "SELECT ", file_columns!(), " FROM files f JOIN projects p ON p.id = f.project_id \
         WHERE f.filename = $1 AND f.deleted_at IS NULL",
    ));
    /// As [`FIND_FILE`], with the answer whether some head has the file in quarantine and no head has it outside of one.
    ///
    /// Counted are the heads that have the file, and those of them where its project is quarantined.
    FIND_OFFERED = both(concat!(
        "SELECT ", file_columns!(), ", h.quarantined > 0 AND h.quarantined = h.total AS is_withheld \
         FROM files f JOIN projects p ON p.id = f.project_id \
         CROSS JOIN (SELECT COUNT(*) AS total, COUNT(s.status) AS quarantined \
         FROM memberships m JOIN files n ON n.id = m.file_id AND n.filename = $1 \
         LEFT JOIN project_status s ON s.channel_id = m.channel_id AND s.project_id = m.project_id \
         AND s.to_serial IS NULL AND s.status = 'quarantined' \
         WHERE m.to_serial IS NULL) h \
         WHERE f.filename = $1 AND f.deleted_at IS NULL",
    ));
    /// The first of these files that [`FIND_OFFERED`] would call withheld.
    FIND_WITHHELD = pair(
        "SELECT f.filename FROM files f JOIN memberships m ON m.file_id = f.id AND m.to_serial IS NULL \
         LEFT JOIN project_status s ON s.channel_id = m.channel_id AND s.project_id = m.project_id \
         AND s.to_serial IS NULL AND s.status = 'quarantined' \
         WHERE f.filename IN (SELECT value FROM json_each($1)) \
         GROUP BY f.filename HAVING COUNT(s.status) = COUNT(*) ORDER BY f.filename LIMIT 1",
        "SELECT f.filename FROM files f JOIN memberships m ON m.file_id = f.id AND m.to_serial IS NULL \
         LEFT JOIN project_status s ON s.channel_id = m.channel_id AND s.project_id = m.project_id \
         AND s.to_serial IS NULL AND s.status = 'quarantined' \
         WHERE f.filename IN (SELECT json_array_elements_text(CAST($1 AS json))) \
         GROUP BY f.filename HAVING COUNT(s.status) = COUNT(*) ORDER BY f.filename LIMIT 1",
    );
    FIND_FILES = pair(
        concat!(
            "SELECT ", file_columns!(), " FROM files f JOIN projects p ON p.id = f.project_id \
             WHERE f.filename IN (SELECT value FROM json_each($1)) AND f.deleted_at IS NULL ORDER BY f.filename",
        ),
        concat!(
            "SELECT ", file_columns!(), " FROM files f JOIN projects p ON p.id = f.project_id \
             WHERE f.filename IN (SELECT json_array_elements_text(CAST($1 AS json))) AND f.deleted_at IS NULL \
             ORDER BY f.filename",
        ),
    );
    /// The first wheel of a release, but for one; what it needs and offers.
    FIND_SIBLING = both(
        "SELECT f.filename, f.requires_python, f.requires_dist, f.provides_extra \
         FROM projects p JOIN releases r ON r.project_id = p.id JOIN files f ON f.release_id = r.id \
         WHERE p.name = $1 AND r.version_key = $2 AND f.kind = 'wheel' AND f.filename <> $3 AND f.deleted_at IS NULL \
         ORDER BY f.id LIMIT 1",
    );
    BLOBS_OF_FILES = both(
        "SELECT f.id, f.sha256, f.metadata_sha256, v.sha256 FROM files f LEFT JOIN provenance v ON v.file_id = f.id \
         WHERE f.id > $1 AND f.deleted_at IS NULL ORDER BY f.id LIMIT $2",
    );
    BLOBS_OF_BATCHES = both(
        "SELECT sha256, metadata_sha256, provenance_sha256 FROM batch_files WHERE sha256 IS NOT NULL ORDER BY sha256",
    );
    /// What stands in the way of a new file: its own name first, then another spelling of it.
    FIND_PUBLISHED = both(
        "SELECT f.id, f.filename, f.sha256, f.deleted_at, 0 AS rank FROM files f WHERE f.filename = $1 \
         UNION ALL \
         SELECT f.id, f.filename, f.sha256, f.deleted_at, 1 AS rank FROM files f JOIN projects p ON p.id = f.project_id \
         WHERE p.name = $2 AND f.identity = $3 AND f.filename <> $1 \
         ORDER BY rank",
    );
    FIND_PLACE = both(
        "SELECT p.id, r.id FROM projects p LEFT JOIN releases r ON r.project_id = p.id AND r.version_key = $2 \
         WHERE p.name = $1",
    );
    /// Without a row as answer when somebody else was faster; so too the next one.
    INSERT_PROJECT = both(
        "INSERT INTO projects (name, display_name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING \
         RETURNING id",
    );
    INSERT_RELEASE = both(
        "INSERT INTO releases (project_id, version_key, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (project_id, version_key) DO NOTHING RETURNING id",
    );
    /// Without a row as answer when somebody else has just published the name or the same wheel.
    INSERT_FILE = both(
        "INSERT INTO files (project_id, release_id, display_name, version, filename, kind, tags, sha256, blake2b_256, md5, \
         crc32, size_bytes, metadata_sha256, requires_python, requires_dist, provides_extra, summary, identity, facts, \
         notes, uploaded_at, received_at, uploaded_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
         ON CONFLICT DO NOTHING RETURNING id",
    );
}

/// Answer of [`IndexTx::add_file`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddedFile {
    /// Key of the file in the index.
    pub id: i64,
    /// False when the same name with the same bytes was there.
    pub is_new: bool,
}

impl Index {
    /// The project's files in this view, by file name.
    pub async fn list_files(&self, view: &View, project: &ProjectName) -> Result<Vec<ChannelFile>, IndexError> {
        let (channel, serial) = (view.channel_id, view.serial.0);
        let rows: Vec<ChannelFileRow> = read!(&self.db, fetch_all, LIST_FILES, channel, serial, project.as_ref())?;
        all(rows)
    }

    /// The files of one version of a project in this view, whichever way the version is spelt, by file name.
    pub async fn list_files_of_version(
        &self,
        view: &View,
        project: &ProjectName,
        version: &Version,
    ) -> Result<Vec<ChannelFile>, IndexError> {
        let (channel, serial, key) = (view.channel_id, view.serial.0, release_key(version));
        let rows: Vec<ChannelFileRow> =
            read!(&self.db, fetch_all, LIST_VERSION_FILES, channel, serial, project.as_ref(), key.as_str())?;
        all(rows)
    }

    /// Every file of this view, by file name.
    pub async fn list_channel_files(&self, view: &View) -> Result<Vec<ChannelFile>, IndexError> {
        let rows: Vec<ChannelFileRow> = read!(&self.db, fetch_all, LIST_CHANNEL_FILES, view.channel_id, view.serial.0)?;
        all(rows)
    }

    /// The published file of this name, whatever channels it is in.
    pub async fn find_file(&self, filename: &str) -> Result<Option<StoredFile>, IndexError> {
        if filename.contains('\0') {
            return Ok(None);
        }
        let row: Option<FileRow> = read!(&self.db, fetch_optional, FIND_FILE, filename)?;
        row.map(StoredFile::try_from).transpose()
    }

    /// The published file of this name for somebody who wants its bytes, and whether they are kept back, in one read.
    pub async fn find_offered(&self, filename: &str) -> Result<Option<OfferedFile>, IndexError> {
        if filename.contains('\0') {
            return Ok(None);
        }
        let row: Option<OfferedFileRow> = read!(&self.db, fetch_optional, FIND_OFFERED, filename)?;
        row.map(OfferedFile::try_from).transpose()
    }

    /// The first of these files whose bytes are kept back, as [`Index::find_offered`] tells of one.
    pub async fn find_withheld(&self, filenames: &[String]) -> Result<Option<String>, IndexError> {
        let names = to_json(&filenames, "filenames")?;
        let row: Option<(String,)> = read!(&self.db, fetch_optional, FIND_WITHHELD, names.as_str())?;
        Ok(row.map(|(filename,)| filename))
    }

    /// The published files among these names, by file name; unknown names are left out.
    pub async fn find_files(&self, filenames: &[String]) -> Result<Vec<StoredFile>, IndexError> {
        let possible: Vec<&String> = filenames.iter().filter(|filename| !filename.contains('\0')).collect();
        let names = to_json(&possible, "filenames")?;
        let rows: Vec<FileRow> = read!(&self.db, fetch_all, FIND_FILES, names.as_str())?;
        all(rows)
    }

    /// The published file that is this very one. Fails as [`IndexTx::add_file`] does for one that excludes it.
    ///
    /// For a look before bytes are made durable: [`IndexTx::add_file`] decides.
    pub async fn find_published(&self, file: &NewFile) -> Result<Option<AddedFile>, IndexError> {
        let (filename, identity) = (text(&file.filename, "filename")?, text(&file.identity, "identity")?);
        let rows: Vec<Published> =
            read!(&self.db, fetch_all, FIND_PUBLISHED, filename, file.project.as_ref(), identity)?;
        rows.into_iter().next().map(|row| judge(file, row)).transpose()
    }

    /// What the first other wheel of a file's release says of the release, whatever channels it is in (standards REL-01).
    pub async fn find_sibling(&self, file: &NewFile) -> Result<Option<ReleaseFacts>, IndexError> {
        let (key, filename) = (release_key(&file.version), text(&file.filename, "filename")?);
        let row: Option<(String, Option<String>, String, String)> =
            read!(&self.db, fetch_optional, FIND_SIBLING, file.project.as_ref(), key.as_str(), filename)?;
        let Some((filename, requires_python, requires_dist, provides_extra)) = row else { return Ok(None) };
        Ok(Some(ReleaseFacts {
            filename,
            requires_python,
            requires_dist: from_json(&requires_dist, "files.requires_dist")?,
            provides_extra: from_json(&provides_extra, "files.provides_extra")?,
        }))
    }

    /// Digests of all blobs that a row names: files, their metadata, and what open batches and upload sessions hold.
    pub async fn referenced_blobs(&self) -> Result<BTreeSet<Sha256Digest>, IndexError> {
        let mut digests = BTreeSet::new();
        // Before the files, and after them: a session gives blobs to files and takes them over from files meanwhile.
        self.add_upload_blobs(&mut digests).await?;
        let mut last = 0;
        loop {
            let rows: Vec<(i64, String, Option<String>, Option<String>)> =
                read!(&self.db, fetch_all, BLOBS_OF_FILES, last, ROWS_AT_ONCE)?;
            let Some((id, ..)) = rows.last() else { break };
            last = *id;
            let named = rows.into_iter().flat_map(|(_, file, metadata, provenance)| [Some(file), metadata, provenance]);
            for digest in named.flatten() {
                digests.insert(parse(&digest, "files.sha256")?);
            }
        }
        // After the files: what a batch takes over from a published file meanwhile is in one of the two answers.
        let batches: Vec<(String, Option<String>, Option<String>)> = read!(&self.db, fetch_all, BLOBS_OF_BATCHES)?;
        let named = batches.into_iter().flat_map(|(file, metadata, provenance)| [Some(file), metadata, provenance]);
        for digest in named.flatten() {
            digests.insert(parse(&digest, "batch_files.sha256")?);
        }
        self.add_upload_blobs(&mut digests).await?;
        Ok(digests)
    }
}

/// A row that bears the name or the identity of a new file.
pub(super) type Published = (i64, String, String, Option<i64>, i32);

impl IndexTx {
    /// Records a file whose bytes are durable. The same name with the same bytes changes nothing.
    ///
    /// Fails with [`IndexError::FileConflict`] for other bytes, [`IndexError::SameWheel`] for another spelling of a
    /// published wheel, [`IndexError::FileNameRetired`] for a deleted one; other calls may follow such a failure. Also fails with
    /// [`IndexError::ProjectFull`], and then the transaction holds a part of the file and is to be dropped.
    pub async fn add_file(&mut self, file: &NewFile) -> Result<AddedFile, IndexError> {
        if let Some(known) = self.find_published(file).await? {
            return Ok(known);
        }
        let (project_id, release_id) = self.place(file).await?;
        if let Some(id) = self.insert_file(project_id, release_id, file).await? {
            self.count_bytes(project_id, file).await?;
            return Ok(AddedFile { id, is_new: true });
        }
        // Another transaction published it since we looked; the insert waited for it, so now its row shows.
        self.find_published(file).await?.ok_or(IndexError::Busy { source: None })
    }

    async fn find_published(&mut self, file: &NewFile) -> Result<Option<AddedFile>, IndexError> {
        let (filename, identity) = (text(&file.filename, "filename")?, text(&file.identity, "identity")?);
        let rows: Vec<Published> =
            fetch!(&mut self.tx, fetch_all, FIND_PUBLISHED, filename, file.project.as_ref(), identity)?;
        rows.into_iter().next().map(|row| judge(file, row)).transpose()
    }

    /// Keys of the file's project and release, which are made where they are missing.
    async fn place(&mut self, file: &NewFile) -> Result<(i64, i64), IndexError> {
        let key = release_key(&file.version);
        let mut found = self.find_place(file, &key).await?;
        if found.is_none() {
            if self.find_reservation(&file.project).await?.is_some_and(|by| by != file.uploaded_by) {
                return Err(IndexError::NameReserved { project: file.project.clone() });
            }
            let (name, display_name) = (file.project.as_ref(), text(&file.display_name, "display_name")?);
            let at = file.received_at.as_microsecond();
            let made: Option<(i64,)> = fetch!(&mut self.tx, fetch_optional, INSERT_PROJECT, name, display_name, at)?;
            found = match made {
                Some((project_id,)) => Some((project_id, None)),
                None => self.find_place(file, &key).await?,
            };
        }
        let (project_id, release_id) = found.ok_or(IndexError::Busy { source: None })?;
        if let Some(release_id) = release_id {
            return Ok((project_id, release_id));
        }
        let at = file.received_at.as_microsecond();
        let made: Option<(i64,)> = fetch!(&mut self.tx, fetch_optional, INSERT_RELEASE, project_id, key.as_str(), at)?;
        let release_id = match made {
            Some((release_id,)) => Some(release_id),
            None => self.find_place(file, &key).await?.and_then(|(_, release_id)| release_id),
        };
        Ok((project_id, release_id.ok_or(IndexError::Busy { source: None })?))
    }

    async fn find_place(&mut self, file: &NewFile, key: &str) -> Result<Option<(i64, Option<i64>)>, IndexError> {
        fetch!(&mut self.tx, fetch_optional, FIND_PLACE, file.project.as_ref(), key)
    }

    async fn insert_file(
        &mut self,
        project_id: i64,
        release_id: i64,
        file: &NewFile,
    ) -> Result<Option<i64>, IndexError> {
        let digests = &file.digests;
        let facts = file.wheel.as_ref().map(|facts| to_json(facts, "facts")).transpose()?;
        let id: Option<(i64,)> = fetch!(
            &mut self.tx,
            fetch_optional,
            INSERT_FILE,
            project_id,
            release_id,
            text(&file.display_name, "display_name")?,
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
            file.received_at.as_microsecond(),
            text(&file.uploaded_by, "uploaded_by")?,
        )?;
        Ok(id.map(|(id,)| id))
    }
}

/// Whether the row that stands in the way is the very file.
pub(super) fn judge(file: &NewFile, (id, filename, sha256, deleted_at, _): Published) -> Result<AddedFile, IndexError> {
    if deleted_at.is_some() {
        return Err(IndexError::FileNameRetired { filename });
    }
    if filename != file.filename {
        return Err(IndexError::SameWheel { filename: file.filename.clone(), published_as: filename });
    }
    let published = parse(&sha256, "files.sha256")?;
    if published != file.digests.sha256 {
        return Err(IndexError::FileConflict { filename, published, sent: file.digests.sha256 });
    }
    Ok(AddedFile { id, is_new: false })
}

/// The tag part of a wheel's file name: the last three of the parts that hyphens separate.
pub(super) fn tags(file: &NewFile) -> Option<&str> {
    let stem = match file.kind {
        FileKind::Wheel => file.filename.strip_suffix(".whl").unwrap_or(&file.filename),
        FileKind::Sdist => return None,
    };
    let start = stem.rmatch_indices('-').nth(2).map_or(0, |(hyphen, _)| hyphen + 1);
    Some(&stem[start..])
}
