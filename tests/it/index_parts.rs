//! Parts of a transaction: each is kept or taken back alone, whatever failed in it.

use ferrywheel::index::{IndexLocation, StoredProvenance};
use ferrywheel::model::{
    AuditEvent, Change, Channel, ChannelName, NewFile, Principal, ProjectStatus, Serial, Sha256Digest, Yank,
};

use crate::index_site::{Site, commit, name, on_both, wheel, yanked};

on_both! {
    a_new_file_in_the_plain_case_is_shown_as_by_single_steps,
    a_part_that_is_taken_back_leaves_the_others,
    what_is_not_the_plain_case_writes_nothing,
    a_part_is_taken_back_after_a_statement_that_failed,
    parts_are_committed_together_with_an_event_each,
    provenance_of_a_change_is_shown_at_its_serial,
    showing_a_new_file_is_what_applying_it_would_be,
}

async fn a_part_that_is_taken_back_leaves_the_others(site: Site) {
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    for (version, is_kept) in [("1.0", true), ("2.0", false), ("3.0", true)] {
        tx.begin_part().await.unwrap();
        let channel = tx.advance(&staging, None).await.unwrap();
        let file = wheel("demo", version);
        let file_id = tx.add_file(&file).await.unwrap().id;
        tx.show_new(&channel, file_id, &file.project, None).await.unwrap();
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
    let provenance = StoredProvenance::unverified(Sha256Digest::of(b"p"));
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

async fn showing_a_new_file_is_what_applying_it_would_be(site: Site) {
    let staging = site.channel("staging").await;
    for (number, mark) in [None, yanked("bad"), Some(Yank { reason: None })].into_iter().enumerate() {
        let file = wheel("demo", &format!("{number}"));
        // Kept answers are no older than the change.
        assert_eq!(
            site.index.open_project(&"staging".parse().unwrap(), &file.project).await.unwrap().1.is_some(),
            number > 0
        );
        let mut tx = site.index.begin().await.unwrap();
        let channel = tx.advance(&staging, None).await.unwrap();
        let file_id = tx.add_file(&file).await.unwrap().id;
        tx.show_new(&channel, file_id, &file.project, mark.as_ref()).await.unwrap();
        commit(tx).await;
        let view = site.view("staging").await;
        let shown = site.index.list_files(&view, &file.project).await.unwrap();
        assert_eq!((shown.len(), shown[number].yank.clone()), (number + 1, mark));
        let (_, head) = site.index.open_project(&"staging".parse().unwrap(), &file.project).await.unwrap();
        assert_eq!(head.unwrap().last_serial, channel.serial);
    }
}

/// Whether this database takes the short way at all.
fn is_short(site: &Site) -> bool {
    matches!(site.location, IndexLocation::Sqlite(_))
}

async fn a_new_file_in_the_plain_case_is_shown_as_by_single_steps(site: Site) {
    let [short, long] = [site.channel("short").await, site.channel("long").await];
    let mut shown = Vec::new();
    // A new project, a new release, a further file of it, with marks or without.
    for (number, (version, mark)) in
        [("1.0", None), ("2.0", yanked("bad")), ("2.0", Some(Yank { reason: None }))].into_iter().enumerate()
    {
        for (channel, project) in [(&short, "one"), (&long, "two")] {
            let file = NewFile {
                filename: format!("{project}-{version}-{number}-py3-none-any.whl"),
                identity: format!("{number}"),
                summary: Some("A \"demo\" — 'quoted'".into()),
                ..wheel(project, version)
            };
            let mut tx = site.index.begin().await.unwrap();
            let serial = match channel == &short && is_short(&site) {
                true => tx.add_and_show(channel, &file, mark.as_ref()).await.unwrap().unwrap(),
                false => {
                    let advanced = tx.advance(channel, None).await.unwrap();
                    let file_id = tx.add_file(&file).await.unwrap().id;
                    tx.show_new(&advanced, file_id, &file.project, mark.as_ref()).await.unwrap();
                    advanced.serial
                }
            };
            assert_eq!(serial.0, number as i64 + 1);
            commit(tx).await;
            let view = site.view(channel.as_str()).await;
            assert_eq!(site.filenames(&view, project).await.len(), number + 1);
            let listed = site.index.list_files(&view, &file.project).await.unwrap();
            assert!(listed.iter().any(|shown| shown.stored.file == file && shown.yank == mark), "{listed:?}");
            let (_, head) = site.index.open_project(&channel.as_str().parse().unwrap(), &file.project).await.unwrap();
            let survey =
                site.index.survey(channel, "x", (&file.project, &file.version), &file.digests.sha256).await.unwrap();
            let (bytes, begun) = (survey.project_bytes, survey.release_begun_at);
            shown.push((head.unwrap().last_serial, bytes, begun, site.channel_now(channel).await.serial));
        }
        assert_eq!(shown[2 * number].0, shown[2 * number + 1].0);
        assert_eq!(shown[2 * number].2, shown[2 * number + 1].2);
        assert_eq!(shown[2 * number].3, shown[2 * number + 1].3);
    }
}

async fn what_is_not_the_plain_case_writes_nothing(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0"), wheel("closed", "1.0")]).await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    tx.set_status(&advanced, &name("closed"), ProjectStatus::Archived, None).await.unwrap();
    commit(tx).await;
    let spelling = NewFile { filename: "Demo-1.0.0-py3-none-any.whl".into(), ..wheel("demo", "1.0") };
    let index = site.index.clone().limiting_projects(1_100);
    let mut tx = index.begin().await.unwrap();
    for (file, channel) in [
        (wheel("demo", "1.0"), "staging"),
        (spelling, "staging"),
        (wheel("closed", "2.0"), "staging"),
        (wheel("demo", "2.0"), "staging"),
        (wheel("new", "1.0"), "nowhere"),
    ] {
        let shown = tx.add_and_show(&channel.parse().unwrap(), &file, None).await.unwrap();
        assert_eq!(shown, None, "{}", file.filename);
    }
    assert_eq!(tx.advance(&staging, None).await.unwrap().serial, Serial(3));
    assert!(tx.add_file(&wheel("new", "1.0")).await.unwrap().is_new);
}
