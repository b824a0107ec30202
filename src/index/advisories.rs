//! Advisories: OSV records by id, the projects that they are about, and an edition for each project that changes with them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::db::{both, pair};
use super::rows::{damaged, from_json, text, time, to_json};
use super::{Index, IndexError, IndexTx};
use crate::model::{Advisory, Timestamp};
use crate::packaging::ProjectName;

/// Records that one statement writes: some megabytes of text.
const RECORDS_AT_ONCE: usize = 500;

statements! {
    FIND_ADVISORY = both("SELECT record FROM advisories WHERE id = $1");
    LIST_ADVISORIES = both("SELECT record FROM advisories WHERE id > $1 ORDER BY id LIMIT $2");
    LIST_PROJECT_ADVISORIES = both(
        "SELECT a.record FROM advisory_projects ap JOIN advisories a ON a.id = ap.advisory_id \
         WHERE ap.project = $1 AND a.id > $2 ORDER BY a.id LIMIT $3",
    );
    FIND_EDITION = both("SELECT edition FROM advisory_editions WHERE project = $1");
    LIST_MODIFIED = both("SELECT id, modified_at FROM advisories ORDER BY id");
    /// Holds other imports back until this one has ended, so that what was compared is what is replaced.
    HOLD_IMPORTS = both(
        "INSERT INTO meta (key, value) VALUES ('advisories_imported', $1) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
    PUT_ADVISORIES = pair(
        "INSERT INTO advisories (id, modified_at, imported_at, record) \
         SELECT json_extract(e.value, '$.id'), json_extract(e.value, '$.modified_at'), $2, json_extract(e.value, '$.record') \
         FROM json_each($1) e WHERE true \
         ON CONFLICT (id) DO UPDATE SET modified_at = excluded.modified_at, imported_at = excluded.imported_at, \
         record = excluded.record",
        "INSERT INTO advisories (id, modified_at, imported_at, record) \
         SELECT e.id, e.modified_at, CAST($2 AS BIGINT), e.record \
         FROM json_to_recordset(CAST($1 AS json)) AS e(id TEXT, modified_at BIGINT, record TEXT) \
         ON CONFLICT (id) DO UPDATE SET modified_at = excluded.modified_at, imported_at = excluded.imported_at, \
         record = excluded.record",
    );
    RENEW_PROJECTS = pair(
        "INSERT INTO advisory_editions (project, edition) \
         SELECT DISTINCT ap.project, 1 FROM advisory_projects ap \
         WHERE ap.advisory_id IN (SELECT value FROM json_each($1)) \
         ON CONFLICT (project) DO UPDATE SET edition = advisory_editions.edition + 1",
        "INSERT INTO advisory_editions (project, edition) \
         SELECT DISTINCT ap.project, CAST(1 AS BIGINT) FROM advisory_projects ap \
         WHERE ap.advisory_id IN (SELECT json_array_elements_text(CAST($1 AS json))) \
         ON CONFLICT (project) DO UPDATE SET edition = advisory_editions.edition + 1",
    );
    FORGET_PROJECTS = pair(
        "DELETE FROM advisory_projects WHERE advisory_id IN (SELECT value FROM json_each($1))",
        "DELETE FROM advisory_projects WHERE advisory_id IN (SELECT json_array_elements_text(CAST($1 AS json)))",
    );
    NAME_PROJECTS = pair(
        "INSERT INTO advisory_projects (project, advisory_id) \
         SELECT json_extract(e.value, '$.project'), json_extract(e.value, '$.advisory_id') FROM json_each($1) e",
        "INSERT INTO advisory_projects (project, advisory_id) \
         SELECT e.project, e.advisory_id FROM json_to_recordset(CAST($1 AS json)) AS e(project TEXT, advisory_id TEXT)",
    );
}

/// An advisory with its whole record.
#[derive(Clone, Debug)]
pub struct AdvisoryRecord {
    /// What was read of it.
    pub advisory: Advisory,
    /// The OSV record as JSON.
    pub record: String,
}

/// An advisory to be written: what the index is asked for, and the record, which holds everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAdvisory {
    /// Its id.
    pub id: String,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Projects that it is about.
    pub projects: BTreeSet<ProjectName>,
    /// The OSV record as JSON.
    pub record: Box<str>,
}

impl NewAdvisory {
    /// Takes from an advisory what is written beside its record.
    pub fn new(advisory: &Advisory, record: String) -> Self {
        let (id, modified, projects) = (advisory.id.clone(), advisory.modified, advisory.projects());
        Self { id, modified, projects, record: record.into_boxed_str() }
    }
}

#[derive(Serialize)]
struct AdvisoryRow<'a> {
    id: &'a str,
    modified_at: i64,
    record: &'a str,
}

#[derive(Serialize)]
struct ProjectRow<'a> {
    project: String,
    advisory_id: &'a str,
}

impl Index {
    /// The OSV record of this id, as it was imported.
    pub async fn find_advisory(&self, id: &str) -> Result<Option<String>, IndexError> {
        if id.contains('\0') {
            return Ok(None);
        }
        let row: Option<(String,)> = read!(&self.db, fetch_optional, FIND_ADVISORY, id)?;
        Ok(row.map(|(record,)| record))
    }

    /// Advisories after the id `after`, by id; those about one project when it is named.
    pub async fn list_advisories(
        &self,
        project: Option<&ProjectName>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AdvisoryRecord>, IndexError> {
        let (after, limit) = (text(after, "after")?, i64::from(limit));
        let rows: Vec<(String,)> = match project {
            Some(project) => read!(&self.db, fetch_all, LIST_PROJECT_ADVISORIES, project.as_ref(), after, limit)?,
            None => read!(&self.db, fetch_all, LIST_ADVISORIES, after, limit)?,
        };
        let read =
            |(record,): (String,)| Ok(AdvisoryRecord { advisory: from_json(&record, "advisories.record")?, record });
        rows.into_iter().map(read).collect()
    }

    /// A number that is another one after an import that said something about the project.
    pub async fn advisory_edition(&self, project: &ProjectName) -> Result<i64, IndexError> {
        let row: Option<(i64,)> = read!(&self.db, fetch_optional, FIND_EDITION, project.as_ref())?;
        Ok(row.map_or(0, |(edition,)| edition))
    }
}

impl IndexTx {
    /// When each known advisory was last changed. Other imports wait from here on until the transaction ends.
    pub async fn hold_advisories(&mut self) -> Result<BTreeMap<String, Timestamp>, IndexError> {
        execute!(&mut self.tx, HOLD_IMPORTS, self.clock.now().to_string())?;
        let rows: Vec<(String, i64)> = fetch!(&mut self.tx, fetch_all, LIST_MODIFIED)?;
        rows.into_iter().map(|(id, modified)| Ok((id, time(modified, "advisories.modified_at")?))).collect()
    }

    /// Writes advisories, in place of older ones with the same id; each id may be there once.
    ///
    /// The projects that they are about, and those that a replaced one was about, get another edition.
    pub async fn put_advisories(&mut self, advisories: &[NewAdvisory]) -> Result<(), IndexError> {
        let now = self.clock.now().as_microsecond();
        for part in advisories.chunks(RECORDS_AT_ONCE) {
            let ids: BTreeSet<&str> = part.iter().map(|new| new.id.as_str()).collect();
            if ids.len() < part.len() {
                return Err(damaged("advisories.id"));
            }
            let mut rows = Vec::with_capacity(part.len());
            let mut projects = Vec::new();
            for new in part {
                let (id, record) = (new.id.as_str(), text(&new.record, "record")?);
                rows.push(AdvisoryRow { id, modified_at: new.modified.as_microsecond(), record });
                let named = new.projects.iter();
                projects.extend(named.map(|project| ProjectRow { project: project.to_string(), advisory_id: id }));
            }
            let ids = to_json(&ids, "id")?;
            execute!(&mut self.tx, RENEW_PROJECTS, ids.as_str())?;
            execute!(&mut self.tx, FORGET_PROJECTS, ids.as_str())?;
            execute!(&mut self.tx, PUT_ADVISORIES, to_json(&rows, "record")?, now)?;
            execute!(&mut self.tx, NAME_PROJECTS, to_json(&projects, "project")?)?;
            execute!(&mut self.tx, RENEW_PROJECTS, ids.as_str())?;
        }
        Ok(())
    }
}
