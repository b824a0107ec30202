//! Namespaces that are granted (PEP 752). There are few of them, so they are always read together.

use std::sync::{Arc, Mutex, PoisonError};

use super::db::{both, pair};
use super::rows::{from_json, parse, text, time, to_json};
use super::{Index, IndexError, IndexTx, Stamp};
use crate::model::{Founding, Namespace};
use crate::packaging::ProjectName;

/// What all of them share a stamp by. Whoever changes them makes every kept answer stale, so any name does.
const STAMP_NAME: &str = "namespaces";

statements! {
    LIST_NAMESPACES = both("SELECT name, owner, principals, granted_at FROM namespaces ORDER BY name");
    /// Keeps others from granting until the end of the transaction. SQLite has one writer at a time anyway.
    HOLD_NAMESPACES = pair("SELECT 1", "LOCK TABLE namespaces IN SHARE ROW EXCLUSIVE MODE");
    /// A namespace that changes hands or tokens keeps its time: projects are older or newer than the first grant.
    SET_NAMESPACE = both(
        "INSERT INTO namespaces (name, owner, principals, granted_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, principals = excluded.principals",
    );
    DELETE_NAMESPACE = both("DELETE FROM namespaces WHERE name = $1");
    FIND_FOUNDING = both(
        "SELECT p.created_at, f.uploaded_by FROM projects p JOIN files f ON f.project_id = p.id \
         WHERE p.name = $1 ORDER BY f.id LIMIT 1",
    );
}

/// A row of [`LIST_NAMESPACES`].
type NamespaceRow = (String, String, String, i64);

/// What was read, and for how long it holds.
type Kept = Option<(Stamp, Arc<[Namespace]>)>;

/// All namespaces as they were last read. All clones share them.
#[derive(Clone, Default)]
pub(super) struct KeptNamespaces(Arc<Mutex<Kept>>);

impl Index {
    /// Every granted namespace, by name: from memory, or in one read.
    pub async fn list_namespaces(&self) -> Result<Arc<[Namespace]>, IndexError> {
        let kept = self.namespaces.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((stamp, namespaces)) = kept
            && self.is_current(stamp)
        {
            return Ok(namespaces);
        }
        // Before the read: a commit that comes between makes the answer one that is not kept.
        let stamp = self.stamp(STAMP_NAME);
        let rows: Vec<NamespaceRow> = read!(&self.db, fetch_all, LIST_NAMESPACES)?;
        let namespaces: Arc<[Namespace]> = rows.into_iter().map(namespace).collect::<Result<_, _>>()?;
        if let Some(stamp) = stamp {
            let mut kept = self.namespaces.0.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((stamp, namespaces.clone()));
        }
        Ok(namespaces)
    }

    /// When and by whom the project was first published here; `None` if it never was.
    pub async fn find_founding(&self, project: &ProjectName) -> Result<Option<Founding>, IndexError> {
        let row: Option<(i64, String)> = read!(&self.db, fetch_optional, FIND_FOUNDING, project.as_ref())?;
        let founding =
            |(created_at, founder)| Ok(Founding { created_at: time(created_at, "projects.created_at")?, founder });
        row.map(founding).transpose()
    }
}

impl IndexTx {
    /// Every granted namespace, by name. Nobody else changes one until the end of the transaction.
    pub async fn hold_namespaces(&mut self) -> Result<Vec<Namespace>, IndexError> {
        execute!(&mut self.tx, HOLD_NAMESPACES)?;
        let rows: Vec<NamespaceRow> = fetch!(&mut self.tx, fetch_all, LIST_NAMESPACES)?;
        rows.into_iter().map(namespace).collect()
    }

    /// Grants a namespace, or gives one that is granted another owner and other tokens.
    pub async fn set_namespace(&mut self, namespace: &Namespace) -> Result<(), IndexError> {
        execute!(
            &mut self.tx,
            SET_NAMESPACE,
            namespace.name.as_ref(),
            text(&namespace.owner, "owner")?,
            to_json(&namespace.principals, "principals")?,
            namespace.granted_at.as_microsecond(),
        )?;
        self.touch_everything();
        Ok(())
    }

    /// Takes a namespace back; tells whether it was granted.
    pub async fn delete_namespace(&mut self, name: &ProjectName) -> Result<bool, IndexError> {
        let deleted = execute!(&mut self.tx, DELETE_NAMESPACE, name.as_ref())?;
        self.touch_everything();
        Ok(deleted > 0)
    }
}

fn namespace((name, owner, principals, granted_at): NamespaceRow) -> Result<Namespace, IndexError> {
    Ok(Namespace {
        name: parse(&name, "namespaces.name")?,
        owner,
        principals: from_json(&principals, "namespaces.principals")?,
        granted_at: time(granted_at, "namespaces.granted_at")?,
    })
}
