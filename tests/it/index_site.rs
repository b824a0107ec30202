//! What the contract tests of the index share: a database of each kind, and builders that default everything.

use std::path::PathBuf;
use std::time::Duration;

use ferrywheel::index::{Index, IndexError, IndexLocation, IndexTx};
use ferrywheel::model::{
    AuditEvent, Blake2b256Digest, Change, Channel, ChannelName, ChannelRef, Clock, FileDigests, FileKind, NewFile,
    Principal, Serial, Sha256Digest, SnapshotLine, Timestamp, View, Yank,
};
use ferrywheel::packaging::{ProjectName, parse_version, release_key};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::support::postgres::postgres;

/// Makes two tests of each case: one on SQLite, one on PostgreSQL.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $case() { super::$case($crate::index_site::Site::sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $case() { super::$case($crate::index_site::Site::postgres().await).await; })+
        }
    };
}
pub(crate) use on_both;

/// An open index over an empty database.
pub struct Site {
    pub index: Index,
    pub clock: Clock,
    pub location: IndexLocation,
    _directory: tempfile::TempDir,
}

impl Site {
    /// In a SQLite file.
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("main.sqlite");
        Self::open(directory, IndexLocation::Sqlite(file)).await
    }

    /// In a database of the PostgreSQL server.
    pub async fn postgres() -> Self {
        Self::open(tempfile::tempdir().unwrap(), IndexLocation::Postgres(postgres().await)).await
    }

    async fn open(directory: tempfile::TempDir, location: IndexLocation) -> Self {
        let clock = Clock::manual(at("2026-01-02T03:04:05Z"));
        let index = Index::open(&location, clock.clone()).await.unwrap();
        Self { index, clock, location, _directory: directory }
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        match &self.location {
            IndexLocation::Sqlite(file) => file.clone(),
            IndexLocation::Postgres(_) => panic!("this site has no file"),
        }
    }

    /// Moves the clock on.
    pub fn wait_hours(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(3_600 * hours));
    }

    /// Makes a channel.
    pub async fn channel(&self, name: &str) -> ChannelName {
        let name: ChannelName = name.parse().unwrap();
        let mut tx = self.index.begin().await.unwrap();
        tx.create_channel(&name).await.unwrap();
        commit(tx).await;
        name
    }

    /// Publishes files in a channel by one change and gives their keys.
    pub async fn publish(&self, channel: &ChannelName, files: &[NewFile]) -> Vec<i64> {
        let mut tx = self.index.begin().await.unwrap();
        let advanced = tx.advance(channel, None).await.unwrap();
        let mut ids = Vec::new();
        for file in files {
            ids.push(tx.add_file(file).await.unwrap().id);
        }
        let changes: Vec<Change> = ids.iter().map(|id| Change::Add { file_id: *id, yank: None }).collect();
        tx.apply(&advanced, &changes).await.unwrap();
        commit(tx).await;
        ids
    }

    /// Changes a channel and gives its new serial.
    pub async fn change(&self, channel: &ChannelName, changes: &[Change]) -> Serial {
        let mut tx = self.index.begin().await.unwrap();
        let advanced = tx.advance(channel, None).await.unwrap();
        tx.apply(&advanced, changes).await.unwrap();
        commit(tx).await;
        advanced.serial
    }

    /// Opens a view as a URL names it.
    pub async fn view(&self, text: &str) -> View {
        self.index.open_view(&text.parse::<ChannelRef>().unwrap()).await.unwrap()
    }

    /// What the digest of a view covers.
    pub async fn lines(&self, text: &str) -> Vec<SnapshotLine> {
        let files = self.index.list_channel_files(&self.view(text).await).await.unwrap();
        let line = |file: ferrywheel::model::ChannelFile| SnapshotLine {
            filename: file.stored.file.filename,
            sha256: file.stored.file.digests.sha256,
            is_yanked: file.yank.is_some(),
            metadata_sha256: file.stored.file.metadata_sha256,
        };
        files.into_iter().map(line).collect()
    }

    /// The channel as it is now.
    pub async fn channel_now(&self, name: &ChannelName) -> Channel {
        self.index.find_channel(name).await.unwrap().unwrap()
    }

    /// Names of the project's files in a view, `!` before a yanked one.
    pub async fn filenames(&self, view: &View, project: &str) -> Vec<String> {
        let files = self.index.list_files(view, &name(project)).await.unwrap();
        let marked = |file: ferrywheel::model::ChannelFile| {
            format!("{}{}", if file.yank.is_some() { "!" } else { "" }, file.stored.file.filename)
        };
        // What pages list says the same.
        let facts = |file: &ferrywheel::model::ChannelFile| {
            let (stored, yank) = (&file.stored.file, file.yank.clone());
            let times = (stored.uploaded_at, stored.requires_python.clone());
            (
                stored.filename.clone(),
                stored.version.clone(),
                stored.digests.sha256,
                stored.metadata_sha256,
                times,
                yank,
            )
        };
        let mut listed = self.index.list_page(view, &name(project), false).await.unwrap();
        listed.sort_by(|left, right| left.filename.cmp(&right.filename));
        let listed = listed.into_iter().map(|file| {
            let times = (file.uploaded_at, file.requires_python);
            (file.filename, file.version, file.sha256, file.metadata_sha256, times, file.yank)
        });
        assert_eq!(listed.collect::<Vec<_>>(), files.iter().map(facts).collect::<Vec<_>>());
        files.into_iter().map(marked).collect()
    }

    /// Changes the database behind the index's back.
    pub async fn tamper(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        match &self.location {
            IndexLocation::Sqlite(file) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                connection.execute(statement).await.unwrap();
                connection.close().await.unwrap();
            }
            IndexLocation::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                connection.execute(statement).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

/// Commits with an event that says nothing in particular.
pub async fn commit(tx: IndexTx) -> i64 {
    tx.commit(&Principal::Local, &AuditEvent::ServerInitialized).await.unwrap()
}

/// A point in time.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A project name.
pub fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

/// A yank mark with a reason.
pub fn yanked(reason: &str) -> Option<Yank> {
    Some(Yank { reason: Some(reason.to_owned()) })
}

/// The row of a small pure wheel.
pub fn wheel(display_name: &str, version: &str) -> NewFile {
    let stem = format!("{}-{version}", display_name.to_lowercase().replace(['-', '.'], "_"));
    let filename = format!("{stem}-py3-none-any.whl");
    let project = name(display_name);
    let parsed = parse_version(version).unwrap();
    NewFile {
        identity: format!("{project}/{}//py3-none-any", release_key(&parsed)),
        display_name: display_name.to_owned(),
        project,
        version: parsed,
        kind: FileKind::Wheel,
        digests: digests(filename.as_bytes()),
        metadata_sha256: Some(Sha256Digest::of(stem.as_bytes())),
        filename,
        requires_python: Some(">=3.8".to_owned()),
        requires_dist: Vec::new(),
        provides_extra: Vec::new(),
        summary: None,
        wheel: None,
        notes: Vec::new(),
        uploaded_at: at("2025-12-01T00:00:00.123456Z"),
        received_at: at("2026-01-02T03:04:05Z"),
        uploaded_by: "publisher".to_owned(),
    }
}

/// Digests as if `bytes` were the file.
pub fn digests(bytes: &[u8]) -> FileDigests {
    let sha256 = Sha256Digest::of(bytes);
    FileDigests {
        sha256,
        blake2b_256: Blake2b256Digest::from_bytes(*Sha256Digest::of(sha256.as_bytes()).as_bytes()),
        md5: None,
        crc32: crc32fast::hash(bytes),
        size_bytes: 1_000 + bytes.len() as u64,
    }
}

/// The code of an error that was expected.
pub fn code<T: std::fmt::Debug>(result: Result<T, IndexError>) -> &'static str {
    ferrywheel::model::Diagnostic::code(&result.unwrap_err())
}
