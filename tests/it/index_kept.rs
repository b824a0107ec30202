//! Answers that are kept in memory: never older than what was acknowledged, whoever writes, goes away or fails meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use ferrywheel::index::{FileChange, ListChange, StoredProvenance};
use ferrywheel::model::{Change, ChannelName, ChannelRef, Principal, Serial, Sha256Digest};
use futures_util::FutureExt as _;

use crate::index_site::{Site, commit, name, on_both, wheel, yanked};

on_both!(
    a_read_after_an_acknowledged_write_shows_it,
    a_commit_whose_caller_went_away_leaves_nothing_stale,
    a_change_that_is_taken_back_leaves_answers_as_they_are,
    a_change_of_more_files_than_are_named_singly_is_seen,
    a_list_of_changes_leads_from_one_list_to_the_other,
    the_changes_of_a_page_lead_from_one_page_to_the_other,
);

/// Serial of the project in the head, as a page would be answered.
async fn serial_of(site: &Site, channel: &ChannelName, project: &str) -> Option<i64> {
    let wanted = ChannelRef { name: channel.clone(), serial: None };
    let (_, head) = site.index.open_project(&wanted, &name(project)).await.unwrap();
    head.map(|head| head.last_serial.0)
}

async fn a_read_after_an_acknowledged_write_shows_it(site: Site) {
    const WRITES: i64 = 60;
    let staging = site.channel("staging").await;
    // One counter for the two projects, and one of its own for the third.
    let projects = ["demo-a", "demo-b", "other"];
    let mut files = Vec::new();
    for project in projects {
        files.push(site.publish(&staging, &[wheel(project, "1.0")]).await[0]);
    }
    let acknowledged: Vec<AtomicI64> = projects.iter().map(|_| AtomicI64::new(0)).collect();
    let is_done = AtomicBool::new(false);
    let write = async |position: usize| {
        for number in 0..WRITES {
            let mark = Change::Mark { file_id: files[position], yank: yanked(&number.to_string()) };
            let serial = site.change(&staging, &[mark]).await;
            acknowledged[position].store(serial.0, Ordering::SeqCst);
            // The writer itself reads what it wrote.
            assert_eq!(serial_of(&site, &staging, projects[position]).await, Some(serial.0));
        }
    };
    let read = async |position: usize| {
        let mut seen = 0;
        while !is_done.load(Ordering::SeqCst) {
            let least = acknowledged[position].load(Ordering::SeqCst).max(seen);
            seen = serial_of(&site, &staging, projects[position]).await.unwrap();
            assert!(seen >= least, "{} at {seen} after {least} was acknowledged", projects[position]);
            tokio::task::yield_now().await;
        }
    };
    let writers = async {
        futures_util::join!(write(0), write(1), write(2));
        is_done.store(true, Ordering::SeqCst);
    };
    let readers = futures_util::future::join_all((0..9).map(|number| read(number % 3)));
    futures_util::join!(writers, readers);
    let view = site.view("staging").await;
    assert_eq!(view.serial, Serial(3 * WRITES + 3));
}

async fn a_commit_whose_caller_went_away_leaves_nothing_stale(site: Site) {
    let staging = site.channel("staging").await;
    let file = site.publish(&staging, &[wheel("demo", "1.0")]).await[0];
    let mut outcomes = BTreeMap::new();
    for polls in 0..40 {
        let before = serial_of(&site, &staging, "demo").await.unwrap();
        let mut tx = site.index.begin().await.unwrap();
        let channel = tx.advance(&staging, None).await.unwrap();
        let mark = Change::Mark { file_id: file, yank: yanked(&polls.to_string()) };
        tx.apply(&channel, &[mark]).await.unwrap();
        // Dropped after so many steps, as a connection does whose client went away.
        let mut committing = Box::pin(commit(tx));
        let mut is_done = false;
        for _ in 0..polls {
            is_done = is_done || (&mut committing).now_or_never().is_some();
            tokio::task::yield_now().await;
            // Reads between the steps keep what they find.
            serial_of(&site, &staging, "demo").await.unwrap();
        }
        drop(committing);
        // The next transaction begins when the one before has ended, one way or the other.
        let mut tx = site.index.begin().await.unwrap();
        let channel = tx.advance(&staging, None).await.unwrap();
        let actual = channel.serial.0 - 1;
        drop(tx);
        let after = serial_of(&site, &staging, "demo").await.unwrap();
        assert_eq!(after, actual, "after {polls} steps");
        assert!(!is_done || after == before + 1, "a commit that was acknowledged is there");
        outcomes.entry(after - before).and_modify(|count| *count += 1).or_insert(1);
    }
    // Both ways have been gone.
    assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), [0, 1], "{outcomes:?}");
}

async fn a_change_that_is_taken_back_leaves_answers_as_they_are(site: Site) {
    let staging = site.channel("staging").await;
    let file = site.publish(&staging, &[wheel("demo", "1.0")]).await[0];
    assert_eq!(serial_of(&site, &staging, "demo").await, Some(1));
    let mut tx = site.index.begin().await.unwrap();
    let channel = tx.advance(&staging, None).await.unwrap();
    tx.apply(&channel, &[Change::Remove { file_id: file }]).await.unwrap();
    drop(tx);
    assert_eq!(serial_of(&site, &staging, "demo").await, Some(1));
    assert_eq!(site.view("staging").await.serial, Serial(1));
}

async fn a_change_of_more_files_than_are_named_singly_is_seen(site: Site) {
    let staging = site.channel("staging").await;
    let blessed = site.channel("blessed").await;
    let wheels: Vec<_> = (0..1_100).map(|number| wheel(&format!("demo{number}"), "1.0")).collect();
    assert_eq!(serial_of(&site, &blessed, "demo7").await, None);
    let ids = site.publish(&staging, &wheels).await;
    assert_eq!(serial_of(&site, &staging, "demo7").await, Some(1));
    assert_eq!(serial_of(&site, &blessed, "demo7").await, None);
    let changes: Vec<Change> = ids.iter().map(|id| Change::Add { file_id: *id, yank: None }).collect();
    site.change(&blessed, &changes).await;
    assert_eq!(serial_of(&site, &blessed, "demo7").await, Some(1));
    assert_eq!(site.view("blessed").await.serial, Serial(1));
}

async fn a_list_of_changes_leads_from_one_list_to_the_other(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("a", "1.0"), wheel("b", "1.0"), wheel("c", "1.0")]).await; // 1
    site.publish(&staging, &[wheel("d", "1.0")]).await; // 2
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await; // 3
    site.publish(&staging, &[wheel("b", "2.0"), wheel("0", "1.0")]).await; // 4
    site.change(&staging, &[Change::Add { file_id: ids[0], yank: None }, Change::Remove { file_id: ids[2] }]).await; // 5
    let list = async |serial: i64| {
        let projects = site.index.list_projects(&site.view(&format!("staging@{serial}")).await).await.unwrap();
        projects.into_iter().map(|project| (project.name.clone(), project)).collect::<BTreeMap<_, _>>()
    };
    for since in 0..=5 {
        for serial in since..=5 {
            let mut projects = list(since).await;
            let view = site.view(&format!("staging@{serial}")).await;
            for change in site.index.list_changed_projects(&view, Serial(since)).await.unwrap() {
                match change {
                    ListChange::Listed(project) => drop(projects.insert(project.name.clone(), project)),
                    ListChange::Unlisted(name) => drop(projects.remove(&name)),
                }
            }
            assert_eq!(projects, list(serial).await, "from {since} to {serial}");
        }
    }
    // What did not change is not named.
    let view = site.view("staging").await;
    assert_eq!(site.index.list_changed_projects(&view, Serial(4)).await.unwrap().len(), 2);
    assert_eq!(site.index.list_changed_projects(&view, Serial(5)).await.unwrap().len(), 0);
}

async fn the_changes_of_a_page_lead_from_one_page_to_the_other(site: Site) {
    let staging = site.channel("staging").await;
    let demo = name("demo");
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("demo", "2.0"), wheel("other", "1.0")]).await; // 1
    site.change(&staging, &[Change::Mark { file_id: ids[0], yank: yanked("bad") }]).await; // 2
    site.publish(&staging, &[wheel("demo", "3.0")]).await; // 3
    site.change(&staging, &[Change::Remove { file_id: ids[1] }]).await; // 4
    site.change(&staging, &[Change::Mark { file_id: ids[0], yank: None }, Change::Add { file_id: ids[1], yank: None }])
        .await; // 5
    let provenance = StoredProvenance::unverified(Sha256Digest::of(b"p"));
    let mut tx = site.index.begin().await.unwrap();
    tx.put_provenance(ids[0], &provenance, &Principal::Local).await.unwrap(); // 6
    commit(tx).await;
    site.publish(&staging, &[wheel("other", "2.0")]).await; // 7
    for names_provenance in [true, false] {
        let page = async |serial: i64| {
            let view = site.view(&format!("staging@{serial}")).await;
            let files = site.index.list_page(&view, &demo, names_provenance).await.unwrap();
            files.into_iter().map(|file| (file.filename.clone(), file)).collect::<BTreeMap<_, _>>()
        };
        for (since, serial) in (0..=7).flat_map(|since| (since..=7).map(move |serial| (since, serial))) {
            let mut files = page(since).await;
            let view = site.view(&format!("staging@{serial}")).await;
            for change in site.index.list_page_changes(&view, &demo, Serial(since), names_provenance).await.unwrap() {
                match change {
                    FileChange::Listed(file) => drop(files.insert(file.filename.clone(), file)),
                    FileChange::Unlisted(file) => drop(files.remove(&file.filename)),
                }
            }
            assert_eq!(files, page(serial).await, "from {since} to {serial}");
        }
        // What did not change is not named.
        let view = site.view("staging").await;
        for (since, count) in [(7, 0), (6, 0), (5, usize::from(names_provenance)), (4, 2)] {
            let changes = site.index.list_page_changes(&view, &demo, Serial(since), names_provenance).await.unwrap();
            assert_eq!(changes.len(), count, "since {since}");
        }
    }
}
