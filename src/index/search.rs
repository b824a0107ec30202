//! Search by project name.

use std::collections::BTreeMap;

use serde::Serialize;

use super::db::{both, pair};
use super::rows::{parse, to_json};
use super::{Index, IndexError};
use crate::model::{Scope, View};
use crate::packaging::{ProjectName, Version};

/// The provenance of a file, and from when on a channel shows it.
macro_rules! join_provenance {
    () => {
        "LEFT JOIN provenance v ON v.file_id = f.id LEFT JOIN provenance_shown s \
         ON s.channel_id = m.channel_id AND s.project_id = m.project_id AND s.file_id = m.file_id "
    };
}

/// Whether the provenance that the view shows is verified; NULL where it shows none.
macro_rules! verified_in_view {
    () => {
        "CASE WHEN s.from_serial IS NULL OR s.from_serial <= $2 THEN v.is_verified END AS is_verified"
    };
}

statements! {
    /// CROSS JOIN has SQLite look at the name before it looks for files.
    COUNT_MATCHES = both(concat!(
        "SELECT COUNT(*) FROM projects p CROSS JOIN channel_projects cp \
         WHERE p.name LIKE $3 ESCAPE '!' AND p.name LIKE $4 ESCAPE '!' AND cp.project_id = p.id AND cp.channel_id = $1 \
         AND EXISTS (SELECT 1 FROM memberships m WHERE ", in_view!(), " AND m.project_id = cp.project_id)",
    ));
    LIST_MATCHES = both(concat!(
        "SELECT p.id, p.name, p.display_name FROM projects p CROSS JOIN channel_projects cp \
         WHERE p.name LIKE $3 ESCAPE '!' AND p.name LIKE $7 ESCAPE '!' AND cp.project_id = p.id AND cp.channel_id = $1 \
         AND EXISTS (SELECT 1 FROM memberships m WHERE ", in_view!(), " AND m.project_id = cp.project_id) \
         ORDER BY CASE WHEN p.name = $4 THEN 0 WHEN p.name LIKE $5 ESCAPE '!' THEN 1 ELSE 2 END, p.name LIMIT $6",
    ));
    LIST_RELEASE_FILES = pair(
        concat!(
            "SELECT f.project_id, f.version, f.summary, m.is_yanked, ", verified_in_view!(), " FROM memberships m \
             JOIN files f ON f.id = m.file_id ", join_provenance!(), "WHERE ", in_view!(), " AND f.deleted_at IS NULL \
             AND m.project_id IN (SELECT value FROM json_each($3)) ORDER BY f.filename",
        ),
        concat!(
            "SELECT f.project_id, f.version, f.summary, m.is_yanked, ", verified_in_view!(), " FROM memberships m \
             JOIN files f ON f.id = m.file_id ", join_provenance!(), "WHERE ", in_view!(), " AND f.deleted_at IS NULL \
             AND m.project_id IN (SELECT CAST(json_array_elements_text(CAST($3 AS json)) AS BIGINT)) ORDER BY f.filename",
        ),
    );
}

/// One project that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchHit {
    /// Normalized name.
    pub name: ProjectName,
    /// The name as first published.
    pub display_name: String,
    /// Newest version there: not yanked before yanked, final before pre-release.
    pub version: Version,
    /// `Summary` of that version.
    pub summary: Option<String>,
    /// Files of the project there.
    pub file_count: i64,
    /// Those of them that have a provenance.
    pub attested_count: i64,
    /// Those of them whose provenance a trust root of this server has verified.
    pub verified_count: i64,
}

/// The first results of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SearchPage {
    /// How many projects match.
    pub total: i64,
    /// The first of them: exact name, then names that begin with the text, then the others; by name.
    pub results: Vec<SearchHit>,
}

/// A row of [`LIST_RELEASE_FILES`].
type ReleaseRow = (i64, String, Option<String>, bool, Option<bool>);

/// One file of a project, as far as a search shows it.
struct ReleaseFile {
    version: Version,
    summary: Option<String>,
    is_yanked: bool,
    /// Whether its provenance is verified, if it has one.
    is_verified: Option<bool>,
}

impl Index {
    /// Projects of this view whose normalized name contains `text`, read as a project name is; empty text finds all. With
    /// `limits`, as if no project were there that they do not cover.
    pub async fn search(
        &self,
        view: &View,
        text: &str,
        limit: u32,
        limits: Option<&Scope>,
    ) -> Result<SearchPage, IndexError> {
        let wanted = normalize(text);
        let covered = limits.map_or("*", |scope| &scope.projects);
        // No name has other characters; PostgreSQL would refuse some of them (NUL) in any text.
        if !wanted.bytes().all(is_of_a_name) || !covered.bytes().all(|byte| byte == b'*' || is_of_a_name(byte)) {
            return Ok(SearchPage::default());
        }
        let covered = covered.replace('*', "%");
        let (channel, serial) = (view.channel_id, view.serial.0);
        let (inside, prefix) = (format!("%{wanted}%"), format!("{wanted}%"));
        let (total,): (i64,) =
            read!(&self.db, fetch_one, COUNT_MATCHES, channel, serial, inside.as_str(), covered.as_str())?;
        let projects: Vec<(i64, String, String)> = read!(
            &self.db,
            fetch_all,
            LIST_MATCHES,
            channel,
            serial,
            inside.as_str(),
            wanted.as_str(),
            prefix.as_str(),
            i64::from(limit),
            covered.as_str(),
        )?;
        let ids: Vec<i64> = projects.iter().map(|(id, ..)| *id).collect();
        let mut files = self.list_release_files(view, &ids).await?;
        let mut results = Vec::with_capacity(projects.len());
        for (id, name, display_name) in projects {
            let files = files.remove(&id).unwrap_or_default();
            let count = |is_meant: fn(&ReleaseFile) -> bool| {
                let meant = files.iter().filter(|file| is_meant(file));
                i64::try_from(meant.count()).unwrap_or(i64::MAX)
            };
            let file_count = count(|_| true);
            let attested_count = count(|file| file.is_verified.is_some());
            let verified_count = count(|file| file.is_verified == Some(true));
            let Some((version, summary)) = newest(files) else { continue };
            results.push(SearchHit {
                name: parse(&name, "projects.name")?,
                display_name,
                version,
                summary,
                file_count,
                attested_count,
                verified_count,
            });
        }
        Ok(SearchPage { total, results })
    }

    /// Files of these projects in this view, each project's by file name.
    async fn list_release_files(
        &self,
        view: &View,
        project_ids: &[i64],
    ) -> Result<BTreeMap<i64, Vec<ReleaseFile>>, IndexError> {
        let ids = to_json(&project_ids, "projects")?;
        let rows: Vec<ReleaseRow> =
            read!(&self.db, fetch_all, LIST_RELEASE_FILES, view.channel_id, view.serial.0, ids.as_str())?;
        let mut files: BTreeMap<i64, Vec<ReleaseFile>> = BTreeMap::new();
        for (project_id, version, summary, is_yanked, is_verified) in rows {
            let version = parse(&version, "files.version")?;
            files.entry(project_id).or_default().push(ReleaseFile { version, summary, is_yanked, is_verified });
        }
        Ok(files)
    }
}

/// Whether normalized names hold this character.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// Lowercase, every run of `-`, `_` and `.` one hyphen, as project names are compared (PEP 503).
fn normalize(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for character in text.trim().chars() {
        match character {
            '-' | '_' | '.' if name.ends_with('-') => {}
            '-' | '_' | '.' => name.push('-'),
            other => name.push(other.to_ascii_lowercase()),
        }
    }
    name
}

/// The version that a person wants to see, with the first summary that one of its files has.
fn newest(files: Vec<ReleaseFile>) -> Option<(Version, Option<String>)> {
    let rank = |file: &ReleaseFile| (!file.is_yanked, file.version.is_stable(), file.version.clone());
    let version = files.iter().max_by_key(|file| rank(file))?.version.clone();
    let summary = files.into_iter().filter(|file| file.version == version).find_map(|file| file.summary);
    Some((version, summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: &str, is_yanked: bool) -> ReleaseFile {
        ReleaseFile {
            version: version.parse().unwrap(),
            summary: Some(version.to_owned()),
            is_yanked,
            is_verified: None,
        }
    }

    #[test]
    fn text_is_read_as_a_project_name_is() {
        for (given, name) in [("Flask", "flask"), (" zope.Interface ", "zope-interface"), ("a-_.b", "a-b"), ("", "")] {
            assert_eq!(normalize(given), name);
        }
    }

    #[test]
    fn a_final_version_that_is_not_yanked_is_the_newest() {
        for (files, expected) in [
            (vec![file("1.9", false), file("1.10", false), file("2.0rc1", false)], "1.10"),
            (vec![file("1.0", false), file("1.1", true)], "1.0"),
            (vec![file("1.0", true), file("1.1rc1", false)], "1.1rc1"),
            (vec![file("2.0a1", false), file("2.0b1", false)], "2.0b1"),
        ] {
            assert_eq!(newest(files), Some((expected.parse().unwrap(), Some(expected.to_owned()))));
        }
        assert_eq!(newest(Vec::new()), None);
    }
}
