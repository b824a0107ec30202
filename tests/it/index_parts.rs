//! Parts of a transaction: each is kept or taken back alone, whatever failed in it.

use ferrywheel::index::StoredProvenance;
use ferrywheel::model::{AuditEvent, Change, Channel, ChannelName, Principal, Serial, Sha256Digest};

use crate::index_site::{Site, commit, name, on_both, wheel};

on_both! {
    a_part_that_is_taken_back_leaves_the_others,
    a_part_is_taken_back_after_a_statement_that_failed,
    parts_are_committed_together_with_an_event_each,
    provenance_of_a_change_is_shown_at_its_serial,
}

async fn a_part_that_is_taken_back_leaves_the_others(site: Site) {
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    for (version, is_kept) in [("1.0", true), ("2.0", false), ("3.0", true)] {
        tx.begin_part().await.unwrap();
        let channel = tx.advance(&staging, None).await.unwrap();
        let file_id = tx.add_file(&wheel("demo", version)).await.unwrap().id;
        tx.apply(&channel, &[Change::Add { file_id, yank: None }]).await.unwrap();
        match is_kept {
            true => tx.keep_part().await.unwrap(),
            false => tx.undo_part().await.unwrap(),
        }
    }
    commit(tx).await;
    assert_eq!(site.channel_now(&staging).await.serial, Serial(2));
    let shown = async |text: &str| site.lines(text).await.into_iter().map(|line| line.filename).collect::<Vec<_>>();
    let [one, three] = ["1.0", "3.0"].map(|version| wheel("demo", version).filename);
    assert_eq!((shown("staging@1").await, shown("staging").await), (vec![one.clone()], vec![one, three]));
    assert_eq!(site.index.find_file(&wheel("demo", "2.0").filename).await.unwrap(), None);
}

async fn a_part_is_taken_back_after_a_statement_that_failed(site: Site) {
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    tx.begin_part().await.unwrap();
    let channel = tx.advance(&staging, None).await.unwrap();
    let file_id = tx.add_file(&wheel("demo", "1.0")).await.unwrap().id;
    let elsewhere = Channel { id: channel.id + 1_000, ..channel };
    tx.apply(&elsewhere, &[Change::Add { file_id, yank: None }]).await.unwrap_err();
    tx.undo_part().await.unwrap();
    assert_eq!(tx.advance(&staging, None).await.unwrap().serial, Serial(1));
    assert!(tx.add_file(&wheel("demo", "1.0")).await.unwrap().is_new);
}

async fn provenance_of_a_change_is_shown_at_its_serial(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let file_id = site.publish(&staging, &[wheel("demo", "1.0")]).await[0];
    site.change(&blessed, &[Change::Add { file_id, yank: None }]).await;
    let mut tx = site.index.begin().await.unwrap();
    let channel = tx.advance(&staging, None).await.unwrap();
    let provenance = StoredProvenance { sha256: Sha256Digest::of(b"p"), is_verified: false };
    assert!(!tx.has_provenance(file_id).await.unwrap());
    assert!(tx.put_provenance_at(file_id, &provenance, &Principal::Local, &channel).await.unwrap());
    assert!(tx.has_provenance(file_id).await.unwrap());
    commit(tx).await;
    for (view, count) in [("staging@1", 0), ("staging@2", 1), ("blessed@1", 0), ("blessed@2", 1)] {
        let files = site.index.list_page(&site.view(view).await, &name("demo"), true).await.unwrap();
        assert_eq!(files.iter().filter(|file| file.has_provenance).count(), count, "{view}");
    }
    assert_eq!(site.channel_now(&staging).await.serial, Serial(2), "it went on once");
}

async fn parts_are_committed_together_with_an_event_each(site: Site) {
    let mut tx = site.index.begin().await.unwrap();
    let names = ["one", "two", "three"].map(|name| name.parse::<ChannelName>().unwrap());
    for channel in &names {
        tx.begin_part().await.unwrap();
        tx.create_channel(channel).await.unwrap();
        tx.record(&Principal::Local, &AuditEvent::ChannelCreated { channel: channel.clone() }).unwrap();
        tx.keep_part().await.unwrap();
    }
    tx.commit_recorded().await.unwrap();
    let rows = site.index.list_audit(0, 10).await.unwrap();
    let told = names.map(|name| format!(r#"{{"event":"channel.created","channel":"{name}"}}"#));
    assert_eq!(rows.iter().map(|row| row.event.as_str()).collect::<Vec<_>>(), told);
    assert_eq!(site.index.verify_audit().await.unwrap().first_broken, None);
    // Without an event nothing is kept.
    let mut tx = site.index.begin().await.unwrap();
    tx.create_channel(&ChannelName::blessed()).await.unwrap();
    tx.commit_recorded().await.unwrap();
    assert_eq!(site.index.find_channel(&ChannelName::blessed()).await.unwrap(), None);
}
