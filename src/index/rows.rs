//! Columns and rows, and how they become our nouns: a row that does not is damage, never a panic.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::IndexError;
use crate::model::{ChannelFile, FileDigests, FileKind, NewFile, OfferedFile, StoredFile, Timestamp, Yank};

/// Columns of [`FileRow`], from `files AS f` and `projects AS p`.
macro_rules! file_columns {
    () => {
        "f.id, p.name AS project, f.display_name, f.version, f.filename, f.kind, f.sha256, f.blake2b_256, f.md5, \
         f.crc32, f.size_bytes, f.metadata_sha256, f.requires_python, f.requires_dist, f.provides_extra, f.summary, \
         f.identity, f.facts, f.notes, f.uploaded_at, f.received_at, f.uploaded_by"
    };
}

/// A row of `files` with the name of its project.
#[derive(sqlx::FromRow)]
pub(super) struct FileRow {
    id: i64,
    project: String,
    display_name: String,
    version: String,
    filename: String,
    kind: String,
    sha256: String,
    blake2b_256: String,
    md5: Option<String>,
    crc32: i64,
    size_bytes: i64,
    metadata_sha256: Option<String>,
    requires_python: Option<String>,
    requires_dist: String,
    provides_extra: String,
    summary: Option<String>,
    identity: String,
    facts: Option<String>,
    notes: String,
    uploaded_at: i64,
    received_at: i64,
    uploaded_by: String,
}

impl TryFrom<FileRow> for StoredFile {
    type Error = IndexError;

    fn try_from(row: FileRow) -> Result<Self, IndexError> {
        let kind = match row.kind.as_str() {
            "wheel" => FileKind::Wheel,
            "sdist" => FileKind::Sdist,
            _ => return Err(damaged("files.kind")),
        };
        let digests = FileDigests {
            sha256: parse(&row.sha256, "files.sha256")?,
            blake2b_256: parse(&row.blake2b_256, "files.blake2b_256")?,
            md5: row.md5.map(|text| parse(&text, "files.md5")).transpose()?,
            crc32: u32::try_from(row.crc32).map_err(|_| damaged("files.crc32"))?,
            size_bytes: count(row.size_bytes, "files.size_bytes")?,
        };
        let file = NewFile {
            project: parse(&row.project, "projects.name")?,
            display_name: row.display_name,
            version: parse(&row.version, "files.version")?,
            filename: row.filename,
            kind,
            digests,
            metadata_sha256: row.metadata_sha256.map(|text| parse(&text, "files.metadata_sha256")).transpose()?,
            requires_python: row.requires_python,
            requires_dist: from_json(&row.requires_dist, "files.requires_dist")?,
            provides_extra: from_json(&row.provides_extra, "files.provides_extra")?,
            summary: row.summary,
            identity: row.identity,
            wheel: row.facts.map(|text| from_json(&text, "files.facts")).transpose()?,
            notes: from_json(&row.notes, "files.notes")?,
            uploaded_at: time(row.uploaded_at, "files.uploaded_at")?,
            received_at: time(row.received_at, "files.received_at")?,
            uploaded_by: row.uploaded_by,
        };
        Ok(Self { id: row.id, file })
    }
}

/// A [`FileRow`] with the mark that it bears in a channel.
#[derive(sqlx::FromRow)]
pub(super) struct ChannelFileRow {
    #[sqlx(flatten)]
    file: FileRow,
    is_yanked: bool,
    yank_reason: Option<String>,
}

impl TryFrom<ChannelFileRow> for ChannelFile {
    type Error = IndexError;

    fn try_from(row: ChannelFileRow) -> Result<Self, IndexError> {
        Ok(Self { stored: row.file.try_into()?, yank: yank(row.is_yanked, row.yank_reason) })
    }
}

/// A [`FileRow`] with the answer whether its bytes are kept back.
#[derive(sqlx::FromRow)]
pub(super) struct OfferedFileRow {
    #[sqlx(flatten)]
    file: FileRow,
    is_withheld: bool,
}

impl TryFrom<OfferedFileRow> for OfferedFile {
    type Error = IndexError;

    fn try_from(row: OfferedFileRow) -> Result<Self, IndexError> {
        Ok(Self { stored: row.file.try_into()?, is_withheld: row.is_withheld })
    }
}

/// Every row as the noun it stands for.
pub(super) fn all<Row, Noun: TryFrom<Row, Error = IndexError>>(rows: Vec<Row>) -> Result<Vec<Noun>, IndexError> {
    rows.into_iter().map(Noun::try_from).collect()
}

/// The yank mark that two columns spell.
pub(super) fn yank(is_yanked: bool, reason: Option<String>) -> Option<Yank> {
    is_yanked.then_some(Yank { reason })
}

/// A row that does not hold what this server wrote.
pub(super) fn damaged(column: &str) -> IndexError {
    IndexError::Damaged { what: format!("`{column}` holds another kind of value"), source: None }
}

/// Reads a text column.
pub(super) fn parse<T: FromStr>(text: &str, column: &'static str) -> Result<T, IndexError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| IndexError::Damaged {
        what: format!("`{column}` holds another kind of value"),
        source: Some(Box::new(error)),
    })
}

/// Reads a column of microseconds.
pub(super) fn time(micros: i64, column: &'static str) -> Result<Timestamp, IndexError> {
    Timestamp::from_microsecond(micros).map_err(|_| damaged(column))
}

/// Reads a column that counts.
pub(super) fn count(value: i64, column: &'static str) -> Result<u64, IndexError> {
    u64::try_from(value).map_err(|_| damaged(column))
}

/// Reads a JSON column.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, column: &'static str) -> Result<T, IndexError> {
    serde_json::from_str(text).map_err(|error| IndexError::Damaged {
        what: format!("`{column}` holds other JSON"),
        source: Some(Box::new(error)),
    })
}

/// Writes a JSON column.
pub(super) fn to_json<T: Serialize>(value: &T, field: &'static str) -> Result<String, IndexError> {
    serde_json::to_string(value).map_err(|_| IndexError::Unstorable { field, reason: "it has no JSON form" })
}

/// Writes a length or count; the databases' integers end at 2^63.
pub(super) fn to_count(value: u64, field: &'static str) -> Result<i64, IndexError> {
    i64::try_from(value).map_err(|_| IndexError::Unstorable { field, reason: "it is too large to be counted" })
}

/// Passes text that both databases can hold: PostgreSQL's text has no NUL character.
pub(super) fn text<'text>(value: &'text str, field: &'static str) -> Result<&'text str, IndexError> {
    if value.contains('\0') {
        return Err(IndexError::Unstorable { field, reason: "it contains a NUL character" });
    }
    Ok(value)
}

/// As [`text`], for text that may be absent.
pub(super) fn optional_text<'text>(
    value: &'text Option<String>,
    field: &'static str,
) -> Result<Option<&'text str>, IndexError> {
    value.as_deref().map(|value| text(value, field)).transpose()
}
