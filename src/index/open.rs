//! Opening the index: connections, the settings that keep it safe, the schema brought up to date.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgPool, SqliteConnection, SqlitePool};

use super::channels::CountCache;
use super::db::{Db, DbTx, Sql};
use super::heads::Heads;
use super::lookups::Lookups;
use super::namespaces::KeptNamespaces;
use super::stamps::Stamps;
use super::{IndexError, IndexTx};
use crate::model::Clock;

/// Oldest SQLite that may be linked: earlier ones can corrupt a database when the write-ahead log is reset.
pub const SQLITE_MINIMUM: &str = "3.51.3";

/// Oldest PostgreSQL that has every function used here.
pub const POSTGRES_MINIMUM: u32 = 13;

/// `FWHL`, the mark by which SQLite files of ours are told from others.
const APPLICATION_ID: i64 = 0x4657_484c;

/// How long a write waits for its turn before the client is told to repeat it.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// How long SQLite waits for another process (a backup, a shell) that holds the file.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// Connections that read a SQLite file side by side; each is a thread.
const SQLITE_READERS: u32 = 4;

/// Connections to PostgreSQL, shared by readers and writers.
const POSTGRES_CONNECTIONS: u32 = 16;

/// Rows that a SQLite thread may be ahead of its reader: fewer hand-overs on long lists, some hundred kilobytes at most.
const ROWS_AHEAD: usize = 512;

/// Pages of the write-ahead log after which SQLite folds it into the file, which takes two more flushes: 16 MB, some hundred
/// uploads. Reading stays as fast, and a start after a crash reads them in a moment.
const CHECKPOINT_PAGES: &str = "4000";

/// Rows per index that SQLite looks at to choose its ways: milliseconds, and enough to tell long from short.
const ANALYSIS_ROWS: u32 = 400;

/// What every PostgreSQL session is told: acknowledged means durable, and nobody waits for a lock for ever.
const POSTGRES_SESSION: &str = "SET synchronous_commit = on; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '60s'";

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Where the index is. A URL may hold a password and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum IndexLocation {
    /// A file of this machine; made when it is missing, its directory must exist.
    Sqlite(PathBuf),
    /// URL of a PostgreSQL database.
    Postgres(String),
}

impl fmt::Debug for IndexLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "Sqlite({})", path.display()),
            Self::Postgres(_) => formatter.write_str("Postgres(hidden)"),
        }
    }
}

/// The queryable record of everything; cheap to clone, all clones share the connections.
#[derive(Clone)]
pub struct Index {
    pub(super) db: Db,
    pub(super) counts: CountCache,
    pub(super) stamps: Stamps,
    pub(super) heads: Heads,
    pub(super) lookups: Lookups,
    pub(super) namespaces: KeptNamespaces,
    pub(super) clock: Clock,
    pub(super) max_project_bytes: u64,
}

impl Index {
    /// Opens the index and brings its schema up to date; makes it when there is none.
    ///
    /// The caller holds the lock of the data directory: SQLite's own locks do not keep two servers apart while they migrate.
    pub async fn open(location: &IndexLocation, clock: Clock) -> Result<Self, IndexError> {
        let (db, stamps) = match location {
            IndexLocation::Sqlite(path) => (open_sqlite(path).await?, Stamps::shared_by_one_process()),
            IndexLocation::Postgres(url) => (Db::Postgres(open_postgres(url).await?), Stamps::none()),
        };
        Ok(Self {
            db,
            counts: CountCache::default(),
            stamps,
            heads: Heads::new(),
            lookups: Lookups::new(),
            namespaces: KeptNamespaces::default(),
            clock,
            max_project_bytes: u64::MAX,
        })
    }

    /// Waits for running statements, closes all connections and folds the write-ahead log into the file.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { writer, readers } => {
                readers.close().await;
                // Last, because only a connection that may write can fold the log.
                writer.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }

    /// Begins a write transaction; on SQLite there is one at a time, so nothing slow may happen inside.
    ///
    /// A task that holds one must not call a method of [`Index`] that writes ([`Index::snapshot_digest`],
    /// [`Index::touch_token`]): on SQLite it would wait for itself. Fails with [`IndexError::Busy`] after 30 s.
    pub async fn begin(&self) -> Result<IndexTx, IndexError> {
        let tx = match &self.db {
            // IMMEDIATE takes the write lock now; a transaction that reads first and writes later can only fail.
            Db::Sqlite { writer, .. } => DbTx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            // Each statement sees what others have committed, so a row that was waited for is read as it is now.
            Db::Postgres(pool) => DbTx::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?),
        };
        Ok(IndexTx::new(tx, self.clock.clone(), self.stamps.nothing_touched(), self.max_project_bytes))
    }

    /// Has the database prepare every statement of this module, and counts them; the first that it refuses fails.
    ///
    /// Finds a misspelt table or column without running anything. A test calls it on both databases.
    pub async fn prepare_statements(&self) -> Result<usize, IndexError> {
        let statements: Vec<Sql> = super::statements().collect();
        for statement in &statements {
            match &self.db {
                Db::Sqlite { readers, .. } => {
                    readers.prepare(sqlx::SqlStr::from_static(statement.sqlite)).await?;
                }
                Db::Postgres(pool) => {
                    pool.prepare(sqlx::SqlStr::from_static(statement.postgres)).await?;
                }
            }
        }
        Ok(statements.len())
    }
}

async fn open_sqlite(path: &Path) -> Result<Db, IndexError> {
    let base = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_PATIENCE)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0");
    claim_sqlite(&base).await?;
    let writing = base
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", "67108864")
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .analysis_limit(ANALYSIS_ROWS)
        .optimize_on_close(true, None);
    let writer: SqlitePool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(WRITE_PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // At a full or failing disk SQLite takes a transaction back by itself and the driver goes on counting it as open;
        // no other would ever begin on that connection. In the pool none is open, so one that says so is replaced.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_with(writing)
        .await?;
    SQLITE_MIGRATIONS.run(&writer).await.map_err(|error| migration_error(error, &SQLITE_MIGRATIONS))?;
    // Looks at tables that have grown since; a server may run for months without closing.
    if let Err(error) = writer.execute("PRAGMA optimize = 0x10002").await {
        // On a full disk too, reading is to go on; the old statistics serve as well.
        tracing::warn!(error = %error, "the statistics of the index stay as they are");
    }
    let reading = base.create_if_missing(false).read_only(true).pragma("query_only", "ON");
    // A file does not hang up: asking each connection whether it lives would double the cost of a short read.
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(WRITE_PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(reading)
        .await?;
    Ok(Db::Sqlite { writer, readers })
}

/// Looks at the file before anything is written to it: a database of another program stays as it is.
async fn claim_sqlite(base: &SqliteConnectOptions) -> Result<(), IndexError> {
    let mut connection: SqliteConnection = base.connect().await?;
    let (found,): (String,) = sqlx::query_as("SELECT sqlite_version()").fetch_one(&mut connection).await?;
    if numbers(&found) < numbers(SQLITE_MINIMUM) {
        return Err(IndexError::SqliteTooOld { found });
    }
    let (id,): (i64,) = sqlx::query_as("PRAGMA application_id").fetch_one(&mut connection).await?;
    let (tables,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM sqlite_schema").fetch_one(&mut connection).await?;
    match (id, tables) {
        (APPLICATION_ID, _) => {}
        (0, 0) => {
            let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
            connection.execute(AssertSqlSafe(mark)).await?;
        }
        _ => return Err(IndexError::Foreign),
    }
    connection.close().await?;
    Ok(())
}

async fn open_postgres(url: &str) -> Result<PgPool, IndexError> {
    let options = PgConnectOptions::from_str(url).map_err(|source| IndexError::LocationInvalid { source })?;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(WRITE_PATIENCE)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(POSTGRES_SESSION).await.map(drop) }))
        .connect_with(options.application_name("ferrywheel"))
        .await?;
    let (number,): (String,) = sqlx::query_as("SELECT current_setting('server_version_num')").fetch_one(&pool).await?;
    if number.parse::<u32>().unwrap_or_default() / 10_000 < POSTGRES_MINIMUM {
        return Err(IndexError::PostgresTooOld { found: number });
    }
    POSTGRES_MIGRATIONS.run(&pool).await.map_err(|error| migration_error(error, &POSTGRES_MIGRATIONS))?;
    Ok(pool)
}

fn migration_error(source: MigrateError, known: &Migrator) -> IndexError {
    let newest = known.iter().map(|migration| migration.version).max().unwrap_or_default();
    match source {
        MigrateError::VersionMissing(version) if version > newest => IndexError::SchemaNewer { version },
        source => IndexError::Migration { source },
    }
}

/// The numbers of a dotted version, for comparison.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AuditEvent, ChannelName, Principal};

    async fn create_channel(index: &Index, number: u32) -> Result<i64, IndexError> {
        let channel: ChannelName = format!("channel-{number}").parse().unwrap();
        let mut tx = index.begin().await?;
        tx.create_channel(&channel).await?;
        tx.commit(&Principal::Local, &AuditEvent::ChannelCreated { channel }).await
    }

    #[tokio::test]
    async fn writing_goes_on_once_a_full_disk_has_space_again() {
        let directory = tempfile::tempdir().unwrap();
        let location = IndexLocation::Sqlite(directory.path().join("main.sqlite"));
        let index = Index::open(&location, Clock::System).await.unwrap();
        let Db::Sqlite { writer, .. } = &index.db else { panic!("SQLite was asked for") };
        // The file may not grow any more; SQLite takes that for a full disk, on this connection alone.
        writer.execute("PRAGMA max_page_count = 1").await.unwrap();
        let mut number = 0;
        let refused = loop {
            number += 1;
            match create_channel(&index, number).await {
                Ok(_) => assert!(number < 10_000, "the file grows on"),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, IndexError::StorageFull { .. }), "{refused:?}");
        writer.execute("PRAGMA max_page_count = 4294967294").await.unwrap();
        create_channel(&index, number).await.unwrap();
    }

    #[test]
    fn sqlite_versions_compare_as_numbers() {
        assert!(numbers("3.51.2") < numbers(SQLITE_MINIMUM));
        assert!(numbers("3.9.9") < numbers(SQLITE_MINIMUM));
        assert!(numbers("3.51.3") >= numbers(SQLITE_MINIMUM));
        assert!(numbers("3.100.0") >= numbers(SQLITE_MINIMUM));
    }
}
