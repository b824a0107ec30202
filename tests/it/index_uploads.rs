//! Sessions of Upload 2.0 in the index: what holds a release and a name, what becomes of files, when all of it is forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use ferrywheel::index::IndexTx;
use ferrywheel::model::{
    FileState, NewUploadSession, Principal, SessionState, SessionToken, Sha256Digest, UploadBlobs, UploadSession,
};
use ferrywheel::packaging::parse_version;

use crate::index_site::{Site, at, commit, name, on_both, wheel};

on_both! {
    a_release_has_one_session_and_a_new_name_is_kept_for_it,
    files_of_a_session_are_settled_once_and_their_blobs_are_kept,
    sessions_expire_and_are_forgotten_later,
    a_project_is_registered_without_files_once,
}

async fn begin_session(tx: &mut IndexTx, token: u8, version: &str) -> Option<UploadSession> {
    tx.hold_upload_sessions().await.unwrap();
    let new = NewUploadSession {
        token: SessionToken::from_bytes([token; 16]),
        channel: "staging".parse().unwrap(),
        project: name("demo"),
        display_name: "Demo".to_owned(),
        version: parse_version(version).unwrap(),
        expires_at: at("2026-01-09T03:04:05Z"),
    };
    tx.open_upload_session(&new, &Principal::Local).await.unwrap()
}

async fn session(site: &Site, token: u8, version: &str) -> UploadSession {
    let mut tx = site.index.begin().await.unwrap();
    let session = begin_session(&mut tx, token, version).await.unwrap();
    commit(tx).await;
    session
}

async fn a_release_has_one_session_and_a_new_name_is_kept_for_it(site: Site) {
    let staging = site.channel("staging").await;
    let first = session(&site, 1, "1.0").await;
    assert_eq!(site.index.find_upload_session(&first.token).await.unwrap().as_ref(), Some(&first));
    let stranger = SessionToken::from_bytes([9; 16]);
    assert_eq!(site.index.find_upload_session(&stranger).await.unwrap(), None);
    assert_eq!(site.index.find_reservation(&name("demo")).await.unwrap().as_deref(), Some(Principal::Local.name()));
    assert_eq!(site.index.find_reservation(&name("other")).await.unwrap(), None);

    let mut tx = site.index.begin().await.unwrap();
    let alive = tx.find_alive_upload_session(&staging, &name("demo"), &first.version).await.unwrap();
    assert_eq!(alive.as_ref(), Some(&first));
    assert!(tx.find_reservation(&name("demo")).await.unwrap().is_some());
    assert_eq!(begin_session(&mut tx, 1, "2.0").await, None, "the token is taken");
    assert!(tx.end_upload_session(&first, SessionState::Canceled, at("2026-02-01T00:00:00Z")).await.unwrap());
    assert!(!tx.end_upload_session(&first, SessionState::Published, at("2026-02-01T00:00:00Z")).await.unwrap());
    assert_eq!(tx.find_alive_upload_session(&staging, &name("demo"), &first.version).await.unwrap(), None);
    commit(tx).await;
    let ended = site.index.find_upload_session(&first.token).await.unwrap().unwrap();
    assert_eq!(ended.state, SessionState::Canceled);
    assert_eq!(site.index.find_reservation(&name("demo")).await.unwrap(), None, "the name is free again");
    assert!(!site.index.extend_upload_session(&first, at("2027-01-01T00:00:00Z")).await.unwrap());
}

async fn files_of_a_session_are_settled_once_and_their_blobs_are_kept(site: Site) {
    let staging = site.channel("staging").await;
    let published = wheel("demo", "0.9");
    site.publish(&staging, std::slice::from_ref(&published)).await;
    let session = session(&site, 1, "1.0").await;
    let hashes = BTreeMap::from([("sha256".to_owned(), "00".repeat(32))]);
    let begin = async |filename: &str| site.index.begin_upload_file(&session, filename, 7, &hashes).await.unwrap();
    let one = begin("demo-1.0-py3-none-any.whl").await.unwrap();
    assert_eq!(begin("demo-1.0-py3-none-any.whl").await, None, "the name is in the session");
    let two = begin("demo-1.0.tar.gz").await.unwrap();
    let three = begin("demo-1.0-py2-none-any.whl").await.unwrap();

    assert!(site.index.keep_upload_attestations(one, "[]").await.unwrap());
    let blobs = UploadBlobs {
        sha256: Sha256Digest::of(b"file"),
        metadata_sha256: Some(Sha256Digest::of(b"metadata")),
        provenance_sha256: None,
    };
    let settle = async |key, state, notices: &[String], here| {
        site.index.settle_upload_file(key, state, notices, here).await.unwrap()
    };
    assert!(settle(one, FileState::Completed, &[], Some((blobs, "{}"))).await);
    assert!(!settle(one, FileState::Error, &[], None).await, "it is settled");
    assert!(settle(two, FileState::Error, &["broken".to_owned()], None).await);
    assert!(site.index.cancel_upload_file(three).await.unwrap());
    assert!(!site.index.keep_upload_attestations(three, "[]").await.unwrap());

    let files = site.index.list_upload_files(&session).await.unwrap();
    let told: Vec<_> =
        files.iter().map(|file| (file.key, file.state, file.notices.len(), file.staged.is_some())).collect();
    assert_eq!(told, [(one, FileState::Completed, 0, true), (two, FileState::Error, 1, false)]);
    assert_eq!((files[0].size_bytes, &files[0].hashes), (7, &hashes));
    assert_eq!(site.index.find_upload_file(&session, three).await.unwrap().unwrap().state, FileState::Canceled);
    let kept = site.index.referenced_blobs().await.unwrap();
    assert!(kept.contains(&Sha256Digest::of(b"file")) && kept.contains(&Sha256Digest::of(b"metadata")));

    let known = site.index.find_known_name(&published.filename, &staging).await.unwrap().unwrap();
    assert_eq!((known.sha256, known.is_deleted, known.is_in_head), (published.digests.sha256, false, true));
    assert!(site.index.find_known_name("demo-0.1.tar.gz", &staging).await.unwrap().is_none());

    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.end_upload_session(&session, SessionState::Published, at("2026-02-01T00:00:00Z")).await.unwrap());
    assert_eq!(tx.list_upload_files(&session).await.unwrap(), files);
    tx.settle_upload_session(&session).await.unwrap();
    commit(tx).await;
    assert!(
        !site.index.referenced_blobs().await.unwrap().contains(&Sha256Digest::of(b"file")),
        "rows of files name it now"
    );
    assert_eq!(begin("demo-1.0-py4-none-any.whl").await, None, "the session takes no changes");
}

async fn sessions_expire_and_are_forgotten_later(site: Site) {
    site.channel("staging").await;
    let [short, long] = [session(&site, 1, "1.0").await, session(&site, 2, "2.0").await];
    assert!(site.index.extend_upload_session(&long, at("2026-03-01T00:00:00Z")).await.unwrap());
    let long = site.index.find_upload_session(&long.token).await.unwrap().unwrap();
    assert!(!site.index.extend_upload_session(&long, at("2026-02-01T00:00:00Z")).await.unwrap(), "it has more");
    site.clock.advance(Duration::from_secs(8 * 86_400));
    let expire = async |forget_at: &str| {
        let mut tx = site.index.begin().await.unwrap();
        let expired = tx.expire_upload_sessions(at(forget_at)).await.unwrap();
        commit(tx).await;
        expired
    };
    assert_eq!(expire("2026-01-20T00:00:00Z").await, (vec![short.key], 0));
    assert_eq!(site.index.count_canceled_upload_sessions(short.created_at).await.unwrap(), 1);
    assert_eq!(expire("2026-01-20T00:00:00Z").await, (vec![], 0));
    site.clock.advance(Duration::from_secs(11 * 86_400));
    assert_eq!(expire("2026-01-20T00:00:00Z").await, (vec![], 1));
    assert_eq!(site.index.find_upload_session(&short.token).await.unwrap(), None);
    assert_eq!(site.index.find_upload_session(&long.token).await.unwrap().unwrap().state, SessionState::Open);
}

async fn a_project_is_registered_without_files_once(site: Site) {
    let staging = site.channel("staging").await;
    for is_new in [true, false] {
        let mut tx = site.index.begin().await.unwrap();
        let channel = tx.advance(&staging, None).await.unwrap();
        assert_eq!(tx.register_project(&channel, &name("demo"), "Demo").await.unwrap(), is_new);
        commit(tx).await;
    }
    assert_eq!(site.filenames(&site.view("staging").await, "demo").await, [""; 0]);
}
