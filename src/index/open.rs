//! Opening the index: connections, settings that keep it safe, the schema brought up to date.

use std::path::PathBuf;

use super::{IndexError, IndexTx};
use crate::model::Clock;

/// Oldest SQLite that may be linked: earlier ones can corrupt a database when the write-ahead log is reset.
pub const SQLITE_MINIMUM: &str = "3.51.3";

/// Oldest PostgreSQL that has every function used here.
pub const POSTGRES_MINIMUM: &str = "13";

/// Where the index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexLocation {
    /// A file of this machine; made when it is missing, its directory must exist.
    Sqlite(PathBuf),
    /// URL of a PostgreSQL database.
    Postgres(String),
}

/// The queryable record of everything; cheap to clone, all clones share the connections.
#[derive(Clone)]
pub struct Index {
    clock: Clock,
}

impl Index {
    /// Opens the index and brings its schema up to date; makes it when there is none.
    ///
    /// The caller holds the lock of the data directory: SQLite's own locks do not keep two servers apart while they migrate.
    pub async fn open(location: &IndexLocation, clock: Clock) -> Result<Self, IndexError> {
        let _ = location;
        let index = Self { clock };
        todo!()
    }

    /// Waits for running statements, closes all connections and folds the write-ahead log into the file.
    pub async fn close(&self) {
        let _ = &self.clock;
        todo!()
    }

    /// Begins a write transaction; on SQLite there is one at a time, so nothing slow may happen inside.
    ///
    /// A task that holds one must not call a method of [`Index`] that writes ([`Index::snapshot_digest`],
    /// [`Index::touch_token`]): on SQLite it would wait for itself. Fails with [`IndexError::Busy`] after 30 s.
    pub async fn begin(&self) -> Result<IndexTx, IndexError> {
        todo!()
    }
}
