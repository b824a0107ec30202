//! The audit chain and transactions that race, on both databases.

use ferrywheel::index::{Index, IndexError};
use ferrywheel::model::{AuditEvent, Change, ChannelName, NewFile, Principal, Scope, Serial, Sha256Digest, chain_hash};

use crate::index_site::{Site, code, commit, digests, on_both, wheel};

on_both! {
    a_changed_row_breaks_the_chain,
    a_removed_row_breaks_the_chain,
    a_row_that_was_added_breaks_the_chain,
    an_end_that_was_cut_off_breaks_the_chain,
    a_head_that_was_changed_breaks_the_chain,
    concurrent_commits_make_one_chain,
    every_commit_leaves_its_event,
    of_two_advances_from_one_serial_one_wins,
    of_two_files_of_one_name_one_wins,
    one_file_published_twice_at_once_is_one_file,
    one_wheel_under_two_names_at_once_is_published_once,
    uploads_to_one_channel_queue,
}

async fn every_commit_leaves_its_event(site: Site) {
    let staging = ChannelName::staging();
    let bearer = Principal::Token { name: "ci".into(), scope: Scope::admin() };
    let mut tx = site.index.begin().await.unwrap();
    tx.create_channel(&staging).await.unwrap();
    let event = AuditEvent::ChannelCreated { channel: staging.clone() };
    assert_eq!(tx.commit(&bearer, &event).await.unwrap(), 1);
    site.wait_hours(1);
    assert_eq!(commit(site.index.begin().await.unwrap()).await, 2);

    let rows = site.index.list_audit(0, 10).await.unwrap();
    assert_eq!(rows[0].event, r#"{"event":"channel.created","channel":"staging"}"#);
    assert_eq!((rows[0].by.as_str(), rows[1].by.as_str()), ("ci", "local"));
    assert_eq!(rows[0].previous_hash, Sha256Digest::from_bytes([0; 32]));
    assert_eq!(rows[1].previous_hash, rows[0].hash);
    assert_eq!(rows[1].at, site.clock.now());
    assert_eq!(rows[1].hash, chain_hash(&rows[0].hash, 2, rows[1].at, "local", &rows[1].event));
    assert_eq!(site.index.list_audit(1, 10).await.unwrap(), rows[1..]);
    assert_eq!(site.index.list_audit(0, 1).await.unwrap(), rows[..1]);
    let verdict = site.index.verify_audit().await.unwrap();
    assert_eq!((verdict.row_count, verdict.head_hash, verdict.first_broken), (2, rows[1].hash, None));
}

/// Commits some events, has the database changed by hand, and tells where the chain breaks.
async fn broken_by(site: &Site, statement: &str) -> Option<i64> {
    for _ in 0..4 {
        commit(site.index.begin().await.unwrap()).await;
    }
    assert_eq!(site.index.verify_audit().await.unwrap().first_broken, None);
    site.tamper(statement).await;
    site.index.verify_audit().await.unwrap().first_broken
}

async fn a_changed_row_breaks_the_chain(site: Site) {
    let changes = ["principal = 'me'", "at = at + 1", "event = '{}'", "previous_hash = hash", "hash = previous_hash"];
    assert_eq!(broken_by(&site, "UPDATE audit SET principal = 'x' WHERE sequence = 3").await, Some(3));
    site.tamper("UPDATE audit SET principal = 'local' WHERE sequence = 3").await;
    for change in changes {
        site.tamper("CREATE TABLE saved AS SELECT * FROM audit").await;
        site.tamper(&format!("UPDATE audit SET {change} WHERE sequence = 2")).await;
        assert_eq!(site.index.verify_audit().await.unwrap().first_broken, Some(2), "{change}");
        site.tamper("DELETE FROM audit").await;
        site.tamper("INSERT INTO audit SELECT * FROM saved").await;
        site.tamper("DROP TABLE saved").await;
        assert_eq!(site.index.verify_audit().await.unwrap().first_broken, None);
    }
}

async fn a_removed_row_breaks_the_chain(site: Site) {
    assert_eq!(broken_by(&site, "DELETE FROM audit WHERE sequence = 2").await, Some(2));
    site.tamper("DELETE FROM audit").await;
    let verdict = site.index.verify_audit().await.unwrap();
    assert_eq!((verdict.row_count, verdict.first_broken), (0, Some(1)));
}

async fn an_end_that_was_cut_off_breaks_the_chain(site: Site) {
    assert_eq!(broken_by(&site, "DELETE FROM audit WHERE sequence > 2").await, Some(3));
}

async fn a_row_that_was_added_breaks_the_chain(site: Site) {
    let zeros = "0".repeat(64);
    let insert = format!("INSERT INTO audit VALUES (5, 0, 'me', '{{}}', '{zeros}', '{zeros}')");
    assert_eq!(broken_by(&site, &insert).await, Some(5));
}

async fn a_head_that_was_changed_breaks_the_chain(site: Site) {
    let change = format!("UPDATE audit_head SET hash = '{}'", "0".repeat(64));
    assert_eq!(broken_by(&site, &change).await, Some(4));
}

async fn concurrent_commits_make_one_chain(site: Site) {
    let one = async |index: Index| {
        for _ in 0..5 {
            commit(index.begin().await.unwrap()).await;
        }
    };
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(one(site.index.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let verdict = site.index.verify_audit().await.unwrap();
    assert_eq!((verdict.row_count, verdict.first_broken), (40, None));
}

/// One change of `staging` from `expected`, with a file of its own.
async fn upload(index: Index, expected: Option<Serial>, file: NewFile) -> Result<Serial, IndexError> {
    let mut tx = index.begin().await?;
    let advanced = tx.advance(&ChannelName::staging(), expected).await?;
    let added = tx.add_file(&file).await?;
    tx.apply(&advanced, &[Change::Add { file_id: added.id, yank: None }]).await?;
    tx.commit(&Principal::Local, &AuditEvent::ServerInitialized).await?;
    Ok(advanced.serial)
}

async fn of_two_advances_from_one_serial_one_wins(site: Site) {
    site.channel("staging").await;
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let file = wheel(&format!("demo{number}"), "1.0");
            tokio::spawn(upload(site.index.clone(), Some(Serial(0)), file))
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(serial) => {
                won += 1;
                assert_eq!(serial, Serial(1));
            }
            Err(error) => assert_eq!(code::<()>(Err(error)), "index/channel-moved"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(site.index.list_channel_files(&site.view("staging").await).await.unwrap().len(), 1);
}

async fn uploads_to_one_channel_queue(site: Site) {
    let staging = site.channel("staging").await;
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let file = wheel(&format!("demo{}", number % 3), &format!("{number}.0"));
            tokio::spawn(upload(site.index.clone(), None, file))
        })
        .collect();
    let mut serials = Vec::new();
    for task in tasks {
        serials.push(task.await.unwrap().unwrap().0);
    }
    serials.sort_unstable();
    assert_eq!(serials, (1..=12).collect::<Vec<i64>>());
    assert_eq!(site.channel_now(&staging).await.serial, Serial(12));
    for serial in 0..=12 {
        let view = site.view(&format!("staging@{serial}")).await;
        assert_eq!(site.index.list_channel_files(&view).await.unwrap().len(), serial);
    }
    assert_eq!(site.index.verify_audit().await.unwrap().first_broken, None);
}

/// Adds each file in a transaction of its own, without a channel that would make them queue.
async fn race(site: &Site, files: [NewFile; 2]) -> Vec<Result<bool, IndexError>> {
    let add = async |index: Index, file: NewFile| {
        let mut tx = index.begin().await?;
        let added = tx.add_file(&file).await?;
        tokio::task::yield_now().await;
        tx.commit(&Principal::Local, &AuditEvent::ServerInitialized).await?;
        Ok(added.is_new)
    };
    let [one, other] = files;
    let (one, other) = tokio::join!(add(site.index.clone(), one), add(site.index.clone(), other));
    let mut answers = vec![one, other];
    answers.sort_by_key(|answer| !matches!(answer, Ok(true)));
    answers
}

async fn of_two_files_of_one_name_one_wins(site: Site) {
    for round in 0..8 {
        let file = wheel("demo", &format!("{round}.0"));
        let answers = race(&site, [file.clone(), NewFile { digests: digests(b"other"), ..file }]).await;
        assert!(matches!(&answers[0], Ok(true)), "{answers:?}");
        assert!(matches!(&answers[1], Err(IndexError::FileConflict { .. })), "{answers:?}");
    }
}

async fn one_file_published_twice_at_once_is_one_file(site: Site) {
    for round in 0..8 {
        let file = wheel(&format!("demo{round}"), "1.0");
        let answers = race(&site, [file.clone(), file]).await;
        assert!(matches!(&answers[..], [Ok(true), Ok(false)]), "{answers:?}");
    }
}

async fn one_wheel_under_two_names_at_once_is_published_once(site: Site) {
    for round in 0..8 {
        let file = wheel("demo", &format!("{round}.0"));
        let other = NewFile { filename: format!("Demo-{round}.0.0-py3-none-any.whl"), ..file.clone() };
        let answers = race(&site, [file, other]).await;
        assert!(matches!(&answers[0], Ok(true)), "{answers:?}");
        assert!(matches!(&answers[1], Err(IndexError::SameWheel { .. })), "{answers:?}");
    }
}
