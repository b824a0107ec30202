//! Opening an index: what it refuses, what survives a restart, and that the contract tests name every method.

use std::collections::BTreeSet;
use std::path::Path;

use ferrywheel::index::{Index, IndexLocation};
use ferrywheel::model::{Clock, Serial};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::index_site::{Site, code, name, on_both, wheel};

on_both! {
    a_database_of_a_newer_server_is_refused,
    everything_is_there_after_a_restart,
    two_servers_may_open_one_database,
}

async fn everything_is_there_after_a_restart(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    site.index.close().await;
    assert_eq!(code(site.index.find_channel(&staging).await), "index/unreachable");
    let index = Index::open(&site.location, Clock::System).await.unwrap();
    assert_eq!(index.find_channel(&staging).await.unwrap().unwrap().serial, Serial(1));
    assert_eq!(index.verify_audit().await.unwrap().row_count, 2);
}

/// The schema is not made twice, and the second sees what the first writes.
async fn two_servers_may_open_one_database(site: Site) {
    let other = Index::open(&site.location, Clock::System).await.unwrap();
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let view = other.open_view(&"staging".parse().unwrap()).await.unwrap();
    assert_eq!(other.list_files(&view, &name("demo")).await.unwrap().len(), 1);
}

async fn a_database_of_a_newer_server_is_refused(site: Site) {
    site.tamper(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1",
    )
    .await;
    assert_eq!(code(Index::open(&site.location, Clock::System).await.map(drop)), "index/schema-newer");
}

#[tokio::test]
async fn a_sqlite_file_is_durable_and_marked_as_ours() {
    let site = Site::sqlite().await;
    site.channel("staging").await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", site.file().display())).await.unwrap();
    let (mode,): (String,) = sqlx::query_as("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    let (id,): (i64,) = sqlx::query_as("PRAGMA application_id").fetch_one(&mut connection).await.unwrap();
    let (instance,): (String,) =
        sqlx::query_as("SELECT value FROM meta WHERE key = 'instance_id'").fetch_one(&mut connection).await.unwrap();
    assert_eq!((mode.as_str(), id, instance.len()), ("wal", 0x4657_484c, 32));
    connection.close().await.unwrap();
    site.index.close().await;
    assert!(!site.file().with_extension("sqlite-wal").exists(), "the log was folded into the file");
}

#[tokio::test]
async fn a_file_of_another_program_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "nothing to do with a database, but long enough to be looked at".repeat(20)).unwrap();
    let other = directory.path().join("other.sqlite");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", other.display())).await.unwrap();
    connection.execute("CREATE TABLE songs (title TEXT)").await.unwrap();
    connection.close().await.unwrap();
    for file in [text, other] {
        let before = std::fs::read(&file).unwrap();
        let opened = Index::open(&IndexLocation::Sqlite(file.clone()), Clock::System).await;
        assert_eq!(code(opened.map(drop)), "index/database-foreign");
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

#[tokio::test]
async fn a_place_that_is_not_there_is_refused_in_one_sentence() {
    let missing = IndexLocation::Sqlite("/nowhere/at/all/main.sqlite".into());
    assert_eq!(code(Index::open(&missing, Clock::System).await.map(drop)), "index/unreachable");
    let nonsense = IndexLocation::Postgres("postgres://user:secret@[nowhere/x".into());
    let error = Index::open(&nonsense, Clock::System).await.map(drop).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(code::<()>(Err(error)), "index/location-invalid");
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |dialect: &str| -> BTreeSet<String> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn the_contract_tests_call_every_method_of_the_index() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |directory: &str, begin: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root.join(directory)).unwrap().map(|entry| entry.unwrap());
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(begin))
            .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
            .collect()
    };
    let tests = read("tests/it", "index_").concat();
    let mut methods = BTreeSet::new();
    for source in read("src/index", "") {
        for line in source.lines().filter_map(|line| line.trim().strip_prefix("pub async fn ")) {
            methods.insert(line.split('(').next().unwrap().to_owned());
        }
    }
    assert!(methods.len() > 30, "{methods:?}");
    let missing: Vec<&String> =
        methods.iter().filter(|name| !tests.contains(&format!(".{name}(")) && *name != "open").collect();
    assert!(missing.is_empty(), "no contract test calls {missing:?}");
}
