//! What views show: heads and snapshots, before and after changes, on both databases.

use ferrywheel::index::{SearchHit, SearchPage};
use ferrywheel::model::{
    Change, ChannelName, ListedProject, NewFile, ProjectStatus, Scope, Serial, SnapshotLine, Yank, snapshot_digest,
};

use crate::index_site::{Site, code, commit, name, on_both, wheel, yanked};

on_both! {
    a_change_that_names_no_file_is_refused,
    a_file_is_in_one_channel_and_not_in_another,
    a_file_that_left_can_come_back,
    a_project_whose_files_left_is_still_there,
    a_search_finds_exact_names_first,
    a_second_call_cannot_rewrite_the_same_serial,
    a_snapshots_last_serial_is_the_last_change_up_to_it,
    a_status_holds_from_its_serial_on,
    a_view_of_the_head_stays_at_its_serial,
    a_yank_shows_from_its_serial_on,
    changes_are_counted_when_they_change_something,
    names_sort_byte_by_byte,
    one_read_opens_a_view_and_a_project_in_it,
    search_finds_only_what_a_token_covers,
    search_reads_text_as_a_project_name,
    snapshots_are_listed_newest_first,
    the_digest_covers_what_a_view_shows,
}

async fn a_file_is_in_one_channel_and_not_in_another(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("demo", "2.0")]).await;
    site.change(&blessed, &[Change::Add { file_id: ids[1], yank: None }]).await;
    assert_eq!(site.filenames(&site.view("blessed").await, "demo").await, ["demo-2.0-py3-none-any.whl"]);
    let mut tx = site.index.begin().await.unwrap();
    assert!(tx.contains(&staging, ids[0]).await.unwrap() && !tx.contains(&blessed, ids[0]).await.unwrap());
    drop(tx);
    let inside = site.index.list_channel_files(&site.view("staging").await).await.unwrap();
    assert_eq!(inside.iter().map(|file| file.stored.id).collect::<Vec<_>>(), ids);
}

async fn one_read_opens_a_view_and_a_project_in_it(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    site.publish(&staging, &[wheel("other", "1.0")]).await;
    for (place, project, last_serial) in [
        ("staging", "demo", Some(1)),
        ("staging@2", "other", Some(2)),
        ("staging@1", "other", None),
        ("staging", "x", None),
    ] {
        let (view, head) = site.index.open_project(&place.parse().unwrap(), &name(project)).await.unwrap();
        assert_eq!(view, site.view(place).await, "{place} {project}");
        assert_eq!(head.map(|head| head.last_serial), last_serial.map(Serial), "{place} {project}");
    }
    for (place, expected) in [("staging@3", "index/snapshot-unknown"), ("nowhere", "index/channel-unknown")] {
        let opened = site.index.open_project(&place.parse().unwrap(), &name("demo")).await;
        assert_eq!(code(opened), expected, "{place}");
    }
}

async fn a_yank_shows_from_its_serial_on(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0"), wheel("demo", "2.0")]).await;
    let mark = |yank| Change::Mark { file_id: ids[0], yank };
    assert_eq!(site.change(&staging, &[mark(yanked("broken"))]).await, Serial(2));
    site.change(&staging, &[mark(Some(Yank { reason: None }))]).await;
    site.change(&staging, &[mark(None)]).await;
    let mut reasons = Vec::new();
    for serial in 0..=4 {
        let view = site.view(&format!("staging@{serial}")).await;
        let files = site.index.list_channel_files(&view).await.unwrap();
        assert_eq!(files, site.index.list_files(&view, &name("demo")).await.unwrap());
        reasons.push(files.first().map(|file| file.yank.clone()));
    }
    assert_eq!(reasons, [None, Some(None), Some(yanked("broken")), Some(Some(Yank { reason: None })), Some(None)]);
}

async fn a_file_that_left_can_come_back(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("demo", "1.0")]).await;
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    site.change(&staging, &[Change::Add { file_id: ids[0], yank: yanked("on trial") }]).await;
    let mut shown = Vec::new();
    for serial in 0..=3 {
        shown.push(site.filenames(&site.view(&format!("staging@{serial}")).await, "demo").await.join(" "));
    }
    assert_eq!(shown, ["", "demo-1.0-py3-none-any.whl", "", "!demo-1.0-py3-none-any.whl"]);
}

fn listed(display_name: &str, last_serial: i64) -> ListedProject {
    let display_name = display_name.to_owned();
    ListedProject { name: name(&display_name), display_name, last_serial: Serial(last_serial) }
}

async fn a_project_whose_files_left_is_still_there(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("De.mo", "1.0"), wheel("other", "1.0")]).await;
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await;
    let view = site.view("staging").await;
    let head = site.index.find_project(&view, &name("de-mo")).await.unwrap().unwrap();
    assert_eq!(
        (head.last_serial, head.display_name.as_str(), head.status),
        (Serial(2), "De.mo", ProjectStatus::Active)
    );
    let projects = site.index.list_projects(&view).await.unwrap();
    assert_eq!(projects, [listed("other", 1)]);
    let before = site.index.list_projects(&site.view("staging@1").await).await.unwrap();
    assert_eq!(before, [listed("De.mo", 1), listed("other", 1)]);
    assert_eq!(site.index.find_project(&site.view("staging@0").await, &name("de-mo")).await.unwrap(), None);
}

async fn a_snapshots_last_serial_is_the_last_change_up_to_it(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("other", "1.0")]).await; // 1
    let demo = site.publish(&staging, &[wheel("demo", "1.0")]).await; // 2
    site.change(&staging, &[Change::Remove { file_id: ids[0] }]).await; // 3
    site.change(&staging, &[Change::Mark { file_id: demo[0], yank: yanked("bad") }]).await; // 4
    site.change(&staging, &[Change::Remove { file_id: demo[0] }]).await; // 5
    site.publish(&staging, &[wheel("demo", "2.0")]).await; // 6
    let (mut seen, mut in_lists) = (Vec::new(), Vec::new());
    for serial in 0..=6 {
        let view = site.view(&format!("staging@{serial}")).await;
        let head = site.index.find_project(&view, &name("demo")).await.unwrap();
        seen.push(head.map(|head| head.last_serial.0));
        let projects = site.index.list_projects(&view).await.unwrap();
        let demo = projects.into_iter().find(|project| project.display_name == "demo");
        in_lists.push(demo.map(|project| project.last_serial.0));
    }
    assert_eq!(seen, [None, None, Some(2), Some(2), Some(4), Some(5), Some(6)]);
    assert_eq!(
        in_lists,
        [None, None, Some(2), Some(2), Some(4), None, Some(6)],
        "a project without files is not listed"
    );
}

async fn a_view_of_the_head_stays_at_its_serial(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    let view = site.view("staging").await;
    site.publish(&staging, &[wheel("demo", "2.0")]).await;
    let head = site.index.find_project(&view, &name("demo")).await.unwrap().unwrap();
    assert_eq!(head.last_serial, Serial(1), "a page of the old content must not be kept under the new serial");
    assert_eq!(site.filenames(&view, "demo").await.len(), 1);
}

async fn a_status_holds_from_its_serial_on(site: Site) {
    let staging = site.channel("staging").await;
    site.publish(&staging, &[wheel("demo", "1.0")]).await;
    site.publish(&staging, &[wheel("other", "1.0")]).await;
    site.publish(&staging, &[wheel("other", "2.0")]).await;
    site.tamper(
        "INSERT INTO project_status (channel_id, project_id, from_serial, to_serial, status, reason) \
         VALUES (1, 1, 2, 3, 'archived', 'moved on')",
    )
    .await;
    site.tamper("UPDATE channel_projects SET last_serial = 3 WHERE project_id = 1").await;
    let mut seen = Vec::new();
    for serial in 1..=3 {
        let view = site.view(&format!("staging@{serial}")).await;
        let head = site.index.find_project(&view, &name("demo")).await.unwrap().unwrap();
        seen.push((head.last_serial.0, head.status, head.status_reason));
    }
    let archived = (2, ProjectStatus::Archived, Some("moved on".to_owned()));
    assert_eq!(seen, [(1, ProjectStatus::Active, None), archived, (3, ProjectStatus::Active, None)]);
}

async fn changes_are_counted_when_they_change_something(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("a", "1.0"), wheel("b", "1.0")]).await;
    let (a, b) = (ids[0], ids[1]);
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    let changes = [
        Change::Add { file_id: a, yank: None },
        Change::Mark { file_id: b, yank: yanked("bad") },
        Change::Mark { file_id: b, yank: None },
    ];
    assert_eq!(tx.apply(&advanced, &changes).await.unwrap(), 0);
    assert_eq!(tx.apply(&advanced, &[]).await.unwrap(), 0);
    assert_eq!(tx.apply(&advanced, &[Change::Remove { file_id: a }]).await.unwrap(), 1);
    commit(tx).await;
    let view = site.view("staging").await;
    assert_eq!(site.index.find_project(&view, &name("b")).await.unwrap().unwrap().last_serial, Serial(1));
    assert_eq!(site.index.find_project(&view, &name("a")).await.unwrap().unwrap().last_serial, Serial(2));
}

async fn a_change_that_names_no_file_is_refused(site: Site) {
    let staging = site.channel("staging").await;
    let ids = site.publish(&staging, &[wheel("a", "1.0")]).await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    let changes = [Change::Mark { file_id: ids[0], yank: yanked("bad") }, Change::Add { file_id: 4711, yank: None }];
    let error = tx.apply(&advanced, &changes).await.unwrap_err();
    assert_eq!(error.to_string(), "file 4711 of a change to channel `staging` is not in the index");
    drop(tx);
    assert_eq!(site.filenames(&site.view("staging").await, "a").await, ["a-1.0-py3-none-any.whl"]);
}

async fn a_second_call_cannot_rewrite_the_same_serial(site: Site) {
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    let mut ids = Vec::new();
    for version in ["1.0", "2.0"] {
        let file_id = tx.add_file(&wheel("demo", version)).await.unwrap().id;
        tx.apply(&advanced, &[Change::Add { file_id, yank: None }]).await.unwrap();
        ids.push(file_id);
    }
    assert_eq!(code(tx.apply(&advanced, &[Change::Remove { file_id: ids[0] }]).await), "index/changed-twice");
    commit(tx).await;
    assert_eq!(site.filenames(&site.view("staging").await, "demo").await.len(), 2);
}

async fn the_digest_covers_what_a_view_shows(site: Site) {
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let files = [wheel("b", "1.0"), NewFile { metadata_sha256: None, ..wheel("a", "1.0") }];
    let ids = site.publish(&staging, &files).await;
    let line = |file: &NewFile, is_yanked| SnapshotLine {
        filename: file.filename.clone(),
        sha256: file.digests.sha256,
        is_yanked,
        metadata_sha256: file.metadata_sha256,
    };
    let plain = snapshot_digest(&mut [line(&files[0], false), line(&files[1], false)]);
    let marked = snapshot_digest(&mut [line(&files[0], true), line(&files[1], false)]);
    assert_eq!(site.index.snapshot_digest(&site.view("staging").await).await.unwrap(), plain);
    site.change(&staging, &[Change::Mark { file_id: ids[0], yank: yanked("bad") }]).await;
    assert_eq!(site.index.snapshot_digest(&site.view("staging@2").await).await.unwrap(), marked);
    assert_eq!(site.index.snapshot_digest(&site.view("staging@1").await).await.unwrap(), plain);
    let adds = ids.iter().map(|id| Change::Add { file_id: *id, yank: None }).collect::<Vec<_>>();
    site.change(&blessed, &adds).await;
    assert_eq!(site.index.snapshot_digest(&site.view("blessed").await).await.unwrap(), plain, "equal in any channel");
    let empty = site.index.snapshot_digest(&site.view("blessed@0").await).await.unwrap();
    assert_eq!(empty, snapshot_digest(&mut []));
}

async fn snapshots_are_listed_newest_first(site: Site) {
    let staging = site.channel("staging").await;
    for version in ["1.0", "2.0"] {
        site.wait_hours(1);
        site.publish(&staging, &[wheel("demo", version)]).await;
    }
    let digest = site.index.snapshot_digest(&site.view("staging@1").await).await.unwrap();
    let rows = site.index.list_snapshots(&staging, 10).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.serial.0, row.made_at.to_string(), row.digest)).collect();
    let hour = |hour| format!("2026-01-02T0{hour}:04:05Z");
    assert_eq!(seen, [(2, hour(5), None), (1, hour(4), Some(digest)), (0, hour(3), None)]);
    assert_eq!(site.index.list_snapshots(&staging, 1).await.unwrap(), rows[..1]);
}

async fn names_sort_byte_by_byte(site: Site) {
    let staging = site.channel("staging").await;
    let names = ["a_b-1.0.whl", "B-1.0.whl", "a-1.0.whl", "a1-1.0.whl", "_-1.0.whl", "é-1.0.whl", "Z-1.0.whl", "a.whl"];
    let files: Vec<NewFile> = names
        .iter()
        .map(|filename| NewFile {
            filename: (*filename).to_owned(),
            identity: (*filename).to_owned(),
            ..wheel("demo", "1.0")
        })
        .collect();
    site.publish(&staging, &files).await;
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(site.filenames(&site.view("staging").await, "demo").await, sorted);
}

async fn searchable(site: &Site) -> ChannelName {
    let staging = site.channel("staging").await;
    let summarized = |text: &str, file: NewFile| NewFile { summary: Some(text.to_owned()), ..file };
    let files = [
        summarized("old", wheel("flask", "1.0")),
        summarized("new", wheel("flask", "1.10")),
        summarized("coming", wheel("flask", "2.0rc1")),
        wheel("flask-login", "1.0"),
        wheel("Flask_Babel", "1.0"),
        wheel("a-flask", "1.0"),
        wheel("zope.interface", "5.0"),
        wheel("gone-flask", "1.0"),
    ];
    let ids = site.publish(&staging, &files).await;
    site.change(&staging, &[Change::Remove { file_id: ids[7] }]).await;
    staging
}

fn names(page: &SearchPage) -> Vec<String> {
    page.results.iter().map(|hit| hit.name.to_string()).collect()
}

async fn a_search_finds_exact_names_first(site: Site) {
    searchable(&site).await;
    let view = site.view("staging").await;
    let page = site.index.search(&view, "flask", 10, None).await.unwrap();
    assert_eq!(names(&page), ["flask", "flask-babel", "flask-login", "a-flask"]);
    let first = SearchHit {
        name: name("flask"),
        display_name: "flask".into(),
        version: "1.10".parse().unwrap(),
        summary: Some("new".into()),
        file_count: 3,
        attested_count: 0,
        verified_count: 0,
    };
    assert_eq!((page.total, &page.results[0]), (4, &first));
    let page = site.index.search(&view, "flask", 2, None).await.unwrap();
    assert_eq!((page.total, names(&page)), (4, vec!["flask".to_owned(), "flask-babel".to_owned()]));
    let before = site.index.search(&site.view("staging@1").await, "gone", 10, None).await.unwrap();
    assert_eq!(names(&before), ["gone-flask"]);
    assert_eq!(site.index.search(&site.view("staging@0").await, "", 10, None).await.unwrap(), SearchPage::default());
}

async fn search_reads_text_as_a_project_name(site: Site) {
    searchable(&site).await;
    let view = site.view("staging").await;
    for (text, expected) in [
        ("Zope.Interface", &["zope-interface"][..]),
        ("FLASK__b", &["flask-babel"]),
        ("e_i", &["zope-interface"]),
        ("%", &[]),
        ("fl%k", &[]),
        ("fl_sk", &[]),
        ("a\0", &[]),
        ("é", &[]),
        ("'", &[]),
        (" flask-login ", &["flask-login"]),
    ] {
        assert_eq!(names(&site.index.search(&view, text, 10, None).await.unwrap()), expected, "{text:?}");
    }
    assert_eq!(site.index.search(&view, "", 10, None).await.unwrap().total, 5);
}

async fn search_finds_only_what_a_token_covers(site: Site) {
    searchable(&site).await;
    let view = site.view("staging").await;
    for (projects, expected) in [
        ("*", &["flask", "flask-babel", "flask-login", "a-flask"][..]),
        ("flask-*", &["flask-babel", "flask-login"]),
        ("*-b*l", &["flask-babel"]),
        ("flask", &["flask"]),
        ("FLASK", &[]),
        ("fl_sk", &[]),
        ("fl%", &[]),
        ("", &[]),
    ] {
        let limits = Scope { permissions: vec![], channels: "*".into(), projects: projects.into() };
        let page = site.index.search(&view, "flask", 10, Some(&limits)).await.unwrap();
        assert_eq!(names(&page), expected, "{projects}");
        assert_eq!(page.total, i64::try_from(expected.len()).unwrap(), "{projects}");
    }
}
