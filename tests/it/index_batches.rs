//! Batches in the index, on both databases: files come in while one is open, its end is one step, and blobs are kept.

use ferrywheel::model::{
    Batch, BatchFile, BatchId, BatchReport, BatchState, BatchVerdict, ChannelName, Finding, Principal, Refusal, Serial,
    Sha256Digest, Timestamp,
};

use crate::index_site::{Site, at, code, commit, name, on_both, wheel};

on_both! {
    a_batch_and_its_files_come_back_as_they_were_recorded,
    a_batch_ends_once_and_takes_nothing_after_it,
    blobs_of_a_batch_are_referenced_until_it_is_given_up,
    digests_tell_whose_bytes_they_are,
    expired_batches_are_listed_and_forgotten,
}

fn forever() -> Timestamp {
    at("2100-01-01T00:00:00Z")
}

async fn open(site: &Site, channel: &ChannelName, number: u8, expires_at: Timestamp) -> Batch {
    let mut tx = site.index.begin().await.unwrap();
    let id = BatchId::from_bytes([number; 16]);
    let batch = tx.open_batch(&id, channel, &Principal::Local, expires_at).await.unwrap().unwrap();
    commit(tx).await;
    batch
}

/// A file with everything that a row can hold.
fn accepted(project: &str) -> BatchFile {
    let file = wheel(project, "1.0");
    BatchFile {
        filename: file.filename,
        verdict: BatchVerdict::Accepted,
        project: Some(file.project),
        sha256: Some(file.digests.sha256),
        metadata_sha256: file.metadata_sha256,
        provenance_sha256: Some(Sha256Digest::of(b"provenance")),
        size_bytes: Some(file.digests.size_bytes),
        received_at: at("2026-01-02T03:04:05.678901Z"),
        report: BatchReport {
            version: Some(file.version),
            refusal: None,
            findings: vec![Finding::note("WHL-02", "odd", "a \"quoted\" note \0 — ünï").at("demo/RECORD")],
        },
        staged: Some("{\"a\": \"\\u0000 \\\\ \"}".to_owned()),
    }
}

fn refused(filename: &str) -> BatchFile {
    let refusal =
        Refusal { code: "ingest/wheel-refused".into(), detail: "no".into(), hint: Some("Build it anew.".into()) };
    BatchFile {
        filename: filename.to_owned(),
        verdict: BatchVerdict::Refused,
        project: None,
        sha256: None,
        metadata_sha256: None,
        provenance_sha256: None,
        size_bytes: None,
        received_at: at("2026-01-02T03:04:05Z"),
        report: BatchReport { version: None, refusal: Some(refusal), findings: Vec::new() },
        staged: None,
    }
}

async fn a_batch_and_its_files_come_back_as_they_were_recorded(site: Site) {
    let staging = site.channel("staging").await;
    let batch = open(&site, &staging, 1, forever()).await;
    assert_eq!(site.index.find_batch(&batch.id).await.unwrap().as_ref(), Some(&batch));
    assert_eq!((batch.state, batch.created_by.as_str(), batch.ended_at), (BatchState::Open, "local", None));
    assert_eq!(site.index.find_batch(&BatchId::from_bytes([9; 16])).await.unwrap(), None);
    let mut tx = site.index.begin().await.unwrap();
    assert_eq!(tx.open_batch(&batch.id, &staging, &Principal::Local, forever()).await.unwrap(), None);
    let nowhere: ChannelName = "nowhere".parse().unwrap();
    let id = BatchId::from_bytes([2; 16]);
    assert_eq!(code(tx.open_batch(&id, &nowhere, &Principal::Local, forever()).await), "index/channel-unknown");
    drop(tx);
    let files = [accepted("demo"), refused("../odd — name")];
    assert!(site.index.put_batch_files(&batch, &files).await.unwrap());
    let plain = |file: &BatchFile| BatchFile { staged: None, ..file.clone() };
    let mut expected = files.to_vec();
    expected.sort_by(|one, other| one.filename.cmp(&other.filename));
    let listed = site.index.list_batch_files(&batch).await.unwrap();
    assert_eq!(listed, expected.iter().map(plain).collect::<Vec<_>>());
    let found = site.index.find_batch_file(&batch, &files[0].filename).await.unwrap();
    assert_eq!(found.as_ref(), Some(&files[0]));
    assert_eq!(site.index.list_staged_projects(&batch).await.unwrap(), [name("demo")]);
    assert_eq!(site.index.list_staged_of_project(&batch, &name("demo")).await.unwrap(), [files[0].clone()]);
    assert!(site.index.list_staged_of_project(&batch, &name("other")).await.unwrap().is_empty());
    let instead = BatchFile { verdict: BatchVerdict::Unchanged, size_bytes: Some(1), ..files[0].clone() };
    assert!(site.index.put_batch_files(&batch, std::slice::from_ref(&instead)).await.unwrap());
    assert_eq!(site.index.find_batch_file(&batch, &instead.filename).await.unwrap(), Some(instead));
    assert!(site.index.remove_batch_file(&batch, &files[1].filename).await.unwrap());
    assert!(!site.index.remove_batch_file(&batch, &files[1].filename).await.unwrap());
    assert!(!site.index.remove_batch_file(&batch, "a\0b").await.unwrap());
    assert_eq!(site.index.find_batch_file(&batch, "a\0b").await.unwrap(), None);
    assert_eq!(code(site.index.put_batch_files(&batch, &[refused("a\0b")]).await), "index/value-unstorable");
}

async fn a_batch_ends_once_and_takes_nothing_after_it(site: Site) {
    let staging = site.channel("staging").await;
    let batch = open(&site, &staging, 1, forever()).await;
    site.index.put_batch_files(&batch, &[accepted("demo"), accepted("other")]).await.unwrap();
    let later = at("2027-01-01T00:00:00Z");
    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.end_batch(&batch, BatchState::Committed, later).await.unwrap());
    assert!(!tx.end_batch(&batch, BatchState::Abandoned, later).await.unwrap());
    let staged = tx.list_staged(&batch).await.unwrap();
    assert_eq!(staged.iter().map(|file| file.staged.is_some()).collect::<Vec<_>>(), [true, true]);
    let advanced = tx.advance(&staging, None).await.unwrap();
    tx.settle_batch(&batch, advanced.serial, &[&accepted("demo").filename]).await.unwrap();
    commit(tx).await;
    let now = site.index.find_batch(&batch.id).await.unwrap().unwrap();
    assert_eq!((now.state, now.committed_serial, now.expires_at), (BatchState::Committed, Some(Serial(1)), later));
    assert!(now.ended_at.is_some());
    let files = site.index.list_batch_files(&batch).await.unwrap();
    let verdicts: Vec<BatchVerdict> = files.iter().map(|file| file.verdict).collect();
    assert_eq!(verdicts, [BatchVerdict::Stored, BatchVerdict::Unchanged]);
    assert!(site.index.list_staged_projects(&batch).await.unwrap().is_empty());
    assert!(!site.index.put_batch_files(&batch, &[accepted("late")]).await.unwrap());
    assert!(!site.index.remove_batch_file(&batch, &accepted("demo").filename).await.unwrap());
    assert!(site.index.list_open_batches().await.unwrap().is_empty());
}

async fn blobs_of_a_batch_are_referenced_until_it_is_given_up(site: Site) {
    let staging = site.channel("staging").await;
    let batch = open(&site, &staging, 1, forever()).await;
    let file = accepted("demo");
    site.index.put_batch_files(&batch, &[file.clone(), refused("odd")]).await.unwrap();
    let named = [file.sha256, file.metadata_sha256, file.provenance_sha256].map(Option::unwrap);
    assert_eq!(site.index.referenced_blobs().await.unwrap(), named.into_iter().collect());
    let before = site.clock.now();
    assert_eq!(site.index.count_given_up_batches(before).await.unwrap(), 0);
    let mut tx = site.index.begin().await.unwrap();
    tx.end_batch(&batch, BatchState::Abandoned, forever()).await.unwrap();
    commit(tx).await;
    assert!(site.index.referenced_blobs().await.unwrap().is_empty());
    assert!(site.index.list_batch_files(&batch).await.unwrap().is_empty());
    assert_eq!(site.index.count_given_up_batches(before).await.unwrap(), 1);
    site.wait_hours(1);
    assert_eq!(site.index.count_given_up_batches(site.clock.now()).await.unwrap(), 0);
}

async fn digests_tell_whose_bytes_they_are(site: Site) {
    let staging = site.channel("staging").await;
    let batch = open(&site, &staging, 1, forever()).await;
    let published = wheel("demo", "1.0");
    site.publish(&staging, std::slice::from_ref(&published)).await;
    let held = accepted("held");
    site.index.put_batch_files(&batch, std::slice::from_ref(&held)).await.unwrap();
    let digests = [published.digests.sha256, held.sha256.unwrap(), Sha256Digest::of(b"nowhere")];
    let known = site.index.list_published_bytes(&digests).await.unwrap();
    assert_eq!(known, [(digests[0], published.filename.clone(), name("demo"))]);
    let mine = site.index.list_batch_bytes(&digests, &Principal::Local).await.unwrap();
    assert_eq!(mine.into_iter().collect::<Vec<_>>(), [digests[1]]);
    assert!(site.index.list_batch_bytes(&digests, &Principal::Anonymous).await.unwrap().is_empty());
    let head = site.index.list_in_head(&staging, &[&published.filename, &held.filename, "a\0b"]).await.unwrap();
    assert_eq!(head.into_iter().collect::<Vec<_>>(), [published.filename]);
}

async fn expired_batches_are_listed_and_forgotten(site: Site) {
    let staging = site.channel("staging").await;
    let soon = at("2026-01-02T04:00:00Z");
    let (short, long) = (open(&site, &staging, 1, soon).await, open(&site, &staging, 2, forever()).await);
    site.index.put_batch_files(&short, &[accepted("demo")]).await.unwrap();
    assert_eq!(site.index.list_open_batches().await.unwrap().len(), 2);
    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.list_expired_batches().await.unwrap().is_empty());
    drop(tx);
    site.wait_hours(1);
    let mut tx = site.index.begin().await.unwrap();
    assert_eq!(tx.list_expired_batches().await.unwrap(), std::slice::from_ref(&short));
    tx.end_batch(&short, BatchState::Abandoned, soon).await.unwrap();
    tx.forget_batch(&short).await.unwrap();
    tx.forget_batch(&long).await.unwrap();
    commit(tx).await;
    assert_eq!(site.index.find_batch(&short.id).await.unwrap(), None);
    assert!(site.index.find_batch(&long.id).await.unwrap().is_some(), "an open batch is not forgotten");
}
