//! Marks in the index, on both databases: members, deletion, status, and whose bytes are kept back.

use std::collections::BTreeSet;

use ferrywheel::model::{Change, ChannelName, NewFile, ProjectStatus, Serial, View};

use crate::index_site::{Site, code, commit, digests, name, on_both, wheel, yanked};

on_both! {
    a_deleted_file_is_offered_by_nothing_and_its_name_stays_taken,
    a_file_is_held_by_channels_that_have_or_had_it,
    a_file_is_kept_back_where_no_head_offers_it,
    a_member_tells_its_last_state,
    a_status_ends_where_the_next_begins,
    a_status_needs_a_project_that_was_there,
    holders_of_files_are_listed_by_channel,
    statuses_of_a_view_are_those_that_are_not_active,
}

const DEMO: &str = "demo-1.0-py3-none-any.whl";

/// Sets a status at a serial of its own; tells whether it was news.
async fn set(site: &Site, channel: &ChannelName, project: &str, status: ProjectStatus, reason: Option<&str>) -> bool {
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(channel, None).await.unwrap();
    let is_news = tx.set_status(&advanced, &name(project), status, reason).await.unwrap();
    if is_news {
        commit(tx).await;
    }
    is_news
}

async fn a_status_ends_where_the_next_begins(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await; // 1
    assert!(set(&site, &staging, "demo", ProjectStatus::Archived, Some("moved")).await); // 2
    assert!(!set(&site, &staging, "demo", ProjectStatus::Archived, Some("moved")).await);
    assert!(set(&site, &staging, "demo", ProjectStatus::Archived, None).await); // 3
    assert!(set(&site, &staging, "demo", ProjectStatus::Quarantined, Some("odd")).await); // 4
    assert!(set(&site, &staging, "demo", ProjectStatus::Active, Some("cleared")).await); // 5
    assert!(!set(&site, &staging, "demo", ProjectStatus::Active, None).await);
    let mut seen = Vec::new();
    for serial in 1..=5 {
        let view = site.view(&format!("staging@{serial}")).await;
        let head = site.index.find_project(&view, &name("demo")).await.unwrap().unwrap();
        seen.push((head.last_serial.0, head.status.as_str(), head.status_reason));
    }
    let reason = |text: &str| Some(text.to_owned());
    assert_eq!(
        seen,
        [
            (1, "active", None),
            (2, "archived", reason("moved")),
            (3, "archived", None),
            (4, "quarantined", reason("odd")),
            (5, "active", None),
        ]
    );
    assert_eq!(site.index.find_status(&staging, &name("demo")).await.unwrap(), ProjectStatus::Active);
}

async fn a_status_needs_a_project_that_was_there(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&blessed, None).await.unwrap();
    let refused = tx.set_status(&advanced, &name("demo"), ProjectStatus::Archived, None).await;
    assert_eq!(refused.as_ref().unwrap_err().to_string(), "there is no project `demo` in channel `blessed`");
    assert_eq!(code(refused), "index/project-unknown");
    assert_eq!(tx.find_status(&advanced, &name("demo")).await.unwrap(), None);
    drop(tx);
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    assert_eq!(tx.find_status(&advanced, &name("demo")).await.unwrap(), Some((ProjectStatus::Active, None)));
    let unstorable = tx.set_status(&advanced, &name("demo"), ProjectStatus::Archived, Some("a\0b")).await;
    assert_eq!(code(unstorable), "index/value-unstorable");
    drop(tx);
    assert_eq!(site.index.find_status(&blessed, &name("nowhere")).await.unwrap(), ProjectStatus::Active);
}

async fn statuses_of_a_view_are_those_that_are_not_active(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("a", "1.0"), wheel("b", "1.0"), wheel("c", "1.0")]).await;
    set(&site, &staging, "a", ProjectStatus::Archived, None).await; // 2
    set(&site, &staging, "b", ProjectStatus::Quarantined, None).await; // 3
    set(&site, &staging, "a", ProjectStatus::Active, None).await; // 4
    let statuses = async |text: &str| {
        let view: View = site.view(text).await;
        let statuses = site.index.list_statuses(&view).await.unwrap();
        statuses.into_iter().map(|(name, status)| format!("{name} {status}")).collect::<Vec<_>>()
    };
    assert_eq!(statuses("staging@1").await, Vec::<String>::new());
    assert_eq!(statuses("staging@3").await, ["a archived", "b quarantined"]);
    assert_eq!(statuses("staging").await, ["b quarantined"]);
}

async fn a_file_is_kept_back_where_no_head_offers_it(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("other", "1.0")]).await;
    let add = Change::Add { file_id: ids[0], yank: None };
    let remove = Change::Remove { file_id: ids[0] };
    let is_withheld = async |filename: &str| {
        let offered = site.index.find_offered(filename).await.unwrap().map(|offered| offered.is_withheld);
        let among = site.index.find_withheld(&["a.whl".to_owned(), filename.replace('\0', "")]).await.unwrap();
        assert_eq!(offered == Some(true), among.as_deref() == Some(filename), "both say the same of {filename:?}");
        offered
    };
    assert_eq!(is_withheld(DEMO).await, Some(false));
    set(&site, &staging, "demo", ProjectStatus::Archived, None).await;
    assert_eq!(is_withheld(DEMO).await, Some(false), "archived");
    set(&site, &staging, "demo", ProjectStatus::Quarantined, None).await;
    assert_eq!(is_withheld(DEMO).await, Some(true), "in quarantine");
    assert_eq!(is_withheld("other-1.0-py3-none-any.whl").await, Some(false), "another project");
    site.change(&blessed, std::slice::from_ref(&add)).await;
    assert_eq!(is_withheld(DEMO).await, Some(false), "another channel offers it");
    set(&site, &blessed, "demo", ProjectStatus::Quarantined, None).await;
    assert_eq!(is_withheld(DEMO).await, Some(true), "in quarantine in both");
    site.change(&staging, std::slice::from_ref(&remove)).await;
    assert_eq!(is_withheld(DEMO).await, Some(true), "one head is left");
    site.change(&blessed, &[remove]).await;
    assert_eq!(is_withheld(DEMO).await, Some(false), "no head has it: only snapshots from before do");
    set(&site, &blessed, "demo", ProjectStatus::Active, None).await;
    site.change(&blessed, &[add]).await;
    assert_eq!(is_withheld(DEMO).await, Some(false), "released");
    for name in ["nope-1.0-py3-none-any.whl", "a\0b"] {
        assert_eq!(is_withheld(name).await, None);
    }
}

async fn a_file_is_held_by_channels_that_have_or_had_it(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    site.channel("empty").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("other", "1.0")]).await;
    let held = async |filename: &str| {
        let mut holders = site.index.list_holders(&["a\0b", "nope.whl", filename]).await.unwrap();
        let told = holders.remove(filename).unwrap_or_default().into_iter();
        let told: Vec<_> = told.map(|one| (one.channel.to_string(), one.is_in_head, one.is_quarantined)).collect();
        assert!(holders.is_empty(), "{holders:?}");
        told
    };
    let one = |channel: &str, is_in_head, is_quarantined| (channel.to_owned(), is_in_head, is_quarantined);
    assert_eq!(held(DEMO).await, [one("staging", true, false)]);
    site.change(&blessed, &[Change::Add { file_id: ids[0], yank: yanked("broken") }]).await;
    assert_eq!(held(DEMO).await, [one("blessed", true, false), one("staging", true, false)]);
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    set(&site, &blessed, "demo", ProjectStatus::Quarantined, None).await;
    assert_eq!(held(DEMO).await, [one("blessed", true, true), one("staging", false, false)]);
    assert_eq!(held("other-1.0-py3-none-any.whl").await, [one("staging", true, false)]);
    let both = site.index.list_holders(&[DEMO, "other-1.0-py3-none-any.whl"]).await.unwrap();
    assert_eq!(both.values().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

async fn a_member_tells_its_last_state(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("demo", "2.0"), wheel("other", "1.0")]).await;
    site.change(&staging, &[Change::Mark { file_id: ids[0], yank: yanked("bad") }]).await;
    site.change(&staging, &[Change::Remove { file_id: ids[0] }, Change::Remove { file_id: ids[1] }]).await;
    site.change(&staging, &[Change::Add { file_id: ids[1], yank: None }]).await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    let members = tx.list_members(&advanced, &BTreeSet::from([name("demo"), name("nope")])).await.unwrap();
    let told = members.iter().map(|it| (it.filename.as_str(), it.version.to_string(), it.is_in_head, it.yank.clone()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [(DEMO, "1.0".to_owned(), false, yanked("bad")), ("demo-2.0-py3-none-any.whl", "2.0".to_owned(), true, None)]
    );
    let blessed = tx.create_channel(&ChannelName::blessed()).await.unwrap();
    assert!(tx.list_members(&blessed, &BTreeSet::from([name("demo")])).await.unwrap().is_empty());
}

async fn holders_of_files_are_listed_by_channel(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let ids = site.publish(&staging, &[wheel("a", "1.0"), wheel("b", "1.0"), wheel("c", "1.0")]).await;
    site.change(&blessed, &[Change::Add { file_id: ids[1], yank: None }]).await;
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    let mut tx = site.index.begin().await.unwrap();
    tx.hold_channels().await.unwrap();
    let holders = tx.list_holders(&BTreeSet::from([ids[0], ids[1]])).await.unwrap();
    assert_eq!(holders.into_iter().collect::<Vec<_>>(), [(blessed, vec![ids[1]]), (staging, vec![ids[1]])]);
}

async fn a_deleted_file_is_offered_by_nothing_and_its_name_stays_taken(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("demo", "2.0")]).await;
    let before = site.view("staging@1").await;
    let digest = site.index.snapshot_digest(&before).await.unwrap();
    assert_eq!(site.index.find_project(&before, &name("demo")).await.unwrap().unwrap().deleted_count, 0);
    let blobs = site.index.referenced_blobs().await.unwrap();
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    tx.apply(&advanced, &[Change::Remove { file_id: ids[0] }]).await.unwrap();
    let gone = BTreeSet::from([ids[0]]);
    assert_eq!(tx.retire(&gone).await.unwrap(), 1);
    assert_eq!(tx.retire(&gone).await.unwrap(), 0);
    commit(tx).await;

    assert_eq!(site.filenames(&before, "demo").await, ["demo-2.0-py3-none-any.whl"]);
    let then = site.index.find_project(&before, &name("demo")).await.unwrap().unwrap();
    assert_eq!((then.last_serial, then.deleted_count), (Serial(1), 1), "a page of that snapshot must be made anew");
    assert_eq!(site.index.snapshot_digest(&before).await.unwrap(), digest);
    assert_eq!(site.index.find_offered(DEMO).await.unwrap(), None);
    assert_eq!(blobs.len() - site.index.referenced_blobs().await.unwrap().len(), 2, "the file and its metadata");
    let mut tx = site.index.begin().await.unwrap();
    let known = tx.list_known_files(&BTreeSet::from([name("demo")])).await.unwrap();
    assert_eq!(known.iter().map(|file| file.is_deleted).collect::<Vec<_>>(), [true, false]);
    assert_eq!(code(tx.add_file(&wheel("demo", "1.0")).await), "index/filename-retired");
    let other_bytes = NewFile { digests: digests(b"other"), ..wheel("demo", "1.0") };
    assert_eq!(code(tx.add_file(&other_bytes).await), "index/filename-retired");
}
